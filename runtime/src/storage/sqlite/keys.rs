//! A set of rows, one bit for each that could be there: sets of many are met fast.

use super::error::Result;

/// Keys of rows; none of them is negative.
#[derive(Debug, Default)]
pub(super) struct Keys {
    words: Vec<u64>,
    len: usize,
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, key: i64) {
        let Some((word, bit)) = place(key) else { return };
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.len += usize::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    pub(super) fn contains(&self, key: i64) -> bool {
        place(key).is_some_and(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
    }

    /// Keeps those that the other has too.
    pub(super) fn intersect(&mut self, other: &Self) {
        self.words.truncate(other.words.len());
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
        self.len = self.words.iter().map(|word| word.count_ones() as usize).sum();
    }

    /// Keeps those of which `keep` says so.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(i64) -> Result<bool>) -> Result<()> {
        let mut kept = Self::default();
        for key in self.iter() {
            if keep(key)? {
                kept.insert(key);
            }
        }
        *self = kept;
        Ok(())
    }

    /// In order.
    pub(super) fn iter(&self) -> impl Iterator<Item = i64> {
        self.words.iter().zip(0_i64..).flat_map(|(word, place)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| place * 64 + bit)
        })
    }
}

fn place(key: i64) -> Option<(usize, u64)> {
    let key = usize::try_from(key).ok()?;
    Some((key / 64, 1 << (key % 64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(listed: &[i64]) -> Keys {
        let mut keys = Keys::default();
        for key in listed {
            keys.insert(*key);
        }
        assert!(listed.iter().all(|key| keys.contains(*key)));
        keys
    }

    #[track_caller]
    fn check(keys: &Keys, expected: &[i64]) {
        assert_eq!((keys.iter().collect::<Vec<_>>(), keys.len()), (expected.to_vec(), expected.len()));
    }

    #[test]
    fn keys_are_a_set() {
        let mut some = keys(&[700, 0, 63, 64, 700, 65]);
        check(&some, &[0, 63, 64, 65, 700]);
        assert!(!some.contains(1) && !some.contains(9999) && !some.contains(-1));
        some.retain(|key| Ok(key != 63)).unwrap();
        check(&some, &[0, 64, 65, 700]);
        some.intersect(&keys(&[64, 65, 66]));
        check(&some, &[64, 65]);
        some.intersect(&Keys::default());
        check(&some, &[]);
    }
}
