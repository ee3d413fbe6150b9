//! What outlives the processes of a simulation: chance, time, what is stored, and the notes of everything that
//! happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eddyline::runtime::CountingIds;
use eddyline::runtime::storage::MemoryStorage;
use tokio::sync::Notify;
use uuid::Uuid;

use super::clock::VirtualClock;
use crate::random::Random;

/// The world around the process. Everything in it is used by one OS thread.
pub(super) struct World {
    pub(super) clock: Arc<VirtualClock>,
    pub(super) ids: Arc<CountingIds>,
    pub(super) memory: MemoryStorage,
    chance: Mutex<Random>,
    notes: Mutex<Notes>,
    dead: AtomicBool,
    death: Notify,
}

/// What happened.
#[derive(Default)]
pub(super) struct Notes {
    /// In order.
    pub(super) trace: Vec<String>,
    /// What must not have happened.
    pub(super) broken: Vec<String>,
    pub(super) crashes: u64,
    /// What clients asked for, by the name that they gave it.
    pub(super) asked: BTreeMap<String, Asked>,
    /// The runs that are stored or were, by id.
    pub(super) runs: BTreeMap<Uuid, Known>,
    /// The ends of runs that clients were told of, and runs that nothing may come of any more.
    pub(super) over: BTreeSet<Uuid>,
    /// The checkpoints that clients were told of, with the runs that made them.
    pub(super) told: BTreeMap<Uuid, (Uuid, Uuid)>,
    /// The facts of a thread by their numbers. A thread that is deleted and made again is another one.
    pub(super) facts: BTreeMap<(Uuid, u32), BTreeMap<u64, String>>,
    /// The greatest numbers at the last death.
    pub(super) last_numbers: BTreeMap<(Uuid, u32), u64>,
    /// How often a thread was deleted.
    pub(super) deaths: BTreeMap<Uuid, u32>,
    /// Threads of which somebody asked to take something back, or to delete it.
    pub(super) may_shrink: BTreeSet<Uuid>,
    /// Threads of which storage did not do something that it was asked.
    pub(super) troubled: BTreeSet<Uuid>,
    /// The graph levels of which anything was stored.
    pub(super) levels: BTreeSet<(Uuid, eddyline::Key)>,
}

/// What a client asked for, and what it was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) answer: Answer,
    /// The question that was open when the answer that this is was taken in.
    pub(super) question: Option<String>,
}

/// What a client was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing that it could rely on.
    #[default]
    Unknown,
    /// This run does it.
    Accepted { thread_id: Uuid, run_id: Uuid },
    /// It will not be done.
    Refused,
}

/// What is known of a run that was stored.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) label: String,
    /// How often its thread had been deleted when it was taken in.
    pub(super) deaths: u32,
    /// It is not stored any more.
    pub(super) gone: bool,
    /// What it wrote is stored at its end at the earliest.
    pub(super) late: bool,
    /// What happens in it can be told again.
    pub(super) resumable: bool,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            clock: Arc::new(VirtualClock::new()),
            ids: Arc::default(),
            memory: MemoryStorage::default(),
            chance: Mutex::new(Random::new(seed)),
            notes: Mutex::default(),
            dead: AtomicBool::new(false),
            death: Notify::new(),
        }
    }

    /// A number from 0 to one before `end`.
    pub(super) fn below(&self, end: u64) -> u64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).below(end)
    }

    pub(super) fn one_in(&self, count: u64) -> bool {
        self.below(count) == 0
    }

    pub(super) fn pick<T: Copy>(&self, choices: &[T]) -> T {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).pick(choices)
    }

    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that something happened, unless nobody lives to see it.
    pub(super) fn happened(&self, what: impl AsRef<str>) {
        if !self.is_dead() {
            let micros = self.clock.micros() % 1_000_000_000_000;
            self.notes().trace.push(format!("{micros:>12} {}", what.as_ref()));
        }
    }

    /// Notes that something happened that must not.
    pub(super) fn broken(&self, what: impl Into<String>) {
        if !self.is_dead() {
            let what = what.into();
            self.happened(format!("BROKEN {what}"));
            self.notes().broken.push(what);
        }
    }

    /// The process dies: from now on nothing that it does counts.
    pub(super) fn die(&self) {
        self.happened("the process dies");
        if !self.dead.swap(true, Ordering::Relaxed) {
            self.death.notify_one();
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Ends when the process dies.
    pub(super) async fn death(&self) {
        while !self.is_dead() {
            self.death.notified().await;
        }
    }

    /// Another process begins, on the current Tokio runtime.
    pub(super) fn begin(&self) {
        self.clock.begin();
        self.dead.store(false, Ordering::Relaxed);
        self.happened("a process begins");
    }

    /// Nothing happens any more, and what is stored is looked at.
    pub(super) fn end(&self) {
        self.dead.store(false, Ordering::Relaxed);
    }

    /// What the process told is over.
    pub(super) fn stop(&self) {
        self.clock.stop();
        let mut notes = self.notes();
        let last =
            notes.facts.iter().filter_map(|(thread, facts)| Some((*thread, *facts.last_key_value()?.0)));
        let last: Vec<_> = last.collect();
        notes.last_numbers.extend(last);
    }

    /// Lets others go first, for a moment or a while.
    pub(super) async fn dawdle(&self, millis: u64) {
        match self.below(4) {
            0 => {}
            1 => {
                for _ in 0..self.below(24) {
                    tokio::task::yield_now().await;
                }
            }
            _ => tokio::time::sleep(std::time::Duration::from_millis(self.below(millis + 1))).await,
        }
    }
}

impl Notes {
    /// Which thread of this id it is.
    pub(super) fn deaths(&self, thread_id: Uuid) -> u32 {
        self.deaths.get(&thread_id).copied().unwrap_or_default()
    }
}
