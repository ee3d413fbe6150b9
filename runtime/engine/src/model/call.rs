//! One call of a chat model from inside a node: pieces to the listeners, the whole to the node.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::{Map, Value};

use super::{ChatModel, ModelRequest, ResponseFormat, ToolSpec};
use crate::error::NodeError;
use crate::fact::{Body, ModelCall};
use crate::message::{Content, Message, MessageChunk, Messages};
use crate::node::NodeContext;
use crate::value::{Key, Shared};

/// A model with the settings of one call.
///
/// ```
/// # use eddyline_engine::prelude::*;
/// async fn answer(state: MessagesState, ctx: NodeContext) -> Result<Update<MessagesState>> {
///     let reply = ctx.model("openai:gpt-4o-mini")?.tags(["draft"]).invoke(&state.messages).await?;
///     Ok(MessagesState::update().messages([reply]))
/// }
/// ```
pub struct Chat {
    ctx: NodeContext,
    model: Arc<dyn ChatModel>,
    tags: Vec<Key>,
    metadata: Map<String, Value>,
    tools: Vec<ToolSpec>,
    format: Option<ResponseFormat>,
    options: Map<String, Value>,
}

impl Chat {
    pub(crate) fn new(ctx: NodeContext, model: Arc<dyn ChatModel>) -> Self {
        let (tags, tools) = (Vec::new(), Vec::new());
        Self { ctx, model, tags, metadata: Map::new(), tools, format: None, options: Map::new() }
    }

    /// Tags by which clients tell this call from others; `nostream` keeps it off the message streams.
    pub fn tags<T: Into<Key>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Says something about the call to whoever reads its pieces.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Offers tools to the model.
    pub fn tools(mut self, tools: impl IntoIterator<Item = ToolSpec>) -> Self {
        self.tools.extend(tools);
        self
    }

    /// Asks for an answer whose text is JSON of this shape.
    pub fn format(mut self, format: ResponseFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets an option of the provider, such as `temperature`.
    pub fn option(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.options.insert(key.into(), value.into());
        self
    }

    /// Asks the model and returns its whole answer, which streams to listeners meanwhile.
    ///
    /// Dropping the future cancels the request.
    pub async fn invoke(self, messages: impl Into<Messages>) -> Result<Message, NodeError> {
        let call = self.call();
        let messages = messages.into();
        let request = self.request(&messages);
        let asked = Shared::from(messages);
        let telling = self.telling();
        if telling && self.model.streams() {
            let pieces = Pieces::new(&call, self.model.stream(request));
            let mut answer = Answer { chat: self, call, asked, pieces, started: false };
            while answer.next().await?.is_some() {}
            return answer.pieces.whole();
        }
        if telling {
            self.ctx.emit(Body::ModelStarted { call: call.clone(), messages: asked.clone() }).await;
        }
        let message = self.model.invoke(request).await?;
        let message =
            if message.id().is_some() { message } else { message.with_id(format!("lc_run--{}-0", call.id)) };
        self.ctx.heartbeat_on_output();
        if telling {
            let message = message.clone();
            self.ctx.emit(Body::ModelFinished { call, messages: asked, message, streamed: false }).await;
        }
        Ok(message)
    }

    /// Asks the model and returns its answer piece by piece, each as it goes to the listeners.
    ///
    /// Dropping the stream cancels the request. An error in mid-stream is its last item.
    pub fn stream(
        self,
        messages: impl Into<Messages>,
    ) -> BoxStream<'static, Result<MessageChunk, NodeError>> {
        let call = self.call();
        let messages = messages.into();
        let pieces = Pieces::new(&call, self.model.stream(self.request(&messages)));
        let asked = Shared::from(messages);
        let answer = Answer { chat: self, call, asked, pieces, started: false };
        futures_util::stream::unfold(Some(answer), |answer| async {
            let mut answer = answer?;
            match answer.next().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(answer))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    fn telling(&self) -> bool {
        self.ctx.env().level.host.interest().tokens
    }

    fn call(&self) -> Arc<ModelCall> {
        let mut metadata = self.metadata.clone();
        metadata.insert("ls_model_type".into(), "chat".into());
        metadata.extend(self.model.metadata());
        Arc::new(ModelCall {
            id: self.ctx.new_id(),
            task: self.ctx.env().info.clone(),
            name: self.model.name().into(),
            tags: self.tags.clone(),
            metadata,
        })
    }

    fn request(&self, messages: &Messages) -> ModelRequest {
        ModelRequest {
            messages: messages.clone(),
            tools: self.tools.clone(),
            format: self.format.clone(),
            options: self.options.clone(),
        }
    }
}

/// An answer on its way to the node, and to the listeners.
struct Answer {
    chat: Chat,
    call: Arc<ModelCall>,
    asked: Shared,
    pieces: Pieces,
    started: bool,
}

impl Answer {
    /// The next piece, after the listeners have it.
    async fn next(&mut self) -> Result<Option<MessageChunk>, NodeError> {
        let ctx = self.chat.ctx.clone();
        let (call, messages) = (self.call.clone(), self.asked.clone());
        if !std::mem::replace(&mut self.started, true) && self.chat.telling() {
            ctx.emit(Body::ModelStarted { call: call.clone(), messages: messages.clone() }).await;
        }
        let piece = self.pieces.next().await?;
        ctx.heartbeat_on_output();
        if self.chat.telling() {
            let body = match &piece {
                Some(chunk) => Body::Chunk { call, chunk: chunk.clone() },
                None => Body::ModelFinished { call, messages, message: self.pieces.whole()?, streamed: true },
            };
            ctx.emit(body).await;
        }
        Ok(piece)
    }
}

/// The pieces of an answer, numbered, and their sum so far.
struct Pieces {
    /// The id of pieces that have none.
    id: String,
    /// A mutex only so that an answer may be shared between threads; it is never locked.
    source: Mutex<BoxStream<'static, Result<MessageChunk, NodeError>>>,
    sum: Option<MessageChunk>,
    last: bool,
}

impl Pieces {
    fn new(call: &ModelCall, source: BoxStream<'static, Result<MessageChunk, NodeError>>) -> Self {
        Self { id: format!("lc_run--{}", call.id), source: Mutex::new(source), sum: None, last: false }
    }

    /// The next piece. A model that does not mark its last one gets an empty one after it, as in LangChain.
    async fn next(&mut self) -> Result<Option<MessageChunk>, NodeError> {
        let source = self.source.get_mut().unwrap_or_else(PoisonError::into_inner);
        let piece = match source.next().await {
            Some(piece) => piece?,
            None if self.last => return Ok(None),
            None => self.end()?,
        };
        let piece = if piece.id().is_some() { piece } else { piece.with_id(self.id.clone()) };
        self.last = piece.is_last();
        self.sum = Some(match self.sum.take() {
            Some(before) => before.merge(&piece)?,
            None => piece.clone(),
        });
        Ok(Some(piece))
    }

    fn end(&self) -> Result<MessageChunk, NodeError> {
        let blank = match self.sum.as_ref().map(MessageChunk::content) {
            Some(Content::Text(_)) => MessageChunk::text(""),
            Some(Content::Blocks(_)) => MessageChunk::new(Vec::new()),
            None => return Err(no_answer()),
        };
        Ok(blank.with_id(self.id.clone()).last())
    }

    fn whole(&self) -> Result<Message, NodeError> {
        self.sum.clone().map(MessageChunk::into_message).ok_or_else(no_answer)
    }
}

fn no_answer() -> NodeError {
    NodeError::visible("ValueError", "the model gave no answer")
}
