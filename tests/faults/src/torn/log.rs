//! The write-ahead log of SQLite, as a file: where its frames and its transactions end.

use anyhow::{Context as _, Result, ensure};

use crate::random::Random;

/// Bytes before the first frame.
const HEADER: usize = 32;

/// Bytes of a frame before its page.
const FRAME_HEADER: usize = 24;

/// How far from the end of a frame a cut is worth trying.
const DISTANCES: [usize; 3] = [1, 7, 512];

/// A log that was never begun anew: every frame in it counts.
#[derive(Clone, Debug)]
pub(super) struct Log {
    bytes: Vec<u8>,
    /// Where each frame ends.
    frames: Vec<usize>,
    /// Of these, where a transaction ends too.
    transactions: Vec<usize>,
}

impl Log {
    /// Reads the frames that are whole; behind them may be a part of one more.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self> {
        let page = usize::try_from(word(&bytes, 8)?)?;
        ensure!(page.is_power_of_two(), "a page of {page} bytes");
        let mut log = Self { bytes, frames: Vec::new(), transactions: Vec::new() };
        let mut start = HEADER;
        while start + FRAME_HEADER + page <= log.bytes.len() {
            let end = start + FRAME_HEADER + page;
            log.frames.push(end);
            // The last frame of a transaction tells the size of the database after it.
            if word(&log.bytes, start + 4)? != 0 {
                log.transactions.push(end);
            }
            start = end;
        }
        Ok(log)
    }

    /// What is left after a cut.
    pub(super) fn until(&self, cut: usize) -> &[u8] {
        &self.bytes[..cut]
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many transactions lie whole before a cut.
    pub(super) fn whole(&self, cut: usize) -> usize {
        self.transactions.iter().filter(|end| **end <= cut).count()
    }

    /// How many transactions have begun before a cut.
    pub(super) fn begun(&self, cut: usize) -> usize {
        let begins_at = |nth: usize| nth.checked_sub(1).map_or(HEADER, |before| self.transactions[before]);
        (0..self.transactions.len()).filter(|nth| begins_at(*nth) < cut).count()
    }

    /// Around the end of every frame, and at random until there are so many; in order.
    pub(super) fn cuts(&self, count: usize, random: &mut Random) -> Vec<usize> {
        let ends = [0, HEADER].iter().chain(&self.frames);
        let around = |end: &usize| DISTANCES.map(|by| [end.saturating_sub(by), *end, end + by]).concat();
        let mut cuts: Vec<usize> = ends.flat_map(around).filter(|cut| *cut <= self.len()).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let end = u64::try_from(self.len()).expect("a length fits");
        while cuts.len() < count {
            cuts.push(usize::try_from(random.below(end)).expect("it is below a length"));
        }
        cuts.sort_unstable();
        cuts
    }
}

/// A number of the log, which has its highest byte first.
fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let word = bytes.get(at..at + 4).context("the log is shorter than its header")?;
    Ok(u32::from_be_bytes(word.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages of 512 bytes; `true` for a frame that ends a transaction.
    fn log(frames: &[bool]) -> Log {
        let mut bytes = vec![0; HEADER];
        bytes[8..12].copy_from_slice(&512_u32.to_be_bytes());
        for ends in frames {
            let mut frame = vec![0; FRAME_HEADER + 512];
            frame[7] = u8::from(*ends);
            bytes.extend(frame);
        }
        bytes.extend([0; 100]);
        Log::read(bytes).unwrap()
    }

    #[test]
    fn transactions_are_counted_up_to_a_cut() {
        let log = log(&[false, true, true]);
        let counts = |cut| (log.whole(cut), log.begun(cut));
        assert_eq!(counts(HEADER), (0, 0));
        assert_eq!(counts(HEADER + 1), (0, 1));
        assert_eq!(counts(HEADER + 2 * 536 - 1), (0, 1));
        assert_eq!(counts(HEADER + 2 * 536), (1, 1));
        assert_eq!(counts(log.len()), (2, 2));
    }

    #[test]
    fn cuts_are_around_every_frame_and_elsewhere() {
        let log = log(&[true]);
        let cuts = log.cuts(100, &mut Random::new(1));
        assert!(cuts.len() == 100 && cuts.is_sorted());
        for cut in [0, HEADER, HEADER + 24, HEADER + 536 - 7, HEADER + 536 + 1] {
            assert!(cuts.contains(&cut), "{cut}");
        }
    }
}
