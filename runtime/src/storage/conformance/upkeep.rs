//! Rules of copying threads, of taking away what nobody needs of them, and of counting what is there.

use std::sync::Arc;

use eddyline_engine::Which;
use eddyline_engine::checkpoint::{Commit, Saved};
use eddyline_engine::ids::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Change, OTHER, Storage, THREAD, Transaction, made_by, put, root, run, step, transaction, write, writes,
};
use crate::threads::{Amount, PruneStrategy, Thread, ThreadStatus, ThreadTtl, Ttl};

pub(super) const RULES: [fn(&mut dyn Storage); 4] = [
    a_copy_has_the_history_and_goes_its_own_way,
    the_latest_checkpoint_is_kept,
    expired_threads_are_found,
    what_is_stored_is_counted,
];

/// The commit, with metadata that names its thread.
fn of_thread(thread: Uuid, mut commit: Commit) -> Commit {
    if let Some(new) = &mut commit.checkpoint {
        Arc::make_mut(&mut new.metadata.extra).insert("thread_id".to_owned(), json!(thread));
    }
    commit
}

/// The commit, beside a checkpoint of the root.
fn beside(root_id: u128, mut commit: Commit) -> Commit {
    if let Some(new) = &mut commit.checkpoint {
        new.metadata.parents = Arc::new(vec![(root(), Uuid::from_u128(root_id))]);
    }
    commit
}

fn with_text(text: &str, mut commit: Commit) -> Commit {
    if let Some(new) = &mut commit.checkpoint {
        let checkpoint = Arc::make_mut(&mut new.checkpoint);
        checkpoint.values.insert("text".into(), json!([text, text]).into());
        checkpoint.versions.insert("text".into(), u64::try_from(checkpoint.id.as_u128()).expect("is small"));
    }
    commit
}

const KEPT: ThreadTtl =
    ThreadTtl { ttl: Ttl { strategy: PruneStrategy::Delete, minutes: 3.0 }, since: Timestamp(50) };

fn copy(storage: &mut dyn Storage, source: Uuid, target: Uuid) {
    let change = Change::CopyThread { source, now: Timestamp(50), ttl: Some(KEPT) };
    let order = Transaction::Thread { thread_id: target, epoch: 0, begins: true, changes: vec![change] };
    let answers = storage.write(vec![order]);
    assert!(matches!(answers[..], [Ok(())]), "{answers:?}");
}

fn history(storage: &mut dyn Storage, thread: Uuid, ns: &str) -> Vec<Saved> {
    storage.read().history(thread, &ns.into(), None, 100).expect("reads")
}

fn ids(saved: &[Saved]) -> Vec<u128> {
    saved.iter().map(|saved| saved.checkpoint.id.as_u128()).collect()
}

/// A thread with a history: supersteps of two runs, a nested graph, a task that has asked.
fn fill(storage: &mut dyn Storage) {
    let Value::Object(metadata) = json!({"user": "a"}) else { panic!("is an object") };
    let mut thread = Thread::new(THREAD, metadata, Timestamp(5));
    let mut changes = vec![Change::PutRun(run(1)), Change::PutRun(run(2))];
    for (owner, id) in [(1, 1), (1, 2), (2, 3), (2, 4)] {
        let commit = of_thread(THREAD, made_by(owner, with_text(&id.to_string(), step("", id))));
        changes.push(Change::Commit(commit));
        changes.push(Change::Commit(writes(id, vec![write(0, "a", "done")])));
    }
    changes.push(Change::Commit(beside(2, of_thread(THREAD, made_by(1, step("sub:1", 11))))));
    changes.push(Change::Commit(beside(4, of_thread(THREAD, made_by(2, step("sub:2", 12))))));
    changes.push(Change::Commit(beside(4, of_thread(THREAD, made_by(2, step("sub:2", 13))))));
    put(storage, 3, changes);
    let newest = storage.read().checkpoint(THREAD, &root(), Which::Newest).expect("reads").expect("is there");
    thread.values = Some(newest.checkpoint.values.clone().into_iter().collect());
    thread.status = ThreadStatus::Interrupted;
    thread.interrupts = vec![(Uuid::from_u128(9), vec![])];
    thread.config.insert("tags".to_owned(), json!(["x"]));
    put(storage, 3, vec![Change::PutThread(thread)]);
}

fn a_copy_has_the_history_and_goes_its_own_way(storage: &mut dyn Storage) {
    copy(storage, THREAD, OTHER);
    assert!(storage.read().thread(OTHER).expect("reads").is_none(), "of nothing comes nothing");
    fill(storage);
    copy(storage, THREAD, OTHER);
    let [from, to] = [THREAD, OTHER].map(|id| storage.read().thread(id).expect("reads").expect("is there"));
    let expected = Thread {
        thread_id: OTHER,
        created_at: Timestamp(50),
        updated_at: Timestamp(50),
        state_updated_at: Timestamp(50),
        status: ThreadStatus::Idle,
        config: Map::new(),
        ttl: Some(KEPT),
        ..from.thread
    };
    assert_eq!((to.thread, to.epoch), (expected, 0));
    for ns in ["", "sub:1", "sub:2"] {
        let mut expected = history(storage, THREAD, ns);
        for saved in &mut expected {
            Arc::make_mut(&mut saved.metadata.extra).insert("thread_id".to_owned(), json!(OTHER));
        }
        assert_eq!(history(storage, OTHER, ns), expected, "{ns:?}");
    }
    assert!(storage.read().run(OTHER, Uuid::from_u128(1)).expect("reads").is_none(), "runs stay behind");

    let before = history(storage, THREAD, "");
    let more = [Change::Commit(with_text("more", step("", 5))), Change::DeleteRun(Uuid::from_u128(1))];
    let order = Transaction::Thread { thread_id: OTHER, epoch: 1, begins: true, changes: more.into() };
    assert!(storage.write(vec![order])[0].is_ok());
    assert_eq!(ids(&history(storage, OTHER, "")), [5, 4, 3]);
    assert_eq!(history(storage, THREAD, ""), before);
    let copied = history(storage, OTHER, "");
    put(storage, 4, vec![Change::DeleteThread]);
    assert_eq!(history(storage, OTHER, ""), copied);
}

fn the_latest_checkpoint_is_kept(storage: &mut dyn Storage) {
    put(storage, 3, vec![Change::KeepLatest]);
    fill(storage);
    let record = storage.read().thread(THREAD).expect("reads");
    let [before, nested] = ["", "sub:2"].map(|ns| history(storage, THREAD, ns));
    put(storage, 3, vec![Change::KeepLatest]);
    assert_eq!(history(storage, THREAD, ""), before[..1]);
    assert_eq!(history(storage, THREAD, "sub:1"), [], "that of an earlier moment");
    assert_eq!(history(storage, THREAD, "sub:2"), nested[..1]);
    assert_eq!(storage.read().thread(THREAD).expect("reads"), record);
    assert!(storage.read().run(THREAD, Uuid::from_u128(1)).expect("reads").is_some(), "runs stay");
    put(storage, 3, vec![Change::KeepLatest, Change::Commit(with_text("more", step("", 5)))]);
    assert_eq!(ids(&history(storage, THREAD, "")), [5, 4]);
    assert!(storage.write(vec![transaction(2, vec![Change::KeepLatest])])[0].is_err(), "fenced");
}

fn expired_threads_are_found(storage: &mut dyn Storage) {
    let mut thread = |id: u128, updated, minutes: Option<f64>, status| {
        let ttl = minutes.map(|minutes| Ttl { strategy: PruneStrategy::KeepLatest, minutes });
        let thread = Thread {
            updated_at: Timestamp(updated),
            ttl: ttl.map(|ttl| ThreadTtl { ttl, since: Timestamp(1) }),
            status,
            ..Thread::new(Uuid::from_u128(id), Map::new(), Timestamp(0))
        };
        let changes = vec![Change::PutThread(thread.clone())];
        let order = Transaction::Thread { thread_id: thread.thread_id, epoch: 0, begins: true, changes };
        assert!(storage.write(vec![order])[0].is_ok());
        assert_eq!(storage.read().thread(thread.thread_id).expect("reads").expect("is there").thread, thread);
    };
    thread(1, 20, Some(1e-6), ThreadStatus::Idle);
    thread(2, 10, Some(1e-6), ThreadStatus::Interrupted);
    thread(3, 10, Some(1e-6), ThreadStatus::Busy);
    thread(4, 10, None, ThreadStatus::Idle);
    let mut expired = |now, limit| {
        let found = storage.read().expired_threads(Timestamp(now), limit).expect("reads");
        found.iter().map(Uuid::as_u128).collect::<Vec<_>>()
    };
    assert_eq!(expired(69, 9), [0; 0]);
    assert_eq!(expired(70, 9), [2]);
    assert_eq!(expired(80, 9), [2, 1]);
    assert_eq!(expired(80, 1), [2]);
}

fn what_is_stored_is_counted(storage: &mut dyn Storage) {
    assert_eq!(storage.read().usage(THREAD).expect("reads"), None);
    fill(storage);
    let usage = storage.read().usage(THREAD).expect("reads").expect("is there");
    assert_eq!((usage.checkpoints.count, usage.writes.count), (7, 4));
    assert_eq!(usage.channels["text"].count, 4);
    assert!(usage.channels["text"].bytes >= 4 * r#"["1","1"]"#.len());
    assert_eq!(usage.writes.bytes, 4 * r#""done""#.len());
    let Amount { count, bytes } = usage.values();
    assert_eq!(count, usage.channels.values().map(|channel| channel.count).sum::<usize>());
    assert_eq!(usage.bytes(), usage.checkpoints.bytes + bytes + usage.writes.bytes);
}
