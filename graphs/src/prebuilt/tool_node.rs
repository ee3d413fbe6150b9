//! A node that calls tools.

use std::sync::Arc;

use eddyline_engine::message::{InvalidToolCall, ToolCall, ToolStatus};
use eddyline_engine::node::{IntoNode, IntoOutput, Node, NodeBody, Output, Route};
use eddyline_engine::prelude::{
    END, Goto, Message, MessagesState, NodeContext, NodeError, SendTo, Value, view,
};
use eddyline_engine::{Messages, Shared};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::asked::{Asked, open_calls};
use crate::tools::{Answered, Tool, ToolContext, ToolErrors};

/// A node that calls the tools that a model asked for: one call for each execution of the node.
///
/// It belongs behind [`ask_tools`], which sends it the calls of the model's last message. So calls run at once, each
/// as a task of its own: with questions of its own, and not run again when another one asks. What tools answer goes
/// into the key `messages` of the state, in the order of the calls.
///
/// ```
/// use eddyline_engine::prelude::*;
/// use eddyline_graphs::prebuilt::{ToolNode, ask_tools};
/// use eddyline_graphs::tools::Tool;
/// # #[view] struct Search { query: String }
/// # async fn search(args: Search) -> Result<String> { Ok(args.query) }
/// # async fn model(_: MessagesState) {}
///
/// let tools = ToolNode::new([Tool::new("search", "Looks something up.", search)]);
/// let graph = StateGraph::<MessagesState>::new()
///     .node("model", model)
///     .node("tools", tools)
///     .edge(START, "model")
///     .conditional_edges("model", ask_tools("tools"), ["tools", END])
///     .edge("tools", "model")
///     .compile();
/// # graph.unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct ToolNode {
    tools: Arc<[Tool]>,
    errors: ToolErrors,
}

/// Sends the node `node` every call of the model's last message that is not answered yet; ends the path if there is
/// none.
pub fn ask_tools(node: &'static str) -> Route {
    Route::new("ask_tools", move |state| {
        let calls = sends(&conversation(state)?, node);
        Ok(if calls.is_empty() { vec![Goto::from(END)] } else { calls })
    })
}

/// The open calls of a conversation, on their way to `node`.
pub(crate) fn sends(messages: &[Message], node: &str) -> Vec<Goto> {
    open_calls(messages).into_iter().map(|asked| SendTo::new(node, asked).into()).collect()
}

/// The conversation of any state with the key `messages`.
pub(crate) fn conversation(state: &Shared) -> Result<Messages, NodeError> {
    #[view]
    struct Conversation {
        messages: Messages,
    }
    let refused = |error| NodeError::visible("ValueError", format!("cannot read the conversation: {error}"));
    Ok(state.read::<Conversation>().map_err(refused)?.messages)
}

impl ToolNode {
    /// A node that calls these tools. Of two with one name the first is called.
    pub fn new(tools: impl IntoIterator<Item = Tool>) -> Self {
        Self { tools: tools.into_iter().collect(), errors: ToolErrors::default() }
    }

    /// What becomes of errors of tools that say nothing themselves; models are told when nothing is said.
    pub fn errors(mut self, errors: ToolErrors) -> Self {
        self.errors = errors;
        self
    }

    async fn answer(self, call: ToolCall, ctx: NodeContext) -> Result<Output, NodeError> {
        let Some(tool) = self.tools.iter().find(|tool| *tool.spec().name == *call.name).cloned() else {
            return Ok(said(self.unknown(&call)));
        };
        let run = |stream| {
            let context = ToolContext { ctx: ctx.clone(), call: call.clone(), stream };
            let (running, call) = (tool.call(call.clone(), context), call.clone());
            async move {
                let reply = running.await?;
                Ok(Answered { message: reply.message(&call), then: reply.then })
            }
        };
        match ctx.tool(&call, run).await {
            Ok(Answered { message, then: Some(command) }) => {
                IntoOutput::<Value>::into_output(vec![said(message), command])
            }
            Ok(Answered { message, then: None }) => Ok(said(message)),
            Err(error) => {
                let words = tool.own_errors().unwrap_or(&self.errors).words(error)?;
                Ok(said(Message::answer(&call, words).with_status(ToolStatus::Error)))
            }
        }
    }

    fn unknown(&self, call: &ToolCall) -> Message {
        let names: Vec<&str> = self.tools.iter().map(|tool| &*tool.spec().name).collect();
        let words = format!("Error: {} is not a valid tool, try one of [{}].", call.name, names.join(", "));
        Message::answer(call, words).with_status(ToolStatus::Error)
    }
}

fn unreadable(call: InvalidToolCall) -> Message {
    let (name, args) = (call.name.as_deref().unwrap_or_default(), call.args.as_deref().unwrap_or_default());
    let words = format!("Error: the arguments of {name} are not a JSON object: {args}");
    Asked::InvalidToolCall(call).answer(words).with_status(ToolStatus::Error)
}

fn said(message: Message) -> Output {
    Output::update(MessagesState::update().messages([message]))
}

impl Node for ToolNode {
    fn run(&self, input: Shared, ctx: NodeContext) -> BoxFuture<'static, Result<Output, NodeError>> {
        let node = self.clone();
        async move {
            let refused = |error| {
                let words = format!("a node of tools takes one call, as `ask_tools` sends it: {error}");
                NodeError::visible("ValueError", words)
            };
            match input.read().map_err(refused)? {
                Asked::ToolCall(call) => node.answer(call, ctx).await,
                Asked::InvalidToolCall(call) => Ok(said(unreadable(call))),
            }
        }
        .boxed()
    }
}

impl<S> IntoNode<S, Self> for ToolNode {
    fn into_node(self) -> NodeBody {
        IntoNode::<S, Arc<dyn Node>>::into_node(Arc::new(self) as Arc<dyn Node>)
    }
}
