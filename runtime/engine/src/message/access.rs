//! What can be asked of a message.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    AiFields, Body, Content, InvalidToolCall, Message, Role, ToolCall, ToolFields, ToolStatus, Usage,
};

impl Message {
    /// Who speaks.
    pub fn role(&self) -> Role {
        match self.0.body {
            Body::Human => Role::Human,
            Body::Ai(_) => Role::Ai,
            Body::System => Role::System,
            Body::Function => Role::Function,
            Body::Tool(_) => Role::Tool,
            Body::Remove => Role::Remove,
        }
    }

    /// What is said.
    pub fn content(&self) -> &Content {
        &self.0.content
    }

    /// All text of the content, joined.
    pub fn text(&self) -> Cow<'_, str> {
        self.0.content.text()
    }

    /// The id; `None` until the message enters a list that is kept.
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// The name of the participant or tool.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The provider's extras.
    pub fn additional_kwargs(&self) -> &Map<String, Value> {
        &self.0.additional_kwargs
    }

    /// What the provider tells about its answer.
    pub fn response_metadata(&self) -> &Map<String, Value> {
        &self.0.response_metadata
    }

    /// Fields that `LangChain` does not know; JSON has them beside the others.
    pub fn extra(&self) -> &Map<String, Value> {
        &self.0.extra
    }

    /// The tool calls that an `ai` message asks for; empty for other roles.
    pub fn tool_calls(&self) -> &[ToolCall] {
        self.ai_fields().map_or(&[], |ai| &ai.tool_calls)
    }

    /// The tool calls of an `ai` message that could not be read; empty for other roles.
    pub fn invalid_tool_calls(&self) -> &[InvalidToolCall] {
        self.ai_fields().map_or(&[], |ai| &ai.invalid_tool_calls)
    }

    /// The tokens that an `ai` message cost, if its provider tells.
    pub fn usage(&self) -> Option<&Usage> {
        self.ai_fields()?.usage.as_ref()
    }

    /// The id of the call that a `tool` message answers.
    pub fn tool_call_id(&self) -> Option<&str> {
        Some(&self.tool_fields()?.tool_call_id)
    }

    /// The result of a `tool` message that the model does not see.
    pub fn artifact(&self) -> Option<&Value> {
        self.tool_fields()?.artifact.as_ref()
    }

    /// Whether the tool of a `tool` message succeeded.
    pub fn status(&self) -> Option<ToolStatus> {
        Some(self.tool_fields()?.status)
    }

    pub(super) fn ai_fields(&self) -> Option<&AiFields> {
        match &self.0.body {
            Body::Ai(ai) => Some(ai),
            _ => None,
        }
    }

    fn tool_fields(&self) -> Option<&ToolFields> {
        match &self.0.body {
            Body::Tool(tool) => Some(tool),
            _ => None,
        }
    }
}
