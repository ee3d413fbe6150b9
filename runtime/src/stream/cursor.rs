//! Where a listener stands on the tape, and what it gets next.

use uuid::Uuid;

use crate::runs::Begin;
use crate::stream::tape::Tape;
use crate::stream::{Batch, Delivery, Gap};

/// A listener's place on the tape. One batch is on its way at most.
#[derive(Debug)]
pub(crate) struct Cursor {
    place: u64,
    /// The only run that it wants to hear of, if there is one.
    run: Option<Uuid>,
    in_flight: bool,
    /// True once nothing more will be told of that run.
    over: bool,
    /// The place before which everything had happened when it began, until its listener was told so.
    present: Option<u64>,
}

impl Cursor {
    /// Everything before the place `now` had happened when the listener came.
    pub(crate) fn new(tape: &Tape, run: Option<Uuid>, begin: Begin, now: u64, over: bool) -> Self {
        let place = match begin {
            Begin::Now => tape.end(),
            Begin::Oldest | Begin::OldestToPresent => tape.start(),
        };
        let present = (begin == Begin::OldestToPresent).then_some(now);
        Self { place, run, in_flight: false, over, present }
    }

    /// The last fact of `run` is on the tape.
    pub(crate) fn run_is_over(&mut self, run: Uuid) {
        self.over |= self.run == Some(run);
    }

    /// The listener has taken its batch.
    pub(crate) fn is_ready(&mut self) {
        self.in_flight = false;
    }

    /// What to hand over now, at most `limit` facts; nothing while a batch is on its way.
    pub(crate) fn batch(&mut self, tape: &Tape, limit: usize) -> Option<Batch> {
        if self.in_flight {
            return None;
        }
        let batch = self.take(tape, limit);
        self.in_flight = !batch.is_empty();
        self.in_flight.then_some(batch)
    }

    /// Everything that is left, whatever is on its way: the last batch of all.
    pub(crate) fn rest(&mut self, tape: &Tape) -> Option<Batch> {
        let batch = self.take(tape, usize::MAX);
        (!batch.is_empty()).then_some(batch)
    }

    fn take(&mut self, tape: &Tape, limit: usize) -> Batch {
        let mut batch = Batch::new();
        if self.place < tape.start() {
            batch.push(Delivery::Gap(Gap { resumes_at: tape.first_seq() }));
            self.place = tape.start();
        }
        for entry in tape.from(self.place) {
            if batch.len() >= limit.max(1) {
                break;
            }
            self.tell_present(&mut batch);
            self.place += 1;
            if self.run.is_none_or(|run| run == entry.run_id) {
                batch.push(Delivery::Fact(entry.clone()));
            }
        }
        self.tell_present(&mut batch);
        batch
    }

    fn tell_present(&mut self, batch: &mut Batch) {
        if self.present.is_some_and(|present| present <= self.place) {
            self.present = None;
            batch.push(Delivery::Present);
        }
    }

    /// True when everything was handed over and nothing more will come.
    pub(crate) fn is_done(&self, tape: &Tape) -> bool {
        self.over && self.place >= tape.end()
    }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::fact::{Body, Fact};
    use eddyline_engine::ids::Timestamp;

    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn tape(budget: usize, runs: &[Uuid]) -> Tape {
        let mut tape = Tape::new(budget, 1);
        for run in runs {
            tape.append(*run, Fact { ns: "".into(), at: Timestamp(0), body: Body::Paused });
        }
        tape
    }

    /// The batch as text: a run's number for each fact, `gap` for a gap.
    fn read(cursor: &mut Cursor, tape: &Tape, limit: usize) -> Option<String> {
        let batch = cursor.batch(tape, limit)?;
        let words = batch.iter().map(|delivery| match delivery {
            Delivery::Fact(entry) => entry.run_id.as_u128().to_string(),
            Delivery::Gap(_) => "gap".to_owned(),
            Delivery::Present => "present".to_owned(),
        });
        Some(words.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn one_batch_is_on_its_way_at_most() {
        let tape = tape(1 << 20, &[A, B, A]);
        let mut cursor = Cursor::new(&tape, None, Begin::Oldest, tape.end(), false);
        assert_eq!(read(&mut cursor, &tape, 2).as_deref(), Some("1 2"));
        assert_eq!(read(&mut cursor, &tape, 2), None);
        cursor.is_ready();
        assert_eq!(read(&mut cursor, &tape, 2).as_deref(), Some("1"));
        cursor.is_ready();
        assert_eq!(read(&mut cursor, &tape, 2), None);
    }

    #[test]
    fn a_run_is_heard_alone_and_to_its_end() {
        let mut tape = tape(1 << 20, &[A, B]);
        let mut cursor = Cursor::new(&tape, Some(B), Begin::Oldest, tape.end(), false);
        assert_eq!(read(&mut cursor, &tape, 9).as_deref(), Some("2"));
        assert!(!cursor.is_done(&tape));
        tape.append(B, Fact { ns: "".into(), at: Timestamp(0), body: Body::Paused });
        cursor.run_is_over(A);
        cursor.run_is_over(B);
        assert!(!cursor.is_done(&tape), "the last fact is still to be handed over");
        cursor.is_ready();
        assert_eq!(read(&mut cursor, &tape, 9).as_deref(), Some("2"));
        assert!(cursor.is_done(&tape));
    }

    #[test]
    fn who_falls_behind_the_tape_is_told() {
        let tape = tape(0, &[A, A, B]);
        let mut cursor = Cursor::new(&Tape::new(0, 1), None, Begin::Now, 0, false);
        assert_eq!(read(&mut cursor, &tape, 9).as_deref(), Some("gap 2"));
        assert_eq!(read(&mut Cursor::new(&tape, None, Begin::Now, tape.end(), false), &tape, 9), None);
    }

    #[test]
    fn who_wants_to_know_is_told_where_the_past_ends() {
        let mut tape = tape(1 << 20, &[A, B]);
        let mut cursor = Cursor::new(&tape, Some(A), Begin::OldestToPresent, tape.end(), false);
        assert_eq!(read(&mut cursor, &tape, 1).as_deref(), Some("1"));
        tape.append(A, Fact { ns: "".into(), at: Timestamp(0), body: Body::Paused });
        cursor.is_ready();
        assert_eq!(read(&mut cursor, &tape, 9).as_deref(), Some("present 1"));
        let empty = Tape::new(1 << 20, 1);
        let mut cursor = Cursor::new(&empty, None, Begin::OldestToPresent, empty.end(), false);
        assert_eq!(read(&mut cursor, &empty, 9).as_deref(), Some("present"), "nothing was before");
        cursor.is_ready();
        assert_eq!(read(&mut cursor, &empty, 9), None, "once");
    }

    #[test]
    fn a_run_that_was_over_before_is_told_from_the_tape() {
        let tape = tape(1 << 20, &[A, B]);
        let mut cursor = Cursor::new(&tape, Some(A), Begin::Oldest, tape.end(), true);
        assert_eq!(read(&mut cursor, &tape, 9).as_deref(), Some("1"));
        assert!(cursor.is_done(&tape));
        assert!(Cursor::new(&tape, Some(A), Begin::Now, tape.end(), true).is_done(&tape));
    }
}
