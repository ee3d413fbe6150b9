//! Long conversations, made short by a model.

use std::sync::Arc;

use eddyline_engine::Shared;
use eddyline_engine::message::{Message, Messages, Role};
use eddyline_engine::model::ChatModel;
use eddyline_engine::node::{IntoNode, Node, NodeBody, Output};
use eddyline_engine::prelude::{MessagesState, NodeContext, NodeError, Value};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::model::Model;
use super::tool_node::conversation;

/// A node that replaces the beginning of a conversation by a summary of it, once the whole has grown long.
///
/// It belongs before the model of an [`Agent`](super::Agent), or anywhere in a graph whose state has the key
/// `messages`. The latest messages stay as they are, and calls stay with their answers. Nothing of the summary is on
/// message streams while it is written.
///
/// ```
/// use eddyline_graphs::prebuilt::{Agent, Summary};
///
/// let shorten = Summary::new("openai:gpt-4o-mini").over(100_000).keep(20);
/// let agent = Agent::new("openai:gpt-4o-mini").before_model("shorten", shorten).compile()?;
/// # let _ = agent;
/// # Ok::<(), eddyline_engine::CompileError>(())
/// ```
#[derive(Clone)]
pub struct Summary {
    model: Model,
    over: usize,
    keep: usize,
}

const ORDER: &str = "Summarise the conversation so far for whoever goes on with it. Keep what the user wants, what was \
                     found out and decided, names, numbers, and what is still to be done. Answer with the summary and \
                     nothing else.";

impl Summary {
    /// Summaries by the model that goes by this name.
    pub fn new(model: &str) -> Self {
        Self::by(Model::Named(model.into()))
    }

    /// Summaries by this model.
    pub fn with_model(model: impl ChatModel) -> Self {
        Self::by(Model::Given(Arc::new(model)))
    }

    fn by(model: Model) -> Self {
        Self { model, over: 200_000, keep: 20 }
    }

    /// Lets a conversation grow to so many bytes of text, of which a token of English has about four; 200,000 when
    /// nothing is said.
    pub fn over(mut self, bytes: usize) -> Self {
        self.over = bytes;
        self
    }

    /// Leaves so many of the latest messages as they are, and more if a call would be parted from its answer; 20 when
    /// nothing is said.
    pub fn keep(mut self, messages: usize) -> Self {
        self.keep = messages;
        self
    }

    async fn shorten(self, messages: Messages, ctx: NodeContext) -> Result<Output, NodeError> {
        let at = border(&messages, self.keep);
        let (old, kept) = messages.split_at(at);
        if at == 0 || length(&messages) <= self.over {
            return Ok(Output::nothing());
        }
        let order = [Message::human(ORDER)];
        let told: Messages = old.iter().cloned().chain(order).collect();
        let summary = self.model.chat(&ctx)?.tags(["nostream"]).invoke(told).await?;
        let text = format!("Here is a summary of the conversation to date:\n\n{}", summary.text());
        let whole = [Message::remove_all(), Message::human(text)].into_iter().chain(kept.iter().cloned());
        Ok(Output::update(MessagesState::update().messages(whole.collect::<Vec<_>>())))
    }
}

/// The bytes of text in messages and in the arguments of calls.
fn length(messages: &[Message]) -> usize {
    let args = |message: &Message| -> usize {
        message.tool_calls().iter().map(|call| Value::Object(call.args.clone()).to_string().len()).sum()
    };
    messages.iter().map(|message| message.text().len() + args(message)).sum()
}

/// Where the last `keep` messages begin, or earlier: not between a call and its answer.
fn border(messages: &[Message], keep: usize) -> usize {
    let at = messages.len().saturating_sub(keep.max(1));
    let parts = |at: &usize| messages.get(*at).is_some_and(|message| message.role() == Role::Tool);
    (0..=at).rev().find(|at| !parts(at)).unwrap_or_default()
}

impl Node for Summary {
    fn run(&self, input: Shared, ctx: NodeContext) -> BoxFuture<'static, Result<Output, NodeError>> {
        let node = self.clone();
        async move { node.shorten(conversation(&input)?, ctx).await }.boxed()
    }
}

impl<S> IntoNode<S, Self> for Summary {
    fn into_node(self) -> NodeBody {
        IntoNode::<S, Arc<dyn Node>>::into_node(Arc::new(self) as Arc<dyn Node>)
    }
}
