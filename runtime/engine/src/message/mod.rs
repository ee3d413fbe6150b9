//! Chat messages: what they are, how they look as JSON, how streamed pieces add up and how a list takes in new ones.
//!
//! The JSON is `LangChain`'s message JSON and the list's reducer is `LangGraph`'s `add_messages`.
//! Nothing here knows channels, nodes or models, and nothing draws an id:
//! who needs fresh ones passes a function that makes them.

mod access;
mod chunk;
mod coerce;
mod content;
mod error;
mod field;
mod json;
mod list;
mod merge;
mod partial_json;
mod python;
mod reducer;
mod role;
mod schema;
#[cfg(test)]
mod tests;
mod tool_call;
mod usage;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use self::chunk::MessageChunk;
pub use self::content::Content;
pub use self::error::MessageError;
pub(crate) use self::list::MESSAGES_TOKEN;
pub use self::list::Messages;
pub use self::reducer::add_messages;
pub use self::role::{Role, ToolStatus};
pub use self::tool_call::{ChunkIndex, InvalidToolCall, ToolCall, ToolCallChunk};
pub use self::usage::Usage;

/// The id of the remove message that empties the list, as in `LangGraph`'s `REMOVE_ALL_MESSAGES`.
pub const REMOVE_ALL: &str = "__remove_all__";

/// One message of a conversation.
///
/// A clone shares the content and costs one reference count.
/// The `with_*` methods return a changed message and copy only what somebody else still holds.
/// Every role has content, a name, an id and two maps of provider data;
/// an `ai` message has tool calls and usage besides, a `tool` message says which call it answers.
///
/// ```
/// use eddyline_engine::message::{Message, Role};
///
/// let question = Message::from("what is the weather in sf").with_id("q-1");
/// assert_eq!(question.role(), Role::Human);
/// assert_eq!(question.text(), "what is the weather in sf");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message(Arc<Fields>);

/// The fields of a message; JSON shows them in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fields {
    content: Content,
    additional_kwargs: Map<String, Value>,
    response_metadata: Map<String, Value>,
    name: Option<String>,
    id: Option<String>,
    body: Body,
    /// Fields that `LangChain` does not know and keeps beside the others.
    extra: Map<String, Value>,
}

/// The role, with the fields that only this role has.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    Human,
    Ai(AiFields),
    System,
    Function,
    Tool(ToolFields),
    Remove,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct AiFields {
    tool_calls: Vec<ToolCall>,
    invalid_tool_calls: Vec<InvalidToolCall>,
    usage: Option<Usage>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ToolFields {
    tool_call_id: String,
    artifact: Option<Value>,
    status: ToolStatus,
}

/// Constructors.
impl Message {
    /// A message of the user.
    pub fn human(content: impl Into<Content>) -> Self {
        Self::new(Body::Human, content.into())
    }

    /// A message of the model.
    pub fn ai(content: impl Into<Content>) -> Self {
        Self::new(Body::Ai(AiFields::default()), content.into())
    }

    /// An instruction to the model.
    pub fn system(content: impl Into<Content>) -> Self {
        Self::new(Body::System, content.into())
    }

    /// The result of the function `name`, as models answered calls before there were tools.
    pub fn function(content: impl Into<Content>, name: impl Into<String>) -> Self {
        Self::new(Body::Function, content.into()).with_name(name)
    }

    /// The result of the tool call `tool_call_id`, successful until [`with_status`](Self::with_status) says otherwise.
    pub fn tool(content: impl Into<Content>, tool_call_id: impl Into<String>) -> Self {
        let fields =
            ToolFields { tool_call_id: tool_call_id.into(), artifact: None, status: ToolStatus::Success };
        Self::new(Body::Tool(fields), content.into())
    }

    /// What a tool has to say to the model that called it.
    pub fn answer(call: &ToolCall, content: impl Into<Content>) -> Self {
        Self::tool(content, call.id.as_deref().unwrap_or_default()).with_name(&call.name)
    }

    /// The order to drop the message `id` from the list that this one is added to.
    pub fn remove(id: impl Into<String>) -> Self {
        Self::new(Body::Remove, Content::default()).with_id(id)
    }

    /// The order to drop every message that comes before this one.
    pub fn remove_all() -> Self {
        Self::remove(REMOVE_ALL)
    }

    fn new(body: Body, content: Content) -> Self {
        Self(Arc::new(Fields {
            content,
            additional_kwargs: Map::new(),
            response_metadata: Map::new(),
            name: None,
            id: None,
            body,
            extra: Map::new(),
        }))
    }
}

/// Changed copies.
impl Message {
    /// The same message with another content.
    pub fn with_content(mut self, content: impl Into<Content>) -> Self {
        self.fields().content = content.into();
        self
    }

    /// The same message under the id `id`. An empty id is an id too.
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.fields().id = Some(id.into());
        self
    }

    /// The same message, said by the participant or tool `name`.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.fields().name = Some(name.into());
        self
    }

    /// The same message with one more entry in `additional_kwargs`, the provider's extras.
    pub fn with_additional_kwarg(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields().additional_kwargs.insert(key.into(), value.into());
        self
    }

    /// The same message with one more entry in `response_metadata`, what the provider tells about its answer.
    pub fn with_response_metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields().response_metadata.insert(key.into(), value.into());
        self
    }

    /// The same message asking for these tool calls. Changes nothing unless the role is `ai`.
    pub fn with_tool_calls(mut self, tool_calls: impl IntoIterator<Item = ToolCall>) -> Self {
        if let Body::Ai(ai) = &mut self.fields().body {
            ai.tool_calls = tool_calls.into_iter().collect();
        }
        self
    }

    /// The same message with these tool calls that could not be read. Changes nothing unless the role is `ai`.
    pub fn with_invalid_tool_calls(mut self, calls: impl IntoIterator<Item = InvalidToolCall>) -> Self {
        if let Body::Ai(ai) = &mut self.fields().body {
            ai.invalid_tool_calls = calls.into_iter().collect();
        }
        self
    }

    /// The same message with the tokens that it cost. Changes nothing unless the role is `ai`.
    pub fn with_usage(mut self, usage: Usage) -> Self {
        if let Body::Ai(ai) = &mut self.fields().body {
            ai.usage = Some(usage);
        }
        self
    }

    /// The same message with a result that the model does not see. Changes nothing unless the role is `tool`.
    pub fn with_artifact(mut self, artifact: impl Into<Value>) -> Self {
        if let Body::Tool(tool) = &mut self.fields().body {
            tool.artifact = Some(artifact.into()).filter(|artifact| !artifact.is_null());
        }
        self
    }

    /// The same message saying whether the tool succeeded. Changes nothing unless the role is `tool`.
    pub fn with_status(mut self, status: ToolStatus) -> Self {
        if let Body::Tool(tool) = &mut self.fields().body {
            tool.status = status;
        }
        self
    }

    fn fields(&mut self) -> &mut Fields {
        Arc::make_mut(&mut self.0)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::human(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::human(text)
    }
}
