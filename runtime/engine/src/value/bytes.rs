//! How many bytes the JSON of a value has, for the limit on states: remembered with the value, and not counted again
//! for one that grew by what was written.

use std::io;
use std::sync::atomic::Ordering;

use super::Shared;

impl Shared {
    /// At most so many bytes its JSON has: counted at the first call, unless the value [grew](Self::grown).
    pub(crate) fn bytes(&self) -> usize {
        match self.0.bytes.load(Ordering::Relaxed) {
            // The shortest JSON has a byte.
            0 => self.count_bytes(),
            known => known,
        }
    }

    /// So many bytes its JSON has, which is remembered.
    pub(crate) fn count_bytes(&self) -> usize {
        let mut counter = Counter(0);
        // A counter takes everything, and what a `Shared` holds can be written.
        let _ = serde_json::to_writer(&mut counter, self);
        self.0.bytes.store(counter.0, Ordering::Relaxed);
        counter.0
    }

    /// The value of a list or text that `left` grew to by `right`: it has no more than both.
    pub(crate) fn grown(self, left: &Self, right: &Self) -> Self {
        self.0.bytes.store(left.bytes() + right.bytes(), Ordering::Relaxed);
        self
    }
}

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::{Message, Messages};

    #[test]
    fn bytes_are_those_of_the_json() {
        let messages = Shared::from(Messages::from([Message::human("\"ä\""), Message::ai("b")]));
        for value in [Shared::null(), json!({"a": [1, "ä\n", 2.5]}).into(), "text".into(), messages] {
            assert_eq!(value.bytes(), value.to_string().len(), "{value}");
            assert_eq!(value.bytes(), value.clone().bytes(), "{value}");
        }
    }

    #[test]
    fn what_grew_is_not_counted_before_it_has_to_be() {
        let [left, right] =
            ["[1,2]", "[3]"].map(|text| Shared::from(text.parse::<serde_json::Value>().unwrap()));
        let grown = Shared::from(json!([1, 2, 3])).grown(&left, &right);
        assert_eq!(grown.bytes(), 8, "a bound");
        assert_eq!((grown.count_bytes(), grown.bytes()), (7, 7));
    }
}
