//! The superstep driver: the one loop that runs graphs.
//!
//! It has four callers: a run actor, a graph that is a node, a graph called from inside a node, and the
//! library's own `invoke` and `stream`. What differs between them is the [`Host`] and the namespace.

mod attempts;
mod enter;
mod level;
mod notes;
mod saver;
mod slot;
mod superstep;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::checkpoint::{Outcome, Parents};
use crate::command::{AnyCommand, Interrupt};
use crate::config::RunConfig;
use crate::error::{NodeError, RunError};
use crate::fact::TaskInfo;
use crate::graph::{Graph, Persistence};
use crate::host::Host;
use crate::ids::{NS_SEPARATOR, recast_ns};
use crate::node::{Pulse, ResumeOnce};
use crate::value::{Key, Object, Shared};

use level::Level;
pub(crate) use notes::{first_level, note, parents_json, result_of, task_metadata};

/// What a run begins with.
#[derive(Clone, Debug, Default)]
pub enum RunInput {
    /// Nothing: go on where the thread stands.
    #[default]
    Nothing,
    /// New input; an empty object is input too.
    Value(Shared),
    /// Answers, updates, and where to go.
    Command(AnyCommand),
}

/// How a run ended, everything that it keeps being stored.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How things stand.
    pub outcome: Outcome,
    /// The output keys; of an interrupted run with the writes of the tasks that did finish.
    pub values: Object,
    /// What the run waits for.
    pub interrupts: Vec<Interrupt>,
    /// Why it failed, if it did.
    pub error: Option<RunError>,
}

/// Runs `graph` to its end, to a pause, or to an error.
///
/// Nothing happens until the future is polled; then what is stored stays stored. Dropping the future
/// cancels the tasks under way and leaves the run at its last commit.
/// A panic in a reducer or in a route is an error of the run.
pub fn drive(
    graph: Graph,
    input: RunInput,
    config: Arc<RunConfig>,
    host: Arc<dyn Host>,
) -> BoxFuture<'static, Finished> {
    async move {
        let level = Level::root(graph, config, host);
        match AssertUnwindSafe(level.run(input)).catch_unwind().await {
            Ok(end) => end.into_finished(),
            Err(panic) => {
                let message = crate::error::panic_text(&*panic);
                LevelEnd::failed(RunError::Panicked { message }).into_finished()
            }
        }
    }
    .boxed()
}

/// What the tasks of one superstep share.
pub(crate) struct LevelEnv {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) config: Arc<RunConfig>,
    /// The namespace of the graph.
    pub(crate) ns: Key,
    /// The checkpoint that the superstep started from.
    pub(crate) checkpoint_id: Uuid,
    /// The checkpoints of the graphs around this one.
    pub(crate) parents: Parents,
    /// The step after which the recursion limit is reached.
    pub(crate) stop: i64,
    pub(crate) resume: Arc<ResumeOnce>,
    pub(crate) resume_map: Option<Arc<Map<String, Value>>>,
    /// Whether nested graphs resume; told in the first superstep only.
    pub(crate) resuming: Option<bool>,
    /// Nested graphs start from what they had before this checkpoint; told in the first superstep only.
    pub(crate) replay_before: Option<Uuid>,
    /// Whether nested graphs may keep checkpoints.
    pub(crate) keeps: bool,
    /// The tasks around this graph.
    pub(crate) pulse: Option<Arc<Pulse>>,
}

/// A graph called from inside a task.
pub(crate) struct Call {
    pub(crate) graph: Graph,
    pub(crate) input: RunInput,
    pub(crate) level: Arc<LevelEnv>,
    pub(crate) task: Arc<TaskInfo>,
    /// The how-many-eth call of its task this is.
    pub(crate) index: usize,
    /// The task is tried again: the graph goes on where it stopped.
    pub(crate) retry: bool,
    /// The task, as what its graph does keeps it alive.
    pub(crate) pulse: Arc<Pulse>,
}

impl Call {
    fn ns(&self) -> Key {
        let ns = match self.graph.0.persistence {
            Persistence::Thread => recast_ns(&self.task.ns),
            Persistence::Inherit | Persistence::Never => self.task.ns.to_string(),
        };
        if self.index == 0 { ns.into() } else { format!("{ns}{NS_SEPARATOR}{}", self.index).into() }
    }
}

/// Runs a nested graph; what it asks, its task asks.
pub(crate) fn call(call: Call) -> BoxFuture<'static, Result<Object, NodeError>> {
    async move {
        let (level, input) = Level::nested(call);
        let end = level.run(input).await;
        match (end.error, end.command) {
            (Some(error), _) => Err(error.into_node_error()),
            (None, Some(command)) => Err(NodeError::delivered(command)),
            (None, None) if end.outcome == Outcome::Interrupted => {
                Err(NodeError::interrupted(end.interrupts))
            }
            (None, None) => Ok(end.values),
        }
    }
    .boxed()
}

/// How things stand after an error.
pub(crate) fn outcome_of(error: &RunError) -> Outcome {
    match error {
        // It was asked to stop, and can go on.
        RunError::Drained { .. } => Outcome::Continue,
        error => Outcome::Failed(error.failure()),
    }
}

/// How one graph level ended.
pub(crate) struct LevelEnd {
    pub(crate) outcome: Outcome,
    pub(crate) values: Object,
    pub(crate) interrupts: Vec<Interrupt>,
    pub(crate) error: Option<RunError>,
    /// A command for the graph around this one.
    pub(crate) command: Option<AnyCommand>,
}

impl LevelEnd {
    fn failed(error: RunError) -> Self {
        Self {
            outcome: outcome_of(&error),
            values: Object::default(),
            interrupts: Vec::new(),
            error: Some(error),
            command: None,
        }
    }

    /// At the root, where a command for the graph around is an error.
    fn into_finished(self) -> Finished {
        let error = self.error.or_else(|| self.command.map(|_| RunError::NoParent));
        let outcome = match &error {
            Some(RunError::Recursion { .. }) => Outcome::OutOfSteps,
            Some(error) => Outcome::Failed(error.failure()),
            None => self.outcome,
        };
        Finished { outcome, values: self.values, interrupts: self.interrupts, error }
    }
}
