//! Storage that dies at a planned point of a planned transaction, and the process with it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use eddyline::Shared;
use eddyline::runtime::storage::{Change, Error, Read, Readers, Result, SqliteStorage, Storage, Transaction};
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::journey::{Entry, NODES, World};

/// Where in a transaction the process dies: just before this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// So nothing of it is written.
    Begin,
    /// So all of it is written, and not committed.
    Commit,
    /// So it is committed, and nobody was told.
    Answer,
    /// So its writer was told, and no listener.
    Publish,
}

impl Point {
    pub(super) const ALL: [Self; 4] = [Self::Begin, Self::Commit, Self::Answer, Self::Publish];
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Begin => "before BEGIN",
            Self::Commit => "after the write, before COMMIT",
            Self::Answer => "after COMMIT, before the answer",
            Self::Publish => "after the answer, before publishing",
        })
    }
}

/// When to die, and what is on disk until then.
pub(super) struct FaultPlan {
    point: Point,
    /// In which transaction, counted from 1 once the plan is armed; 0 never comes.
    place: u32,
    armed: AtomicBool,
    count: AtomicU32,
    dead: AtomicBool,
    died: Mutex<Option<oneshot::Sender<()>>>,
    buried: Mutex<Receiver<()>>,
    stored: Mutex<Stored>,
}

/// What is on disk of the run.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    pub(super) checkpoints: BTreeSet<Uuid>,
    /// The nodes whose writes are there.
    pub(super) nodes: BTreeSet<String>,
}

impl FaultPlan {
    /// The plan, who hears of the death, and who has to say that nothing of the process is left.
    pub(super) fn new(point: Point, place: u32) -> (Arc<Self>, oneshot::Receiver<()>, Sender<()>) {
        let (died, death) = oneshot::channel();
        let (burial, buried) = channel();
        let plan = Self {
            point,
            place,
            armed: AtomicBool::new(false),
            count: AtomicU32::new(0),
            dead: AtomicBool::new(false),
            died: Mutex::new(Some(died)),
            buried: Mutex::new(buried),
            stored: Mutex::default(),
        };
        (Arc::new(plan), death, burial)
    }

    /// Transactions count from now on.
    pub(super) fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    pub(super) fn stored(&self) -> Stored {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the transaction that comes now is the last.
    fn is_time(&self) -> bool {
        self.armed.load(Ordering::SeqCst) && self.count.fetch_add(1, Ordering::SeqCst) + 1 == self.place
    }

    /// From now on nothing that anybody does counts.
    fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        if let Some(died) = self.died.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Nobody waits for it once the run is over.
            let _ = died.send(());
        }
    }

    /// Dies, and does not return before everything else of the process has ended.
    fn die_here(&self) {
        self.die();
        // An error says that nobody is left to say it.
        let _ = self.buried.lock().unwrap_or_else(PoisonError::into_inner).recv();
    }

    fn note(&self, transaction: &Transaction) {
        let Transaction::Thread { changes, .. } = transaction else { return };
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            let Change::Commit(commit) = change else { continue };
            for write in commit.writes.iter().flat_map(|(_, writes)| writes) {
                stored.nodes.extend(nodes(&write.value));
            }
            if let Some(new) = &commit.checkpoint {
                stored.checkpoints.insert(new.checkpoint.id);
                stored.nodes.extend(new.checkpoint.values.get("done").into_iter().flat_map(nodes));
            }
        }
    }
}

/// The nodes that a list names.
fn nodes(list: &Shared) -> Vec<String> {
    let list = list.json();
    let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.filter(|name| NODES.contains(name)).map(str::to_owned).collect()
}

/// SQLite under a plan.
pub(super) struct Faulty {
    sqlite: SqliteStorage,
    plan: Arc<FaultPlan>,
    /// The commit that comes now is the last.
    now: Arc<AtomicBool>,
}

impl Faulty {
    pub(super) fn new(mut sqlite: SqliteStorage, plan: Arc<FaultPlan>) -> Result<Self> {
        let now = Arc::new(AtomicBool::new(false));
        let (asked, dies) = (Arc::clone(&now), Arc::clone(&plan));
        sqlite.before_commit(move || {
            let now = asked.load(Ordering::SeqCst);
            if now {
                dies.die_here();
            }
            now
        })?;
        Ok(Self { sqlite, plan, now })
    }

    /// `None` when nobody lives to be answered.
    fn store(&mut self, transaction: &Transaction) -> Option<Result<()>> {
        if self.plan.is_dead() {
            return None;
        }
        if !self.plan.is_time() {
            return Some(self.write_one(transaction));
        }
        match self.plan.point {
            Point::Begin => {
                self.plan.die_here();
                None
            }
            Point::Commit => {
                self.now.store(true, Ordering::SeqCst);
                let vetoed = self.write_one(transaction);
                assert!(matches!(vetoed, Err(Error::Unknown { .. })), "it was committed: {vetoed:?}");
                None
            }
            Point::Answer => {
                let stored = self.write_one(transaction);
                assert!(stored.is_ok(), "{stored:?}");
                self.plan.die_here();
                None
            }
            Point::Publish => {
                let stored = self.write_one(transaction);
                self.plan.die();
                Some(stored)
            }
        }
    }

    fn write_one(&mut self, transaction: &Transaction) -> Result<()> {
        let answer = self.sqlite.write(vec![transaction.clone()]).remove(0);
        if answer.is_ok() {
            self.plan.note(transaction);
        }
        answer
    }
}

impl Storage for Faulty {
    fn read(&mut self) -> &mut dyn Read {
        self.sqlite.read()
    }

    fn readers(&self) -> Arc<dyn Readers> {
        self.sqlite.readers()
    }

    /// Each transaction by itself, so that places have a number.
    fn write(&mut self, batch: Vec<Transaction>) -> Vec<Result<()>> {
        batch.iter().map_while(|transaction| self.store(transaction)).collect()
    }
}

/// The world outside, which remembers what nodes did while their process lived.
pub(super) struct Outside {
    plan: Arc<FaultPlan>,
    entries: Mutex<Vec<Entry>>,
}

impl Outside {
    pub(super) fn new(plan: Arc<FaultPlan>) -> Self {
        Self { plan, entries: Mutex::default() }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl World for Outside {
    fn enter(&self, entry: Entry) -> bool {
        let lives = !self.plan.is_dead();
        if lives {
            self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        }
        lives
    }
}
