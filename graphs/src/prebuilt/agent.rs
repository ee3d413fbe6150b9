//! A model with tools, in a loop.

use std::sync::Arc;

use eddyline_engine::message::{Message, Messages, Role};
use eddyline_engine::model::{Chat, ChatModel, ResponseFormat, ToolSpec};
use eddyline_engine::node::IntoNode;
use eddyline_engine::prelude::{
    CompileError, CompiledGraph, END, Goto, Node, NodeContext, NodeError, START, StateGraph, Update, Value,
    state,
};
use schemars::JsonSchema;
use serde_json::Map;

use super::OUT_OF_TURNS;
use super::asked::open_calls;
use super::model::Model;
use super::review::review;
use super::tool_node::{ToolNode, sends};
use crate::tools::{Tool, ToolErrors};

/// What an agent knows.
#[state]
pub struct AgentState {
    /// The conversation.
    #[state(reduce = messages)]
    pub messages: Messages,
    /// The last answer as JSON, for an agent with a format.
    pub structured_response: Option<Value>,
}

/// An agent: a model that may ask for tools, the tools, and the way back to the model until it asks no more.
///
/// It compiles to an ordinary graph over [`AgentState`] that draws, streams, nests and is tested like any other:
/// `model`, `tools` if there are any, `review` if a person is to look at calls, and a node for each hook.
///
/// ```
/// use eddyline_engine::prelude::*;
/// use eddyline_graphs::prebuilt::Agent;
/// use eddyline_graphs::tools::Tool;
///
/// #[view]
/// struct Search {
///     /// What to look for.
///     query: String,
/// }
///
/// let search =
///     Tool::new("search", "Looks something up.", async |args: Search| Ok(format!("sunny in {}", args.query)));
/// let agent = Agent::new("openai:gpt-4o-mini").tool(search).prompt("Be brief.").max_turns(8).compile()?;
/// # let _ = agent;
/// # Ok::<(), CompileError>(())
/// ```
pub struct Agent {
    asking: Asking,
    errors: ToolErrors,
    before: Vec<Node<AgentState>>,
    after: Vec<Node<AgentState>>,
}

/// How the model is asked.
#[derive(Clone)]
struct Asking {
    model: Model,
    tools: Arc<[Tool]>,
    prompt: Option<Prompt>,
    format: Option<ResponseFormat>,
    options: Map<String, Value>,
    max_turns: usize,
}

type Prompt = Arc<dyn Fn(&AgentState) -> Message + Send + Sync>;

/// How often the model is asked in a row when nobody says.
const MAX_TURNS: usize = 25;

impl Agent {
    /// An agent with the model that goes by this name where the agent runs.
    pub fn new(model: &str) -> Self {
        Self::asking(Model::Named(model.into()))
    }

    /// An agent that brings its model.
    pub fn with_model(model: impl ChatModel) -> Self {
        Self::asking(Model::Given(Arc::new(model)))
    }

    fn asking(model: Model) -> Self {
        let asking = Asking {
            model,
            tools: Arc::default(),
            prompt: None,
            format: None,
            options: Map::new(),
            max_turns: MAX_TURNS,
        };
        Self { asking, errors: ToolErrors::default(), before: Vec::new(), after: Vec::new() }
    }

    /// Offers the model a tool.
    pub fn tool(self, tool: Tool) -> Self {
        self.tools([tool])
    }

    /// Offers the model tools.
    pub fn tools(mut self, tools: impl IntoIterator<Item = Tool>) -> Self {
        self.asking.tools = self.asking.tools.iter().cloned().chain(tools).collect();
        self
    }

    /// Tells the model who it is, before the conversation and not as a part of it.
    pub fn prompt(self, prompt: impl Into<String>) -> Self {
        let prompt = prompt.into();
        self.prompt_of(move |_| prompt.clone())
    }

    /// Tells the model who it is, as the state wants it.
    pub fn prompt_of(mut self, prompt: impl Fn(&AgentState) -> String + Send + Sync + 'static) -> Self {
        self.asking.prompt = Some(Arc::new(move |state| Message::system(prompt(state))));
        self
    }

    /// Has the model answer in JSON that can be read as `T`; the answer stands in `structured_response`.
    pub fn respond_as<T: JsonSchema>(self, name: &str) -> Self {
        self.respond_in(ResponseFormat::of::<T>(name))
    }

    /// Has the model answer in JSON of a shape that is known only now; the answer stands in `structured_response`.
    pub fn respond_in(mut self, format: ResponseFormat) -> Self {
        self.asking.format = Some(format);
        self
    }

    /// Sets an option of the provider, such as `temperature`.
    pub fn option(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.asking.options.insert(key.into(), value.into());
        self
    }

    /// Asks the model at most so often in a row, and 25 times when nothing is said. If it still wants tools then, the
    /// agent says that it needs more steps.
    pub fn max_turns(mut self, turns: usize) -> Self {
        self.asking.max_turns = turns;
        self
    }

    /// What becomes of errors of tools that say nothing themselves; the model is told when nothing is said.
    pub fn tool_errors(mut self, errors: ToolErrors) -> Self {
        self.errors = errors;
        self
    }

    /// Runs a node before each time that the model is asked, after those that were added before it.
    pub fn before_model<M>(mut self, name: &str, hook: impl IntoNode<AgentState, M>) -> Self {
        self.before.push(Node::new(name, hook));
        self
    }

    /// Runs a node after each answer of the model, before tools are called, after those that were added before it.
    pub fn after_model<M>(mut self, name: &str, hook: impl IntoNode<AgentState, M>) -> Self {
        self.after.push(Node::new(name, hook));
        self
    }

    /// The graph.
    pub fn compile(self) -> Result<CompiledGraph<AgentState>, CompileError> {
        let Self { asking, errors, before, mut after } = self;
        let tools = asking.tools.clone();
        if tools.iter().any(Tool::is_reviewed) {
            let tools = tools.clone();
            after.push(Node::new("review", move |state, ctx| review(tools.clone(), state, ctx)));
        }
        let model = Node::new("model", move |state, ctx| asking.clone().ask(state, ctx));
        let first = before.first().map_or("model", |node| node.name()).to_owned();
        let (mut graph, mut last) = (StateGraph::<AgentState>::new(), START.to_owned());
        for node in before.into_iter().chain([model]).chain(after) {
            let name = node.name().to_owned();
            graph = graph.add(node).edge(last, name.clone());
            last = name;
        }
        if tools.is_empty() {
            return graph.edge(last, END).compile();
        }
        let back = first.clone();
        let next = move |state: AgentState| next(&state.messages, &back);
        graph
            .node("tools", ToolNode::new(tools.iter().cloned()).errors(errors))
            .conditional_edges(last, next, [TOOLS, &first, END])
            .edge(TOOLS, first)
            .compile()
    }
}

const TOOLS: &str = "tools";

/// To the tools; back to the model if a person refused them all; or to the end.
fn next(messages: &[Message], first: &str) -> Vec<Goto> {
    let calls = sends(messages, TOOLS);
    match messages.last().map(Message::role) {
        _ if !calls.is_empty() => calls,
        Some(Role::Tool) => vec![first.into()],
        _ => vec![END.into()],
    }
}

impl Asking {
    async fn ask(self, state: AgentState, ctx: NodeContext) -> Result<Update<AgentState>, NodeError> {
        let turn = turn(&state.messages, &self.tools);
        let answer = self.chat(&ctx)?.invoke(self.told(&state)).await?;
        let wants_tools = !open_calls(std::slice::from_ref(&answer)).is_empty();
        // The tools take a superstep and the model another one.
        if wants_tools && (turn >= self.max_turns || ctx.remaining_steps() < 2) {
            let id = answer.id().unwrap_or_default();
            return Ok(AgentState::update().messages([Message::ai(OUT_OF_TURNS).with_id(id)]));
        }
        let update = AgentState::update();
        let update = match &self.format {
            Some(format) if !wants_tools => update.structured_response(read(&answer, format)?),
            _ => update,
        };
        Ok(update.messages([answer]))
    }

    fn chat(&self, ctx: &NodeContext) -> Result<Chat, NodeError> {
        let chat = self.model.chat(ctx)?;
        let specs: Vec<ToolSpec> = self.tools.iter().map(|tool| tool.spec().clone()).collect();
        let chat = self.format.iter().fold(chat.tools(specs), |chat, format| chat.format(format.clone()));
        Ok(self.options.iter().fold(chat, |chat, (key, value)| chat.option(key, value.clone())))
    }

    /// The conversation with the prompt before it.
    fn told(&self, state: &AgentState) -> Messages {
        match &self.prompt {
            None => state.messages.clone(),
            Some(prompt) => std::iter::once(prompt(state)).chain(state.messages.iter().cloned()).collect(),
        }
    }
}

/// How often the model is asked in a row, with this time. The row begins after whatever is not about these tools: a
/// person's message, an answer, another agent's handover.
fn turn(messages: &[Message], tools: &[Tool]) -> usize {
    let ours = |name: &str| tools.iter().any(|tool| *tool.spec().name == *name);
    let asked = |message: &&Message| {
        let unreadable = message.invalid_tool_calls().iter().filter_map(|call| call.name.as_deref());
        message.tool_calls().iter().map(|call| &*call.name).chain(unreadable).any(ours)
    };
    let others = messages.iter().rev().filter(|message| message.role() != Role::Tool);
    others.take_while(asked).count() + 1
}

fn read(answer: &Message, format: &ResponseFormat) -> Result<Value, NodeError> {
    let refused = |error| {
        let words = format!("the model's answer is not the `{}` that it was asked for: {error}", format.name);
        NodeError::visible("ValueError", words)
    };
    serde_json::from_str(&answer.text()).map_err(refused)
}
