//! Values as channels, nodes and streams hold them: immutable, shared, encoded at most once.
//!
//! Knows nothing of graphs. A [`Shared`] is JSON as far as anybody outside can tell;
//! inside it may keep the typed form it was made from, so that handing a chat history to a node
//! costs a reference count and not a copy.

mod bytes;
mod de;
mod object;

use std::any::Any;
use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, LazyLock, OnceLock};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::command::SendTo;
use crate::message::{Message, Messages};

pub use de::ReadError;
pub use object::{Key, Object};

/// An immutable JSON value, cheap to clone.
///
/// Cloning copies a pointer.
/// The JSON form of a typed value is made when someone first asks for it and kept.
///
/// ```
/// # use eddyline_engine::Shared;
/// let value = Shared::from(serde_json::json!({"topic": "ice cream"}));
/// assert_eq!(value.json()["topic"], "ice cream");
/// ```
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    form: Form,
    json: OnceLock<Value>,
    /// See `bytes`.
    bytes: AtomicUsize,
}

/// What a value was made from. Everything but `Json` is a form in which reading is free.
enum Form {
    Json,
    Message(Message),
    Messages(Messages),
    Object(Object),
    Send(SendTo),
}

static NULL: LazyLock<Shared> = LazyLock::new(|| Shared::from(Value::Null));

impl Shared {
    fn of(form: Form) -> Self {
        Self(Arc::new(Inner { form, json: OnceLock::new(), bytes: AtomicUsize::default() }))
    }

    /// The JSON `null`.
    pub fn null() -> Self {
        NULL.clone()
    }

    /// Any serialisable value; a [`Message`] or a list of them keeps its typed form.
    ///
    /// Fails as `serde_json::to_value` does: a map whose keys are not strings, or a `Serialize`
    /// that refuses.
    pub fn new<T: Serialize + 'static>(value: T) -> Result<Self, serde_json::Error> {
        let any: &dyn Any = &value;
        if let Some(messages) = any.downcast_ref::<Messages>() {
            return Ok(messages.clone().into());
        }
        if let Some(messages) = any.downcast_ref::<Vec<Message>>() {
            return Ok(Messages::from(messages.clone()).into());
        }
        if let Some(message) = any.downcast_ref::<Message>() {
            return Ok(message.clone().into());
        }
        if let Some(shared) = any.downcast_ref::<Shared>() {
            return Ok(shared.clone());
        }
        serde_json::to_value(value).map(Self::from)
    }

    /// The value as JSON, made at the first call.
    pub fn json(&self) -> &Value {
        self.0.json.get_or_init(|| match &self.0.form {
            Form::Json => Value::Null,
            Form::Message(message) => to_json(message),
            Form::Messages(messages) => to_json(messages),
            Form::Object(object) => object.to_json(),
            Form::Send(send) => to_json(send),
        })
    }

    /// The messages that this value is, if it was made from messages.
    pub fn messages(&self) -> Option<&Messages> {
        match &self.0.form {
            Form::Messages(messages) => Some(messages),
            _ => None,
        }
    }

    /// The one message that this value is, if it was made from one.
    pub fn message(&self) -> Option<&Message> {
        match &self.0.form {
            Form::Message(message) => Some(message),
            _ => None,
        }
    }

    /// The object that this value is, if it was made from one.
    pub fn object(&self) -> Option<&Object> {
        match &self.0.form {
            Form::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The packet that this value is, if it was made from one.
    pub(crate) fn send(&self) -> Option<&SendTo> {
        match &self.0.form {
            Form::Send(send) => Some(send),
            _ => None,
        }
    }

    /// True for the JSON `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.0.form, Form::Json) && self.json().is_null()
    }

    /// Reads the value as `T`; what is missing or of another type is named in the error.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ReadError> {
        T::deserialize(self)
    }
}

/// The JSON of one of our own types, whose `Serialize` has nothing to refuse.
fn to_json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

impl From<Value> for Shared {
    fn from(value: Value) -> Self {
        let (json, bytes) = (OnceLock::from(value), AtomicUsize::default());
        Self(Arc::new(Inner { form: Form::Json, json, bytes }))
    }
}

macro_rules! from_plain {
    ($($plain:ty),*) => {
        $(impl From<$plain> for Shared {
            fn from(value: $plain) -> Self {
                Value::from(value).into()
            }
        })*
    };
}

from_plain!(&str, String, bool, i64, f64);

impl From<Message> for Shared {
    fn from(message: Message) -> Self {
        Self::of(Form::Message(message))
    }
}

impl From<Messages> for Shared {
    fn from(messages: Messages) -> Self {
        Self::of(Form::Messages(messages))
    }
}

impl From<Object> for Shared {
    fn from(object: Object) -> Self {
        Self::of(Form::Object(object))
    }
}

impl From<SendTo> for Shared {
    fn from(send: SendTo) -> Self {
        Self::of(Form::Send(send))
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::null()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.json())
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.json())
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.json() == other.json()
    }
}

impl Serialize for Shared {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(json) = self.0.json.get() {
            return json.serialize(serializer);
        }
        match &self.0.form {
            Form::Json => serializer.serialize_unit(),
            Form::Message(message) => message.serialize(serializer),
            Form::Messages(messages) => messages.serialize(serializer),
            Form::Object(object) => object.serialize(serializer),
            Form::Send(send) => send.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Shared {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}
