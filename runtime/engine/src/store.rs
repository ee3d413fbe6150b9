//! The long-term store: items that outlive threads, as nodes see it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::host::StorageError;
use crate::ids::Timestamp;

/// One item of the store.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// Where it lies: a path of names.
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

/// Reads and writes items by namespace and key.
///
/// A write is durable when its future ends. Dropping a future leaves it open whether the write happens.
pub trait Store: Send + Sync {
    /// The item, if it exists.
    fn get(&self, namespace: &[&str], key: &str) -> BoxFuture<'static, Result<Option<Item>, StorageError>>;

    /// Puts `value` under `key`, replacing what was there; `ttl` ends it, `None` keeps it.
    fn put(
        &self,
        namespace: &[&str],
        key: &str,
        value: Map<String, Value>,
        ttl: Option<Duration>,
    ) -> BoxFuture<'static, Result<(), StorageError>>;

    /// Removes the item, if it exists.
    fn delete(&self, namespace: &[&str], key: &str) -> BoxFuture<'static, Result<(), StorageError>>;

    /// The items whose namespace begins with `prefix`, newest change first, at most `limit` from `offset`.
    fn search(
        &self,
        prefix: &[&str],
        limit: usize,
        offset: usize,
    ) -> BoxFuture<'static, Result<Vec<Item>, StorageError>>;
}
