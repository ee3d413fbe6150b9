//! One suite that every storage must pass.
//!
//! ```
//! use eddyline_runtime::storage::{MemoryStorage, conformance};
//!
//! conformance::check(|| Box::new(MemoryStorage::default()));
//! ```

mod assistants;
mod crons;
mod facts;
mod items;
mod runs;
mod search;
mod upkeep;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::Arc;

use eddyline_engine::checkpoint::{
    Checkpoint, Commit, Metadata, NewCheckpoint, Outcome, PendingWrite, Source,
};
use eddyline_engine::ids::Timestamp;
use eddyline_engine::{Key, Shared, Which};
use serde_json::{Map, json};
use uuid::Uuid;

use super::{Change, Error, RunMark, Storage, Transaction};
use crate::runs::{Derived, Kwargs, MultitaskStrategy, Run, RunStatus};
use crate::threads::{Thread, ThreadStatus};

const THREAD: Uuid = Uuid::from_u128(0x10);
const OTHER: Uuid = Uuid::from_u128(0x11);
const TASK: Uuid = Uuid::from_u128(0x20);

/// Runs the suite; `make` gives a storage in which nothing is stored.
///
/// # Panics
///
/// Panics at the first rule that is broken.
pub fn check(make: impl Fn() -> Box<dyn Storage>) {
    for rule in [
        threads_and_runs_come_back_as_put,
        checkpoints_are_found_by_age,
        histories_are_read_from_the_newest,
        levels_are_apart,
        finished_writes_stay_and_slots_are_replaced,
        writes_come_back_in_order,
        older_epochs_are_refused,
        nothing_follows_a_beginning_that_is_not_stored,
        a_refused_transaction_leaves_nothing,
        a_deleted_run_takes_its_checkpoints_along,
        a_deleted_thread_is_gone,
        readers_see_what_was_answered,
    ]
    .into_iter()
    .chain(runs::RULES)
    .chain(search::RULES)
    .chain(upkeep::RULES)
    .chain(items::RULES)
    .chain(facts::RULES)
    .chain(assistants::RULES)
    .chain(crons::RULES)
    .chain(webhooks::RULES)
    {
        rule(&mut *make());
    }
}

fn threads_and_runs_come_back_as_put(storage: &mut dyn Storage) {
    assert_eq!(storage.read().thread(THREAD).expect("reads"), None);
    assert_eq!(storage.read().run(THREAD, Uuid::from_u128(1)).expect("reads"), None);
    let mut thread = Thread::new(THREAD, Map::new(), Timestamp(5));
    put(storage, 0, vec![Change::PutThread(thread.clone()), Change::PutRun(run(1))]);
    assert_eq!(storage.read().thread(THREAD).expect("reads").expect("is there").thread, thread);
    assert_eq!(storage.read().run(THREAD, Uuid::from_u128(1)).expect("reads"), Some(run(1)));
    assert_eq!(storage.read().run(OTHER, Uuid::from_u128(1)).expect("reads"), None);

    thread.status = ThreadStatus::Busy;
    put(storage, 3, vec![Change::PutThread(thread.clone())]);
    let stored = storage.read().thread(THREAD).expect("reads").expect("is there");
    assert_eq!((stored.thread, stored.epoch), (thread, 3));
}

fn checkpoints_are_found_by_age(storage: &mut dyn Storage) {
    assert!(storage.read().checkpoint(THREAD, &root(), Which::Newest).expect("reads").is_none());
    for id in [1, 2, 3] {
        put(storage, 0, vec![Change::Commit(step("", id))]);
    }
    let mut found = |which| {
        let saved = storage.read().checkpoint(THREAD, &root(), which).expect("reads");
        saved.map(|saved| (saved.checkpoint.id.as_u128(), saved.parent.map(|id| id.as_u128())))
    };
    assert_eq!(found(Which::Newest), Some((3, Some(2))));
    assert_eq!(found(Which::Id(Uuid::from_u128(2))), Some((2, Some(1))));
    assert_eq!(found(Which::Id(Uuid::from_u128(9))), None);
    assert_eq!(found(Which::Before(Uuid::from_u128(3))), Some((2, Some(1))));
    assert_eq!(found(Which::Before(Uuid::from_u128(1))), None);

    let saved = storage.read().checkpoint(THREAD, &root(), Which::Newest).expect("reads").expect("is there");
    let NewCheckpoint { checkpoint, metadata, .. } = step("", 3).checkpoint.expect("makes one");
    assert_eq!((saved.checkpoint, saved.metadata), (checkpoint, metadata), "as it was put");
}

fn histories_are_read_from_the_newest(storage: &mut dyn Storage) {
    assert!(storage.read().history(THREAD, &root(), None, 10).expect("reads").is_empty());
    for id in [2, 1, 3] {
        put(storage, 0, vec![Change::Commit(step("", id))]);
    }
    put(storage, 0, vec![Change::Commit(step("sub:1", 4))]);
    put(storage, 0, vec![Change::Commit(writes(2, vec![write(1, "b", ""), write(2, "a", "")]))]);
    let mut ids = |before: Option<u128>, limit| {
        let found =
            storage.read().history(THREAD, &root(), before.map(Uuid::from_u128), limit).expect("reads");
        found.iter().map(|saved| saved.checkpoint.id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, 10), [3, 2, 1]);
    assert_eq!(ids(None, 2), [3, 2]);
    assert_eq!(ids(Some(3), 10), [2, 1]);
    assert_eq!(ids(Some(9), 1), [3], "`before` need not exist");
    assert_eq!(ids(Some(1), 10), [0_u128; 0]);
    assert_eq!(ids(None, 0), [0_u128; 0]);

    let history = storage.read().history(THREAD, &root(), None, 10).expect("reads");
    for saved in history {
        let which = Which::Id(saved.checkpoint.id);
        assert_eq!(
            storage.read().checkpoint(THREAD, &root(), which).expect("reads"),
            Some(saved),
            "as it is read alone"
        );
    }
}

fn levels_are_apart(storage: &mut dyn Storage) {
    put(storage, 0, vec![Change::Commit(step("", 1)), Change::Commit(step("sub:1", 2))]);
    let mut newest = |ns: &str| {
        let saved = storage.read().checkpoint(THREAD, &ns.into(), Which::Newest).expect("reads");
        saved.map(|saved| saved.checkpoint.id.as_u128())
    };
    assert_eq!((newest(""), newest("sub:1"), newest("sub")), (Some(1), Some(2), None));
    assert!(storage.read().checkpoint(OTHER, &root(), Which::Newest).expect("reads").is_none());
}

fn finished_writes_stay_and_slots_are_replaced(storage: &mut dyn Storage) {
    let first = vec![write(0, "a", "first"), write(-1, "a", "first")];
    let again = vec![write(0, "a", "again"), write(-1, "a", "again"), write(1, "a", "new")];
    put(storage, 0, vec![Change::Commit(step("", 1))]);
    put(storage, 0, vec![Change::Commit(writes(1, first))]);
    put(storage, 0, vec![Change::Commit(writes(1, again))]);
    assert_eq!(written(storage, 1), [(-1, json!("again")), (0, json!("first")), (1, json!("new"))]);
}

fn writes_come_back_in_order(storage: &mut dyn Storage) {
    let mut later = write(7, "b", "task of another id");
    later.task = Uuid::from_u128(0x1f);
    put(storage, 0, vec![Change::Commit(writes(1, vec![later, write(2, "a", ""), write(0, "b", "")]))]);
    assert!(storage.read().checkpoint(THREAD, &root(), Which::Newest).expect("reads").is_none());
    put(storage, 0, vec![Change::Commit(writes(1, vec![write(-3, "c", "")])), Change::Commit(step("", 1))]);
    let order: Vec<i32> = written(storage, 1).into_iter().map(|(index, _)| index).collect();
    assert_eq!(order, [2, 7, 0, -3], "by path, task and index, also when they came before their checkpoint");
}

fn older_epochs_are_refused(storage: &mut dyn Storage) {
    put(storage, 2, vec![Change::Commit(step("", 1))]);
    let batch = [(1, 2), (2, 3), (3, 4), (2, 5)]
        .map(|(epoch, id)| transaction(epoch, vec![Change::Commit(step("", id))]));
    let answers = storage.write(batch.into());
    assert!(matches!(
        answers[..],
        [Err(Error::Fenced { epoch: 1 }), Ok(()), Ok(()), Err(Error::Fenced { epoch: 2 })]
    ));
    let newest = storage.read().checkpoint(THREAD, &root(), Which::Newest).expect("reads").expect("is there");
    assert_eq!(newest.checkpoint.id.as_u128(), 4);
}

fn nothing_follows_a_beginning_that_is_not_stored(storage: &mut dyn Storage) {
    let changes = || vec![Change::Commit(step("", 1))];
    let follows = |epoch| Transaction::Thread { thread_id: THREAD, epoch, begins: false, changes: changes() };
    assert!(matches!(storage.write(vec![follows(1)])[..], [Err(Error::Fenced { epoch: 1 })]));
    put(storage, 1, changes());
    let answers = storage.write(vec![follows(2), follows(1), follows(0)]);
    assert!(matches!(
        answers[..],
        [Err(Error::Fenced { epoch: 2 }), Ok(()), Err(Error::Fenced { epoch: 0 })]
    ));
    assert_eq!(storage.read().history(THREAD, &root(), None, 9).expect("reads").len(), 1);
}

fn a_refused_transaction_leaves_nothing(storage: &mut dyn Storage) {
    put(storage, 2, vec![Change::PutThread(Thread::new(THREAD, Map::new(), Timestamp(0)))]);
    let changes = vec![Change::PutRun(run(1)), Change::Commit(step("", 1)), Change::DeleteThread];
    assert!(storage.write(vec![transaction(1, changes)])[0].is_err());
    assert!(storage.read().thread(THREAD).expect("reads").is_some());
    assert!(storage.read().run(THREAD, Uuid::from_u128(1)).expect("reads").is_none());
    assert!(storage.read().checkpoint(THREAD, &root(), Which::Newest).expect("reads").is_none());
}

fn a_deleted_run_takes_its_checkpoints_along(storage: &mut dyn Storage) {
    let thread = Thread::new(THREAD, Map::new(), Timestamp(0));
    put(storage, 0, vec![Change::PutThread(thread), Change::PutRun(run(1)), Change::PutRun(run(2))]);
    for (owner, ns, id) in [(1, "", 1), (2, "", 2), (2, "sub:1", 3), (1, "", 4)] {
        put(storage, 0, vec![Change::Commit(made_by(owner, step(ns, id)))]);
    }
    let rows = [1, 2].map(|id| Change::Commit(made_by(1, writes(id, vec![write(0, "a", "x")]))));
    put(storage, 0, rows.into());
    // What the run wrote beside a checkpoint of another: by itself, with a checkpoint, and over what was there.
    put(storage, 0, vec![Change::Commit(made_by(1, writes(1, vec![write(-1, "a", "x")])))]);
    put(
        storage,
        0,
        vec![Change::Commit(made_by(2, writes(1, vec![write(1, "a", "y"), write(-1, "a", "y")])))],
    );
    let beside =
        made_by(2, Commit { checkpoint: step("", 5).checkpoint, ..writes(1, vec![write(2, "a", "y")]) });
    put(storage, 0, vec![Change::Commit(beside)]);
    put(storage, 1, vec![Change::DeleteRun(Uuid::from_u128(2))]);

    assert_eq!(storage.read().run(THREAD, Uuid::from_u128(1)).expect("reads"), Some(run(1)));
    assert_eq!(storage.read().run(THREAD, Uuid::from_u128(2)).expect("reads"), None);
    let left = storage.read().history(THREAD, &root(), None, 10).expect("reads");
    assert_eq!(left.iter().map(|saved| saved.checkpoint.id.as_u128()).collect::<Vec<_>>(), [4, 1]);
    assert!(storage.read().checkpoint(THREAD, &"sub:1".into(), Which::Newest).expect("reads").is_none());
    let kept = vec![write(-1, "a", "x"), write(0, "a", "x")];
    assert_eq!(left[1].writes, kept, "what other runs wrote stays, and nothing else");
    put(storage, 1, vec![Change::Commit(step("", 2))]);
    assert_eq!(written(storage, 2), [], "its writes are gone");
    put(storage, 1, vec![Change::DeleteRun(Uuid::from_u128(7))]);
}

fn a_deleted_thread_is_gone(storage: &mut dyn Storage) {
    let thread = Thread::new(THREAD, Map::new(), Timestamp(0));
    put(
        storage,
        4,
        vec![Change::PutThread(thread.clone()), Change::PutRun(run(1)), Change::Commit(step("", 1))],
    );
    put(storage, 4, vec![Change::DeleteThread]);
    assert!(storage.read().thread(THREAD).expect("reads").is_none());
    assert!(storage.read().run(THREAD, Uuid::from_u128(1)).expect("reads").is_none());
    assert!(storage.read().checkpoint(THREAD, &root(), Which::Newest).expect("reads").is_none());
    put(storage, 0, vec![Change::PutThread(thread)]);
    assert_eq!(storage.read().thread(THREAD).expect("reads").expect("is there").epoch, 0, "begins anew");
}

fn readers_see_what_was_answered(storage: &mut dyn Storage) {
    let mut reader = storage.readers().open().expect("opens");
    assert!(reader.thread(THREAD).expect("reads").is_none());
    let mut thread = Thread::new(THREAD, Map::new(), Timestamp(0));
    for id in 1..4 {
        thread.updated_at = Timestamp(i64::try_from(id).expect("is small"));
        put(storage, 1, vec![Change::Commit(step("", id)), Change::PutThread(thread.clone())]);
        let newest = reader.checkpoint(THREAD, &root(), Which::Newest).expect("reads").expect("is there");
        assert_eq!(newest.checkpoint.id.as_u128(), id);
        assert_eq!(reader.thread(THREAD).expect("reads").expect("is there").thread, thread);
    }
    put(storage, 1, vec![Change::DeleteThread]);
    assert!(reader.thread(THREAD).expect("reads").is_none());
    assert!(reader.history(THREAD, &root(), None, 10).expect("reads").is_empty());
}

fn root() -> Key {
    "".into()
}

fn transaction(epoch: u64, changes: Vec<Change>) -> Transaction {
    Transaction::Thread { thread_id: THREAD, epoch, begins: true, changes }
}

fn put(storage: &mut dyn Storage, epoch: u64, changes: Vec<Change>) {
    let answers = storage.write(vec![transaction(epoch, changes)]);
    assert!(matches!(answers[..], [Ok(())]), "{answers:?}");
}

fn run(id: u128) -> Run {
    Run {
        run_id: Uuid::from_u128(id),
        thread_id: THREAD,
        assistant_id: Uuid::from_u128(0x30),
        graph_id: "agent".to_owned(),
        metadata: Map::new(),
        status: RunStatus::Pending,
        kwargs: Arc::new(Kwargs::default()),
        multitask_strategy: MultitaskStrategy::Enqueue,
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
        attempt: 0,
        derived: Derived::default(),
    }
}

/// A checkpoint that follows the one before it.
fn step(ns: &str, id: u128) -> Commit {
    let versions: BTreeMap<Key, u64> = [("topic".into(), 1)].into();
    let checkpoint = Checkpoint {
        id: Uuid::from_u128(id),
        created_at: Timestamp(7),
        values: [("topic".into(), Shared::from(json!({"text": "cats", "none": null})))].into(),
        seen: [("node".into(), versions.clone())].into(),
        versions,
        updated: Some(vec!["topic".into()]),
    };
    let extra = json!({"run_id": "r", "list": [1]}).as_object().cloned().unwrap_or_default();
    let parents = vec![(root(), Uuid::from_u128(0x40))];
    let metadata =
        Metadata { extra: Arc::new(extra), source: Source::Loop, step: 1, parents: Arc::new(parents) };
    let parent = (id > 1).then(|| Uuid::from_u128(id - 1));
    let checkpoint = NewCheckpoint { checkpoint: Arc::new(checkpoint), metadata, parent, shown: None };
    Commit {
        run: None,
        ns: ns.into(),
        writes: None,
        checkpoint: Some(checkpoint),
        outcome: Outcome::Continue,
    }
}

/// The commit, as a run would make it.
fn made_by(run: u128, mut commit: Commit) -> Commit {
    commit.run = Some(Uuid::from_u128(run));
    if let Some(new) = &mut commit.checkpoint {
        let extra = Arc::make_mut(&mut new.metadata.extra);
        extra.insert("run_id".to_owned(), json!(Uuid::from_u128(run)));
    }
    commit
}

fn writes(checkpoint: u128, writes: Vec<PendingWrite>) -> Commit {
    let writes = Some((Uuid::from_u128(checkpoint), writes));
    Commit { run: None, ns: root(), writes, checkpoint: None, outcome: Outcome::Continue }
}

fn write(index: i32, path: &str, value: &str) -> PendingWrite {
    PendingWrite { task: TASK, index, channel: "topic".into(), value: json!(value).into(), path: path.into() }
}

fn written(storage: &mut dyn Storage, checkpoint: u128) -> Vec<(i32, serde_json::Value)> {
    let which = Which::Id(Uuid::from_u128(checkpoint));
    let saved = storage.read().checkpoint(THREAD, &root(), which).expect("reads").expect("is there");
    saved.writes.iter().map(|write| (write.index, write.value.json().clone())).collect()
}
