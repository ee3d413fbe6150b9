//! Calls of tools: whole, unreadable, and in pieces.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::partial_json;

/// A tool that the model wants to be called.
///
/// ```
/// use eddyline_engine::message::ToolCall;
/// use serde_json::json;
///
/// let call: ToolCall = serde_json::from_value(json!({"name": "add", "args": {"a": 1}, "id": "call_1"}))?;
/// assert_eq!(call.args["a"], 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ToolCall {
    /// The tool.
    pub name: String,
    /// The arguments, by name.
    pub args: Map<String, Value>,
    /// What the answering tool message refers to.
    pub id: Option<String>,
}

impl ToolCall {
    /// A call without an id.
    pub fn new(name: impl Into<String>, args: Map<String, Value>) -> Self {
        Self { name: name.into(), args, id: None }
    }

    /// The arguments, read as `T`; what is missing or of another type is named in the error.
    ///
    /// # Errors
    /// That of serde.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(serde_json::Value::Object(self.args.clone()))
    }

    /// The same call under the id `id`.
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}

impl Serialize for ToolCall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ToolCall", 4)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("args", &self.args)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("type", "tool_call")?;
        fields.end()
    }
}

/// A tool call whose arguments are not a JSON object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct InvalidToolCall {
    /// The tool, as far as it is known.
    pub name: Option<String>,
    /// The arguments as the model wrote them.
    pub args: Option<String>,
    /// The id of the call.
    pub id: Option<String>,
    /// Why it is invalid, if somebody said so.
    pub error: Option<String>,
}

impl Serialize for InvalidToolCall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("InvalidToolCall", 5)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("args", &self.args)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("error", &self.error)?;
        fields.serialize_field("type", "invalid_tool_call")?;
        fields.end()
    }
}

/// A piece of a tool call, as a model streams it.
///
/// Usually the first piece has the name and the id, and the following ones a fragment of the arguments' JSON each.
/// Pieces with the same index belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ToolCallChunk {
    /// The tool.
    pub name: Option<String>,
    /// A fragment of JSON.
    pub args: Option<String>,
    /// The id of the call.
    pub id: Option<String>,
    /// Which of the message's calls this is a piece of.
    pub index: Option<ChunkIndex>,
}

/// Which of a message's tool calls a piece belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ChunkIndex {
    /// By place.
    Number(i64),
    /// By name; only a name that begins with `lc_` joins pieces.
    Name(String),
}

impl ToolCallChunk {
    /// A fragment of the arguments of the call at `index`.
    pub fn args(index: i64, fragment: impl Into<String>) -> Self {
        Self { args: Some(fragment.into()), index: Some(ChunkIndex::Number(index)), ..Self::default() }
    }

    /// The same piece with the name of the tool and the id of the call.
    pub fn with_name_and_id(mut self, name: impl Into<String>, id: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self.id = Some(id.into());
        self
    }

    /// Reads the piece as if it were the whole call. No arguments are an empty object.
    ///
    /// # Errors
    /// The piece itself, if its arguments are not the beginning of a JSON object.
    pub fn parse(&self) -> Result<ToolCall, InvalidToolCall> {
        let args = match self.args.as_deref() {
            None | Some("") => Some(Value::Object(Map::new())),
            Some(text) => partial_json::parse(text),
        };
        match args {
            Some(Value::Object(args)) => {
                Ok(ToolCall { name: self.name.clone().unwrap_or_default(), args, id: self.id.clone() })
            }
            _ => Err(InvalidToolCall {
                name: self.name.clone(),
                args: self.args.clone(),
                id: self.id.clone(),
                error: None,
            }),
        }
    }
}

impl Serialize for ToolCallChunk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ToolCallChunk", 5)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("args", &self.args)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("index", &self.index)?;
        fields.serialize_field("type", "tool_call_chunk")?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn piece(name: Option<&str>, args: Option<&str>) -> ToolCallChunk {
        ToolCallChunk { name: name.map(Into::into), args: args.map(Into::into), ..ToolCallChunk::default() }
    }

    #[test]
    fn a_piece_is_read_as_a_call() {
        let cases = [
            (piece(Some("f"), None), json!({"name": "f", "args": {}, "id": null, "type": "tool_call"})),
            (piece(Some("f"), Some("")), json!({"name": "f", "args": {}, "id": null, "type": "tool_call"})),
            (
                piece(Some("f"), Some("{\"a\":")),
                json!({"name": "f", "args": {}, "id": null, "type": "tool_call"}),
            ),
            (
                piece(None, Some("{\"a\":1}")),
                json!({"name": "", "args": {"a": 1}, "id": null, "type": "tool_call"}),
            ),
            (
                piece(None, Some("1}")),
                json!({"name": null, "args": "1}", "id": null, "error": null, "type": "invalid_tool_call"}),
            ),
            (
                piece(Some("f"), Some("[1]")),
                json!({"name": "f", "args": "[1]", "id": null, "error": null, "type": "invalid_tool_call"}),
            ),
        ];
        for (chunk, expected) in cases {
            let parsed = match chunk.parse() {
                Ok(call) => serde_json::to_value(call).unwrap(),
                Err(invalid) => serde_json::to_value(invalid).unwrap(),
            };
            assert_eq!(parsed, expected);
        }
    }

    #[test]
    fn a_piece_survives_json() {
        for index in [json!(0), json!("lc_1"), json!(null)] {
            let value =
                json!({"name": "f", "args": "{", "id": "c", "index": index, "type": "tool_call_chunk"});
            let chunk: ToolCallChunk = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_string(&chunk).unwrap(), value.to_string());
        }
    }
}
