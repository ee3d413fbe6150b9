//! One call of a chat model from inside a node: pieces to the listeners, the whole to the node.

use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::{Map, Value};

use super::{ChatModel, ModelRequest, ToolSpec};
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
    options: Map<String, Value>,
}

impl Chat {
    pub(crate) fn new(ctx: NodeContext, model: Arc<dyn ChatModel>) -> Self {
        Self { ctx, model, tags: Vec::new(), metadata: Map::new(), tools: Vec::new(), options: Map::new() }
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

    /// Sets an option of the provider, such as `temperature`.
    pub fn option(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.options.insert(key.into(), value.into());
        self
    }

    /// Asks the model and returns its whole answer, which streams to listeners meanwhile.
    ///
    /// Dropping the future cancels the request.
    pub async fn invoke(self, messages: &Messages) -> Result<Message, NodeError> {
        let call = self.call();
        let request = self.request(messages);
        let asked = Shared::from(messages.clone());
        let host = &self.ctx.env().level.host;
        let telling = host.interest().tokens;
        if telling {
            self.ctx.emit(Body::ModelStarted { call: call.clone(), messages: asked.clone() }).await;
        }
        let streamed = telling && self.model.streams();
        let message = if streamed {
            self.stream_to_listeners(&call, request).await?
        } else {
            let message = self.model.invoke(request).await?;
            if message.id().is_some() { message } else { message.with_id(format!("lc_run--{}-0", call.id)) }
        };
        self.ctx.heartbeat_on_output();
        if telling {
            let message = message.clone();
            self.ctx.emit(Body::ModelFinished { call, messages: asked, message, streamed }).await;
        }
        Ok(message)
    }

    async fn stream_to_listeners(
        &self,
        call: &Arc<ModelCall>,
        request: ModelRequest,
    ) -> Result<Message, NodeError> {
        let mut pieces = self.model.stream(request);
        let mut whole: Option<MessageChunk> = None;
        let mut last = false;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            let piece =
                if piece.id().is_some() { piece } else { piece.with_id(format!("lc_run--{}", call.id)) };
            last = piece.is_last();
            whole = Some(self.tell(call, whole, piece).await?);
        }
        let whole = whole.ok_or_else(|| NodeError::visible("ValueError", "the model gave no answer"))?;
        if last {
            return Ok(whole.into_message());
        }
        let blank = match whole.content() {
            Content::Text(_) => MessageChunk::text(""),
            Content::Blocks(_) => MessageChunk::new(Vec::new()),
        };
        let end = blank.with_id(format!("lc_run--{}", call.id)).last();
        Ok(self.tell(call, Some(whole), end).await?.into_message())
    }

    async fn tell(
        &self,
        call: &Arc<ModelCall>,
        whole: Option<MessageChunk>,
        piece: MessageChunk,
    ) -> Result<MessageChunk, NodeError> {
        let sum = match whole {
            Some(before) => before.merge(&piece)?,
            None => piece.clone(),
        };
        self.ctx.heartbeat_on_output();
        self.ctx.emit(Body::Chunk { call: call.clone(), chunk: piece }).await;
        Ok(sum)
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
        ModelRequest { messages: messages.clone(), tools: self.tools.clone(), options: self.options.clone() }
    }
}
