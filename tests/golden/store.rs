//! A long-term store in memory, for the graphs that need one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use eddyline_engine::StorageError;
use eddyline_engine::ids::Timestamp;
use eddyline_engine::store::{Item, Store};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use serde_json::{Map, Value};

type Place = (Vec<String>, String);

/// Knows no time: nothing ends, and everything was put at once.
#[derive(Debug, Default)]
pub(super) struct TestStore(Mutex<BTreeMap<Place, Map<String, Value>>>);

impl TestStore {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<Place, Map<String, Value>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn place(namespace: &[&str], key: &str) -> Place {
    (namespace.iter().map(ToString::to_string).collect(), key.to_owned())
}

fn item((namespace, key): Place, value: Map<String, Value>) -> Item {
    Item { namespace, key, value, created_at: Timestamp(0), updated_at: Timestamp(0) }
}

fn answer<T: Send + 'static>(answer: T) -> BoxFuture<'static, Result<T, StorageError>> {
    ready(Ok(answer)).boxed()
}

impl Store for TestStore {
    fn get(&self, namespace: &[&str], key: &str) -> BoxFuture<'static, Result<Option<Item>, StorageError>> {
        let place = place(namespace, key);
        let found = self.with(|items| items.get(&place).cloned());
        answer(found.map(|value| item(place, value)))
    }

    fn put(
        &self,
        namespace: &[&str],
        key: &str,
        value: Map<String, Value>,
        _ttl: Option<Duration>,
    ) -> BoxFuture<'static, Result<(), StorageError>> {
        self.with(|items| items.insert(place(namespace, key), value));
        answer(())
    }

    fn delete(&self, namespace: &[&str], key: &str) -> BoxFuture<'static, Result<(), StorageError>> {
        self.with(|items| items.remove(&place(namespace, key)));
        answer(())
    }

    fn search(
        &self,
        prefix: &[&str],
        limit: usize,
        offset: usize,
    ) -> BoxFuture<'static, Result<Vec<Item>, StorageError>> {
        let found = self.with(|items| {
            let below = items.iter().filter(|((namespace, _), _)| {
                namespace.iter().zip(prefix).filter(|(a, b)| a == b).count() == prefix.len()
            });
            below.skip(offset).take(limit).map(|(place, value)| item(place.clone(), value.clone())).collect()
        });
        answer(found)
    }
}
