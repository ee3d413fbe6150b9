//! What nodes with a cache policy wrote, for the next run that gives them the same input.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use eddyline_engine::ids::Timestamp;
use eddyline_engine::{CacheKey, Shared};

/// A bounded cache. Full means that the entry that was used longest ago goes.
///
/// Runs on all arbiters share it, so it is behind a lock; that is held for a look-up.
#[derive(Debug)]
pub(crate) struct NodeCache {
    limit: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<CacheKey, Entry>,
    /// By the moment of the last use, which is counted and not timed.
    by_use: BTreeMap<u64, CacheKey>,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    writes: Shared,
    until: Option<Timestamp>,
    used: u64,
}

impl NodeCache {
    /// `limit` entries are kept; 0 keeps none.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, entries: Mutex::default() }
    }

    /// The writes, if they are still fresh.
    pub(crate) fn get(&self, key: &CacheKey, now: Timestamp) -> Option<Shared> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.take(key).filter(|entry| entry.until.is_none_or(|until| now < until))?;
        let writes = entry.writes.clone();
        entries.keep(key.clone(), entry);
        Some(writes)
    }

    /// Keeps the writes; `None` for as long as there is room.
    pub(crate) fn put(&self, key: CacheKey, writes: Shared, keep: Option<Duration>, now: Timestamp) {
        let until = keep.map(|keep| {
            let micros = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
            Timestamp(now.0.saturating_add(micros))
        });
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.take(&key);
        entries.keep(key, Entry { writes, until, used: 0 });
        while entries.by_key.len() > self.limit {
            entries.drop_oldest();
        }
    }
}

impl Entries {
    fn take(&mut self, key: &CacheKey) -> Option<Entry> {
        let entry = self.by_key.remove(key)?;
        self.by_use.remove(&entry.used);
        Some(entry)
    }

    /// Keeps the entry as the one that was used last.
    fn keep(&mut self, key: CacheKey, entry: Entry) {
        self.uses += 1;
        self.by_use.insert(self.uses, key.clone());
        self.by_key.insert(key, Entry { used: self.uses, ..entry });
    }

    fn drop_oldest(&mut self) {
        if let Some((_, key)) = self.by_use.pop_first() {
            self.by_key.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(hash: u128) -> CacheKey {
        CacheKey { node: "node".into(), hash }
    }

    fn put(cache: &NodeCache, hash: u128, keep: Option<u64>) {
        cache.put(key(hash), json!(hash.to_string()).into(), keep.map(Duration::from_micros), Timestamp(0));
    }

    #[track_caller]
    fn check(cache: &NodeCache, now: i64, expected: &[u128]) {
        let found = (0..9).filter(|hash| {
            let writes = cache.get(&key(*hash), Timestamp(now));
            writes.is_some_and(|writes| *writes.json() == json!(hash.to_string()))
        });
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_was_used_longest_ago_goes_when_there_is_no_room() {
        let cache = NodeCache::new(2);
        (1..=2).for_each(|hash| put(&cache, hash, None));
        assert!(cache.get(&key(1), Timestamp(0)).is_some());
        put(&cache, 3, None);
        check(&cache, 0, &[1, 3]);
        put(&cache, 1, None);
        put(&cache, 4, None);
        check(&cache, 0, &[1, 4]);
        let entries = cache.entries.lock().unwrap();
        assert_eq!((entries.by_key.len(), entries.by_use.len()), (2, 2));
    }

    #[test]
    fn entries_are_fresh_for_as_long_as_they_may() {
        let cache = NodeCache::new(4);
        put(&cache, 1, Some(5));
        put(&cache, 2, Some(u64::MAX));
        check(&cache, 4, &[1, 2]);
        check(&cache, 5, &[2]);
        assert_eq!(cache.entries.lock().unwrap().by_use.len(), 1, "what is stale is dropped");
    }

    #[test]
    fn a_cache_of_nothing_keeps_nothing() {
        let cache = NodeCache::new(0);
        put(&cache, 1, None);
        check(&cache, 0, &[]);
    }
}
