//! Which run of a thread is under way, which wait, and what happens next.
//!
//! Knows runs by id only. One run at a time has the slot; it keeps it until its last write is stored, so that
//! what it still writes can never meet its successor's.

use std::collections::VecDeque;

use eddyline_engine::ids::Timestamp;
use uuid::Uuid;

use crate::runs::{CancelAction, MultitaskStrategy};

/// The run queue of one thread.
///
/// `limit` runs may wait; full means that the next one is refused.
#[derive(Debug)]
pub(crate) struct Queue {
    slot: Slot,
    /// By the time at which they may start, and then in the order in which they came.
    waiting: VecDeque<Waiting>,
    /// Updates that wait for the one under way. They came when no run waited, so they go first.
    updates: VecDeque<Uuid>,
    limit: usize,
    draining: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    run: Uuid,
    due: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Free,
    /// The run is next here, and waits for its place among those of all threads.
    Admitting(Waiting),
    /// The graph runs.
    Running(Uuid),
    /// The graph has made its last commit, and with it how the run ended is on its way to storage.
    Sealed(Uuid),
    /// The graph has ended; what it came to is on its way to storage.
    Ending(Uuid),
    /// The state is changed by hand.
    Updating(Uuid),
}

/// What happens to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A client asks for a run, which may start at `due`.
    Submitted { run: Uuid, strategy: MultitaskStrategy, due: Timestamp },
    /// A run that was taken in earlier goes on, after those that were recovered before it.
    Recovered { run: Uuid, due: Timestamp },
    /// There is a place for the run among those of all threads.
    Admitted { run: Uuid },
    /// The last commit of a run, with how it ended, is on its way to storage.
    Sealed { run: Uuid },
    /// It was not stored.
    Unsealed { run: Uuid },
    /// The graph of a run has ended.
    Ended { run: Uuid },
    /// What a run came to is stored.
    Stored { run: Uuid },
    /// A client wants a run stopped.
    Cancel { run: Uuid, action: CancelAction },
    /// The thread goes: nothing that waits will have its turn.
    Clear,
    /// A client changes the state by hand.
    Update { update: Uuid },
    /// A change by hand is made, or has failed.
    Updated { update: Uuid },
    /// A run that waits may be due.
    Due,
    /// No run may start any more.
    Draining,
}

/// What the owner of a queue has to do, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Store the run as one that waits, and answer its client.
    Accept { run: Uuid },
    /// Get the run a place among those of all threads.
    Admit { run: Uuid },
    /// Start its graph.
    Launch { run: Uuid },
    /// Work out a change by hand.
    Update { update: Uuid },
    /// Tell the client that the thread is busy.
    RefuseBusy { run: Uuid },
    /// Tell the client that too many wait.
    RefuseFull { run: Uuid },
    /// Store what the run came to.
    Finish { run: Uuid },
    /// What the run came to is stored already: tell whoever listens.
    Announce { run: Uuid },
    /// Stop the run where it stands.
    Cancel { run: Uuid, action: CancelAction },
    /// The run waits no longer, and will not start.
    Dismiss { run: Uuid, action: CancelAction },
    /// The update waits no longer, and will not be made.
    DropUpdate { update: Uuid },
    /// Ask the run to stop after the superstep under way.
    Drain { run: Uuid },
    /// Nothing can happen before this time.
    WaitUntil { due: Timestamp },
    /// Nothing is under way and nothing waits, or may start.
    Rest,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Self { slot: Slot::Free, waiting: VecDeque::new(), updates: VecDeque::new(), limit, draining: false }
    }

    /// True when anything is under way or waits.
    pub(crate) fn is_busy(&self) -> bool {
        self.slot != Slot::Free || !self.waiting.is_empty()
    }

    /// True when a run is under way or waits.
    pub(crate) fn has_runs(&self) -> bool {
        self.current().is_some() || self.has_waiting()
    }

    /// True once no run may start any more.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    /// The run that has the slot and has begun.
    pub(crate) fn current(&self) -> Option<Uuid> {
        match self.slot {
            Slot::Free | Slot::Admitting(_) | Slot::Updating(_) => None,
            Slot::Running(run) | Slot::Sealed(run) | Slot::Ending(run) => Some(run),
        }
    }

    /// True when the run is under way or waits.
    pub(crate) fn holds(&self, run: Uuid) -> bool {
        let waits = |waiting: &Waiting| waiting.run == run;
        let is_next = matches!(&self.slot, Slot::Admitting(next) if waits(next));
        self.current() == Some(run) || is_next || self.waiting.iter().any(waits)
    }

    /// True when runs wait.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty() || matches!(self.slot, Slot::Admitting(_))
    }

    pub(crate) fn on(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        match event {
            Event::Submitted { run, strategy, due } => self.submitted(Waiting { run, due }, strategy, now),
            Event::Recovered { run, due } => {
                // There was room for it once, so the limit is no reason to lose it.
                self.enqueue(Waiting { run, due });
                self.next_if_free(now)
            }
            Event::Admitted { run } => self.admitted(run),
            Event::Sealed { run } => self.turn(Slot::Running(run), Slot::Sealed(run)),
            Event::Unsealed { run } => self.turn(Slot::Sealed(run), Slot::Running(run)),
            Event::Ended { run } => self.ended(run, now),
            Event::Stored { run } => self.left(Slot::Ending(run), now),
            Event::Cancel { run, action } => self.cancel(run, action, now),
            Event::Clear => self.clear(),
            Event::Update { update } => self.update(update),
            Event::Updated { update } => self.left(Slot::Updating(update), now),
            Event::Due => self.next_if_free(now),
            Event::Draining => self.drain(),
        }
    }

    fn submitted(&mut self, new: Waiting, strategy: MultitaskStrategy, now: Timestamp) -> Vec<Effect> {
        let run = new.run;
        let refused = match strategy {
            MultitaskStrategy::Reject if self.has_runs() || self.draining => Some(Effect::RefuseBusy { run }),
            MultitaskStrategy::Enqueue if self.waiting.len() >= self.limit => {
                Some(Effect::RefuseFull { run })
            }
            _ => None,
        };
        if let Some(refused) = refused {
            return vec![refused];
        }
        let mut effects = vec![Effect::Accept { run }];
        match strategy {
            MultitaskStrategy::Interrupt => effects.extend(self.stop_all(CancelAction::Interrupt)),
            MultitaskStrategy::Rollback => effects.extend(self.stop_all(CancelAction::Rollback)),
            MultitaskStrategy::Enqueue | MultitaskStrategy::Reject => {}
        }
        self.enqueue(new);
        effects.extend(self.next_if_free(now));
        effects
    }

    fn enqueue(&mut self, new: Waiting) {
        let place = self.waiting.partition_point(|waiting| waiting.due <= new.due);
        self.waiting.insert(place, new);
    }

    fn admitted(&mut self, run: Uuid) -> Vec<Effect> {
        match self.slot {
            Slot::Admitting(next) if next.run == run => {
                self.slot = Slot::Running(run);
                vec![Effect::Launch { run }]
            }
            _ => Vec::new(),
        }
    }

    fn turn(&mut self, from: Slot, to: Slot) -> Vec<Effect> {
        if self.slot == from {
            self.slot = to;
        }
        Vec::new()
    }

    fn ended(&mut self, run: Uuid, now: Timestamp) -> Vec<Effect> {
        if self.slot == Slot::Sealed(run) {
            let mut effects = vec![Effect::Announce { run }];
            effects.extend(self.next(now));
            return effects;
        }
        if self.slot != Slot::Running(run) {
            return Vec::new();
        }
        self.slot = Slot::Ending(run);
        vec![Effect::Finish { run }]
    }

    fn left(&mut self, slot: Slot, now: Timestamp) -> Vec<Effect> {
        if self.slot == slot { self.next(now) } else { Vec::new() }
    }

    fn cancel(&mut self, run: Uuid, action: CancelAction, now: Timestamp) -> Vec<Effect> {
        if let Some(place) = self.waiting.iter().position(|waiting| waiting.run == run) {
            self.waiting.remove(place);
            return vec![Effect::Dismiss { run, action }];
        }
        match self.slot {
            Slot::Running(current) if current == run => vec![Effect::Cancel { run, action }],
            Slot::Admitting(next) if next.run == run => {
                let mut effects = vec![Effect::Dismiss { run, action }];
                effects.extend(self.next(now));
                effects
            }
            _ => Vec::new(),
        }
    }

    /// Empties the queue: what waits is dismissed, and what runs is cancelled.
    fn stop_all(&mut self, action: CancelAction) -> Vec<Effect> {
        if let Slot::Admitting(next) = self.slot {
            self.waiting.push_front(next);
            self.slot = Slot::Free;
        }
        let waiting = self.waiting.drain(..).map(|waiting| Effect::Dismiss { run: waiting.run, action });
        let mut effects: Vec<Effect> = waiting.collect();
        if let Slot::Running(run) = self.slot {
            effects.push(Effect::Cancel { run, action });
        }
        effects
    }

    fn clear(&mut self) -> Vec<Effect> {
        let updates = self.updates.drain(..).map(|update| Effect::DropUpdate { update });
        let mut effects: Vec<Effect> = updates.collect();
        effects.extend(self.stop_all(CancelAction::Rollback));
        if self.slot == Slot::Free {
            effects.push(Effect::Rest);
        }
        effects
    }

    fn update(&mut self, update: Uuid) -> Vec<Effect> {
        match self.slot {
            _ if self.has_runs() || self.draining => vec![Effect::RefuseBusy { run: update }],
            Slot::Updating(_) if self.updates.len() >= self.limit => vec![Effect::RefuseFull { run: update }],
            Slot::Updating(_) => {
                self.updates.push_back(update);
                Vec::new()
            }
            _ => {
                self.slot = Slot::Updating(update);
                vec![Effect::Update { update }]
            }
        }
    }

    fn next_if_free(&mut self, now: Timestamp) -> Vec<Effect> {
        if self.slot == Slot::Free && !self.draining { self.next(now) } else { Vec::new() }
    }

    /// The slot is free: who gets it?
    fn next(&mut self, now: Timestamp) -> Vec<Effect> {
        if let Some(update) = self.updates.pop_front() {
            self.slot = Slot::Updating(update);
            return vec![Effect::Update { update }];
        }
        self.slot = Slot::Free;
        if self.draining {
            return vec![Effect::Rest];
        }
        match self.waiting.front().copied() {
            None => vec![Effect::Rest],
            Some(next) if next.due > now => vec![Effect::WaitUntil { due: next.due }],
            Some(next) => {
                self.waiting.pop_front();
                self.slot = Slot::Admitting(next);
                vec![Effect::Admit { run: next.run }]
            }
        }
    }

    fn drain(&mut self) -> Vec<Effect> {
        self.draining = true;
        if let Slot::Admitting(next) = self.slot {
            self.waiting.push_front(next);
            self.slot = Slot::Free;
        }
        match self.slot {
            Slot::Free => vec![Effect::Rest],
            Slot::Running(run) => vec![Effect::Drain { run }],
            Slot::Sealed(_) | Slot::Ending(_) | Slot::Updating(_) | Slot::Admitting(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
