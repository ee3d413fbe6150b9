//! What a run is told beside its input.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::value::{Key, Shared};

/// How many supersteps a run may take when nobody says (LangGraph's default).
pub const DEFAULT_RECURSION_LIMIT: u64 = 10_007;

/// How many tasks a superstep may have when nobody says.
pub const DEFAULT_MAX_TASKS: usize = 65_536;

/// How many bytes of JSON the values of a graph level may have when nobody says.
pub const DEFAULT_MAX_STATE_BYTES: usize = 64 << 20;

/// When a run's progress is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Before the next superstep begins.
    Sync,
    /// While the next superstep runs.
    #[default]
    Async,
    /// Once, when the run ends or pauses.
    Exit,
}

/// At which nodes a run pauses without being asked by a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Breakpoints {
    /// At none.
    #[default]
    Never,
    /// At every node.
    All,
    /// At these.
    At(Vec<Key>),
}

impl Breakpoints {
    pub(crate) fn includes(&self, node: &str) -> bool {
        match self {
            Self::Never => false,
            Self::All => true,
            Self::At(nodes) => nodes.iter().any(|name| &**name == node),
        }
    }
}

impl<T: Into<Key>, const N: usize> From<[T; N]> for Breakpoints {
    fn from(nodes: [T; N]) -> Self {
        Self::At(nodes.into_iter().map(Into::into).collect())
    }
}

/// Everything that holds for the whole of a run, its nested graphs included.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// The run.
    pub run_id: Uuid,
    /// The thread, as its text id; `None` for a run that keeps nothing.
    pub thread_id: Option<Key>,
    /// The name by which a graph without one goes.
    pub graph_name: Key,
    /// How many supersteps each graph level may take, counted as LangGraph counts: a chain of n nodes
    /// needs n + 1.
    pub recursion_limit: u64,
    /// How many tasks of a superstep run at once; `None` for all.
    pub max_concurrency: Option<usize>,
    /// When progress is stored.
    pub durability: Durability,
    /// True when checkpoints are kept: [`Host::commit`](crate::Host::commit) and
    /// [`Host::load`](crate::Host::load) mean something.
    pub checkpoints: bool,
    /// Pause before these nodes; `None` for what the graph was compiled with.
    pub interrupt_before: Option<Breakpoints>,
    /// Pause after these nodes; `None` for what the graph was compiled with.
    pub interrupt_after: Option<Breakpoints>,
    /// The checkpoint to start from instead of the newest.
    pub checkpoint_id: Option<Uuid>,
    /// The checkpoints to start nested graphs from, by namespace; that of the root stands above.
    pub checkpoint_map: Vec<(Key, Uuid)>,
    /// An attempt after the first: continue what the run stored, whatever the input says.
    pub retry: bool,
    /// What a graph elsewhere says that has this one as a node and resumes: its answers, by question. The run goes
    /// on with what is stored, whatever its input says, as a nested graph does.
    pub resumed_from_outside: Option<Arc<Map<String, Value>>>,
    /// Refuse a resume that names a question which is not open, instead of asking again.
    pub strict_resume: bool,
    /// The questions that were open when the resume came: it is for them and for none that is asked later. If those
    /// that it is for are not open any more, the run fails. Empty for whichever are open.
    pub answers: Arc<[String]>,
    /// Values by which callers configure nodes, as nodes and checkpoint events see them.
    pub configurable: Arc<Map<String, Value>>,
    /// The run's context: immutable, not part of the state.
    pub context: Shared,
    /// What message and event streams say about the run.
    pub metadata: Arc<Map<String, Value>>,
    /// What is stored beside source, step and parents of each checkpoint.
    pub stored_metadata: Arc<Map<String, Value>>,
    /// The run's tags.
    pub tags: Arc<[Key]>,
    /// The output keys show the whole state, private keys included (LangGraph's `events` mode does so).
    pub whole_output: bool,
}

impl RunConfig {
    /// The configuration of a run that is told nothing: no thread, no checkpoints, every default.
    pub fn new(run_id: Uuid) -> Self {
        Self {
            run_id,
            thread_id: None,
            graph_name: "LangGraph".into(),
            recursion_limit: DEFAULT_RECURSION_LIMIT,
            max_concurrency: None,
            durability: Durability::default(),
            checkpoints: false,
            interrupt_before: None,
            interrupt_after: None,
            checkpoint_id: None,
            checkpoint_map: Vec::new(),
            retry: false,
            resumed_from_outside: None,
            strict_resume: false,
            answers: Arc::default(),
            configurable: Arc::default(),
            context: Shared::null(),
            metadata: Arc::default(),
            stored_metadata: Arc::default(),
            tags: Arc::from([]),
            whole_output: false,
        }
    }
}
