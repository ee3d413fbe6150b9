//! Transactions with a number, from which all that is in them follows.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, ensure};
use eddyline::checkpoint::{Checkpoint, Commit, Metadata, NewCheckpoint, Outcome, PendingWrite, Source};
use eddyline::ids::Timestamp;
use eddyline::runtime::storage::{Change, Read, SqliteStorage, Storage as _, Transaction};
use eddyline::runtime::{Kwargs, MultitaskStrategy, Run, RunStatus, Thread};
use eddyline::{Key, Object, Shared};
use serde_json::{Map, json};
use uuid::Uuid;

const THREAD: Uuid = Uuid::from_u128(1);

/// Bytes of what each transaction adds to the state.
const TEXT: usize = 300;

/// A number as an id.
fn id(number: usize) -> Uuid {
    Uuid::from_u128(u128::try_from(number).expect("a number fits"))
}

fn values(number: usize) -> BTreeMap<Key, Shared> {
    let list: Vec<String> = (1..=number).map(|number| format!("{number:0>TEXT$}")).collect();
    [("list".into(), json!(list).into())].into()
}

/// Stores the transaction of this number: a checkpoint, the writes that led to it, the records of thread and run.
pub(super) fn store(storage: &mut SqliteStorage, number: usize) -> Result<()> {
    let versions: BTreeMap<Key, u64> = [("list".into(), u64::try_from(number)?)].into();
    let checkpoint = Checkpoint {
        id: id(number),
        created_at: Timestamp(0),
        values: values(number),
        seen: [("node".into(), versions.clone())].into(),
        versions,
        updated: None,
    };
    let metadata = Metadata {
        extra: Arc::default(),
        source: Source::Loop,
        step: i64::try_from(number)?,
        parents: Arc::default(),
    };
    let parent = number.checked_sub(1).filter(|parent| *parent > 0).map(id);
    let new = NewCheckpoint { checkpoint: Arc::new(checkpoint), metadata, parent, shown: None };
    let writes = parent.map(|parent| (parent, vec![write(number)]));
    let commit =
        Commit { run: None, ns: "".into(), writes, checkpoint: Some(new), outcome: Outcome::Continue };
    let mut thread = Thread::new(THREAD, Map::new(), Timestamp(0));
    thread.values = Some(values(number).into_iter().collect());
    let changes = vec![Change::Commit(commit), Change::PutThread(thread), Change::PutRun(run(number))];
    storage
        .write(vec![Transaction::Thread { thread_id: THREAD, epoch: 1, begins: true, changes }])
        .remove(0)?;
    Ok(())
}

fn write(number: usize) -> PendingWrite {
    let value = json!([number]).into();
    PendingWrite { task: id(number), index: 0, channel: "list".into(), value, path: "~, node".into() }
}

fn run(number: usize) -> Run {
    Run {
        run_id: id(number),
        thread_id: THREAD,
        assistant_id: Uuid::nil(),
        graph_id: "graph".to_owned(),
        metadata: Map::new(),
        status: RunStatus::Running,
        kwargs: Arc::new(Kwargs::default()),
        multitask_strategy: MultitaskStrategy::Enqueue,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        attempt: 1,
        derived: eddyline_runtime::Derived::default(),
    }
}

/// How many transactions there are; fails unless they are the first so many, each of them whole.
pub(super) fn count(storage: &mut dyn Read) -> Result<usize> {
    let history = storage.history(THREAD, &"".into(), None, usize::MAX)?;
    let count = history.len();
    for (saved, number) in history.iter().rev().zip(1..) {
        ensure!(saved.checkpoint.id == id(number), "checkpoint {number} is another");
        ensure!(saved.checkpoint.values == values(number), "checkpoint {number} has another state");
        let expected: Vec<_> = (number < count).then(|| write(number + 1)).into_iter().collect();
        ensure!(saved.writes == expected, "checkpoint {number} has the writes {:?}", saved.writes);
        ensure!(storage.run(THREAD, id(number))?.as_ref() == Some(&run(number)), "run {number} is another");
    }
    ensure!(
        storage.run(THREAD, id(count + 1))?.is_none(),
        "run {} is there without its checkpoint",
        count + 1
    );
    let state = storage.thread(THREAD)?.and_then(|stored| stored.thread.values);
    let newest = (count > 0).then(|| values(count).into_iter().collect::<Object>());
    ensure!(state == newest, "the thread has another state than its newest checkpoint");
    Ok(count)
}
