//! The long-term store: items that outlive threads, as nodes and clients see it.
//!
//! Owns what an item is, what may be asked of a store, and the rules of it that need no storage. Does not know
//! where items lie: in memory ([`Shelf`]), or in a database of the host.

mod error;
mod filter;
mod namespace;
mod semantic;
mod shelf;

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::ids::Timestamp;

pub use error::StoreError;
pub use filter::Filter;
pub use namespace::{ListNamespaces, check_labels, check_namespace};
pub use semantic::{EmbedError, EmbeddingModel, Index, Vector, best_first, closeness};
pub use shelf::{FindItems, NewItem, Shelf, StoredItem};

/// Reads and writes items by namespace and key.
///
/// A write is durable when its future ends, and whoever reads from then on finds it. Dropping a future leaves it
/// open whether the write happens.
pub trait Store: Send + Sync {
    /// The item, if it exists.
    fn get(&self, request: GetItem) -> BoxFuture<'static, Result<Option<Item>, StoreError>>;

    /// Puts an item, in place of what was there; it keeps the time at which that was made.
    ///
    /// Fails with [`StoreError::Label`] and [`StoreError::Namespace`], and with [`StoreError::Embedding`] where
    /// there is an index.
    fn put(&self, request: PutItem) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Removes the item, if it exists.
    fn delete(&self, place: Place) -> BoxFuture<'static, Result<(), StoreError>>;

    /// The items below a namespace that fit: by a query the closest first, otherwise the newest change first.
    ///
    /// A query fails with [`StoreError::NoIndex`] where there is no index, and with [`StoreError::Embedding`].
    fn search(&self, request: SearchItems) -> BoxFuture<'static, Result<Vec<FoundItem>, StoreError>>;

    /// The namespaces that hold items, in ascending order.
    fn namespaces(&self, request: ListNamespaces)
    -> BoxFuture<'static, Result<Vec<Vec<String>>, StoreError>>;
}

/// One item of the store.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// Where it lies: a path of labels.
    pub namespace: Vec<String>,
    /// Its name there.
    pub key: String,
    /// What it holds.
    pub value: Map<String, Value>,
    /// When it was first put, in microseconds since 1970.
    #[serde(skip)]
    pub created_at: Timestamp,
    /// When it was put last, in microseconds since 1970.
    #[serde(skip)]
    pub updated_at: Timestamp,
}

impl Item {
    /// Where it lies.
    pub fn place(&self) -> Place {
        Place { namespace: self.namespace.clone(), key: self.key.clone() }
    }
}

/// An item that a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundItem {
    /// The item.
    pub item: Item,
    /// How close it is to the query, from -1 to 1; `None` without a query, and for an item that is not indexed.
    pub score: Option<f64>,
}

/// Where an item lies: a path of labels, and a name there. What begins with one path stands together.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The path.
    pub namespace: Vec<String>,
    /// The name.
    pub key: String,
}

impl Place {
    /// The place of `key` in `namespace`.
    pub fn new(namespace: &[&str], key: impl Into<String>) -> Self {
        Self { namespace: owned(namespace), key: key.into() }
    }
}

/// Asks for one item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetItem {
    /// Where it lies.
    pub place: Place,
    /// Whether an item that lives for a time does so from now; `None` leaves it to the store.
    pub refresh_ttl: Option<bool>,
}

impl GetItem {
    /// Asks for `key` in `namespace`.
    pub fn new(namespace: &[&str], key: impl Into<String>) -> Self {
        Self { place: Place::new(namespace, key), refresh_ttl: None }
    }
}

/// Puts one item.
///
/// ```
/// use eddyline_engine::store::{PutItem, Ttl};
/// use std::time::Duration;
///
/// let value = serde_json::Map::from_iter([("topic".to_owned(), "sea".into())]);
/// let hour = Ttl::After(Duration::from_secs(3600));
/// let put = PutItem { ttl: hour, ..PutItem::new(&["users", "ada"], "likes", value) };
/// # let _ = put;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PutItem {
    /// Where it goes.
    pub place: Place,
    /// What it holds.
    pub value: Map<String, Value>,
    /// How long it lives.
    pub ttl: Ttl,
    /// By which of its parts searches find it.
    pub indexing: Indexing,
}

impl PutItem {
    /// Puts `value` under `key` in `namespace`, for as long as the store keeps items, indexed as the store does.
    pub fn new(namespace: &[&str], key: impl Into<String>, value: Map<String, Value>) -> Self {
        Self { place: Place::new(namespace, key), value, ..Self::default() }
    }
}

/// How long an item lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ttl {
    /// As long as the store says.
    #[default]
    Default,
    /// Until it is deleted.
    Never,
    /// This long from when it was put, or read last if reading refreshes it.
    After(Duration),
}

/// By which parts of an item a query finds it. Without an index it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Indexing {
    /// By those that the index names.
    #[default]
    Default,
    /// By none.
    Never,
    /// By these: paths as in [`Index::fields`].
    Fields(Vec<String>),
}

/// Asks for items below a namespace.
///
/// ```
/// use eddyline_engine::store::{Filter, SearchItems};
///
/// let filter = serde_json::json!({"kind": "joke", "laughs": {"$gte": 3}});
/// let filter = Filter::parse(filter.as_object().unwrap())?;
/// let search = SearchItems { filter, ..SearchItems::below(&["users"]) };
/// # let _ = search;
/// # Ok::<(), eddyline_engine::store::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SearchItems {
    /// Their namespaces begin with it; an empty one is the beginning of all.
    pub prefix: Vec<String>,
    /// What their values must be like.
    pub filter: Filter,
    /// What they should be about.
    pub query: Option<String>,
    /// How many at most. Default: 10.
    pub limit: usize,
    /// How many to leave out before.
    pub offset: usize,
    /// Whether items that live for a time do so from now; `None` leaves it to the store.
    pub refresh_ttl: Option<bool>,
}

impl SearchItems {
    /// Asks for the first ten items below `prefix`.
    pub fn below(prefix: &[&str]) -> Self {
        Self {
            prefix: owned(prefix),
            filter: Filter::default(),
            query: None,
            limit: 10,
            offset: 0,
            refresh_ttl: None,
        }
    }
}

fn owned(labels: &[&str]) -> Vec<String> {
    labels.iter().map(ToString::to_string).collect()
}
