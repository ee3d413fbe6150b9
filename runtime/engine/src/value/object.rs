//! An ordered object of shared values: a state as nodes and streams see it.

use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::Shared;

/// The name of a state key, a channel or a node.
pub type Key = Arc<str>;

/// An ordered list of keys with their values; cloning copies a pointer.
///
/// A key that nothing has written is absent, which is not the same as `null`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(Arc<[(Key, Shared)]>);

impl Object {
    /// The value of `key`, or `None` when the key is absent.
    pub fn get(&self, key: &str) -> Option<&Shared> {
        self.0.iter().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = &(Key, Shared)> {
        self.0.iter()
    }

    /// How many keys are present.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when no key is present.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A JSON object of its own, in the same order.
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.iter().map(|(key, value)| (key.to_string(), value.json().clone())).collect())
    }

    /// Reads the object as `T`; what is missing or of another type is named in the error.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, super::ReadError> {
        Shared::from(self.clone()).read()
    }
}

impl FromIterator<(Key, Shared)> for Object {
    fn from_iter<I: IntoIterator<Item = (Key, Shared)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl From<Map<String, Value>> for Object {
    fn from(map: Map<String, Value>) -> Self {
        map.into_iter().map(|(key, value)| (Key::from(key), Shared::from(value))).collect()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from)
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0.iter() {
            map.serialize_entry(&**key, value)?;
        }
        map.end()
    }
}
