//! A message as JSON, as we write and store it: `LangChain`'s message JSON.

use std::sync::Arc;

use serde::de::{self, DeserializeOwned};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{AiFields, Body, Content, Fields, Message, MessageError, ToolFields};

/// The `type` of a chunk.
pub(super) const CHUNK_TYPE: &str = "AIMessageChunk";

/// Writes every field that `LangChain` knows, with `kind` as the type.
pub(super) fn write_fields<M: SerializeMap>(
    message: &Message,
    kind: &str,
    map: &mut M,
) -> Result<(), M::Error> {
    let fields = &message.0;
    map.serialize_entry("content", &fields.content)?;
    map.serialize_entry("additional_kwargs", &fields.additional_kwargs)?;
    map.serialize_entry("response_metadata", &fields.response_metadata)?;
    map.serialize_entry("type", kind)?;
    map.serialize_entry("name", &fields.name)?;
    map.serialize_entry("id", &fields.id)?;
    match &fields.body {
        Body::Ai(ai) => {
            map.serialize_entry("tool_calls", &ai.tool_calls)?;
            map.serialize_entry("invalid_tool_calls", &ai.invalid_tool_calls)?;
            map.serialize_entry("usage_metadata", &ai.usage)
        }
        Body::Tool(tool) => {
            map.serialize_entry("tool_call_id", &tool.tool_call_id)?;
            map.serialize_entry("artifact", &tool.artifact)?;
            map.serialize_entry("status", &tool.status)
        }
        Body::Human | Body::System | Body::Function | Body::Remove => Ok(()),
    }
}

/// Writes the fields that `LangChain` does not know.
pub(super) fn write_extra<M: SerializeMap>(message: &Message, map: &mut M) -> Result<(), M::Error> {
    message.0.extra.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        write_fields(self, self.role().as_str(), &mut map)?;
        write_extra(self, &mut map)?;
        map.end()
    }
}

/// Takes JSON as we write it by [`Message::from_json`], without loss, and anything else by [`Message::coerce`].
///
/// JSON is as we write it if it has no `role` and every field that a message of its type has.
impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Message {
    /// Reads JSON that we wrote ourselves, from storage say, without losing anything.
    ///
    /// Fields of the type that are missing count as empty, and fields that no type has are kept in
    /// [`extra`](Self::extra). The JSON of a chunk gives the `ai` message that the chunk stands for.
    /// What clients send goes through [`coerce`](Self::coerce) instead.
    ///
    /// # Errors
    /// A `ValueError` if the JSON is not a message's.
    pub fn from_json(value: Value) -> Result<Self, MessageError> {
        let mut stored: Stored = read(value)?;
        let body = stored.take_body()?;
        Ok(Self(Arc::new(Fields {
            content: stored.content,
            additional_kwargs: stored.additional_kwargs,
            response_metadata: stored.response_metadata,
            name: stored.name,
            id: stored.id,
            body,
            extra: stored.rest,
        })))
    }

    /// [`from_json`](Self::from_json) for what we wrote, [`coerce`](Self::coerce) for the rest.
    pub(super) fn from_value(value: Value) -> Result<Self, MessageError> {
        if is_ours(&value) { Self::from_json(value) } else { Self::coerce(&value) }
    }
}

fn is_ours(value: &Value) -> bool {
    let has = |keys: &[&str]| keys.iter().all(|key| value.get(key).is_some());
    let base = ["content", "additional_kwargs", "response_metadata", "type", "name", "id"];
    let own: &[&str] = match value.get("type").and_then(Value::as_str) {
        Some("human" | "system" | "function" | "remove") => &[],
        Some("ai") => &["tool_calls", "invalid_tool_calls", "usage_metadata"],
        Some("tool") => &["tool_call_id", "artifact", "status"],
        Some(CHUNK_TYPE) => {
            &["tool_calls", "invalid_tool_calls", "usage_metadata", "tool_call_chunks", "chunk_position"]
        }
        _ => return false,
    };
    value.get("role").is_none() && has(&base) && has(own)
}

#[derive(Deserialize)]
struct Stored {
    content: Content,
    #[serde(default)]
    additional_kwargs: Map<String, Value>,
    #[serde(default)]
    response_metadata: Map<String, Value>,
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    id: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Stored {
    fn take_body(&mut self) -> Result<Body, MessageError> {
        Ok(match self.kind.as_str() {
            "human" => Body::Human,
            "system" => Body::System,
            "function" => Body::Function,
            "remove" => Body::Remove,
            "ai" => Body::Ai(self.take_ai()?),
            "tool" => Body::Tool(ToolFields {
                tool_call_id: self.take("tool_call_id")?.unwrap_or_default(),
                artifact: self.take("artifact")?,
                status: self.take("status")?.unwrap_or_default(),
            }),
            CHUNK_TYPE => {
                self.rest.shift_remove("tool_call_chunks");
                self.rest.shift_remove("chunk_position");
                Body::Ai(self.take_ai()?)
            }
            other => {
                return Err(MessageError::UnknownRole { role: other.to_owned() });
            }
        })
    }

    fn take_ai(&mut self) -> Result<AiFields, MessageError> {
        Ok(AiFields {
            tool_calls: self.take("tool_calls")?.unwrap_or_default(),
            invalid_tool_calls: self.take("invalid_tool_calls")?.unwrap_or_default(),
            usage: self.take("usage_metadata")?,
        })
    }

    fn take<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, MessageError> {
        self.rest.shift_remove(key).map_or(Ok(None), read)
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, MessageError> {
    serde_json::from_value(value).map_err(|error| MessageError::Stored { problem: error.to_string() })
}
