//! Tests of storage in a folder: the folder itself here, what is in it in the modules.

mod differential;
mod facts;
mod growth;
mod items;
mod search;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use eddyline_engine::checkpoint::{
    Checkpoint, Commit, Metadata, NewCheckpoint, Outcome, PendingWrite, Source,
};
use eddyline_engine::ids::Timestamp;
use eddyline_engine::{Key, Object, Shared, Which};
use rusqlite::{Connection, OptionalExtension as _, StatementStatus};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{OpenError, SqliteStorage, backup, schema};
use crate::runs::{Derived, Kwargs, ListRuns, MultitaskStrategy, Run, RunStatus, StreamMode};
use crate::storage::{Change, Error, Storage, Transaction, conformance};
use crate::threads::Thread;

const THREAD: Uuid = Uuid::from_u128(0x10);

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("eddyline-{name}-{}-{count}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn open(&self) -> SqliteStorage {
        SqliteStorage::open(&self.0).unwrap()
    }
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let folder = Folder::new("foreign");
    let other = Connection::open(folder.0.join(schema::FILE)).unwrap();
    other.execute_batch("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')").unwrap();
    let refused = SqliteStorage::open(&folder.0).map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { .. }) && refused.to_string().contains("eddyline.db"));
    let tables: i64 = other.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    let mode: String = other.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!((tables, mode.as_str()), (1, "delete"), "nothing is set in it");
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn root() -> Key {
    "".into()
}

fn put(storage: &mut dyn Storage, epoch: u64, changes: Vec<Change>) {
    let answers =
        storage.write(vec![Transaction::Thread { thread_id: THREAD, epoch, begins: true, changes }]);
    assert!(matches!(answers[..], [Ok(())]), "{answers:?}");
}

/// A checkpoint of the root; the values that `changed` names have the step as their version.
fn checkpoint(id: u128, parent: Option<&Checkpoint>, changed: &[(&str, Shared)]) -> Commit {
    let mut values = parent.map(|parent| parent.values.clone()).unwrap_or_default();
    let mut versions = parent.map(|parent| parent.versions.clone()).unwrap_or_default();
    for (name, value) in changed {
        values.insert((*name).into(), value.clone());
        let version = versions.values().max().copied().unwrap_or_default() + 1;
        versions.insert((*name).into(), version);
    }
    let seen = [("node".into(), versions.clone())].into();
    let updated = Some(changed.iter().map(|(name, _)| (*name).into()).collect());
    let id = Uuid::from_u128(id);
    let checkpoint = Checkpoint { id, created_at: Timestamp(7), values, versions, seen, updated };
    let metadata = Metadata { extra: Arc::default(), source: Source::Loop, step: 1, parents: Arc::default() };
    let parent = parent.map(|parent| parent.id);
    let new = NewCheckpoint { checkpoint: Arc::new(checkpoint), metadata, parent, shown: None };
    Commit { run: None, ns: root(), writes: None, checkpoint: Some(new), outcome: Outcome::Continue }
}

fn made(commit: &Commit) -> Arc<Checkpoint> {
    Arc::clone(&commit.checkpoint.as_ref().unwrap().checkpoint)
}

fn write(index: i32, value: Value) -> PendingWrite {
    let (channel, path) = ("list".into(), "~, node".into());
    PendingWrite { task: Uuid::from_u128(0x20), index, channel, value: value.into(), path }
}

fn run(id: u128) -> Run {
    Run {
        run_id: Uuid::from_u128(id),
        thread_id: THREAD,
        assistant_id: Uuid::from_u128(0x30),
        graph_id: "agent".to_owned(),
        metadata: Map::new(),
        status: RunStatus::Running,
        kwargs: Arc::new(Kwargs::default()),
        multitask_strategy: MultitaskStrategy::Reject,
        created_at: Timestamp(1),
        updated_at: Timestamp(2),
        attempt: 3,
        derived: Derived::default(),
    }
}

#[test]
fn sqlite_conforms() {
    let root = Folder::new("conforms");
    let count = Cell::new(0);
    conformance::check(|| {
        count.set(count.get() + 1);
        Box::new(SqliteStorage::open(root.0.join(count.get().to_string())).unwrap())
    });
}

#[test]
fn everything_is_there_after_it_was_closed() {
    let folder = Folder::new("reopen");
    let mut storage = folder.open();
    let mut whole = run(1);
    whole.kwargs = Arc::new(Kwargs {
        input: Some(Shared::null()),
        command: Some(json!({"resume": null})),
        config: json!({"tags": ["a"]}).as_object().cloned().unwrap(),
        stream_modes: StreamMode::ALL.to_vec(),
        interrupt_before: Some(eddyline_engine::config::Breakpoints::All),
        interrupt_after: Some(eddyline_engine::config::Breakpoints::At(vec!["a".into()])),
        checkpoint_id: Some(THREAD),
        webhook: Some("w".to_owned()),
        feedback_keys: Some(vec![]),
        temporary: true,
        durability: eddyline_engine::config::Durability::Exit,
        ..Kwargs::default()
    });
    let list = Shared::from(json!([1, {"b": 1, "a": 1.0}, u64::MAX]));
    let first = checkpoint(1, None, &[("list", list), ("none", Shared::null())]);
    let mut second =
        checkpoint(2, Some(&made(&first)), &[("list", json!([1, {"b": 1, "a": 1.0}, 3]).into())]);
    second.writes = Some((Uuid::from_u128(1), vec![write(0, json!("w")), write(-3, json!(["?"]))]));
    let mut thread = Thread::new(THREAD, Map::new(), Timestamp(5));
    thread.values = Some(made(&second).values.clone().into_iter().collect::<Object>());
    thread.interrupts = vec![(THREAD, vec![])];
    let changes = [first, second].map(Change::Commit);
    put(&mut storage, 2, changes.into());
    put(&mut storage, 2, vec![Change::PutThread(thread.clone()), Change::PutRun(whole.clone())]);
    let read = |storage: &mut SqliteStorage| {
        let record = storage.read().thread(THREAD).unwrap().unwrap();
        assert_eq!((&record.thread, record.epoch), (&thread, 2));
        assert_eq!(storage.read().run(THREAD, whole.run_id).unwrap().as_ref(), Some(&whole));
        storage.read().history(THREAD, &root(), None, 9).unwrap()
    };
    let before = read(&mut storage);
    drop(storage);
    assert!(!folder.0.join("eddyline.db-wal").exists(), "the log is home");
    let after = read(&mut folder.open());
    assert_eq!((after.len(), after[1].writes.len()), (2, 2));
    assert_eq!(before, after);
}

#[test]
fn a_folder_has_one_owner() {
    let folder = Folder::new("owner");
    let first = folder.open();
    let error = SqliteStorage::open(&folder.0).unwrap_err();
    assert!(matches!(&error, OpenError::Locked { .. }) && error.code() == "DATA_FOLDER_LOCKED");
    assert!(error.to_string().contains(folder.0.to_str().unwrap()), "{error}");
    drop(first);
    folder.open();
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = Folder::new("newer");
    drop(folder.open());
    let db = Connection::open(folder.0.join(schema::FILE)).unwrap();
    db.pragma_update(None, "user_version", 4711).unwrap();
    drop(db);
    let error = SqliteStorage::open(&folder.0).unwrap_err();
    assert_eq!(error.code(), "DATA_FOLDER_NEWER");
    let text = error.to_string();
    assert!(text.contains("4711") && text.contains(&format!("up to {}", schema::version())), "{text}");
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = Folder::new("garbage");
    fs::write(folder.0.join(schema::FILE), [b'x'; 9000]).unwrap();
    assert_eq!(SqliteStorage::open(&folder.0).unwrap_err().code(), "DATABASE_FOREIGN");
    let file = folder.0.join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(SqliteStorage::open(file).unwrap_err().code(), "DATA_FOLDER_NOT_A_FOLDER");
}

#[test]
fn a_statement_is_planned_once() {
    let folder = Folder::new("planned");
    for connection in [schema::open(&folder.0).unwrap(), schema::look(&folder.0).unwrap()] {
        let mut statement = connection.prepare("SELECT key FROM threads ORDER BY key LIMIT ?1").unwrap();
        for limit in 1..5 {
            assert!(statement.query_row([limit], |_| Ok(())).optional().unwrap().is_none());
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}

#[test]
fn text_is_data_whatever_it_says() {
    let folder = Folder::new("text");
    let mut storage = folder.open();
    let nasty =
        ["'; DROP TABLE commits; --", "\"", "\0", "a\0b", "%_", "$.x[0]", "\u{feff}\u{10ffff}", "?1", ":ns"];
    for (nth, text) in (1..).zip(nasty) {
        let mut commit = checkpoint(nth, None, &[(text, json!({text: [text]}).into())]);
        commit.ns = text.into();
        commit.checkpoint.as_mut().unwrap().metadata.extra = Arc::new(
            [("run_id".to_owned(), json!(text)), (text.to_owned(), json!(text))].into_iter().collect(),
        );
        let mut thread = Thread::new(THREAD, Map::new(), Timestamp(5));
        thread.metadata.insert(text.to_owned(), json!(text));
        let mut run = run(nth);
        run.graph_id = text.to_owned();
        let changes = vec![
            Change::Commit(commit.clone()),
            Change::PutThread(thread.clone()),
            Change::PutRun(run.clone()),
        ];
        put(&mut storage, 0, changes);
        let saved = storage.read().checkpoint(THREAD, &text.into(), Which::Newest).unwrap().unwrap();
        let history = storage.read().history(THREAD, &text.into(), None, 9).unwrap();
        assert_eq!((&saved.checkpoint, &history), (&made(&commit), &vec![saved.clone()]), "{text:?}");
        assert_eq!(saved.metadata, commit.checkpoint.unwrap().metadata, "{text:?}");
        assert_eq!(storage.read().thread(THREAD).unwrap().unwrap().thread, thread);
        assert_eq!(storage.read().run(THREAD, run.run_id).unwrap(), Some(run));
    }
    let request =
        ListRuns { thread_id: THREAD, status: Some(RunStatus::Running), limit: usize::MAX, offset: 0 };
    assert_eq!(storage.read().runs(request).unwrap().unwrap().len(), nasty.len());
}

#[test]
fn the_same_again_does_no_harm() {
    let folder = Folder::new("again");
    let mut storage = folder.open();
    let first = checkpoint(1, None, &[("list", json!([1]).into())]);
    let mut second = checkpoint(2, Some(&made(&first)), &[("list", json!([1, 2]).into())]);
    second.writes = Some((Uuid::from_u128(1), vec![write(0, json!(2))]));
    let commits = [first, second].map(Change::Commit);
    put(&mut storage, 1, commits.clone().into());
    let once = storage.read().history(THREAD, &root(), None, 9).unwrap();
    put(&mut storage, 1, commits.into());
    assert_eq!(storage.read().history(THREAD, &root(), None, 9).unwrap(), once);
}

#[test]
fn one_that_fails_leaves_the_others_alone() {
    let folder = Folder::new("alone");
    let mut storage = folder.open();
    let deep = (0..300).fold(json!(1), |inner, _| json!([inner]));
    let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let batch = [(one, json!(1)), (THREAD, deep), (two, json!(1))].map(|(thread_id, value)| {
        let commit = Change::Commit(checkpoint(1, None, &[("list", value.into())]));
        Transaction::Thread { thread_id, epoch: 0, begins: true, changes: vec![commit] }
    });
    let answers = storage.write(batch.into());
    assert!(matches!(answers[..], [Ok(()), Err(Error::Refused { .. }), Ok(())]), "{answers:?}");
    let mut found = |thread| storage.read().checkpoint(thread, &root(), Which::Newest).unwrap().is_some();
    assert_eq!([one, THREAD, two].map(&mut found), [true, false, true]);
}

#[test]
fn a_copy_of_a_database_in_use_is_a_database() {
    let (folder, copy) = (Folder::new("copied"), Folder::new("copy"));
    let file = copy.0.join("eddyline.db");
    assert_eq!(backup(&folder.0, &file).unwrap_err().code(), "BACKUP_NO_DATABASE");
    let mut storage = folder.open();
    put(&mut storage, 1, vec![Change::PutRun(run(1))]);
    backup(&folder.0, &file).unwrap();
    put(&mut storage, 1, vec![Change::PutRun(run(2))]);
    assert_eq!(backup(&folder.0, &file).unwrap_err().code(), "BACKUP_EXISTS");
    let mut copied = copy.open();
    assert_eq!(
        [1, 2].map(|id| copied.read().run(THREAD, Uuid::from_u128(id)).unwrap().is_some()),
        [true, false]
    );
    let elsewhere = copy.0.join("nowhere/copy.db");
    assert_eq!(backup(&folder.0, &elsewhere).unwrap_err().code(), "BACKUP_FAILED");
}

#[test]
fn a_commit_that_fails_is_unknown_and_the_next_one_works() {
    let folder = Folder::new("commit");
    let mut storage = folder.open();
    let order = |id| Transaction::Thread {
        thread_id: THREAD,
        epoch: 1,
        begins: true,
        changes: vec![Change::PutRun(run(id))],
    };
    put(&mut storage, 1, vec![Change::PutRun(run(1))]);
    storage.before_commit(|| true).unwrap();
    let answers = storage.write(vec![order(2), order(3)]);
    assert!(matches!(answers[..], [Err(Error::Unknown { .. }), Err(Error::Unknown { .. })]), "{answers:?}");
    let answers = storage.write(vec![order(2), order(3)]);
    assert!(matches!(answers[..], [Ok(()), Ok(())]), "{answers:?}");
}

#[test]
fn a_full_disk_fails_what_finds_no_room_and_nothing_else() {
    let folder = Folder::new("full");
    let mut storage = folder.open();
    let first = checkpoint(1, None, &[("list", json!([1]).into())]);
    put(&mut storage, 1, vec![Change::Commit(first.clone())]);
    let pages = |storage: &SqliteStorage, pages: u32| {
        let db = storage.session.connection().unwrap();
        db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    };
    pages(&storage, 30);
    let long = Shared::from(json!(["x".repeat(1 << 20)]));
    let second = checkpoint(2, Some(&made(&first)), &[("list", long)]);
    let order = |commit: &Commit| {
        vec![Transaction::Thread {
            thread_id: THREAD,
            epoch: 1,
            begins: true,
            changes: vec![Change::Commit(commit.clone())],
        }]
    };
    let answers = storage.write(order(&second));
    assert!(
        matches!(&answers[..], [Err(Error::Failed { message })] if message.contains("full")),
        "{answers:?}"
    );
    let newest = |storage: &mut SqliteStorage| {
        storage.read().checkpoint(THREAD, &root(), Which::Newest).unwrap().unwrap().checkpoint
    };
    assert_eq!(newest(&mut storage), made(&first));
    let small = checkpoint(2, Some(&made(&first)), &[("list", json!([1, 2]).into())]);
    assert!(storage.write(order(&small))[0].is_ok(), "what finds room is stored");
    pages(&storage, 1 << 20);
    let third = checkpoint(3, Some(&made(&small)), &[("list", json!([1, 2, "x".repeat(1 << 20)]).into())]);
    assert!(storage.write(order(&third))[0].is_ok());
    drop(storage);
    assert_eq!(newest(&mut folder.open()), made(&third));
}

/// Bytes of the database file once its log is home.
fn size(folder: &Path) -> u64 {
    fs::metadata(folder.join(schema::FILE)).unwrap().len()
}

/// Repeats for a seed (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }
}

type Known = BTreeMap<u128, Arc<Checkpoint>>;
