//! What a tool says, and what it does to the run besides.

use eddyline_engine::NodeError;
use eddyline_engine::message::{Content, Message, ToolCall};
use eddyline_engine::node::{Command, Output};
use serde::Serialize;
use serde_json::Value;

/// What came of a tool call: what the model is told, and perhaps a command.
#[derive(Clone, Debug)]
pub struct Reply {
    said: Said,
    /// Where to go and what to write, beside the message.
    pub(crate) then: Option<Output>,
}

#[derive(Clone, Debug)]
enum Said {
    Content(Content),
    Message(Message),
}

impl Reply {
    /// What the model is told.
    pub fn new(content: impl Into<Content>) -> Self {
        Self { said: Said::Content(content.into()), then: None }
    }

    /// The message that answers `call`.
    pub(crate) fn message(&self, call: &ToolCall) -> Message {
        match &self.said {
            Said::Content(content) => Message::answer(call, content.clone()),
            Said::Message(message) => message.clone(),
        }
    }
}

/// What a tool may return: text, content blocks, any JSON, a tool message, a [`Command`], or a pair of one of them
/// and a command.
///
/// A command by itself tells the model `ok`.
#[diagnostic::on_unimplemented(
    message = "a tool cannot return `{Self}`",
    note = "it returns text, content blocks, a `Value`, a `Message`, a `Command`, a pair of one and a command, or any serialisable value as `Json(value)`"
)]
pub trait IntoReply {
    /// The reply.
    fn into_reply(self) -> Result<Reply, NodeError>;
}

/// Any serialisable value, told to the model as JSON.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl IntoReply for Reply {
    fn into_reply(self) -> Result<Reply, NodeError> {
        Ok(self)
    }
}

impl IntoReply for String {
    fn into_reply(self) -> Result<Reply, NodeError> {
        Ok(Reply::new(self))
    }
}

impl IntoReply for &str {
    fn into_reply(self) -> Result<Reply, NodeError> {
        Ok(Reply::new(self))
    }
}

impl IntoReply for Content {
    fn into_reply(self) -> Result<Reply, NodeError> {
        Ok(Reply::new(self))
    }
}

impl IntoReply for Value {
    fn into_reply(self) -> Result<Reply, NodeError> {
        Ok(Reply::new(match self {
            Self::String(text) => text,
            other => other.to_string(),
        }))
    }
}

impl<T: Serialize> IntoReply for Json<T> {
    fn into_reply(self) -> Result<Reply, NodeError> {
        serde_json::to_value(self.0)?.into_reply()
    }
}

/// A message of the tool's own, with an artifact for instance; it has to answer the call.
impl IntoReply for Message {
    fn into_reply(self) -> Result<Reply, NodeError> {
        if self.tool_call_id().is_none() {
            return Err(NodeError::visible("ValueError", "a tool answers with a tool message"));
        }
        Ok(Reply { said: Said::Message(self), then: None })
    }
}

impl<S> IntoReply for Command<S> {
    fn into_reply(self) -> Result<Reply, NodeError> {
        ("ok", self).into_reply()
    }
}

impl<R: IntoReply, S> IntoReply for (R, Command<S>) {
    fn into_reply(self) -> Result<Reply, NodeError> {
        Ok(Reply { then: Some(self.1.into()), ..self.0.into_reply()? })
    }
}

/// A reply to one call, as those see it who watch tools: the message.
#[derive(Clone)]
pub(crate) struct Answered {
    pub(crate) message: Message,
    pub(crate) then: Option<Output>,
}

impl Serialize for Answered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.message.serialize(serializer)
    }
}
