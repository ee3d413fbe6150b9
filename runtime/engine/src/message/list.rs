//! A list of messages that many hold and nobody changes.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use uuid::Uuid;

use super::{Message, MessageError};

/// An immutable list of messages; a clone costs one reference count.
///
/// It reads as a slice, and grows by [`add_messages`](super::add_messages).
///
/// ```
/// use eddyline_engine::message::{Message, Messages};
///
/// let messages = Messages::from(["hi", "are you there?"]);
/// assert_eq!(messages.len(), 2);
/// assert_eq!(messages.last().map(Message::text).as_deref(), Some("are you there?"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Messages(#[serde(serialize_with = "serialize_shared")] Arc<Vec<Message>>);

fn serialize_shared<S: serde::Serializer>(
    messages: &Arc<Vec<Message>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    messages.as_ref().serialize(serializer)
}

impl Messages {
    /// Makes an operand of `add_messages` of JSON: every element of an array is coerced by [`Message::coerce`],
    /// and anything but an array stands for a list of one.
    ///
    /// Null has an error of its own that names the side, [`MessageError::null_operand`]:
    /// the caller, who knows the side, looks for null first.
    ///
    /// # Errors
    /// That of the first element that stands for no message.
    pub fn coerce(value: &Value) -> Result<Self, MessageError> {
        match value {
            Value::Array(items) => items.iter().map(Message::coerce).collect(),
            single => Ok(Self::from(Message::coerce(single)?)),
        }
    }

    /// The same list with a fresh id for every message that has none. An empty id is an id.
    ///
    /// Without such a message this is the very same list, not a copy.
    pub fn with_ids(&self, new_id: &mut dyn FnMut() -> Uuid) -> Self {
        if self.iter().all(|message| message.id().is_some()) {
            return self.clone();
        }
        let with_id = |message: &Message| match message.id() {
            Some(_) => message.clone(),
            None => message.clone().with_id(new_id().to_string()),
        };
        self.iter().map(with_id).collect()
    }

    /// The tools that the last message asks for: none when a person or a tool spoke last.
    pub fn asked_tools(&self) -> &[super::ToolCall] {
        self.last().map(Message::tool_calls).unwrap_or_default()
    }

    /// Whether both are one list in memory.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Messages {
    type Target = [Message];

    fn deref(&self) -> &[Message] {
        &self.0
    }
}

impl From<&Messages> for Messages {
    fn from(messages: &Messages) -> Self {
        messages.clone()
    }
}

impl From<&str> for Messages {
    fn from(text: &str) -> Self {
        Self::from(Message::human(text))
    }
}

impl From<String> for Messages {
    fn from(text: String) -> Self {
        Self::from(Message::human(text))
    }
}

impl From<Vec<Message>> for Messages {
    fn from(messages: Vec<Message>) -> Self {
        Self(Arc::new(messages))
    }
}

impl From<Message> for Messages {
    fn from(message: Message) -> Self {
        Self::from(vec![message])
    }
}

impl<T: Into<Message>, const N: usize> From<[T; N]> for Messages {
    fn from(messages: [T; N]) -> Self {
        messages.into_iter().collect()
    }
}

impl<T: Into<Message>> FromIterator<T> for Messages {
    fn from_iter<I: IntoIterator<Item = T>>(messages: I) -> Self {
        Self::from(messages.into_iter().map(Into::into).collect::<Vec<_>>())
    }
}

impl IntoIterator for Messages {
    type Item = Message;
    type IntoIter = std::vec::IntoIter<Message>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl<'a> IntoIterator for &'a Messages {
    type Item = &'a Message;
    type IntoIter = std::slice::Iter<'a, Message>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Takes an array of messages, or a single message for a list of one; each as [`Message`] takes it.
///
/// A deserialiser that holds the list itself offers it, and nothing is copied.
impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(MESSAGES_TOKEN, Whole)
    }
}

/// The newtype name by which [`Messages`] asks a deserialiser for its shared form.
pub(crate) const MESSAGES_TOKEN: &str = "$eddyline::Messages";

thread_local! {
    /// Carries a list past serde, whose visitors take only plain data.
    /// Filled and emptied within one call of `deserialize_newtype_struct`.
    static OFFERED: RefCell<Option<Messages>> = const { RefCell::new(None) };
}

impl Messages {
    /// Hands the list to the visitor of a `deserialize_newtype_struct` that asked for [`MESSAGES_TOKEN`].
    pub(crate) fn offer<'de, V: de::Visitor<'de>, E: de::Error>(&self, visitor: V) -> Result<V::Value, E> {
        OFFERED.set(Some(self.clone()));
        visitor.visit_unit()
    }
}

/// Takes the list as it is offered, or reads it as JSON.
struct Whole;

impl<'de> de::Visitor<'de> for Whole {
    type Value = Messages;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of messages")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Messages, E> {
        OFFERED.take().ok_or_else(|| de::Error::invalid_type(de::Unexpected::Unit, &self))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Messages, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Array(items) => items.into_iter().map(Message::from_value).collect(),
            single => Message::from_value(single).map(Messages::from),
        }
        .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Usage;
    use super::*;

    #[test]
    fn json_gives_a_list() {
        let cases = [
            (json!([]), Messages::default()),
            (json!("hi"), Messages::from(["hi"])),
            (json!(["human", "hi"]), Messages::from(["human", "hi"])),
            (
                json!([["human", "hi"], {"role": "ai", "content": "yes"}]),
                Messages::from([Message::human("hi"), Message::ai("yes")]),
            ),
            (json!({"role": "ai", "content": "yes"}), Messages::from(Message::ai("yes"))),
        ];
        for (value, expected) in cases {
            assert_eq!(Messages::coerce(&value).unwrap(), expected, "{value}");
            assert_eq!(serde_json::from_value::<Messages>(value).unwrap(), expected);
        }
        assert_eq!(Messages::coerce(&json!([5])).unwrap_err().class(), "NotImplementedError");
    }

    #[test]
    fn a_list_survives_json() {
        let list = Messages::from([Message::human("a"), Message::ai("b").with_usage(Usage::new(1, 1))]);
        let json = serde_json::to_value(&list).unwrap();
        assert_eq!(serde_json::from_value::<Messages>(json.clone()).unwrap(), list);
        assert_ne!(Messages::coerce(&json).unwrap(), list);
        assert_eq!(list.clone().into_iter().collect::<Messages>(), list);
    }

    #[test]
    fn only_missing_ids_are_filled() {
        let mut count = 0;
        let mut new_id = || {
            count += 1;
            Uuid::from_u128(count)
        };
        let list =
            Messages::from([Message::human("a"), Message::human("b").with_id(""), Message::human("c")]);
        let filled = list.with_ids(&mut new_id);
        let ids: Vec<_> = filled.iter().filter_map(Message::id).collect();
        assert_eq!(ids, ["00000000-0000-0000-0000-000000000001", "", "00000000-0000-0000-0000-000000000002"]);
        assert!(filled.with_ids(&mut new_id).is_same(&filled));
        assert_eq!(count, 2);
    }
}
