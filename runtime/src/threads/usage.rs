//! How much room a thread takes in storage.

use std::collections::BTreeMap;

use eddyline_engine::Key;

/// What is stored of a thread, but for its record and its runs, in numbers. Bytes are those of the content as it is
/// stored, without what a database adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadUsage {
    /// Its checkpoints, without the values in them.
    pub checkpoints: Amount,
    /// The values of channels, each version once.
    pub channels: BTreeMap<Key, Amount>,
    /// The writes of tasks.
    pub writes: Amount,
}

/// How many, and how long they are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub count: usize,
    /// Bytes of all of them.
    pub bytes: usize,
}

impl Amount {
    /// One more.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }
}

impl ThreadUsage {
    /// The values of all channels.
    pub fn values(&self) -> Amount {
        self.channels.values().fold(Amount::default(), |sum, channel| Amount {
            count: sum.count + channel.count,
            bytes: sum.bytes + channel.bytes,
        })
    }

    /// All of it.
    pub fn bytes(&self) -> usize {
        self.checkpoints.bytes + self.values().bytes + self.writes.bytes
    }
}
