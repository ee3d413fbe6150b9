//! The same orders to a database and to memory: forks, lists that grow, shrink and change, runs that are
//! deleted, histories of which the latest is kept, a copy, a database that is closed and opened again in between.

use eddyline_engine::message::{Message, Messages};

use super::*;
use crate::storage::MemoryStorage;

#[test]
fn sqlite_equals_memory() {
    for seed in 1..=12 {
        check(seed);
    }
}

fn check(seed: u64) {
    let mut random = Random(seed);
    let folder = Folder::new("differential");
    let mut sqlite = folder.open();
    let mut memory = MemoryStorage::default();
    let mut known = Known::new();
    for id in 1..=120_u128 {
        if random.below(15) == 0 {
            drop(sqlite);
            sqlite = folder.open();
        }
        let mut changes = order(&mut random, id, &mut known);
        if random.below(4) == 0 {
            let mut thread = Thread::new(THREAD, Map::new(), Timestamp(5));
            thread.values = known.values().last().map(|last| last.values.clone().into_iter().collect());
            changes.push(Change::PutThread(thread));
        }
        put(&mut sqlite, 0, changes.clone());
        put(&mut memory, 0, changes);
        let newest =
            |storage: &mut dyn Storage| storage.read().checkpoint(THREAD, &root(), Which::Newest).unwrap();
        assert_eq!(newest(&mut sqlite), newest(&mut memory), "seed {seed}, order {id}");
        assert_eq!(
            sqlite.read().thread(THREAD).unwrap(),
            memory.read().thread(THREAD).unwrap(),
            "seed {seed}, order {id}"
        );
    }
    let copy = Uuid::from_u128(0x11);
    for storage in [&mut sqlite as &mut dyn Storage, &mut memory] {
        let changes = vec![Change::CopyThread { source: THREAD, now: Timestamp(9), ttl: None }];
        let order = Transaction::Thread { thread_id: copy, epoch: 0, begins: true, changes };
        assert!(storage.write(vec![order])[0].is_ok());
    }
    let all =
        |storage: &mut dyn Storage, thread| storage.read().history(thread, &root(), None, 1000).unwrap();
    for thread in [THREAD, copy] {
        assert_eq!(all(&mut sqlite, thread), all(&mut memory, thread), "seed {seed}");
    }
}

fn order(random: &mut Random, id: u128, known: &mut Known) -> Vec<Change> {
    if random.below(20) == 0 {
        let owner = u128::from(random.below(8));
        known.retain(|id, _| id / 16 != owner);
        return vec![Change::DeleteRun(Uuid::from_u128(owner))];
    }
    if random.below(40) == 0 {
        let newest = known.keys().next_back().copied();
        known.retain(|id, _| Some(*id) == newest);
        return vec![Change::KeepLatest];
    }
    let back = usize::try_from(random.below(8).saturating_sub(4)).unwrap();
    let parent = known.values().rev().nth(back).cloned();
    let before = |name: &str| parent.as_ref().and_then(|parent| parent.values.get(name)).cloned();
    let list = changed(random, &before("list").unwrap_or_default());
    let messages = before("messages").and_then(|value| value.read::<Messages>().ok()).unwrap_or_default();
    let messages: Messages =
        messages.iter().cloned().chain([Message::ai(format!("{id}")).with_id(id.to_string())]).collect();
    let mut commit =
        checkpoint(id, parent.as_deref(), &[("list", list.into()), ("messages", messages.into())]);
    let new = commit.checkpoint.as_mut().unwrap();
    commit.run = Some(Uuid::from_u128(id / 16));
    let run_id = json!(commit.run);
    new.metadata.extra = Arc::new([("run_id".to_owned(), run_id)].into_iter().collect());
    let base = new.parent.filter(|_| random.below(3) > 0).unwrap_or(Uuid::from_u128(id));
    commit.writes = Some((base, vec![write(0, json!(id.to_string())), write(-1, json!(id.to_string()))]));
    known.insert(id, made(&commit));
    let run = commit.run;
    let mut changes = vec![Change::Commit(commit)];
    if random.below(3) == 0 {
        let writes = Some((Uuid::from_u128(id), vec![write(2, json!([id.to_string()]))]));
        let early = Commit { run, ns: root(), writes, checkpoint: None, outcome: Outcome::Continue };
        changes.insert(usize::from(random.below(2) == 0), Change::Commit(early));
    }
    changes
}

/// A list that grew, or lost its end, or changed anywhere. It begins long, for then tails are told of it.
fn changed(random: &mut Random, before: &Shared) -> Value {
    let mut below = |end: usize| usize::try_from(random.below(u64::try_from(end).unwrap())).unwrap();
    let mut list = before.json().as_array().cloned().unwrap_or_else(|| (0..20).map(|n| json!(n)).collect());
    let item = json!({"n": below(1000), "text": "x".repeat(below(10))});
    let len = list.len();
    match below(40) {
        0 => return json!("no list"),
        1 => list.clear(),
        2..6 => list.truncate(len - below(len / 2 + 1)),
        6..12 if len > 0 => list[len / 2 + below(len - len / 2)] = item,
        12..15 => {}
        _ => list.push(item),
    }
    Value::Array(list)
}
