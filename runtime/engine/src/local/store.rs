//! The long-term store, in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use serde_json::{Map, Value};

use crate::host::StorageError;
use crate::ids::Timestamp;
use crate::node::lock;
use crate::store::{Item, Store};

/// Keeps items for as long as it lives itself.
///
/// It grows with what is put into it, and has no limit of its own: whoever puts items deletes them, or gives
/// them a time to live. An item whose time is over is not found any more; it is dropped when a read comes across
/// it.
///
/// ```
/// use eddyline_engine::ids::Timestamp;
/// use eddyline_engine::local::MemoryStore;
/// use eddyline_engine::store::Store;
///
/// # futures_util::FutureExt::now_or_never(async {
/// // By a clock that stands still; a program passes its own.
/// let store = MemoryStore::new(|| Timestamp(0));
/// let value = serde_json::Map::from_iter([("topic".to_owned(), "sea".into())]);
/// store.put(&["users", "ada"], "likes", value, None).await?;
/// let items = store.search(&["users"], 10, 0).await?;
/// assert_eq!(items[0].value["topic"], "sea");
/// # Ok::<_, eddyline_engine::StorageError>(())
/// # }).unwrap().unwrap();
/// ```
pub struct MemoryStore {
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    // Held for a look-up or a walk over a part of the items, and never across an await.
    shelf: Mutex<Shelf>,
}

/// A path of names, and a name there: what begins with one path stands together.
type Place = (Vec<String>, String);

#[derive(Debug, Default)]
struct Shelf {
    rows: BTreeMap<Place, Row>,
    changes: u64,
}

#[derive(Debug)]
struct Row {
    item: Item,
    /// The how-many-eth change of the store put it here: times may be equal.
    change: u64,
    until: Option<Timestamp>,
}

impl MemoryStore {
    /// A store without items, which tells the time by `now`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { now: Box::new(now), shelf: Mutex::default() }
    }
}

impl Row {
    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl Shelf {
    fn get(&mut self, place: &Place, now: Timestamp) -> Option<Item> {
        if self.rows.get(place)?.is_over(now) {
            self.rows.remove(place);
        }
        self.rows.get(place).map(|row| row.item.clone())
    }

    fn put(&mut self, place: Place, value: Map<String, Value>, ttl: Option<Duration>, now: Timestamp) {
        self.changes += 1;
        let there = self.get(&place, now);
        let (namespace, key) = place.clone();
        let created_at = there.map_or(now, |item| item.created_at);
        let item = Item { namespace, key, value, created_at, updated_at: now };
        let until = ttl.map(|ttl| {
            let micros = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX);
            Timestamp(now.0.saturating_add(micros))
        });
        self.rows.insert(place, Row { item, change: self.changes, until });
    }

    /// The newest change comes first.
    fn search(&mut self, prefix: &[String], limit: usize, offset: usize, now: Timestamp) -> Vec<Item> {
        let below = |rows: &BTreeMap<Place, Row>, over: bool| -> Vec<(u64, Place)> {
            let rows = rows.range((prefix.to_vec(), String::new())..);
            let rows = rows.take_while(|((namespace, _), _)| namespace.starts_with(prefix));
            let rows = rows.filter(|(_, row)| row.is_over(now) == over);
            rows.map(|(place, row)| (row.change, place.clone())).collect()
        };
        for (_, place) in below(&self.rows, true) {
            self.rows.remove(&place);
        }
        let mut found = below(&self.rows, false);
        found.sort_unstable_by_key(|(change, _)| std::cmp::Reverse(*change));
        let found = found.into_iter().skip(offset).take(limit);
        found.filter_map(|(_, place)| self.rows.get(&place).map(|row| row.item.clone())).collect()
    }
}

fn path(namespace: &[&str]) -> Vec<String> {
    namespace.iter().map(ToString::to_string).collect()
}

fn place(namespace: &[&str], key: &str) -> Place {
    (path(namespace), key.to_owned())
}

fn answer<T: Send + 'static>(answer: T) -> BoxFuture<'static, Result<T, StorageError>> {
    ready(Ok(answer)).boxed()
}

impl Store for MemoryStore {
    fn get(&self, namespace: &[&str], key: &str) -> BoxFuture<'static, Result<Option<Item>, StorageError>> {
        let now = (self.now)();
        answer(lock(&self.shelf).get(&place(namespace, key), now))
    }

    fn put(
        &self,
        namespace: &[&str],
        key: &str,
        value: Map<String, Value>,
        ttl: Option<Duration>,
    ) -> BoxFuture<'static, Result<(), StorageError>> {
        let now = (self.now)();
        lock(&self.shelf).put(place(namespace, key), value, ttl, now);
        answer(())
    }

    fn delete(&self, namespace: &[&str], key: &str) -> BoxFuture<'static, Result<(), StorageError>> {
        lock(&self.shelf).rows.remove(&place(namespace, key));
        answer(())
    }

    fn search(
        &self,
        prefix: &[&str],
        limit: usize,
        offset: usize,
    ) -> BoxFuture<'static, Result<Vec<Item>, StorageError>> {
        let now = (self.now)();
        answer(lock(&self.shelf).search(&path(prefix), limit, offset, now))
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").field("items", &lock(&self.shelf).rows.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use serde_json::json;

    use super::*;

    /// A store, and the seconds that its clock shows.
    fn store() -> (MemoryStore, Arc<AtomicI64>) {
        let seconds = Arc::new(AtomicI64::new(0));
        let clock = seconds.clone();
        (MemoryStore::new(move || Timestamp(clock.load(Ordering::Relaxed) * 1_000_000)), seconds)
    }

    fn now<T>(future: BoxFuture<'static, Result<T, StorageError>>) -> T {
        future.now_or_never().expect("memory answers at once").expect("memory does not fail")
    }

    fn put(store: &MemoryStore, namespace: &[&str], key: &str, ttl: Option<u64>) {
        let value = Map::from_iter([("of".to_owned(), json!(key))]);
        now(store.put(namespace, key, value, ttl.map(Duration::from_secs)));
    }

    #[track_caller]
    fn check(store: &MemoryStore, prefix: &[&str], keys: &[&str]) {
        let found = now(store.search(prefix, 10, 0));
        assert_eq!(found.iter().map(|item| &*item.key).collect::<Vec<_>>(), keys);
    }

    #[test]
    fn items_are_found_by_the_beginning_of_their_namespace_newest_first() {
        let (store, _) = store();
        put(&store, &["a", "b"], "1", None);
        put(&store, &["a"], "2", None);
        put(&store, &["ab"], "3", None);
        put(&store, &["a", "c", "d"], "4", None);
        check(&store, &["a"], &["4", "2", "1"]);
        check(&store, &[], &["4", "3", "2", "1"]);
        check(&store, &["b"], &[]);
        put(&store, &["a", "b"], "1", None);
        check(&store, &["a"], &["1", "4", "2"]);
        let page = now(store.search(&["a"], 1, 1));
        assert_eq!((page.len(), &*page[0].key), (1, "4"));
        now(store.delete(&["a"], "2"));
        now(store.delete(&["a"], "nobody"));
        check(&store, &["a"], &["1", "4"]);
    }

    #[test]
    fn an_item_keeps_the_time_at_which_it_was_made() {
        let (store, seconds) = store();
        put(&store, &["a"], "1", None);
        seconds.store(5, Ordering::Relaxed);
        put(&store, &["a"], "1", None);
        let item = now(store.get(&["a"], "1")).expect("is there");
        assert_eq!((item.created_at, item.updated_at), (Timestamp(0), Timestamp(5_000_000)));
        assert_eq!(now(store.get(&["b"], "1")), None);
    }

    #[test]
    fn items_live_as_long_as_they_may() {
        let (store, seconds) = store();
        put(&store, &["a"], "short", Some(5));
        put(&store, &["a"], "long", Some(u64::MAX));
        put(&store, &["a"], "renewed", Some(5));
        seconds.store(4, Ordering::Relaxed);
        put(&store, &["a"], "renewed", Some(5));
        check(&store, &["a"], &["renewed", "long", "short"]);
        seconds.store(5, Ordering::Relaxed);
        assert_eq!(now(store.get(&["a"], "short")), None);
        check(&store, &["a"], &["renewed", "long"]);
        put(&store, &["a"], "short", None);
        let again = now(store.get(&["a"], "short")).expect("is there");
        assert_eq!(again.created_at, Timestamp(5_000_000), "it is another");
        seconds.store(9, Ordering::Relaxed);
        check(&store, &[], &["short", "long"]);
        assert_eq!(lock(&store.shelf).rows.len(), 2, "what is over is dropped");
    }
}
