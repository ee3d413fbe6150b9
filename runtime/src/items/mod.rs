//! The long-term store: items by namespace and key, for nodes and clients, durable with everything else.
//!
//! Reads go to the readers of storage, past everybody; writes join those of all threads in the storage actor.
//! What storage does not know is decided here: the time, how long items live, and what they are about.

mod sweep;

use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use eddyline_engine::ids::Timestamp;
use eddyline_engine::store::{
    FindItems, FoundItem, GetItem, Index, Item, ListNamespaces, NewItem, Place, PutItem, SearchItems, Store,
    StoreError, StoredItem, Ttl, check_namespace,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::access::Action;
use crate::actors::{ReaderPool, StorageActor};
use crate::clock::Clock;
use crate::error::Error;
use crate::handle::Handle;
use crate::messages::{Look, Put};
use crate::options::Options;
use crate::storage::{self, ItemChange, Read, Transaction};

pub(crate) use sweep::sweep_for_ever;

/// The store of a runtime. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ItemStore(Arc<Inner>);

struct Inner {
    storage: Addr<StorageActor>,
    readers: ReaderPool,
    clock: Arc<dyn Clock>,
    index: Option<Index>,
    /// How long an item lives that does not say it itself.
    ttl: Option<Duration>,
    /// Whether reading lets an item live on.
    refresh_ttl: bool,
}

type Promise<T> = BoxFuture<'static, Result<T, StoreError>>;

impl ItemStore {
    pub(crate) fn new(
        (storage, readers): (Addr<StorageActor>, ReaderPool),
        clock: Arc<dyn Clock>,
        index: Option<Index>,
        options: &Options,
    ) -> Self {
        let (ttl, refresh_ttl) = (options.item_ttl, options.refresh_item_ttl);
        Self(Arc::new(Inner { storage, readers, clock, index, ttl, refresh_ttl }))
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Looks something up. Bounded: whoever asks waits for the answer.
    fn look<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Read) -> storage::Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        let (look, answer) = Look::new(read);
        self.0.readers.do_send(look);
        answer.map(|answer| answer.map_err(StoreError::from))
    }

    /// Stores changes; they are durable when the answer comes. Bounded: whoever changes waits for the answer.
    fn write(
        &self,
        changes: Vec<ItemChange>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let (put, stored) = Put::new(Transaction::Items(changes));
        self.0.storage.do_send(put);
        stored.map(|stored| stored.map_err(StoreError::from))
    }

    /// Lets what was read live on, if reading does that and it lives for a time.
    async fn refresh(
        &self,
        read: &[StoredItem],
        wanted: Option<bool>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let ending =
            read.iter().filter(|stored| stored.ttl.is_some() && wanted.unwrap_or(self.0.refresh_ttl));
        let changes: Vec<_> = ending.map(|stored| ItemChange::Refresh(stored.item.place(), at)).collect();
        if changes.is_empty() { Ok(()) } else { self.write(changes).await }
    }
}

impl Store for ItemStore {
    fn get(&self, request: GetItem) -> Promise<Option<Item>> {
        let (store, at) = (self.clone(), self.now());
        let found = self.look(move |storage| storage.item(&request.place, at));
        async move {
            let found = found.await?;
            store.refresh(found.as_slice(), request.refresh_ttl, at).await?;
            Ok(found.map(|stored| stored.item))
        }
        .boxed()
    }

    fn put(&self, request: PutItem) -> Promise<()> {
        let store = self.clone();
        async move {
            let PutItem { place, value, ttl, indexing } = request;
            check_namespace(&place.namespace)?;
            let vectors = match &store.0.index {
                Some(index) => index.vectors(&value, &indexing).await?,
                None => Vec::new(),
            };
            let ttl = match ttl {
                Ttl::Default => store.0.ttl,
                Ttl::Never => None,
                Ttl::After(ttl) => Some(ttl),
            };
            let new = NewItem { place, value, ttl, vectors, at: store.now() };
            store.write(vec![ItemChange::Put(Box::new(new))]).await
        }
        .boxed()
    }

    fn delete(&self, place: Place) -> Promise<()> {
        self.write(vec![ItemChange::Delete(place)]).boxed()
    }

    fn search(&self, request: SearchItems) -> Promise<Vec<FoundItem>> {
        let store = self.clone();
        async move {
            let SearchItems { prefix, filter, query, limit, offset, refresh_ttl } = request;
            let query = match (query, &store.0.index) {
                (None, _) => None,
                (Some(_), None) => return Err(StoreError::NoIndex),
                (Some(query), Some(index)) => Some(index.query(query).await?),
            };
            let at = store.now();
            let find = FindItems { prefix, filter, query, limit, offset, at };
            let found = store.look(move |storage| storage.items(&find)).await?;
            store.refresh(&found, refresh_ttl, at).await?;
            Ok(found.into_iter().map(|StoredItem { item, score, .. }| FoundItem { item, score }).collect())
        }
        .boxed()
    }

    fn namespaces(&self, request: ListNamespaces) -> Promise<Vec<Vec<String>>> {
        let at = self.now();
        self.look(move |storage| storage.namespaces(&request, at)).boxed()
    }
}

/// The long-term store, as programs and clients use it; nodes find the same one in their context.
impl Handle {
    /// The item, if it exists. One that lives for a time does so from now, unless the request or
    /// [`Options::refresh_item_ttl`] says otherwise.
    pub async fn item(&self, request: GetItem) -> Result<Option<Item>, Error> {
        if !self.items_below(Action::Get)?.has(&request.place.namespace) {
            return Ok(None);
        }
        let store = self.store();
        self.on_pool(async move { Ok(store.get(request).await?) }).await
    }

    /// Puts an item, in place of what was there.
    ///
    /// It is stored when the answer comes. Fails with [`Error::Store`]: [`StoreError::Label`],
    /// [`StoreError::Namespace`], and [`StoreError::Embedding`] where there is an index.
    pub async fn put_item(&self, request: PutItem) -> Result<(), Error> {
        self.items_below(Action::Put)?.check(&request.place.namespace)?;
        let store = self.store();
        self.on_pool(async move { Ok(store.put(request).await?) }).await
    }

    /// Removes the item, if it exists. It is gone when the answer comes.
    pub async fn delete_item(&self, place: Place) -> Result<(), Error> {
        self.items_below(Action::Delete)?.check(&place.namespace)?;
        let store = self.store();
        self.on_pool(async move { Ok(store.delete(place).await?) }).await
    }

    /// The items below a namespace that fit: by a query the closest first, otherwise the newest change first.
    ///
    /// A query fails with [`Error::Store`]: [`StoreError::NoIndex`] where there is no index, and
    /// [`StoreError::Embedding`].
    pub async fn search_items(&self, request: SearchItems) -> Result<Vec<FoundItem>, Error> {
        let SearchItems { prefix, .. } = request;
        let Some(prefix) = self.items_below(Action::Search)?.narrow(prefix) else { return Ok(Vec::new()) };
        let request = SearchItems { prefix, ..request };
        let store = self.store();
        self.on_pool(async move { Ok(store.search(request).await?) }).await
    }

    /// The namespaces that hold items, in ascending order.
    pub async fn item_namespaces(&self, request: ListNamespaces) -> Result<Vec<Vec<String>>, Error> {
        let below = self.items_below(Action::ListNamespaces)?;
        let Some(request) = below.narrow_list(request) else { return Ok(Vec::new()) };
        let store = self.store();
        self.on_pool(async move { Ok(store.namespaces(request).await?) }).await
    }
}
