//! What may stand in a graph file: the types that it is read into, and its JSON Schema.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::located::{Located, Named, TextOr};
use super::tree::Tree;

mod models;
mod requests;

pub(super) use models::{AgentSpec, CallPieceSpec, ModelSpec, PieceSpec, ScriptedSpec};
pub(super) use requests::{HttpSpec, McpSpec, ProcessSpec};

/// A graph file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a graph: `state`, `nodes` and `edges`")]
#[schemars(title = "An eddyline graph")]
pub(super) struct File {
    /// The name of the graph, for streams and drawings; a served graph goes by the name of its file.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// What the graph is for. Nothing reads it but people.
    #[serde(default, rename = "description")]
    _description: Option<String>,
    /// The keys of the state: a type, or a type with a reducer.
    pub(super) state: Named<TextOr<KeySpec>>,
    /// The keys that a run takes; all of them when nothing is said.
    #[serde(default)]
    pub(super) input: Option<Vec<Located<String>>>,
    /// The keys that a run gives; all of them when nothing is said.
    #[serde(default)]
    pub(super) output: Option<Vec<Located<String>>>,
    /// What the context of a run holds: `{{ run.context.NAME }}`.
    #[serde(default)]
    pub(super) context: Option<Named<TextOr<KeySpec>>>,
    /// Tools that models of this file may call.
    #[serde(default)]
    pub(super) tools: Named<ToolSpec>,
    /// MCP servers whose tools models of this file may call: `tools: [NAME]` has all of them, `NAME.TOOL` one.
    #[serde(default)]
    pub(super) mcp: Named<McpSpec>,
    /// The nodes, each of one kind.
    pub(super) nodes: Named<NodeSpec>,
    /// What leads from node to node: `a -> b -> c`, or the long form. `START` and `END` are the ends of the graph.
    pub(super) edges: Vec<Located<TextOr<EdgeSpec>>>,
    /// Nodes before which every run pauses.
    #[serde(default)]
    pub(super) interrupt_before: Vec<Located<String>>,
    /// Nodes after which every run pauses.
    #[serde(default)]
    pub(super) interrupt_after: Vec<Located<String>>,
    /// Whether a graph inside another keeps checkpoints.
    #[serde(default)]
    pub(super) persistence: PersistenceSpec,
    /// How many seconds a superstep may take.
    #[serde(default)]
    pub(super) step_timeout: Option<Located<f64>>,
}

/// Whether a graph inside another keeps checkpoints.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PersistenceSpec {
    /// With each execution of the node that holds it.
    #[default]
    Inherit,
    /// One history a thread.
    Thread,
    /// Not at all.
    Never,
}

/// One key of the state, or one argument of a tool.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a type such as `string`, or `{type: …}`")]
pub(super) struct KeySpec {
    /// What it holds.
    #[serde(rename = "type")]
    pub(super) kind: Located<String>,
    /// What the items of a list are.
    #[serde(default)]
    pub(super) items: Option<Located<String>>,
    /// How what is written meets what is there; without it the last value stays.
    #[serde(default)]
    pub(super) reduce: Option<Located<Reduce>>,
    /// The value of a key with a reducer before anything is written.
    #[serde(default)]
    pub(super) default: Option<Tree>,
    /// How long a value is kept.
    #[serde(default)]
    pub(super) keep: Keep,
    /// What it is for.
    #[serde(default)]
    pub(super) description: Option<String>,
}

/// How what is written to a key meets what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reduce {
    /// Lists are put one after the other.
    Append,
    /// Numbers are added, texts joined, lists put one after the other.
    Add,
    /// Fields of maps replace those of the same name.
    Merge,
    /// The last of several writes of one superstep stays, and more than one is no mistake.
    Any,
}

/// How long the value of a key is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Keep {
    /// With the thread.
    #[default]
    Always,
    /// For the superstep after the one that wrote it.
    Step,
    /// For the run, and in no checkpoint.
    Run,
}

/// A node. It has one kind, and `set` beside it says what to make of the `result`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a node: a map with its kind")]
pub(super) struct NodeSpec {
    /// Writes keys of the state.
    #[serde(default)]
    pub(super) set: Option<Named<Tree>>,
    /// Renders a text.
    #[serde(default)]
    pub(super) template: Option<Tree>,
    /// Asks a model.
    #[serde(default)]
    pub(super) model: Option<Located<TextOr<ModelSpec>>>,
    /// Runs a model and its tools in a loop.
    #[serde(default)]
    pub(super) agent: Option<AgentSpec>,
    /// Calls the tools that a model asked for; the edge that leads here is `tools`.
    #[serde(default)]
    pub(super) tools: Option<Vec<Located<String>>>,
    /// Makes an HTTP request.
    #[serde(default)]
    pub(super) http: Option<HttpSpec>,
    /// Calls a child process that speaks JSON lines.
    #[serde(default)]
    pub(super) process: Option<Located<TextOr<ProcessSpec>>>,
    /// Runs a graph: another file, or one that is written here.
    #[serde(default)]
    pub(super) subgraph: Option<Located<TextOr<Box<File>>>>,
    /// Asks a person, and waits.
    #[serde(default)]
    pub(super) interrupt: Option<Tree>,
    /// Says where to go next, and may write keys on the way.
    #[serde(default)]
    pub(super) command: Option<CommandSpec>,
    /// The key that takes the result.
    #[serde(default)]
    pub(super) into: Option<Located<String>>,
    /// The JSON Schema that an answer to `interrupt` should fit.
    #[serde(default)]
    pub(super) answer_schema: Option<Value>,
    /// Tries the node again when it fails.
    #[serde(default)]
    pub(super) retry: Option<RetrySpec>,
    /// How many seconds an attempt may take.
    #[serde(default)]
    pub(super) timeout: Option<Located<f64>>,
    /// How many seconds an attempt may take without a sign of progress.
    #[serde(default)]
    pub(super) idle_timeout: Option<Located<f64>>,
    /// For how many seconds the result is reused for an equal input.
    #[serde(default)]
    pub(super) cache: Option<Located<f64>>,
    /// Runs the node only when nothing else is left to run.
    #[serde(default)]
    pub(super) defer: bool,
    /// Said about the node to whoever reads its streams.
    #[serde(default)]
    pub(super) metadata: Map<String, Value>,
    /// Tags of the node.
    #[serde(default)]
    pub(super) tags: Vec<String>,
    /// What the node is for. Nothing reads it but people.
    #[serde(default, rename = "description")]
    _description: Option<String>,
}

/// How often a node is tried again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "`{attempts: …}`")]
pub(super) struct RetrySpec {
    /// How many attempts there are, the first included.
    pub(super) attempts: Located<u32>,
    /// The wait before the second attempt, in seconds.
    #[serde(default)]
    pub(super) initial_interval: Option<Located<f64>>,
    /// By how much each further wait is longer.
    #[serde(default)]
    pub(super) backoff_factor: Option<Located<f64>>,
    /// The longest wait, in seconds.
    #[serde(default)]
    pub(super) max_interval: Option<Located<f64>>,
    /// Whether up to a second is added to each wait.
    #[serde(default)]
    pub(super) jitter: Option<bool>,
}

/// A tool: what the model is told of it, and one kind that says what it does with its arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a tool: `{description: …, arguments: …}` and its kind")]
pub(super) struct ToolSpec {
    /// What it does, for the model.
    pub(super) description: String,
    /// Its arguments: a type for each.
    #[serde(default)]
    pub(super) arguments: Named<TextOr<KeySpec>>,
    /// Answers with a text.
    #[serde(default)]
    pub(super) template: Option<Tree>,
    /// Answers with what an HTTP request gives.
    #[serde(default)]
    pub(super) http: Option<HttpSpec>,
    /// Answers with what a child process gives.
    #[serde(default)]
    pub(super) process: Option<Located<TextOr<ProcessSpec>>>,
    /// Has a person look at each call first.
    #[serde(default)]
    pub(super) review: bool,
    /// What becomes of its errors.
    #[serde(default)]
    pub(super) errors: ErrorsSpec,
}

/// What becomes of the errors of a tool.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ErrorsSpec {
    /// The model is told.
    #[default]
    Tell,
    /// The run fails.
    Fail,
}

/// Where to go next, and what to write on the way.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "`{goto: …}`")]
pub(super) struct CommandSpec {
    /// Keys to write.
    #[serde(default)]
    pub(super) update: Named<Tree>,
    /// A node, or the first choice that holds.
    pub(super) goto: Located<TextOr<Vec<ChoiceSpec>>>,
    /// Addresses the graph around this one: its keys, its nodes.
    #[serde(default)]
    pub(super) to_parent: bool,
}

/// An edge.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "`from -> to`, or `{from: …, to: …}`")]
pub(super) struct EdgeSpec {
    /// Where it begins; with several nodes, once all of them have run.
    pub(super) from: TextOr<Vec<Located<String>>>,
    /// Where it leads.
    #[serde(default)]
    pub(super) to: Option<TextOr<Vec<Located<String>>>>,
    /// Leads where the first choice says that holds, and ends if none does.
    #[serde(default)]
    pub(super) choose: Option<Vec<ChoiceSpec>>,
    /// Sends each call of the model's last message to this node of `tools`, and goes to `to` if there is none.
    #[serde(default)]
    pub(super) tools: Option<Located<String>>,
    /// An expression; the edge is taken when it is true.
    #[serde(default)]
    pub(super) when: Option<Located<String>>,
    /// An expression that gives a list: `to` runs once for each item.
    #[serde(default)]
    pub(super) each: Option<Located<String>>,
    /// The name of an item; `item` when nothing is said.
    #[serde(default, rename = "as")]
    pub(super) item: Option<Located<String>>,
    /// What an execution is given instead of the state; the item under its name when nothing is said.
    #[serde(default)]
    pub(super) with: Option<Named<Tree>>,
    /// The name of the choice, for streams and drawings.
    #[serde(default)]
    pub(super) name: Option<Located<String>>,
}

/// One way that may be taken.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a choice: `{when: …, to: …}`")]
pub(super) struct ChoiceSpec {
    /// An expression; without it the choice always holds.
    #[serde(default)]
    pub(super) when: Option<Located<String>>,
    /// Where it leads.
    pub(super) to: Located<TextOr<Vec<Located<String>>>>,
    /// An expression that gives a list: `to` runs once for each item.
    #[serde(default)]
    pub(super) each: Option<Located<String>>,
    /// The name of an item; `item` when nothing is said.
    #[serde(default, rename = "as")]
    pub(super) item: Option<Located<String>>,
    /// What an execution is given instead of the state; the item under its name when nothing is said.
    #[serde(default)]
    pub(super) with: Option<Named<Tree>>,
}
