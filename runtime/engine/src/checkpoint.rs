//! What is stored: checkpoints, the writes that hang on them, and the commits that store both.
//!
//! Data only. How it is stored, and when it is acknowledged, is the host's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::fact::{CheckpointFact, Failure};
use crate::ids::Timestamp;
use crate::value::{Key, Shared};

/// What made a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The input of a run.
    Input,
    /// A superstep.
    Loop,
    /// A state update from outside.
    Update,
    /// A branch off an earlier checkpoint.
    Fork,
}

/// What is said about a checkpoint beside its content.
///
/// `extra` is what state reads and history filters see before these three: the run's metadata and
/// configurable values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Everything that the run adds, in wire order.
    pub extra: Arc<Map<String, Value>>,
    /// What made the checkpoint.
    pub source: Source,
    /// -1 for the first input, 0 for what enters the graph, 1 for the first superstep.
    pub step: i64,
    /// The checkpoints of the enclosing graphs, outermost first: namespace to id.
    pub parents: Parents,
}

/// Checkpoint ids by namespace, outermost first.
pub type Parents = Arc<Vec<(Key, Uuid)>>;

/// Versions of channels: integers that only grow, 0 for "never written".
pub type Version = u64;

/// The state of one graph between two supersteps (version 4 of LangGraph's layout).
///
/// A channel without a value is absent from `values`; one without a version is absent from `versions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Sorts by creation.
    pub id: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
    /// What each channel holds.
    pub values: BTreeMap<Key, Shared>,
    /// When each channel changed last.
    pub versions: BTreeMap<Key, Version>,
    /// For each node, the versions of its triggers when it ran last.
    pub seen: BTreeMap<Key, BTreeMap<Key, Version>>,
    /// The channels that the step changed, sorted; `None` when that is not known.
    pub updated: Option<Vec<Key>>,
}

/// One write of a task to a channel, as it hangs on the checkpoint that the task started from.
///
/// `index` is the place in the task's list of writes, or negative for the slots of which a task has one
/// each: error -1, scheduled -2, interrupt -3, resume -4, and the questions that a resume of the null task is
/// for -5.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PendingWrite {
    /// The task that wrote, or [`NULL_TASK`](crate::ids::NULL_TASK).
    pub task: Uuid,
    /// See above.
    pub index: i32,
    /// The channel written to, reserved ones included.
    pub channel: Key,
    /// What was written.
    pub value: Shared,
    /// The task's path as text; writes apply in its order.
    pub path: Key,
}

/// A checkpoint as storage gives it back.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// The state.
    pub checkpoint: Arc<Checkpoint>,
    /// What is said about it.
    pub metadata: Metadata,
    /// The checkpoint that it follows.
    pub parent: Option<Uuid>,
    /// The writes of its tasks, ordered by path, task and index.
    pub writes: Vec<PendingWrite>,
}

/// How things stand once a commit is stored, told in the same transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// More supersteps follow.
    Continue,
    /// No task is left.
    Done,
    /// The graph waits, for an answer or at a breakpoint.
    Interrupted,
    /// A task failed for good, or the engine could not go on.
    Failed(Failure),
    /// The recursion limit is reached.
    OutOfSteps,
}

/// Everything that one moment of a run wants stored together.
///
/// Storage keeps all of it or nothing.
/// A write whose `(task, index)` is stored already is kept as it was when `index` is not negative,
/// and replaced when it is: a finished task's writes are final, its error and answers are not.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The run that makes it; `None` when it is made by hand.
    pub run: Option<Uuid>,
    /// The graph level: empty for the root.
    pub ns: Key,
    /// The writes, and the checkpoint on which they hang: an earlier one, or the one that this commit makes.
    pub writes: Option<(Uuid, Vec<PendingWrite>)>,
    /// The new checkpoint, if this commit makes one.
    pub checkpoint: Option<NewCheckpoint>,
    /// How the run stands after it. Only that of the root level describes the run.
    pub outcome: Outcome,
}

/// A checkpoint to be stored.
#[derive(Clone, Debug)]
pub struct NewCheckpoint {
    /// The state; channels that did not change share their values with the one before.
    pub checkpoint: Arc<Checkpoint>,
    /// What is said about it.
    pub metadata: Metadata,
    /// The checkpoint that it follows.
    pub parent: Option<Uuid>,
    /// The checkpoint as listeners are told of it once it is stored; `None` when nobody listens, or when they
    /// were told before. For whoever keeps a record of how the thread stands.
    pub shown: Option<Arc<CheckpointFact>>,
}
