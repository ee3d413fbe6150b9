//! The long-term store, in memory.

use std::sync::Mutex;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use crate::ids::Timestamp;
use crate::node::lock;
use crate::store::{
    FindItems, FoundItem, GetItem, Item, ListNamespaces, NewItem, Place, PutItem, SearchItems, Shelf, Store,
    StoreError, Ttl, check_namespace,
};

/// Keeps items for as long as it lives itself.
///
/// It grows with what is put into it, and has no limit of its own: whoever puts items deletes them, or gives
/// them a time to live, which begins again when they are read. It has no index, so it refuses queries.
///
/// ```
/// use eddyline_engine::ids::Timestamp;
/// use eddyline_engine::local::MemoryStore;
/// use eddyline_engine::store::{PutItem, SearchItems, Store};
///
/// # futures_util::FutureExt::now_or_never(async {
/// // By a clock that stands still; a program passes its own.
/// let store = MemoryStore::new(|| Timestamp(0));
/// let value = serde_json::Map::from_iter([("topic".to_owned(), "sea".into())]);
/// store.put(PutItem::new(&["users", "ada"], "likes", value)).await?;
/// let found = store.search(SearchItems::below(&["users"])).await?;
/// assert_eq!(found[0].item.value["topic"], "sea");
/// # Ok::<_, eddyline_engine::store::StoreError>(())
/// # }).unwrap().unwrap();
/// ```
pub struct MemoryStore {
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    // Held for a look-up or a walk over a part of the items, and never across an await.
    shelf: Mutex<Shelf>,
}

type Answer<T> = BoxFuture<'static, Result<T, StoreError>>;

impl MemoryStore {
    /// A store without items, which tells the time by `now`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { now: Box::new(now), shelf: Mutex::default() }
    }

    /// Does something with the items whose time is not over.
    fn with<T: Send + 'static>(&self, act: impl FnOnce(&mut Shelf, Timestamp) -> T) -> Answer<T> {
        let now = (self.now)();
        let mut shelf = lock(&self.shelf);
        shelf.sweep(now, usize::MAX);
        answer(Ok(act(&mut shelf, now)))
    }
}

fn answer<T: Send + 'static>(answer: Result<T, StoreError>) -> Answer<T> {
    ready(answer).boxed()
}

impl Store for MemoryStore {
    fn get(&self, request: GetItem) -> Answer<Option<Item>> {
        self.with(|shelf, now| {
            if request.refresh_ttl.unwrap_or(true) {
                shelf.refresh(&request.place, now);
            }
            shelf.get(&request.place, now).map(|stored| stored.item)
        })
    }

    fn put(&self, request: PutItem) -> Answer<()> {
        let PutItem { place, value, ttl, indexing: _ } = request;
        if let Err(error) = check_namespace(&place.namespace) {
            return answer(Err(error));
        }
        let ttl = match ttl {
            Ttl::After(ttl) => Some(ttl),
            Ttl::Default | Ttl::Never => None,
        };
        self.with(|shelf, at| shelf.put(NewItem { place, value, ttl, vectors: Vec::new(), at }))
    }

    fn delete(&self, place: Place) -> Answer<()> {
        self.with(|shelf, _| shelf.delete(&place))
    }

    fn search(&self, request: SearchItems) -> Answer<Vec<FoundItem>> {
        let SearchItems { prefix, filter, query, limit, offset, refresh_ttl } = request;
        if query.is_some() {
            return answer(Err(StoreError::NoIndex));
        }
        self.with(|shelf, at| {
            let found = shelf.search(&FindItems { prefix, filter, query: None, limit, offset, at });
            for stored in found.iter().filter(|_| refresh_ttl.unwrap_or(true)) {
                shelf.refresh(&stored.item.place(), at);
            }
            found.into_iter().map(|stored| FoundItem { item: stored.item, score: None }).collect()
        })
    }

    fn namespaces(&self, request: ListNamespaces) -> Answer<Vec<Vec<String>>> {
        self.with(|shelf, now| shelf.namespaces(&request, now))
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use serde_json::{Map, json};

    use super::*;

    /// A store, and the seconds that its clock shows.
    fn store() -> (MemoryStore, Arc<AtomicI64>) {
        let seconds = Arc::new(AtomicI64::new(0));
        let clock = seconds.clone();
        (MemoryStore::new(move || Timestamp(clock.load(Ordering::Relaxed) * 1_000_000)), seconds)
    }

    fn now<T>(future: Answer<T>) -> T {
        future.now_or_never().expect("memory answers at once").expect("memory does not fail")
    }

    fn put(store: &MemoryStore, namespace: &[&str], key: &str, ttl: Option<u64>) {
        let value = Map::from_iter([("of".to_owned(), json!(key))]);
        let ttl = ttl.map_or(Ttl::Default, |ttl| Ttl::After(Duration::from_secs(ttl)));
        now(store.put(PutItem { ttl, ..PutItem::new(namespace, key, value) }));
    }

    fn get(store: &MemoryStore, namespace: &[&str], key: &str) -> Option<Item> {
        now(store.get(GetItem { refresh_ttl: Some(false), ..GetItem::new(namespace, key) }))
    }

    #[track_caller]
    fn check(store: &MemoryStore, prefix: &[&str], keys: &[&str]) {
        let search = SearchItems { refresh_ttl: Some(false), ..SearchItems::below(prefix) };
        let found = now(store.search(search));
        assert_eq!(found.iter().map(|found| &*found.item.key).collect::<Vec<_>>(), keys);
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
        let page = now(store.search(SearchItems { limit: 1, offset: 1, ..SearchItems::below(&["a"]) }));
        assert_eq!((page.len(), &*page[0].item.key), (1, "4"));
        now(store.delete(Place::new(&["a"], "2")));
        now(store.delete(Place::new(&["a"], "nobody")));
        check(&store, &["a"], &["1", "4"]);
        let namespaces = now(store.namespaces(ListNamespaces::default()));
        assert_eq!(namespaces, [vec!["a", "b"], vec!["a", "c", "d"], vec!["ab"]]);
    }

    #[test]
    fn an_item_keeps_the_time_at_which_it_was_made() {
        let (store, seconds) = store();
        put(&store, &["a"], "1", None);
        seconds.store(5, Ordering::Relaxed);
        put(&store, &["a"], "1", None);
        let item = get(&store, &["a"], "1").expect("is there");
        assert_eq!((item.created_at, item.updated_at), (Timestamp(0), Timestamp(5_000_000)));
        assert_eq!(get(&store, &["b"], "1"), None);
    }

    #[test]
    fn items_live_as_long_as_they_may() {
        let (store, seconds) = store();
        put(&store, &["a"], "short", Some(5));
        put(&store, &["a"], "long", Some(u64::MAX));
        put(&store, &["a"], "renewed", Some(5));
        put(&store, &["a"], "read", Some(5));
        seconds.store(4, Ordering::Relaxed);
        put(&store, &["a"], "renewed", Some(5));
        assert!(now(store.get(GetItem::new(&["a"], "read"))).is_some());
        check(&store, &["a"], &["renewed", "read", "long", "short"]);
        seconds.store(5, Ordering::Relaxed);
        assert_eq!(get(&store, &["a"], "short"), None);
        check(&store, &["a"], &["renewed", "read", "long"]);
        put(&store, &["a"], "short", None);
        let again = get(&store, &["a"], "short").expect("is there");
        assert_eq!(again.created_at, Timestamp(5_000_000), "it is another");
        seconds.store(9, Ordering::Relaxed);
        check(&store, &[], &["short", "long"]);
    }

    #[test]
    fn what_the_store_cannot_do_is_refused() {
        let (store, _) = store();
        let code =
            |answer: Answer<()>| answer.now_or_never().expect("at once").expect_err("is refused").code();
        assert_eq!(code(store.put(PutItem::new(&[], "k", Map::new()))), "INVALID_NAMESPACE");
        let query = SearchItems { query: Some("sea".to_owned()), ..SearchItems::below(&[]) };
        assert_eq!(code(store.search(query).map(|found| found.map(drop)).boxed()), "NO_INDEX");
    }
}
