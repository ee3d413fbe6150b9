//! A piece of a model's answer, and how pieces add up to a message.

use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use serde_json::Value;

use super::{
    AiFields, Body, Content, InvalidToolCall, Message, MessageError, ToolCall, ToolCallChunk, Usage, json,
    merge, python,
};

/// A piece of a model's answer: `LangChain`'s `AIMessageChunk`.
///
/// Its tool calls follow from its tool call chunks, read as leniently as a broken-off text allows.
///
/// ```
/// use eddyline_engine::message::{MessageChunk, MessageError};
///
/// let answer = MessageChunk::text("It is ").merge(&MessageChunk::text("sunny").with_id("ai-1").last())?;
/// assert_eq!(answer.content().text(), "It is sunny");
/// assert_eq!(answer.into_message().id(), Some("ai-1"));
/// # Ok::<(), MessageError>(())
/// ```
#[derive(Debug, Clone)]
pub struct MessageChunk {
    /// What the piece has in common with a whole message, but for its tool calls; always of role `ai`.
    message: Message,
    tool_call_chunks: Vec<ToolCallChunk>,
    last: bool,
    /// The message with the tool calls, read when someone asks: a long call comes in many pieces, and
    /// reading all of it again for each would cost the square of their number.
    whole: OnceLock<Message>,
}

impl PartialEq for MessageChunk {
    fn eq(&self, other: &Self) -> bool {
        (self.as_message(), &self.tool_call_chunks, self.last)
            == (other.as_message(), &other.tool_call_chunks, other.last)
    }
}

impl Eq for MessageChunk {}

/// Constructors and changed copies.
impl MessageChunk {
    /// A piece with this content.
    pub fn new(content: impl Into<Content>) -> Self {
        Self::of(Message::ai(content), Vec::new(), false)
    }

    fn of(message: Message, tool_call_chunks: Vec<ToolCallChunk>, last: bool) -> Self {
        Self { message, tool_call_chunks, last, whole: OnceLock::new() }
    }

    /// The same piece with its message changed.
    fn with(self, change: impl FnOnce(Message) -> Message) -> Self {
        Self::of(change(self.message), self.tool_call_chunks, self.last)
    }

    /// A piece of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(text.into())
    }

    /// A piece of a tool call.
    pub fn tool_call(chunk: ToolCallChunk) -> Self {
        Self::new("").with_tool_call_chunks(vec![chunk])
    }

    /// A whole message as one piece. Its tool calls become one chunk each, without an index.
    ///
    /// The role is not looked at: a piece is the model's.
    pub fn from_message(message: &Message) -> Self {
        let calls = message.tool_calls().iter().map(|call| ToolCallChunk {
            name: Some(call.name.clone()),
            args: Some(python::json_text(&call.args)),
            id: call.id.clone(),
            index: None,
        });
        let invalid = message.invalid_tool_calls().iter().map(|call| ToolCallChunk {
            name: call.name.clone(),
            args: call.args.clone(),
            id: call.id.clone(),
            index: None,
        });
        let tool_call_chunks = calls.chain(invalid).collect();
        let mut message = message.clone();
        if message.ai_fields().is_none() {
            message.fields().body = Body::Ai(AiFields::default());
        }
        Self::of(message, tool_call_chunks, false)
    }

    /// The same piece under the id `id`.
    pub fn with_id(self, id: impl Into<String>) -> Self {
        self.with(|message| message.with_id(id))
    }

    /// The same piece with the tokens that it cost.
    pub fn with_usage(self, usage: Usage) -> Self {
        self.with(|message| message.with_usage(usage))
    }

    /// The same piece with one more of the provider's extras.
    pub fn with_additional_kwarg(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(|message| message.with_additional_kwarg(key, value))
    }

    /// The same piece with one more thing that the provider tells about its answer.
    pub fn with_response_metadata(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(|message| message.with_response_metadata(key, value))
    }

    /// The same piece with these pieces of tool calls; its tool calls are read from them anew.
    pub fn with_tool_call_chunks(self, chunks: Vec<ToolCallChunk>) -> Self {
        Self::of(self.message, chunks, self.last)
    }

    /// The same piece, marked as the last one of its answer.
    pub fn last(mut self) -> Self {
        self.last = true;
        self
    }
}

/// Accessors.
impl MessageChunk {
    /// The fields that a piece has in common with a whole `ai` message.
    pub fn as_message(&self) -> &Message {
        self.whole.get_or_init(|| {
            if self.tool_call_chunks.is_empty() {
                return self.message.clone();
            }
            let (mut calls, mut invalid) = (Vec::new(), Vec::new());
            for chunk in &self.tool_call_chunks {
                match chunk.parse() {
                    Ok(call) => calls.push(call),
                    Err(call) => invalid.push(call),
                }
            }
            self.message.clone().with_tool_calls(calls).with_invalid_tool_calls(invalid)
        })
    }

    /// What this piece says.
    pub fn content(&self) -> &Content {
        self.message.content()
    }

    /// The id of the message that this is a piece of.
    pub fn id(&self) -> Option<&str> {
        self.message.id()
    }

    /// The pieces of tool calls.
    pub fn tool_call_chunks(&self) -> &[ToolCallChunk] {
        &self.tool_call_chunks
    }

    /// The tool calls that can be read from the pieces so far.
    pub fn tool_calls(&self) -> &[ToolCall] {
        self.as_message().tool_calls()
    }

    /// The pieces that cannot be read as tool calls so far.
    pub fn invalid_tool_calls(&self) -> &[InvalidToolCall] {
        self.as_message().invalid_tool_calls()
    }

    /// The tokens that this piece cost.
    pub fn usage(&self) -> Option<&Usage> {
        self.message.usage()
    }

    /// Whether this is the last piece of its answer.
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// The whole message, if this is all of it.
    pub fn into_message(self) -> Message {
        self.as_message().clone()
    }

    /// This piece and the `next` one in one.
    ///
    /// As with `LangChain`'s chunks a name is not carried over, and provider data whose values are texts run on.
    ///
    /// # Errors
    /// A `TypeError` if both pieces hold provider data under one key that has no sum.
    pub fn merge(&self, next: &Self) -> Result<Self, MessageError> {
        let (left, right) = (&self.message.0, &next.message.0);
        let usage = match (self.usage(), next.usage()) {
            (Some(left), Some(right)) => Some(left.merge(right)),
            (left, right) => left.or(right).cloned(),
        };
        let body = Body::Ai(AiFields { usage, ..AiFields::default() });
        let mut message = Message::new(body, merge::contents(&left.content, &right.content)?);
        let fields = message.fields();
        fields.additional_kwargs = merge::maps(&left.additional_kwargs, &right.additional_kwargs)?;
        fields.response_metadata = merge::maps(&left.response_metadata, &right.response_metadata)?;
        fields.id = merge::ids(self.id(), next.id()).map(str::to_owned);
        let chunks = merge::tool_call_chunks(&self.tool_call_chunks, &next.tool_call_chunks);
        Ok(Self::of(message, chunks, self.last || next.last))
    }
}

impl From<MessageChunk> for Message {
    fn from(chunk: MessageChunk) -> Self {
        chunk.into_message()
    }
}

impl Serialize for MessageChunk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        json::write_fields(self.as_message(), json::CHUNK_TYPE, &mut map)?;
        map.serialize_entry("tool_call_chunks", &self.tool_call_chunks)?;
        map.serialize_entry("chunk_position", &self.last.then_some("last"))?;
        json::write_extra(&self.message, &mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for MessageChunk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Own {
            tool_call_chunks: Vec<ToolCallChunk>,
            chunk_position: Option<String>,
        }
        let value = Value::deserialize(deserializer)?;
        let own = Own::deserialize(&value).map_err(de::Error::custom)?;
        let message = Message::from_json(value).map_err(de::Error::custom)?;
        let last = own.chunk_position.as_deref() == Some("last");
        Ok(Self::of(message, own.tool_call_chunks, last))
    }
}
