//! An agent that does nothing itself and hands over to those who can.

use std::sync::Arc;

use eddyline_engine::message::{Message, Messages, Role, ToolCall, ToolStatus};
use eddyline_engine::model::{ChatModel, ToolSpec};
use eddyline_engine::node::IntoNode;
use eddyline_engine::prelude::{
    Command, CompileError, CompiledGraph, END, MessagesState, Node, NodeContext, NodeError, START,
    StateGraph, json,
};

use super::OUT_OF_TURNS;
use super::asked::{Asked, open_calls};
use super::model::Model;

/// A model that hands the conversation over to agents, one at a time, and speaks to the person when they are done.
///
/// It compiles to a graph over `MessagesState`: `supervisor`, and a node for each agent. The agents are graphs whose
/// states have the key `messages`; they see the whole conversation, and what they say is added to it.
///
/// ```
/// use eddyline_graphs::prebuilt::{Agent, Supervisor};
///
/// let sums = Agent::new("openai:gpt-4o-mini").prompt("You do sums.").compile()?;
/// let verse = Agent::new("openai:gpt-4o-mini").prompt("You write verse.").compile()?;
/// let team = Supervisor::new("openai:gpt-4o-mini")
///     .agent("sums", "Does sums.", sums)
///     .agent("verse", "Writes verse.", verse)
///     .compile()?;
/// # let _ = team;
/// # Ok::<(), eddyline_engine::CompileError>(())
/// ```
pub struct Supervisor {
    choosing: Choosing,
    agents: Vec<Node<MessagesState>>,
}

#[derive(Clone)]
struct Choosing {
    model: Model,
    prompt: Option<String>,
    /// The agents: a tool for each, which hands over to it.
    handovers: Vec<(Arc<str>, ToolSpec)>,
    max_turns: usize,
}

/// How often it hands over for one answer to a person when nobody says.
const MAX_TURNS: usize = 25;

impl Supervisor {
    /// A supervisor with the model that goes by this name where it runs.
    pub fn new(model: &str) -> Self {
        Self::by(Model::Named(model.into()))
    }

    /// A supervisor that brings its model.
    pub fn with_model(model: impl ChatModel) -> Self {
        Self::by(Model::Given(Arc::new(model)))
    }

    fn by(model: Model) -> Self {
        let choosing = Choosing { model, prompt: None, handovers: Vec::new(), max_turns: MAX_TURNS };
        Self { choosing, agents: Vec::new() }
    }

    /// Tells the model who it is.
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.choosing.prompt = Some(prompt.into());
        self
    }

    /// Adds an agent. The description tells the model what to hand over to it.
    pub fn agent<M>(mut self, name: &str, description: &str, agent: impl IntoNode<MessagesState, M>) -> Self {
        let tool = ToolSpec {
            name: format!("transfer_to_{name}").into(),
            description: format!("Hands the conversation over to {name}. {description}"),
            parameters: json!({"type": "object", "properties": {}}),
        };
        self.choosing.handovers.push((name.into(), tool));
        self.agents.push(Node::new(name, agent));
        self
    }

    /// Hands over so often for one answer to a person, and 25 times when nothing is said; then it says that it needs
    /// more steps.
    pub fn max_turns(mut self, turns: usize) -> Self {
        self.choosing.max_turns = turns;
        self
    }

    /// The graph.
    pub fn compile(self) -> Result<CompiledGraph<MessagesState>, CompileError> {
        let Self { choosing, agents } = self;
        let names: Vec<Arc<str>> = choosing.handovers.iter().map(|(name, _)| name.clone()).collect();
        let supervisor = Node::new(SUPERVISOR, move |state, ctx| choosing.clone().choose(state, ctx));
        let targets = names.iter().map(|name| &**name).chain([END]);
        let graph =
            StateGraph::<MessagesState>::new().add(supervisor.goes_to(targets)).edge(START, SUPERVISOR);
        let graph = agents.into_iter().fold(graph, StateGraph::add);
        names.iter().fold(graph, |graph, name| graph.edge(&**name, SUPERVISOR)).compile()
    }
}

const SUPERVISOR: &str = "supervisor";

impl Choosing {
    async fn choose(
        self,
        state: MessagesState,
        ctx: NodeContext,
    ) -> Result<Command<MessagesState>, NodeError> {
        let specs: Vec<ToolSpec> = self.handovers.iter().map(|(_, tool)| tool.clone()).collect();
        let prompt = self.prompt.iter().map(|prompt| Message::system(prompt.as_str()));
        let told: Messages = prompt.chain(state.messages.iter().cloned()).collect();
        let answer = self.model.chat(&ctx)?.tools(specs).invoke(told).await?.with_name(SUPERVISOR);
        let say = |messages: Vec<Message>| MessagesState::update().messages(messages);
        let calls = open_calls(std::slice::from_ref(&answer));
        if calls.is_empty() {
            return Ok(Command::new().update(say(vec![answer])));
        }
        // An agent takes a superstep and the supervisor another one.
        if turns(&state.messages) >= self.max_turns || ctx.remaining_steps() < 2 {
            let id = answer.id().unwrap_or_default();
            return Ok(Command::new().update(say(vec![Message::ai(OUT_OF_TURNS).with_id(id)])));
        }
        let next = answer.tool_calls().iter().find_map(|call| Some((call.id.clone(), self.agent(call)?)));
        let told = calls.iter().map(|asked| match &next {
            Some((id, agent)) if asked.id() == id.as_deref() => {
                asked.answer(format!("Successfully transferred to {agent}"))
            }
            Some((_, agent)) => refused(asked, &format!("the conversation goes to {agent} first")),
            None => refused(asked, "there is no such agent"),
        });
        let messages = std::iter::once(answer.clone()).chain(told).collect();
        let next = next.as_ref().map_or(SUPERVISOR, |(_, agent)| agent);
        Ok(Command::goto(next).update(say(messages)))
    }

    /// The agent that a call hands over to.
    fn agent(&self, call: &ToolCall) -> Option<&str> {
        let (name, _) = self.handovers.iter().find(|(_, tool)| *tool.name == *call.name)?;
        Some(name)
    }
}

fn refused(asked: &Asked, words: &str) -> Message {
    asked.answer(format!("Error: {words}")).with_status(ToolStatus::Error)
}

/// How often the supervisor has spoken since a person did.
fn turns(messages: &[Message]) -> usize {
    let since = messages.iter().rev().take_while(|message| message.role() != Role::Human);
    since.filter(|message| message.name() == Some(SUPERVISOR)).count()
}
