//! Rules of what happened on a thread.

use std::sync::Arc;

use eddyline_engine::fact::{Body, Fact, Failure, TaskInfo, TaskPath};
use eddyline_engine::ids::Timestamp;
use serde_json::{Map, json};
use uuid::Uuid;

use super::{Change, OTHER, RunMark, Storage, THREAD, Transaction, made_by, put, run, step, transaction};
use crate::runs::{Run, RunStatus};
use crate::stream::Entry;
use crate::threads::Thread;

pub(super) const RULES: [fn(&mut dyn Storage); 7] = [
    facts_come_back_as_put_and_once,
    the_oldest_facts_go_beyond_the_budget,
    facts_are_stored_with_what_they_describe_or_not_at_all,
    what_builds_on_lost_facts_is_one_lineage,
    facts_go_with_their_run_and_their_thread,
    a_copy_has_no_facts,
    facts_of_runs_that_are_long_over_are_swept,
];

const BUDGET: usize = 1 << 20;

fn entry(seq: u64, owner: u128, body: Body) -> Arc<Entry> {
    let at = Timestamp(i64::try_from(seq).expect("is small"));
    Arc::new(Entry::new(seq, Uuid::from_u128(owner), Fact { ns: "".into(), at, body }))
}

fn paused(seq: u64, owner: u128) -> Arc<Entry> {
    entry(seq, owner, Body::Paused)
}

fn told(entries: Vec<Arc<Entry>>) -> Change {
    Change::Facts { entries, budget: BUDGET }
}

fn numbers(storage: &mut dyn Storage, thread: Uuid) -> Vec<u64> {
    storage.read().facts(thread).expect("reads").iter().map(|entry| entry.seq).collect()
}

fn facts_come_back_as_put_and_once(storage: &mut dyn Storage) {
    assert!(numbers(storage, THREAD).is_empty(), "no thread");
    let task = TaskInfo {
        id: Uuid::from_u128(9),
        name: "node".into(),
        step: 3,
        ns: "node:9".into(),
        path: TaskPath::Handler(Box::new(TaskPath::Push(2))),
        triggers: ["a".into()].into(),
        input: json!({"topic": "cats", "half": 0.1, "none": null}).into(),
        metadata: Arc::new(Map::from_iter([("z".to_owned(), json!(1)), ("a".to_owned(), json!(2))])),
        tags: ["t".into()].into(),
        hidden: false,
    };
    // A value as deep as any that is stored.
    let deep = (0..120).fold(json!("\u{0} \"deep\""), |inner, _| json!([inner]));
    let task = Arc::new(task);
    let failure = Failure { class: "ValueError".into(), message: "boom".into(), visible: false };
    let bodies = [
        Body::RunStarted { attempt: 2, graph: "agent".into(), answers: vec!["a".into()] },
        Body::TaskStarted(Arc::clone(&task)),
        Body::Custom { task, value: deep.into() },
        Body::RunEnded { failure: Some(failure), cancelled: false },
    ];
    let entries: Vec<_> = (0..).zip(bodies).map(|(place, body)| entry(1000 + 512 * place, 1, body)).collect();
    put(storage, 1, vec![told(entries[..2].to_vec())]);
    put(storage, 1, vec![told(entries[2..].to_vec())]);
    put(storage, 1, vec![told(entries[2..].to_vec()), told(Vec::new())]);

    let found = storage.read().facts(THREAD).expect("reads");
    let text = |entries: &[Arc<Entry>]| -> Vec<(u64, Uuid, String)> {
        let text = |entry: &Arc<Entry>| serde_json::to_string(&entry.fact).expect("is JSON");
        entries.iter().map(|entry| (entry.seq, entry.run_id, text(entry))).collect()
    };
    assert_eq!(text(&found), text(&entries));
    assert!(numbers(storage, OTHER).is_empty());
}

fn the_oldest_facts_go_beyond_the_budget(storage: &mut dyn Storage) {
    let one = paused(0, 1).weight();
    let put_one = |storage: &mut dyn Storage, seq| {
        put(storage, 1, vec![Change::Facts { entries: vec![paused(seq, 1)], budget: 3 * one }]);
    };
    (1..=5).for_each(|seq| put_one(storage, seq));
    assert_eq!(numbers(storage, THREAD), [3, 4, 5]);
    put(storage, 1, vec![Change::Facts { entries: vec![paused(6, 1)], budget: 0 }]);
    assert_eq!(numbers(storage, THREAD), [6], "the newest stays");
    (7..=9).for_each(|seq| put_one(storage, seq));
    assert_eq!(numbers(storage, THREAD), [7, 8, 9]);
}

fn facts_are_stored_with_what_they_describe_or_not_at_all(storage: &mut dyn Storage) {
    put(storage, 2, vec![Change::PutRun(run(1)), told(vec![paused(1, 1)])]);
    let late = Transaction::Thread {
        thread_id: THREAD,
        epoch: 1,
        begins: false,
        changes: vec![told(vec![paused(2, 1)])],
    };
    assert!(storage.write(vec![late])[0].is_err(), "its epoch is over");
    let unbegun = vec![Change::MarkRun(RunMark::of(&run(7))), told(vec![paused(3, 7)])];
    assert!(storage.write(vec![transaction(3, unbegun)])[0].is_err(), "no such run");
    assert_eq!(numbers(storage, THREAD), [1]);
}

fn what_builds_on_lost_facts_is_one_lineage(_: &mut dyn Storage) {
    let facts = || told(vec![paused(1, 1)]);
    let lineage = |changes| transaction(4, changes).lineage();
    assert_eq!(lineage(vec![facts()]), Some((THREAD, 4)));
    assert_eq!(lineage(vec![Change::Commit(step("", 1)), facts()]), Some((THREAD, 4)));
    assert_eq!(lineage(vec![Change::PutRun(run(1)), facts()]), None, "an end is stored, whatever was lost");
    assert_eq!(lineage(Vec::new()), None);
}

fn facts_go_with_their_run_and_their_thread(storage: &mut dyn Storage) {
    let record = Change::PutThread(Thread::new(THREAD, Map::new(), Timestamp(0)));
    put(storage, 1, vec![record, Change::PutRun(run(1)), Change::PutRun(run(2))]);
    put(storage, 1, vec![told(vec![paused(1, 1)]), told(vec![paused(2, 2)]), told(vec![paused(3, 1)])]);
    put(storage, 1, vec![Change::DeleteRun(Uuid::from_u128(1))]);
    assert_eq!(numbers(storage, THREAD), [2]);
    put(storage, 1, vec![Change::KeepLatest]);
    assert_eq!(numbers(storage, THREAD), [2]);
    put(storage, 1, vec![Change::DeleteThread]);
    assert!(numbers(storage, THREAD).is_empty());
}

fn a_copy_has_no_facts(storage: &mut dyn Storage) {
    let record = Change::PutThread(Thread::new(THREAD, Map::new(), Timestamp(0)));
    put(storage, 1, vec![record, Change::Commit(made_by(1, step("", 1))), told(vec![paused(1, 1)])]);
    let change = Change::CopyThread { source: THREAD, now: Timestamp(5), ttl: None };
    let copy = Transaction::Thread { thread_id: OTHER, epoch: 0, begins: true, changes: vec![change] };
    assert!(storage.write(vec![copy])[0].is_ok());
    assert!(storage.read().thread(OTHER).expect("reads").is_some());
    assert!(numbers(storage, OTHER).is_empty());
}

fn facts_of_runs_that_are_long_over_are_swept(storage: &mut dyn Storage) {
    let runs = [(1, RunStatus::Success, 50), (2, RunStatus::Running, 1), (3, RunStatus::Error, 99)];
    for (id, status, updated_at) in runs {
        let run = Run { status, updated_at: Timestamp(updated_at), ..run(id) };
        put(storage, 1, vec![Change::PutRun(run)]);
    }
    let owners = [(10, 1), (11, 2), (12, 3), (13, 1), (14, 2)];
    put(storage, 1, owners.map(|(seq, owner)| told(vec![paused(seq, owner)])).into());
    assert!(!storage.read().has_old_facts(Timestamp(50)).expect("reads"));
    assert!(storage.read().has_old_facts(Timestamp(60)).expect("reads"));
    while storage.read().has_old_facts(Timestamp(60)).expect("reads") {
        assert!(storage.write(vec![Transaction::SweepFacts(Timestamp(60), 1)])[0].is_ok());
    }
    assert_eq!(numbers(storage, THREAD), [11, 12, 14]);
}
