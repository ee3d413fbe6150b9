//! Threads that are there for one run: they live as long as it does, and nowhere but in memory.
//!
//! Nobody could take such a run up after a crash, as it keeps no checkpoints; so storing its records would cost
//! what storing costs, and serve nobody.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use uuid::Uuid;

use crate::runs::Run;
use crate::storage::Change;
use crate::threads::Thread;

/// The records of temporary threads and their runs, for those who ask while they live.
#[derive(Debug, Default)]
pub(crate) struct Temporaries {
    // Held for one look-up or one change.
    threads: RwLock<BTreeMap<Uuid, Records>>,
}

#[derive(Debug, Default)]
struct Records {
    thread: Option<Thread>,
    run: Option<Run>,
}

impl Temporaries {
    /// Keeps what would have been stored.
    pub(crate) fn keep(&self, thread_id: Uuid, changes: Vec<Change>) {
        let mut threads = self.threads.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            let records = threads.entry(thread_id).or_default();
            match change {
                Change::PutThread(thread) => records.thread = Some(thread),
                Change::PutRun(run) => records.run = Some(run),
                Change::MarkRun(mark) => {
                    if let Some(run) = &mut records.run {
                        mark.on(run);
                    }
                }
                // It has one run, so the thread goes with it.
                Change::DeleteThread | Change::DeleteRun(_) => {
                    threads.remove(&thread_id);
                }
                // It keeps neither checkpoints nor facts, and begins with none; what is owed is stored.
                Change::Commit(_)
                | Change::Facts { .. }
                | Change::Owe(_)
                | Change::KeepLatest
                | Change::CopyThread { .. } => {}
            }
        }
    }

    pub(crate) fn thread(&self, thread_id: Uuid) -> Option<Thread> {
        self.read().get(&thread_id).and_then(|records| records.thread.clone())
    }

    /// The run of a thread.
    pub(crate) fn run_of(&self, thread_id: Uuid) -> Option<Run> {
        self.read().get(&thread_id).and_then(|records| records.run.clone())
    }

    /// The run of this id.
    pub(crate) fn run(&self, run_id: Uuid) -> Option<Run> {
        self.runs(|run| run.run_id == run_id).pop()
    }

    /// The runs that are `wanted`.
    pub(crate) fn runs(&self, wanted: impl Fn(&Run) -> bool) -> Vec<Run> {
        self.read()
            .values()
            .filter_map(|records| records.run.as_ref())
            .filter(|run| wanted(run))
            .cloned()
            .collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Uuid, Records>> {
        self.threads.read().unwrap_or_else(PoisonError::into_inner)
    }
}
