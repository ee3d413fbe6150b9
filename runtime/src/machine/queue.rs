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
    /// Updates that wait for the one under way. They came when no run waited, so they go first.
    updates: VecDeque<Uuid>,
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
    /// The state is changed by hand.
    Updating(Uuid),
}

/// What happens to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A client asks for a run.
    Submitted { run: Uuid, strategy: MultitaskStrategy },
    /// A run that was taken in earlier goes on, after those that were recovered before it.
    Recovered { run: Uuid },
    /// The graph of a run has ended.
    Ended { run: Uuid },
    /// What a run came to is stored.
    Stored { run: Uuid },
    /// A client wants a run stopped.
    Cancel { run: Uuid },
    /// The thread goes: nothing that waits will have its turn.
    Clear,
    /// A client changes the state by hand.
    Update { update: Uuid },
    /// A change by hand is made, or has failed.
    Updated { update: Uuid },
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
    /// Work out a change by hand.
    Update { update: Uuid },
    /// Tell the client that the thread is busy.
    RefuseBusy { run: Uuid },
    /// Tell the client that too many wait.
    RefuseFull { run: Uuid },
    /// Store what the run came to.
    Finish { run: Uuid },
    /// Stop the run where it stands.
    Cancel { run: Uuid },
    /// The run waits no longer, and will not start.
    Dismiss { run: Uuid },
    /// The update waits no longer, and will not be made.
    DropUpdate { update: Uuid },
    /// Ask the run to stop after the superstep under way.
    Drain { run: Uuid },
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
        self.current().is_some() || !self.waiting.is_empty()
    }

    /// True once no run may start any more.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    /// The run that has the slot.
    pub(crate) fn current(&self) -> Option<Uuid> {
        match self.slot {
            Slot::Free | Slot::Updating(_) => None,
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
            Event::Recovered { run } => self.recovered(run),
            Event::Ended { run } => self.ended(run),
            Event::Stored { run } => self.stored(run),
            Event::Cancel { run } => self.cancel(run),
            Event::Clear => self.clear(),
            Event::Update { update } => self.update(update),
            Event::Updated { update } => self.updated(update),
            Event::Draining => self.drain(),
        }
    }

    fn submitted(&mut self, run: Uuid, strategy: MultitaskStrategy) -> Vec<Effect> {
        if !self.is_busy() && !self.draining {
            self.slot = Slot::Running(run);
            return vec![Effect::Accept { run }, Effect::Launch { run }];
        }
        match strategy {
            // It is over in a moment, and no run stands in the way.
            MultitaskStrategy::Reject if !self.has_runs() && !self.draining => {
                self.waiting.push_back(run);
                vec![Effect::Accept { run }]
            }
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

    /// There was room for it once, so the limit is no reason to lose it.
    fn recovered(&mut self, run: Uuid) -> Vec<Effect> {
        if self.is_busy() || self.draining {
            self.waiting.push_back(run);
            return Vec::new();
        }
        self.slot = Slot::Running(run);
        vec![Effect::Launch { run }]
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
        self.next()
    }

    fn cancel(&mut self, run: Uuid) -> Vec<Effect> {
        if let Some(place) = self.waiting.iter().position(|waiting| *waiting == run) {
            self.waiting.remove(place);
            return vec![Effect::Dismiss { run }];
        }
        if self.slot == Slot::Running(run) { vec![Effect::Cancel { run }] } else { Vec::new() }
    }

    fn clear(&mut self) -> Vec<Effect> {
        let updates = self.updates.drain(..).map(|update| Effect::DropUpdate { update });
        let mut effects: Vec<Effect> = updates.collect();
        effects.extend(self.waiting.drain(..).map(|run| Effect::Dismiss { run }));
        match self.slot {
            Slot::Free => effects.push(Effect::Rest),
            Slot::Running(run) => effects.push(Effect::Cancel { run }),
            Slot::Ending(_) | Slot::Updating(_) => {}
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

    fn updated(&mut self, update: Uuid) -> Vec<Effect> {
        if self.slot != Slot::Updating(update) {
            return Vec::new();
        }
        self.next()
    }

    /// The slot is free: who gets it?
    fn next(&mut self) -> Vec<Effect> {
        if let Some(update) = self.updates.pop_front() {
            self.slot = Slot::Updating(update);
            return vec![Effect::Update { update }];
        }
        self.slot = Slot::Free;
        if self.draining {
            return vec![Effect::Rest];
        }
        let Some(run) = self.waiting.pop_front() else { return vec![Effect::Rest] };
        self.slot = Slot::Running(run);
        vec![Effect::Launch { run }]
    }

    fn drain(&mut self) -> Vec<Effect> {
        self.draining = true;
        match self.slot {
            Slot::Free => vec![Effect::Rest],
            Slot::Running(run) => vec![Effect::Drain { run }],
            Slot::Ending(_) | Slot::Updating(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
