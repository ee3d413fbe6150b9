//! The checkpoints of one thread, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::checkpoint::{Commit, PendingWrite, Saved};
use crate::host::{CacheKey, StorageError, Which};
use crate::ids::{CheckpointIds, Timestamp};
use crate::node::lock;
use crate::snapshot::Loader;
use crate::value::{Key, Shared};

/// What one thread has stored, for as long as someone holds it. A clone is the same thread.
#[derive(Clone)]
pub struct Memory(Arc<Inner>);

struct Inner {
    thread_id: String,
    ids: CheckpointIds,
    levels: Mutex<HashMap<Key, BTreeMap<Uuid, Saved>>>,
    cache: Mutex<HashMap<CacheKey, (Shared, Option<Timestamp>)>>,
}

impl Memory {
    /// An empty thread.
    pub fn new(thread_id: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            thread_id: thread_id.into(),
            ids: CheckpointIds::default(),
            levels: Mutex::default(),
            cache: Mutex::default(),
        }))
    }

    /// The id of the thread.
    pub fn thread_id(&self) -> &str {
        &self.0.thread_id
    }

    pub(super) fn checkpoint_ids(&self) -> &CheckpointIds {
        &self.0.ids
    }

    /// The newest checkpoint of a graph level that `which` allows.
    pub fn load(&self, ns: &str, which: Which) -> Option<Saved> {
        let levels = lock(&self.0.levels);
        let level = levels.get(ns)?;
        let found = match which {
            Which::Newest => level.last_key_value(),
            Which::Id(id) => level.get_key_value(&id),
            Which::Before(id) => level.range(..id).next_back(),
        };
        found.map(|(_, saved)| saved.clone())
    }

    /// All checkpoints of a graph level, newest first.
    pub fn history(&self, ns: &str) -> Vec<Saved> {
        lock(&self.0.levels).get(ns).map(|level| level.values().rev().cloned().collect()).unwrap_or_default()
    }

    /// Stores what a run commits, as [`Commit`] describes.
    pub fn commit(&self, commit: Commit) {
        let mut levels = lock(&self.0.levels);
        let level = levels.entry(commit.ns).or_default();
        if let Some(new) = commit.checkpoint {
            let saved = Saved {
                checkpoint: new.checkpoint,
                metadata: new.metadata,
                parent: new.parent,
                writes: Vec::new(),
            };
            level.insert(saved.checkpoint.id, saved);
        }
        let (base, rows) = commit.writes.unwrap_or_default();
        if let Some(saved) = level.get_mut(&base) {
            for row in rows {
                put(&mut saved.writes, row);
            }
        }
    }

    pub(super) fn cached(&self, key: &CacheKey, now: Timestamp) -> Option<Shared> {
        let cache = lock(&self.0.cache);
        cache
            .get(key)
            .filter(|(_, until)| until.is_none_or(|until| now < until))
            .map(|(value, _)| value.clone())
    }

    pub(super) fn cache(&self, key: CacheKey, value: Shared, keep: Option<Duration>, now: Timestamp) {
        let until = keep.map(|keep| Timestamp(now.0 + i64::try_from(keep.as_micros()).unwrap_or(i64::MAX)));
        lock(&self.0.cache).insert(key, (value, until));
    }
}

impl Loader for Memory {
    fn load(&self, ns: Key, which: Which) -> BoxFuture<'static, Result<Option<Saved>, StorageError>> {
        Box::pin(std::future::ready(Ok(Memory::load(self, &ns, which))))
    }
}

/// A write with an index of its own is final; one in a slot replaces what was there.
fn put(rows: &mut Vec<PendingWrite>, row: PendingWrite) {
    let same = |other: &PendingWrite| other.task == row.task && other.index == row.index;
    match rows.iter().position(same) {
        Some(place) if row.index < 0 => rows[place] = row,
        Some(_) => {}
        None => {
            rows.push(row);
            rows.sort_by(|a, b| (&a.path, a.task, a.index).cmp(&(&b.path, b.task, b.index)));
        }
    }
}
