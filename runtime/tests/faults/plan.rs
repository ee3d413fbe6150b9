//! Storage in memory that fails as it is told to.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eddyline_engine::checkpoint::Outcome;
use eddyline_runtime::storage::{
    Change, Error as StorageError, MemoryStorage, Read, Readers, Storage, Transaction,
};
use eddyline_runtime::{RunStatus, ThreadStatus};
use uuid::Uuid;

/// Memory with a plan of what goes wrong.
pub(crate) struct Faulty {
    pub(crate) memory: MemoryStorage,
    pub(crate) plan: Arc<Plan>,
}

#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) refuse_commits: AtomicBool,
    pub(crate) refuse_ends: AtomicBool,
    /// Counts commits down, and refuses the one that finds 1.
    pub(crate) refuse_one: AtomicI64,
    /// What is refused might have been stored, for all that is said.
    pub(crate) in_doubt: AtomicBool,
    pub(crate) refuse_runs: AtomicBool,
    /// Ends are stored, and nobody hears of it.
    pub(crate) lose_ends: AtomicBool,
    pub(crate) stored: Mutex<HashSet<Uuid>>,
    pub(crate) memory: Mutex<MemoryStorage>,
    /// How the run and its thread stand after each commit that says that a run is over.
    pub(crate) ends: Mutex<Vec<(Option<RunStatus>, Option<ThreadStatus>)>>,
}

impl Plan {
    fn refuses(&self, transaction: &Transaction) -> bool {
        let refuses = |change: &Change| match change {
            Change::Commit(_) => {
                self.refuse_one.fetch_sub(1, Ordering::SeqCst) == 1
                    || self.refuse_commits.load(Ordering::SeqCst)
            }
            Change::PutRun(_) => self.refuse_runs.load(Ordering::SeqCst),
            Change::MarkRun(run) => run.status.is_final() && self.refuse_ends.load(Ordering::SeqCst),
            _ => false,
        };
        changes(transaction).iter().any(refuses)
    }

    fn loses(&self, transaction: &Transaction) -> bool {
        let ends = |change: &Change| matches!(change, Change::MarkRun(run) if run.status.is_final());
        self.lose_ends.load(Ordering::SeqCst) && changes(transaction).iter().any(ends)
    }

    fn note(&self, transaction: &Transaction) {
        let changes = changes(transaction);
        for change in changes {
            let Change::Commit(commit) = change else { continue };
            if let Some(new) = &commit.checkpoint {
                self.stored.lock().unwrap().insert(new.checkpoint.id);
            }
            if commit.outcome != Outcome::Continue {
                self.ends.lock().unwrap().push(standing(changes));
            }
        }
    }
}

fn standing(changes: &[Change]) -> (Option<RunStatus>, Option<ThreadStatus>) {
    let run = |change: &Change| if let Change::MarkRun(run) = change { Some(run.status) } else { None };
    let thread =
        |change: &Change| if let Change::PutThread(thread) = change { Some(thread.status) } else { None };
    (changes.iter().find_map(run), changes.iter().find_map(thread))
}

/// What a transaction changes of a thread.
fn changes(transaction: &Transaction) -> &[Change] {
    match transaction {
        Transaction::Thread { changes, .. } => changes,
        Transaction::Items(_)
        | Transaction::Assistant(_)
        | Transaction::SweepFacts(..)
        | Transaction::Crons(_)
        | Transaction::Webhooks(_) => &[],
    }
}

impl Storage for Faulty {
    fn read(&mut self) -> &mut dyn Read {
        self.memory.read()
    }

    fn readers(&self) -> Arc<dyn Readers> {
        self.memory.readers()
    }

    fn write(&mut self, batch: Vec<Transaction>) -> Vec<Result<(), StorageError>> {
        std::thread::sleep(self.plan.delay);
        let mut has_refused = false;
        let one = |transaction: Transaction| {
            let builds_on = changes(&transaction).iter().any(|change| matches!(change, Change::Commit(_)));
            // The tests write to one thread.
            if self.plan.refuses(&transaction) || (has_refused && builds_on) {
                has_refused = true;
                let message = "the disk is full".to_owned();
                if self.plan.in_doubt.load(Ordering::SeqCst) {
                    return Err(StorageError::Unknown { message });
                }
                return Err(StorageError::Failed { message });
            }
            self.plan.note(&transaction);
            if self.plan.loses(&transaction) {
                self.memory.write(vec![transaction]).remove(0)?;
                return Err(StorageError::Unknown { message: "the wire was cut".to_owned() });
            }
            self.memory.write(vec![transaction]).remove(0)
        };
        batch.into_iter().map(one).collect()
    }
}
