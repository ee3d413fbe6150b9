//! What a client asks of a new run.

use std::time::Duration;

use eddyline_engine::Shared;
use eddyline_engine::config::{Breakpoints, Durability};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{MultitaskStrategy, StreamMode};

/// A request for a run.
///
/// ```
/// use eddyline_runtime::{StartRun, StreamMode};
/// use serde_json::json;
///
/// let request = StartRun {
///     input: Some(json!({"topic": "ice cream"}).into()),
///     stream_modes: vec![StreamMode::Updates],
///     ..StartRun::new("agent")
/// };
/// # let _ = request;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StartRun {
    /// The thread to work on; `None` makes one.
    pub thread_id: Option<Uuid>,
    /// The id of a graph, or of an assistant.
    pub assistant: String,
    /// The input, any JSON; `None` or null continues. Ignored when there is a command that says something.
    pub input: Option<Shared>,
    /// The command `{update?, resume?, goto?}`.
    pub command: Option<Value>,
    /// `{tags?, recursion_limit?, max_concurrency?, configurable?, metadata?, …}`.
    pub config: Map<String, Value>,
    /// The context; must be empty when `config.configurable` is not.
    pub context: Map<String, Value>,
    /// What to say about the run.
    pub metadata: Map<String, Value>,
    /// The modes of the run's own stream; decide whether models are asked for tokens.
    pub stream_modes: Vec<StreamMode>,
    /// Whether the run's own stream shows nested graphs.
    pub subgraphs: bool,
    /// Whether the run's own stream can be taken up again.
    pub resumable: bool,
    /// Pause before these nodes; `None` for what the graph was compiled with.
    pub interrupt_before: Option<Breakpoints>,
    /// Pause after these nodes; `None` for what the graph was compiled with.
    pub interrupt_after: Option<Breakpoints>,
    /// The checkpoint to start from instead of the newest.
    pub checkpoint_id: Option<Uuid>,
    /// `{checkpoint_id?, checkpoint_ns?, checkpoint_map?}`: added to the configurable values.
    pub checkpoint: Map<String, Value>,
    /// What a server knows of whoever asks: added to the configurable values, and to nothing else.
    pub caller: Map<String, Value>,
    /// When progress is stored.
    pub durability: Durability,
    /// What to do when the thread does not exist. A run without a thread always makes one.
    pub if_not_exists: IfNotExists,
    /// What to do when the thread has a run.
    pub multitask_strategy: MultitaskStrategy,
    /// What becomes of a thread that the run made for itself.
    pub on_completion: OnCompletion,
    /// Whether somebody waits for the run. One that makes its thread for itself is then there for them alone, and lives
    /// in memory; otherwise it is stored while it lives, and one that a crash cut off is begun again.
    pub attended: bool,
    /// Where to send word of the end.
    pub webhook: Option<String>,
    /// Keys for feedback links.
    pub feedback_keys: Option<Vec<String>>,
    /// Refuse a resume that names a question which is not open.
    pub strict_resume: bool,
    /// What the request has to do with the questions that are open on the thread.
    pub questions: Questions,
    /// How long the run has to wait before it may start.
    pub delay: Duration,
    /// The cron that asks for it; graphs read it among the configurable values.
    pub cron_id: Option<Uuid>,
}

impl StartRun {
    /// A run of `assistant` that is told nothing else: no thread, no input, every default.
    pub fn new(assistant: impl Into<String>) -> Self {
        Self {
            thread_id: None,
            assistant: assistant.into(),
            input: None,
            command: None,
            config: Map::new(),
            context: Map::new(),
            metadata: Map::new(),
            stream_modes: vec![StreamMode::Values],
            subgraphs: false,
            resumable: false,
            interrupt_before: None,
            interrupt_after: None,
            checkpoint_id: None,
            checkpoint: Map::new(),
            caller: Map::new(),
            durability: Durability::default(),
            if_not_exists: IfNotExists::default(),
            multitask_strategy: MultitaskStrategy::default(),
            on_completion: OnCompletion::default(),
            attended: true,
            webhook: None,
            feedback_keys: None,
            strict_resume: false,
            questions: Questions::default(),
            delay: Duration::ZERO,
            cron_id: None,
        }
    }
}

/// What a request has to do with the questions that are open on its thread; decided when the run is taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Questions {
    /// Nothing: the input is the input.
    #[default]
    Ignore,
    /// If the thread waits for an answer, the input is the answer.
    AnswerWithInput,
    /// The thread must wait for answers to these; otherwise the run is refused with
    /// [`Error::NotAsked`](crate::Error::NotAsked).
    MustBeOpen(Vec<String>),
}

/// What to do when the thread of a new run does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfNotExists {
    /// Fail with [`Error::ThreadNotFound`](crate::Error::ThreadNotFound).
    #[default]
    Reject,
    /// Make it.
    Create,
}

/// What becomes of a thread that a run made for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCompletion {
    /// Thread and run are deleted at the end, and no checkpoints are kept.
    #[default]
    Delete,
    /// It stays, as any other thread.
    Keep,
}
