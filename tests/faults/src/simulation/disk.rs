//! Storage that refuses, loses track, and dies with its process; and the rules that every transaction must keep.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use eddyline::checkpoint::{NewCheckpoint, Source};
use eddyline::fact::{Body, Fact};
use eddyline::runtime::storage::{
    Change, Error, MemoryStorage, Read, Readers, Result, RunMark, Storage, StoredThread, Transaction,
};
use eddyline::runtime::{ListRuns, Run, RunStatus, Thread, ThreadStatus};
use serde_json::Value;
use uuid::Uuid;

use super::graph;
use super::world::{Known, World};

/// What storage does to a process.
#[derive(Debug, Default)]
pub(super) struct DiskPlan {
    /// One of so many transactions fails; 0 for none.
    pub(super) trouble: AtomicU64,
    /// The process dies with the n-th transaction from now on; 0 for none.
    pub(super) death: AtomicU64,
    /// Whether that transaction is stored.
    pub(super) late: AtomicBool,
}

/// Memory that outlives processes.
pub(super) struct Disk {
    memory: MemoryStorage,
    world: Arc<World>,
    plan: Arc<DiskPlan>,
}

impl Disk {
    pub(super) fn new(world: &Arc<World>, plan: &Arc<DiskPlan>) -> Self {
        Self { memory: world.memory.clone(), world: Arc::clone(world), plan: Arc::clone(plan) }
    }

    fn store(&mut self, transaction: Transaction) -> Result<()> {
        let Transaction::Thread { thread_id, changes, .. } = &transaction else {
            return self.memory.write(vec![transaction]).remove(0);
        };
        let (thread_id, changes) = (*thread_id, changes.clone());
        if self.world.is_dead() {
            return Err(unknown());
        }
        let dies = self.dies();
        if dies && !self.plan.late.load(Ordering::Relaxed) {
            self.world.die();
            return Err(unknown());
        }
        let trouble = self.trouble();
        if trouble.is_some() {
            self.world.notes().troubled.insert(thread_id);
        }
        let answer = match trouble {
            Some(Trouble::Refused) => Err(Error::Failed { message: "no room".to_owned() }),
            Some(Trouble::Lost) => Err(unknown()),
            Some(Trouble::Unheard) => self.keep(thread_id, &changes, transaction).and(Err(unknown())),
            None => self.keep(thread_id, &changes, transaction),
        };
        if dies {
            self.world.die();
        }
        self.world.happened(format!("disk {} {answer:?}", short(thread_id)));
        answer
    }

    fn dies(&self) -> bool {
        self.plan.death.load(Ordering::Relaxed) > 0 && self.plan.death.fetch_sub(1, Ordering::Relaxed) == 1
    }

    fn trouble(&self) -> Option<Trouble> {
        let trouble = self.plan.trouble.load(Ordering::Relaxed);
        (trouble > 0 && self.world.one_in(trouble))
            .then(|| self.world.pick(&[Trouble::Refused, Trouble::Lost, Trouble::Unheard]))
    }

    fn keep(&mut self, thread_id: Uuid, changes: &[Change], transaction: Transaction) -> Result<()> {
        let before = Rows::of(&self.world, thread_id);
        self.memory.write(vec![transaction]).remove(0)?;
        let check = Check { world: &self.world, thread_id, before: &before };
        for change in changes {
            check.change(change, changes);
        }
        check.rows(&Rows::of(&self.world, thread_id), changes);
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Trouble {
    /// It is not stored, and that is said.
    Refused,
    /// It is not stored.
    Lost,
    /// It is stored.
    Unheard,
}

fn unknown() -> Error {
    Error::Unknown { message: "no word".to_owned() }
}

impl Storage for Disk {
    fn read(&mut self) -> &mut dyn Read {
        self.memory.read()
    }

    fn readers(&self) -> Arc<dyn Readers> {
        self.memory.readers()
    }

    fn write(&mut self, batch: Vec<Transaction>) -> Vec<Result<()>> {
        let mut broken = Vec::new();
        let one = |transaction: Transaction| {
            let Some(lineage) = transaction.lineage() else { return self.store(transaction) };
            if broken.contains(&lineage) {
                return Err(Error::Failed { message: "what it builds on is not there".to_owned() });
            }
            let answer = self.store(transaction);
            if matches!(answer, Err(Error::Failed { .. } | Error::Unknown { .. })) {
                broken.push(lineage);
            }
            answer
        };
        batch.into_iter().map(one).collect()
    }
}

/// What is stored of a thread and its runs.
pub(super) struct Rows {
    pub(super) thread: Option<StoredThread>,
    /// Newest first.
    pub(super) runs: Vec<Run>,
}

impl Rows {
    pub(super) fn of(world: &World, thread_id: Uuid) -> Self {
        let mut memory = world.memory.clone();
        let list = ListRuns { thread_id, status: None, limit: usize::MAX, offset: 0 };
        let runs = memory.runs(list).expect("memory reads").unwrap_or_default();
        Self { thread: memory.thread(thread_id).expect("memory reads"), runs }
    }

    pub(super) fn run(&self, run_id: Uuid) -> Option<&Run> {
        self.runs.iter().find(|run| run.run_id == run_id)
    }

    /// The runs that are under way.
    pub(super) fn under_way(&self) -> Vec<Uuid> {
        let runs = self.runs.iter().filter(|run| is_under_way(run.status));
        runs.map(|run| run.run_id).collect()
    }
}

fn is_under_way(status: RunStatus) -> bool {
    matches!(status, RunStatus::Running | RunStatus::Cancelling(_))
}

/// The rules of one transaction.
struct Check<'a> {
    world: &'a World,
    thread_id: Uuid,
    before: &'a Rows,
}

impl Check<'_> {
    fn change(&self, change: &Change, all: &[Change]) {
        match change {
            Change::PutRun(run) => self.run(run, all),
            Change::MarkRun(mark) => self.mark(*mark, all),
            Change::Commit(commit) => {
                self.world.notes().levels.insert((self.thread_id, commit.ns.clone()));
                if let Some(new) = &commit.checkpoint {
                    self.checkpoint(new, all);
                }
            }
            Change::DeleteRun(run_id) => self.gone(*run_id),
            Change::DeleteThread => {
                self.before.runs.iter().for_each(|run| self.gone(run.run_id));
                *self.world.notes().deaths.entry(self.thread_id).or_default() += 1;
            }
            // Nobody copies or prunes here.
            Change::PutThread(_)
            | Change::Facts { .. }
            | Change::Owe(_)
            | Change::CopyThread { .. }
            | Change::KeepLatest => {}
        }
    }

    /// A run is taken in.
    fn run(&self, run: &Run, all: &[Change]) {
        let label = run.metadata["label"].as_str().unwrap_or_default().to_owned();
        let late = run.kwargs.durability == eddyline::config::Durability::Exit;
        let mut notes = self.world.notes();
        let resumes = run.kwargs.command.is_some();
        let deaths = notes.deaths(self.thread_id);
        let resumable = run.kwargs.resumable;
        let known = Known { label: label.clone(), deaths, gone: false, late, resumable };
        notes.runs.insert(run.run_id, known);
        notes.asked.entry(label).or_default().question =
            record(all).filter(|_| resumes).and_then(only_question);
    }

    fn mark(&self, mark: RunMark, all: &[Change]) {
        let run_id = short(mark.run_id);
        let Some(run) = self.before.run(mark.run_id) else { return };
        if run.status.is_final() && mark.status != run.status {
            self.world.broken(format!("run {run_id} was {:?} for good and is {:?}", run.status, mark.status));
        }
        let begins = u32::from(mark.status == RunStatus::Running);
        if mark.attempt != run.attempt + begins {
            self.world.broken(format!("run {run_id} goes from attempt {} to {}", run.attempt, mark.attempt));
        }
        let has_ended = matches!(mark.status, RunStatus::Success | RunStatus::Error | RunStatus::Timeout);
        let is_told = facts(all).any(|fact| matches!(fact.body, Body::RunEnded { .. }));
        if has_ended && run.kwargs.resumable && !is_told {
            self.world.broken(format!("run {run_id} is {:?}, and that is not told with it", mark.status));
        }
    }

    fn checkpoint(&self, new: &NewCheckpoint, all: &[Change]) {
        let checkpoint = short(new.checkpoint.id);
        let under_way = self.before.under_way();
        if new.metadata.source == Source::Update {
            if !under_way.is_empty() {
                self.world.broken(format!("checkpoint {checkpoint} was made by hand beside a run"));
            }
            return;
        }
        let extra = &new.metadata.extra;
        let run_id = extra.get("run_id").and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
        let Some(run) = run_id.and_then(|id| self.before.run(id)) else {
            return self.world.broken(format!("checkpoint {checkpoint} is of a run that is not stored"));
        };
        let is_told =
            |fact: &Fact| matches!(&fact.body, Body::Checkpoint(told) if told.id == new.checkpoint.id);
        if new.shown.is_some() && run.kwargs.resumable && !facts(all).any(is_told) {
            self.world.broken(format!("checkpoint {checkpoint} is not told with its commit"));
        }
        let of_this_attempt = extra.get("run_attempt").and_then(Value::as_u64) == Some(run.attempt.into());
        if !is_under_way(run.status) || !of_this_attempt {
            let run = format!("run {}, which is {:?}", short(run.run_id), run.status);
            self.world.broken(format!("checkpoint {checkpoint} is of a former attempt at {run}"));
        }
    }

    fn gone(&self, run_id: Uuid) {
        if let Some(known) = self.world.notes().runs.get_mut(&run_id) {
            known.gone = true;
        }
        if !self.world.notes().may_shrink.contains(&self.thread_id) {
            self.world.broken(format!("run {} is deleted, and nobody wanted that", short(run_id)));
        }
    }

    /// The rules of what is stored then.
    fn rows(&self, after: &Rows, all: &[Change]) {
        // What was under way when the process died is so until its end is stored.
        let troubled = self.world.notes().troubled.contains(&self.thread_id);
        let under_way = after.under_way();
        if under_way.len() > 1 && !troubled {
            self.world.broken(format!("these runs are under way at once: {under_way:?}"));
        }
        let ended = all.iter().find_map(|change| match change {
            Change::MarkRun(mark) if mark.status == RunStatus::Success => Some(mark.run_id),
            _ => None,
        });
        let idle = record(all).is_some_and(|thread| thread.status == ThreadStatus::Idle);
        if let Some(run) = ended.filter(|_| idle).and_then(|id| after.run(id)) {
            self.success(run);
        }
    }

    /// A run that began anew has come to its end: what it did is there, once.
    fn success(&self, run: &Run) {
        if run.kwargs.input.is_none() {
            return;
        }
        let label = run.metadata["label"].as_str().unwrap_or_default();
        let done = graph::newest(&self.world.memory, self.thread_id);
        if !graph::is_whole(&done, label) {
            let run = short(run.run_id);
            self.world.broken(format!("run {run} ({label}) has succeeded, and what was done is {done:?}"));
        }
    }
}

/// What a transaction tells.
fn facts(changes: &[Change]) -> impl Iterator<Item = &Fact> {
    let entries = changes.iter().filter_map(|change| match change {
        Change::Facts { entries, .. } => Some(entries),
        _ => None,
    });
    entries.flatten().map(|entry| &entry.fact)
}

/// The thread's record in a transaction.
fn record(changes: &[Change]) -> Option<&Thread> {
    changes.iter().rev().find_map(|change| match change {
        Change::PutThread(thread) => Some(thread),
        _ => None,
    })
}

/// The question that is open, if there is just one.
pub(super) fn only_question(thread: &Thread) -> Option<String> {
    let mut open = thread.interrupts.iter().flat_map(|(_, questions)| questions);
    match (open.next(), open.next()) {
        (Some(only), None) => Some(only.value.json().as_str()?.to_owned()),
        _ => None,
    }
}

/// The end of an id, which tells those that were counted apart.
pub(super) fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    let version = id.get_version_num();
    if version == 6 { text[..16].to_owned() } else { text[text.len() - 6..].to_owned() }
}
