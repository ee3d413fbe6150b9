//! Reading typed values out of shared ones, without copying what is already typed.

use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::{Form, Key, Shared};
use crate::message::MESSAGES_TOKEN;

/// A value could not be read as the type that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    key: Option<String>,
    message: String,
}

impl ReadError {
    /// The key whose value is of another type; `None` when the fault is the whole's (a key is missing).
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    fn at(mut self, key: &str) -> Self {
        self.key.get_or_insert_with(|| key.to_owned());
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "key `{key}`: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for ReadError {}

impl serde::de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { key: None, message: message.to_string() }
    }
}

impl From<serde_json::Error> for ReadError {
    fn from(error: serde_json::Error) -> Self {
        Self { key: None, message: error.to_string() }
    }
}

/// The entries of an object; an error in a value is told with its key.
struct Entries<'de, I> {
    rest: I,
    current: Option<(&'de str, &'de Shared)>,
}

impl<'de, I: Iterator<Item = &'de (Key, Shared)>> MapAccess<'de> for Entries<'de, I> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        self.current = self.rest.next().map(|(key, value)| (&**key, value));
        self.current.map(|(key, _)| seed.deserialize(BorrowedStrDeserializer::new(key))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let (key, value) =
            self.current.ok_or_else(|| <ReadError as serde::de::Error>::custom("a value without a key"))?;
        seed.deserialize(value).map_err(|error: ReadError| error.at(key))
    }
}

/// The entries of a JSON object, told apart in errors in the same way.
struct JsonEntries<'de> {
    rest: serde_json::map::Iter<'de>,
    current: Option<(&'de str, &'de Value)>,
}

impl<'de> MapAccess<'de> for JsonEntries<'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        self.current = self.rest.next().map(|(key, value)| (key.as_str(), value));
        self.current.map(|(key, _)| seed.deserialize(BorrowedStrDeserializer::new(key))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let (key, value) =
            self.current.ok_or_else(|| <ReadError as serde::de::Error>::custom("a value without a key"))?;
        seed.deserialize(value).map_err(|error| ReadError::from(error).at(key))
    }
}

macro_rules! through_json {
    ($($method:ident($($arg:ident: $type:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, ReadError> {
            Ok(self.json().$method($($arg,)* visitor)?)
        })*
    };
}

impl<'de> Deserializer<'de> for &'de Shared {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if let Form::Object(object) = &self.0.form {
            return visitor.visit_map(Entries { rest: object.iter(), current: None });
        }
        match self.json() {
            Value::Object(map) => visitor.visit_map(JsonEntries { rest: map.iter(), current: None }),
            other => Ok(other.deserialize_any(visitor)?),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match &self.0.form {
            Form::Messages(messages) if name == MESSAGES_TOKEN => messages.offer(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    through_json! {
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_unit_struct(name: &'static str);
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit seq
        identifier ignored_any
    }
}
