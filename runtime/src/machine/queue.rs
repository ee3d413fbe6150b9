//! Which run of a thread is under way, which wait, and what happens next.
//!
//! Knows runs by id only. One run at a time has the slot; it keeps it until its last write is stored, so that
//! what it still writes can never meet its successor's.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::runs::MultitaskStrategy;

/// The run queue of one thread.
///
/// `limit` runs may wait; full means that the next one is refused.
#[derive(Debug)]
pub(crate) struct Queue {
    slot: Slot,
    waiting: VecDeque<Uuid>,
    limit: usize,
    draining: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Free,
    /// The graph runs.
    Running(Uuid),
    /// The graph has ended; what it came to is on its way to storage.
    Ending(Uuid),
}

/// What happens to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A client asks for a run.
    Submitted { run: Uuid, strategy: MultitaskStrategy },
    /// The graph of a run has ended.
    Ended { run: Uuid },
    /// What a run came to is stored.
    Stored { run: Uuid },
    /// No run may start any more.
    Draining,
}

/// What the owner of a queue has to do, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Store the run as one that waits, and answer its client.
    Accept { run: Uuid },
    /// Start its graph.
    Launch { run: Uuid },
    /// Tell the client that the thread is busy.
    RefuseBusy { run: Uuid },
    /// Tell the client that too many runs wait.
    RefuseFull { run: Uuid },
    /// Store what the run came to.
    Finish { run: Uuid },
    /// Ask the run to stop after the superstep under way.
    Drain { run: Uuid },
    /// Nothing is under way and nothing waits, or may start.
    Rest,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Self { slot: Slot::Free, waiting: VecDeque::new(), limit, draining: false }
    }

    /// True when a run is under way or waits.
    pub(crate) fn is_busy(&self) -> bool {
        self.slot != Slot::Free || !self.waiting.is_empty()
    }

    /// True once no run may start any more.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    /// The run that has the slot.
    pub(crate) fn current(&self) -> Option<Uuid> {
        match self.slot {
            Slot::Free => None,
            Slot::Running(run) | Slot::Ending(run) => Some(run),
        }
    }

    /// True when the run is under way or waits.
    pub(crate) fn holds(&self, run: Uuid) -> bool {
        self.current() == Some(run) || self.waiting.contains(&run)
    }

    /// How many runs wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn on(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Submitted { run, strategy } => self.submitted(run, strategy),
            Event::Ended { run } => self.ended(run),
            Event::Stored { run } => self.stored(run),
            Event::Draining => self.drain(),
        }
    }

    fn submitted(&mut self, run: Uuid, strategy: MultitaskStrategy) -> Vec<Effect> {
        if !self.is_busy() && !self.draining {
            self.slot = Slot::Running(run);
            return vec![Effect::Accept { run }, Effect::Launch { run }];
        }
        match strategy {
            MultitaskStrategy::Reject => vec![Effect::RefuseBusy { run }],
            MultitaskStrategy::Enqueue if self.waiting.len() >= self.limit => {
                vec![Effect::RefuseFull { run }]
            }
            MultitaskStrategy::Enqueue => {
                self.waiting.push_back(run);
                vec![Effect::Accept { run }]
            }
        }
    }

    fn ended(&mut self, run: Uuid) -> Vec<Effect> {
        if self.slot != Slot::Running(run) {
            return Vec::new();
        }
        self.slot = Slot::Ending(run);
        vec![Effect::Finish { run }]
    }

    fn stored(&mut self, run: Uuid) -> Vec<Effect> {
        if self.slot != Slot::Ending(run) {
            return Vec::new();
        }
        self.slot = Slot::Free;
        if self.draining {
            return vec![Effect::Rest];
        }
        match self.waiting.pop_front() {
            None => vec![Effect::Rest],
            Some(run) => {
                self.slot = Slot::Running(run);
                vec![Effect::Launch { run }]
            }
        }
    }

    fn drain(&mut self) -> Vec<Effect> {
        self.draining = true;
        match self.slot {
            Slot::Free => vec![Effect::Rest],
            Slot::Running(run) => vec![Effect::Drain { run }],
            Slot::Ending(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);
    const C: Uuid = Uuid::from_u128(3);

    fn enqueue(run: Uuid) -> Event {
        Event::Submitted { run, strategy: MultitaskStrategy::Enqueue }
    }

    fn reject(run: Uuid) -> Event {
        Event::Submitted { run, strategy: MultitaskStrategy::Reject }
    }

    /// Plays the events on an empty queue of which one run may wait.
    fn check(table: &[(Event, &[Effect])]) -> Queue {
        let mut queue = Queue::new(1);
        for (place, (event, expected)) in table.iter().enumerate() {
            assert_eq!(queue.on(*event), *expected, "event {place}: {event:?}");
        }
        queue
    }

    #[test]
    fn runs_take_turns() {
        let queue = check(&[
            (enqueue(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }]),
            (enqueue(B), &[Effect::Accept { run: B }]),
            (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
            (Event::Stored { run: A }, &[Effect::Launch { run: B }]),
            (Event::Ended { run: B }, &[Effect::Finish { run: B }]),
            (Event::Stored { run: B }, &[Effect::Rest]),
        ]);
        assert!(!queue.is_busy());
    }

    #[test]
    fn the_slot_is_taken_until_the_end_is_stored() {
        let queue = check(&[
            (enqueue(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }]),
            (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
            (reject(B), &[Effect::RefuseBusy { run: B }]),
            (enqueue(C), &[Effect::Accept { run: C }]),
        ]);
        assert!(queue.holds(A) && queue.holds(C) && !queue.holds(B));
    }

    #[test]
    fn a_full_queue_refuses() {
        check(&[
            (enqueue(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }]),
            (enqueue(B), &[Effect::Accept { run: B }]),
            (enqueue(C), &[Effect::RefuseFull { run: C }]),
        ]);
    }

    #[test]
    fn strategies_are_alike_on_a_free_thread() {
        check(&[(reject(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }])]);
    }

    #[test]
    fn news_of_other_runs_changes_nothing() {
        check(&[
            (Event::Ended { run: A }, &[]),
            (enqueue(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }]),
            (Event::Stored { run: A }, &[]),
            (Event::Ended { run: B }, &[]),
            (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
            (Event::Ended { run: A }, &[]),
        ]);
    }

    #[test]
    fn a_draining_thread_ends_its_run_and_starts_no_other() {
        check(&[
            (enqueue(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }]),
            (enqueue(B), &[Effect::Accept { run: B }]),
            (Event::Draining, &[Effect::Drain { run: A }]),
            (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
            (Event::Stored { run: A }, &[Effect::Rest]),
        ]);
        check(&[(Event::Draining, &[Effect::Rest])]);
    }
}
