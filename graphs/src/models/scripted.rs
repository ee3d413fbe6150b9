//! A chat model that says what it was told to say: no key, no network, the same every time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use eddyline_engine::NodeError;
use eddyline_engine::message::{Content, Message, MessageChunk, ToolCall, ToolCallChunk};
use eddyline_engine::model::{ChatModel, ModelRequest};
use futures_util::future::{BoxFuture, FutureExt, ready};
use futures_util::stream::{self, BoxStream, StreamExt};
use serde_json::{Map, Value};

/// Gives the answers that it was made with, in turn, whatever it is asked.
///
/// A text streams in words: it is split at every single white-space character, and those are pieces of
/// their own. A model that is made inside a node starts its script anew each time the node runs, so a
/// resumed node hears the same.
///
/// ```
/// use eddyline_engine::prelude::*;
/// use eddyline_graphs::models::ScriptedModel;
///
/// async fn answer(state: MessagesState, ctx: NodeContext) -> Result<Update<MessagesState>> {
///     let model = ScriptedModel::new([Message::ai("Hello, world!").with_id("ai-1")]);
///     let reply = ctx.chat(model).invoke(&state.messages).await?;
///     Ok(MessagesState::update().messages([reply]))
/// }
/// ```
#[derive(Debug, Default)]
pub struct ScriptedModel {
    /// What is left of the script. Behind a lock because calls share the model.
    answers: Mutex<VecDeque<Answer>>,
    pause: Duration,
}

/// One answer of a [`ScriptedModel`].
#[derive(Debug)]
pub enum Answer {
    /// A message. Asked at once, the model returns it unchanged; streamed, it comes in words, followed by
    /// two pieces for each tool call, and what it has besides text stands on the last piece.
    Message(Message),
    /// Exactly these pieces. An error ends the answer, as that of a provider does in mid-stream.
    Pieces(Vec<Result<MessageChunk, NodeError>>),
}

impl Answer {
    /// Exactly these pieces, in this order.
    pub fn pieces(pieces: impl IntoIterator<Item = MessageChunk>) -> Self {
        Self::Pieces(pieces.into_iter().map(Ok).collect())
    }

    /// The same answer, broken off by `error` instead of an end.
    pub fn failing(self, error: NodeError) -> Self {
        let mut pieces = self.into_pieces();
        pieces.push(Err(error));
        Self::Pieces(pieces)
    }

    fn into_pieces(self) -> Vec<Result<MessageChunk, NodeError>> {
        match self {
            Self::Message(message) => split(&message).into_iter().map(Ok).collect(),
            Self::Pieces(pieces) => pieces,
        }
    }
}

impl From<Message> for Answer {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        Self::Message(Message::ai(text))
    }
}

impl ScriptedModel {
    /// A model that gives these answers. Asked once more, it fails.
    pub fn new<T: Into<Answer>>(answers: impl IntoIterator<Item = T>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().map(Into::into).collect()), pause: Duration::ZERO }
    }

    /// Waits so long before each piece of a streamed answer, by Tokio's clock: as slow as a model that thinks.
    pub fn pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// A model with one answer, in exactly these pieces.
    pub fn pieces(pieces: impl IntoIterator<Item = MessageChunk>) -> Self {
        Self::new([Answer::pieces(pieces)])
    }

    fn next(&self) -> Result<Answer, NodeError> {
        // Taking an answer is one step: a panic elsewhere leaves the script whole.
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers
            .pop_front()
            .ok_or_else(|| NodeError::visible("RuntimeError", "the script has no more answers"))
    }
}

impl ChatModel for ScriptedModel {
    fn name(&self) -> &'static str {
        "ScriptedModel"
    }

    fn stream(&self, _: ModelRequest) -> BoxStream<'static, Result<MessageChunk, NodeError>> {
        let pieces = self.next().map_or_else(|error| vec![Err(error)], Answer::into_pieces);
        let (pieces, pause) = (stream::iter(pieces), self.pause);
        if pause.is_zero() {
            return pieces.boxed();
        }
        pieces.then(move |piece| tokio::time::sleep(pause).map(|()| piece)).boxed()
    }

    fn invoke(&self, _: ModelRequest) -> BoxFuture<'static, Result<Message, NodeError>> {
        ready(self.next().and_then(whole)).boxed()
    }

    fn metadata(&self) -> Map<String, Value> {
        Map::from_iter([("ls_provider".to_owned(), "scripted".into())])
    }
}

/// An answer given at once.
fn whole(answer: Answer) -> Result<Message, NodeError> {
    let pieces = match answer {
        Answer::Message(message) => return Ok(message),
        Answer::Pieces(pieces) => pieces,
    };
    let mut sum: Option<MessageChunk> = None;
    for piece in pieces {
        let piece = piece?;
        sum = Some(match sum {
            Some(before) => before.merge(&piece)?,
            None => piece,
        });
    }
    let sum = sum.ok_or_else(|| NodeError::visible("ValueError", "the script has an empty answer"))?;
    Ok(sum.into_message())
}

/// The pieces in which a message streams.
fn split(message: &Message) -> Vec<MessageChunk> {
    let mut pieces: Vec<MessageChunk> = match message.content() {
        Content::Text(text) if text.is_empty() && !message.tool_calls().is_empty() => Vec::new(),
        Content::Text(text) => words(text).into_iter().map(MessageChunk::text).collect(),
        Content::Blocks(blocks) => vec![MessageChunk::new(blocks.clone())],
    };
    pieces.extend((0..).zip(message.tool_calls()).flat_map(|(index, call)| call_pieces(index, call)));
    if let Some(last) = pieces.pop() {
        pieces.push(with_extras(last, message).last());
    }
    match message.id() {
        Some(id) => pieces.into_iter().map(|piece| piece.with_id(id)).collect(),
        None => pieces,
    }
}

/// The text split at every white-space character, as Python's `re.split(r"(\s)", text)` does: `"a b "` is
/// `["a", " ", "b", " ", ""]`.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some((at, space)) = rest.char_indices().find(|(_, character)| is_space(*character)) {
        let after = at + space.len_utf8();
        words.extend([&rest[..at], &rest[at..after]]);
        rest = &rest[after..];
    }
    words.push(rest);
    words
}

/// White space as Python knows it, which has four separators of ASCII more than Unicode.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// A tool call as providers stream it: who is called, then with what.
fn call_pieces(index: i64, call: &ToolCall) -> [MessageChunk; 2] {
    let mut head = ToolCallChunk::args(index, "");
    head.name = Some(call.name.clone());
    head.id.clone_from(&call.id);
    let args = Value::Object(call.args.clone()).to_string();
    [head, ToolCallChunk::args(index, args)].map(MessageChunk::tool_call)
}

/// The piece with what `message` has besides content and calls.
fn with_extras(mut piece: MessageChunk, message: &Message) -> MessageChunk {
    for (key, value) in message.additional_kwargs() {
        piece = piece.with_additional_kwarg(key, value.clone());
    }
    for (key, value) in message.response_metadata() {
        piece = piece.with_response_metadata(key, value.clone());
    }
    match message.usage() {
        Some(usage) => piece.with_usage(usage.clone()),
        None => piece,
    }
}

#[cfg(test)]
mod tests;
