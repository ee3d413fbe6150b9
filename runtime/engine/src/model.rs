//! Chat models, as nodes call them and providers implement them.
//!
//! No provider is known here. A model gives raw pieces; the engine numbers them, tells listeners, and
//! adds them up.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde_json::{Map, Value};

use crate::error::NodeError;
use crate::message::{Message, MessageChunk, Messages};
use crate::value::Key;

/// What a model is asked.
#[derive(Clone, Debug, Default)]
pub struct ModelRequest {
    /// The conversation.
    pub messages: Messages,
    /// The tools that it may call.
    pub tools: Vec<ToolSpec>,
    /// The shape that the text of its answer has to have.
    pub format: Option<ResponseFormat>,
    /// Provider settings: temperature, stop words, ….
    pub options: Map<String, Value>,
}

/// The shape of an answer whose text is JSON (structured output).
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseFormat {
    /// What it is called.
    pub name: Key,
    /// The JSON Schema that the answer fits.
    pub schema: Value,
}

impl ResponseFormat {
    /// Answers that can be read as `T`, called `name`.
    pub fn of<T: schemars::JsonSchema>(name: impl Into<Key>) -> Self {
        Self { name: name.into(), schema: crate::node::schema_of::<T>() }
    }
}

/// A tool, as a model is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSpec {
    /// Its name.
    pub name: Key,
    /// What it does, for the model.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub parameters: Value,
}

impl ToolSpec {
    /// A tool whose arguments are a `T`: its fields and their documentation tell the model what to fill in.
    pub fn of<T: schemars::JsonSchema>(name: impl Into<Key>, description: impl Into<String>) -> Self {
        let parameters = crate::node::schema_of::<T>();
        Self { name: name.into(), description: description.into(), parameters }
    }
}

/// A chat model.
///
/// A provider's adapter keeps pieces as they come: tool-call fragments with their index and raw argument
/// text, reasoning and other content blocks, usage where the provider tells it. It marks its last piece
/// ([`MessageChunk::last`]); if it does not, the engine adds an empty one, as LangChain does.
/// An error in mid-stream ends the stream as its last item and keeps the provider's words.
pub trait ChatModel: Send + Sync + 'static {
    /// The class name that event streams show.
    fn name(&self) -> &str;

    /// The answer in pieces. Dropping the stream cancels the request.
    fn stream(&self, request: ModelRequest) -> BoxStream<'static, Result<MessageChunk, NodeError>>;

    /// The answer at once. By default, the pieces added up.
    ///
    /// Dropping the future cancels the request.
    fn invoke(&self, request: ModelRequest) -> BoxFuture<'static, Result<Message, NodeError>> {
        Box::pin(sum(self.stream(request)))
    }

    /// False for a model that has no pieces to give: it is always asked at once.
    fn streams(&self) -> bool {
        true
    }

    /// What message streams say about the model: `ls_provider`, `ls_model_name`, ….
    fn metadata(&self) -> Map<String, Value> {
        Map::new()
    }
}

/// A model that several share.
impl<M: ChatModel + ?Sized> ChatModel for Arc<M> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn stream(&self, request: ModelRequest) -> BoxStream<'static, Result<MessageChunk, NodeError>> {
        (**self).stream(request)
    }

    fn invoke(&self, request: ModelRequest) -> BoxFuture<'static, Result<Message, NodeError>> {
        (**self).invoke(request)
    }

    fn streams(&self) -> bool {
        (**self).streams()
    }

    fn metadata(&self) -> Map<String, Value> {
        (**self).metadata()
    }
}

/// Adds up the pieces of an answer.
async fn sum(mut chunks: BoxStream<'static, Result<MessageChunk, NodeError>>) -> Result<Message, NodeError> {
    use futures_util::StreamExt as _;
    let mut whole: Option<MessageChunk> = None;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        whole = Some(match whole {
            Some(before) => before.merge(&chunk)?,
            None => chunk,
        });
    }
    let whole = whole.ok_or_else(|| NodeError::visible("ValueError", "the model gave no answer"))?;
    Ok(whole.into_message())
}

mod call;
mod source;
pub use call::Chat;
pub use source::{ModelSource, Models};
