//! Runs: the record of one, and how to start one.
//!
//! Data only. What a graph sees of a request is worked out in `configuration`.

mod at_work;
mod cancel;
mod start;
mod stream_mode;

use std::sync::{Arc, OnceLock};

use eddyline_engine::config::{Breakpoints, Durability};
use eddyline_engine::ids::{Timestamp, is_interrupt_id};
use eddyline_engine::{Key, RunConfig, Shared};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::configuration;

pub(crate) use at_work::AtWork;
pub use cancel::{CancelAction, CancelRun, CancelRuns, WhichRuns};
pub use start::{IfNotExists, OnCompletion, Questions, StartRun};
pub use stream_mode::StreamMode;

/// A run, as it stood when it was stored last.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Who it is; sorts by creation.
    pub run_id: Uuid,
    /// The thread that it works on.
    pub thread_id: Uuid,
    /// The assistant that it works for.
    pub assistant_id: Uuid,
    /// The graph that it runs.
    pub graph_id: String,
    /// What clients say about it, with what assistant and thread add.
    pub metadata: Map<String, Value>,
    /// How it stands.
    pub status: RunStatus,
    /// What it was asked.
    pub kwargs: Arc<Kwargs>,
    /// How it met the runs that were there before it.
    pub multitask_strategy: MultitaskStrategy,
    /// When it was asked for, or may start, if that is later.
    pub created_at: Timestamp,
    /// When its status changed last.
    pub updated_at: Timestamp,
    /// How often it was picked up; 0 while it waits for the first time.
    pub attempt: u32,
    /// What is worked out of all this.
    pub derived: Derived,
}

impl Run {
    /// What the engine is told of the run; a fold over its facts needs to know it too.
    ///
    /// Worked out once for the first attempt, whoever asks, and anew for a later one.
    pub fn config(&self) -> Arc<RunConfig> {
        let derive = || Arc::new(configuration::run_config(self));
        if self.attempt > 1 { derive() } else { Arc::clone(self.derived.0.get_or_init(derive)) }
    }
}

/// What is worked out of a run, once, and shared by its copies. It says nothing of its own, so it is always equal.
#[derive(Clone, Debug, Default)]
pub struct Derived(Arc<OnceLock<Arc<RunConfig>>>);

impl PartialEq for Derived {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What a run was asked, kept with it so that it can be told and taken up again.
// Independent switches, by the names and in the number that the API has.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kwargs {
    /// The input; `None` continues.
    pub input: Option<Shared>,
    /// The command `{update?, resume?, goto?}`, as the client wrote it.
    pub command: Option<Value>,
    /// `{configurable, metadata, tags?, recursion_limit?, …}` with what assistant, thread and server add.
    pub config: Map<String, Value>,
    /// The context.
    pub context: Map<String, Value>,
    /// The modes that the run's own stream has.
    pub stream_modes: Vec<StreamMode>,
    /// Pause before these nodes.
    pub interrupt_before: Option<Breakpoints>,
    /// Pause after these nodes.
    pub interrupt_after: Option<Breakpoints>,
    /// The checkpoint to start from instead of the newest.
    pub checkpoint_id: Option<Uuid>,
    /// Where to send word of the end.
    pub webhook: Option<String>,
    /// Keys for feedback links.
    pub feedback_keys: Option<Vec<String>>,
    /// True when thread and run are deleted at the end and no checkpoints are kept.
    pub temporary: bool,
    /// True when the run's own stream shows nested graphs.
    pub subgraphs: bool,
    /// True when the run's own stream can be taken up again.
    pub resumable: bool,
    /// When progress is stored.
    pub durability: Durability,
    /// Refuse a resume that names a question which is not open.
    pub strict_resume: bool,
    /// The questions that were open when the run was asked for, of those that it may answer: what it answers is for
    /// them and for no others.
    pub answers: Arc<[String]>,
}

impl Kwargs {
    /// The questions that the run brings answers to, as far as the request names them.
    pub(crate) fn answered(&self) -> Vec<Key> {
        let resume = self.command.as_ref().and_then(|command| command.get("resume"));
        let named = resume.and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let named: Vec<Key> =
            named.filter(|key| is_interrupt_id(key)).map(|key| key.as_str().into()).collect();
        if named.is_empty() { self.answers.iter().map(|id| id.as_str().into()).collect() } else { named }
    }
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// It waits for its turn.
    Pending,
    /// It is under way.
    Running,
    /// It failed.
    Error,
    /// It reached its end, or a pause.
    Success,
    /// It took too long.
    Timeout,
    /// Somebody stopped it.
    Interrupted,
    /// Somebody is stopping it: its tasks still let go. It will not go on, whatever happens.
    Cancelling(CancelAction),
}

impl RunStatus {
    /// The word that clients read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Error => "error",
            Self::Success => "success",
            Self::Timeout => "timeout",
            Self::Interrupted | Self::Cancelling(_) => "interrupted",
        }
    }

    /// True once nothing more happens to the run.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Cancelling(_))
    }
}

/// What a new run does about the runs that its thread has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultitaskStrategy {
    /// Wait for them.
    #[default]
    Enqueue,
    /// Fail with [`Error::ThreadBusy`](crate::Error::ThreadBusy).
    Reject,
    /// Stop them, and go on from where they leave the thread.
    Interrupt,
    /// Stop them, and take back what they did.
    Rollback,
}

impl MultitaskStrategy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Enqueue, Self::Reject, Self::Interrupt, Self::Rollback];

    /// The word that clients read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Reject => "reject",
            Self::Interrupt => "interrupt",
            Self::Rollback => "rollback",
        }
    }
}

/// Which runs of a thread to list, newest first.
#[derive(Clone, Copy, Debug)]
pub struct ListRuns {
    /// The thread.
    pub thread_id: Uuid,
    /// Only those that stand so.
    pub status: Option<RunStatus>,
    /// At most so many.
    pub limit: usize,
    /// After leaving out so many.
    pub offset: usize,
}

/// Which events of a thread to listen to.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// The thread.
    pub thread_id: Uuid,
    /// Only those of this run, until it ends; `None` for all, until the thread's listeners are sent away.
    pub run_id: Option<Uuid>,
    /// Where to begin.
    pub begin: Begin,
    /// Whether models should be asked for tokens for this listener's sake.
    pub tokens: bool,
}

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begin {
    /// With the next fact.
    #[default]
    Now,
    /// With the oldest fact that is still on the tape.
    Oldest,
    /// The same, and with a [`Delivery::Present`](crate::Delivery::Present) before the next fact that happens: for
    /// those who need what was to understand what comes.
    OldestToPresent,
}
