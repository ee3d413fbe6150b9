//! The tape: the newest facts of a thread, numbered, within a budget of bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use eddyline_engine::fact::Fact;
use uuid::Uuid;

use crate::stream::weight::weight;

/// How many events with ids of their own one fact may become.
///
/// A fact owns the numbers from its own up to the next fact's; a fold gives its events the first of them
/// in order, and any beyond that the last one again.
pub const EVENTS_PER_FACT: u64 = 1 << 9;

/// How many numbers one epoch of a thread owns: 33 million facts before it runs into the next one's.
///
/// The epoch is stored at every start of a run, so a number that a client may have seen is never given
/// again, whatever happens to the process.
const NUMBERS_PER_EPOCH: u64 = 1 << 34;

/// The first number that an epoch owns.
pub(crate) fn first_number(epoch: u64) -> u64 {
    epoch.saturating_mul(NUMBERS_PER_EPOCH)
}

/// The place of the first fact that a tape is told of: what is read back from storage has its places before it.
const FIRST: u64 = 1 << 32;

/// A fact on the tape.
#[derive(Debug)]
pub struct Entry {
    /// The first of its numbers. Numbers of a thread grow; not every number is used.
    pub seq: u64,
    /// The run in which it happened; nil when it happened beside any run.
    pub run_id: Uuid,
    /// What happened.
    pub fact: Fact,
    weight: usize,
}

impl Entry {
    /// A fact of this number.
    pub fn new(seq: u64, run_id: Uuid, fact: Fact) -> Self {
        let weight = weight(&fact);
        Self { seq, run_id, fact, weight }
    }

    /// What it costs to keep it, in bytes, as estimated.
    pub fn weight(&self) -> usize {
        self.weight
    }
}

/// The newest facts of a thread.
///
/// Full means: the oldest fact goes, unless it is one of the newest.
#[derive(Debug)]
pub(crate) struct Tape {
    entries: VecDeque<Arc<Entry>>,
    /// How many facts went before the first of `entries`.
    gone: u64,
    next_seq: u64,
    bytes: usize,
    budget: usize,
    /// How many of the newest facts stay, whatever they weigh: so many may come at once, before any listener could be
    /// handed one of them.
    at_once: usize,
}

impl Tape {
    pub(crate) fn new(budget: usize, at_once: usize) -> Self {
        Self { entries: VecDeque::new(), gone: FIRST, next_seq: 0, bytes: 0, budget, at_once: at_once.max(1) }
    }

    /// Moves on to the numbers of `epoch`.
    pub(crate) fn enter(&mut self, epoch: u64) {
        self.next_seq = self.next_seq.max(first_number(epoch));
    }

    /// Takes in a fact that has no number yet.
    pub(crate) fn append(&mut self, run_id: Uuid, fact: Fact) {
        self.put(Arc::new(Entry::new(self.next_seq, run_id, fact)));
    }

    /// Takes in a fact that is newer than all others.
    pub(crate) fn put(&mut self, entry: Arc<Entry>) {
        self.next_seq = entry.seq.saturating_add(EVENTS_PER_FACT);
        self.bytes += entry.weight;
        self.entries.push_back(entry);
        while self.bytes > self.budget && self.entries.len() > self.at_once {
            self.forget_oldest();
        }
    }

    /// Takes in facts that are older than all others, as far as there is room for them.
    pub(crate) fn put_before(&mut self, entries: Vec<Arc<Entry>>) {
        if self.gone != FIRST {
            // Facts are missing between these and those that are left, or the past was read before.
            return;
        }
        for entry in entries.into_iter().rev() {
            if self.bytes + entry.weight > self.budget {
                return;
            }
            self.next_seq = self.next_seq.max(entry.seq.saturating_add(EVENTS_PER_FACT));
            self.bytes += entry.weight;
            self.gone -= 1;
            self.entries.push_front(entry);
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.gone += 1;
            self.bytes -= entry.weight;
        }
    }

    /// The place of the oldest fact; places count every fact there ever was.
    pub(crate) fn start(&self) -> u64 {
        self.gone
    }

    /// The place of the next fact.
    pub(crate) fn end(&self) -> u64 {
        self.gone + self.entries.len() as u64
    }

    /// The number of the oldest fact, or of the next one.
    pub(crate) fn first_seq(&self) -> u64 {
        self.entries.front().map_or(self.next_seq, |entry| entry.seq)
    }

    /// The facts from `place` on, which is not before [`start`](Self::start).
    pub(crate) fn from(&self, place: u64) -> impl Iterator<Item = &Arc<Entry>> {
        let skip = usize::try_from(place.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        self.entries.range(skip.min(self.entries.len())..)
    }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::fact::Body;
    use eddyline_engine::ids::Timestamp;

    use super::*;

    fn fact() -> Fact {
        Fact { ns: "".into(), at: Timestamp(0), body: Body::Paused }
    }

    #[test]
    fn numbers_grow_and_every_epoch_has_its_own() {
        let mut tape = Tape::new(1 << 20, 1);
        tape.enter(1);
        tape.append(Uuid::nil(), fact());
        tape.append(Uuid::nil(), fact());
        tape.enter(2);
        tape.append(Uuid::nil(), fact());
        tape.enter(1);
        tape.append(Uuid::nil(), fact());
        let numbers: Vec<u64> = tape.from(0).map(|entry| entry.seq).collect();
        let second = 2 * NUMBERS_PER_EPOCH;
        assert_eq!(
            numbers,
            [NUMBERS_PER_EPOCH, NUMBERS_PER_EPOCH + EVENTS_PER_FACT, second, second + EVENTS_PER_FACT]
        );
    }

    #[test]
    fn the_oldest_goes_when_the_budget_is_spent() {
        let one = weight(&fact());
        let mut tape = Tape::new(2 * one, 1);
        for _ in 0..5 {
            tape.append(Uuid::nil(), fact());
        }
        assert_eq!((tape.start(), tape.end(), tape.bytes), (FIRST + 3, FIRST + 5, 2 * one));
        assert_eq!(tape.from(FIRST + 4).count(), 1);
        assert_eq!(tape.from(FIRST + 9).count(), 0);
        let mut tiny = Tape::new(0, 1);
        tiny.append(Uuid::nil(), fact());
        assert_eq!((tiny.start(), tiny.end()), (FIRST, FIRST + 1), "the newest stays");
        let mut tape = Tape::new(0, 3);
        for _ in 0..5 {
            tape.append(Uuid::nil(), fact());
        }
        assert_eq!((tape.start(), tape.end()), (FIRST + 2, FIRST + 5), "those that come at once stay");
    }

    #[test]
    fn the_past_comes_before_the_present_as_far_as_there_is_room() {
        let old = |seq| Arc::new(Entry::new(seq, Uuid::nil(), fact()));
        let one = weight(&fact());
        let mut tape = Tape::new(3 * one, 1);
        tape.enter(1);
        tape.append(Uuid::nil(), fact());
        let place = tape.start();
        tape.put_before(vec![old(1), old(2), old(3)]);
        let numbers: Vec<u64> = tape.from(0).map(|entry| entry.seq).collect();
        assert_eq!(numbers, [2, 3, NUMBERS_PER_EPOCH]);
        assert_eq!(tape.from(place).map(|entry| entry.seq).collect::<Vec<_>>(), [NUMBERS_PER_EPOCH]);
        tape.append(Uuid::nil(), fact());
        assert_eq!(tape.from(0).next().map(|entry| entry.seq), Some(3), "the oldest goes first");

        let mut behind = Tape::new(0, 1);
        behind.append(Uuid::nil(), fact());
        behind.append(Uuid::nil(), fact());
        behind.put_before(vec![old(1)]);
        assert_eq!(behind.from(0).count(), 1, "there would be a hole");
    }
}
