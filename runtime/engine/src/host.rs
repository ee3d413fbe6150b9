//! The border between the engine and the world: who runs tasks, tells the time, stores and listens.
//!
//! The engine plans and applies; everything that takes a clock, a thread, a disk or a wire goes through
//! [`Host`]. A run actor is one host, the library's own `invoke` another, a simulation a third.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::checkpoint::{Commit, Saved};
use crate::config::{DEFAULT_MAX_STATE_BYTES, DEFAULT_MAX_TASKS};
use crate::fact::{Fact, Interest};
use crate::ids::Timestamp;
use crate::model::ChatModel;
use crate::node::Attempt;
use crate::store::Store;
use crate::value::{Key, Shared};

/// What the superstep driver asks of its surroundings.
///
/// Every future that a method returns has begun when the method returns: polling it only waits for
/// the answer. So a commit goes on while nobody polls it.
pub trait Host: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;

    /// A fresh random id (UUID version 4).
    fn new_id(&self) -> Uuid;

    /// A fresh checkpoint id for `step`, greater than every one before it
    /// (see [`CheckpointIds`](crate::ids::CheckpointIds)).
    fn new_checkpoint_id(&self, step: i64) -> Uuid;

    /// A number in `0.0..1.0`, for jitter.
    fn random(&self) -> f64;

    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Runs one attempt of a task wherever its placement says.
    ///
    /// Dropping the future cancels the attempt. A host that loses the attempt (its thread died)
    /// ends the future with [`Attempt::lost`].
    fn start(&self, attempt: Attempt) -> BoxFuture<'static, crate::node::AttemptEnd>;

    /// Stores a commit; the answer comes when it is durable.
    ///
    /// Commits of one run are stored in the order of the calls, and when one is not, those after it are not either.
    /// The driver has a few unanswered commits at most for each graph level.
    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<(), StorageError>>;

    /// Stores a commit together with the facts that describe it, if the host keeps facts. Answers with those that it
    /// has not taken in: they are to be [emitted](Self::emit) after the commit.
    fn commit_and_tell(
        &self,
        commit: Commit,
        facts: Vec<Fact>,
    ) -> (BoxFuture<'static, Result<(), StorageError>>, Vec<Fact>) {
        (self.commit(commit), facts)
    }

    /// The newest checkpoint of `ns` that `which` allows, with its writes.
    ///
    /// Sees every commit made before the call, answered or not.
    fn load(&self, ns: Key, which: Which) -> BoxFuture<'static, Result<Option<Saved>, StorageError>>;

    /// What listeners want. May grow or shrink in mid-run; the driver asks before it makes a fact.
    fn interest(&self) -> Interest;

    /// Takes a fact; the answer comes when there is room for another.
    ///
    /// A fact that describes a commit is passed in after that commit; it must not reach anybody before
    /// the commit is answered.
    fn emit(&self, fact: Fact) -> BoxFuture<'static, ()>;

    /// How many tasks nodes may send for a superstep; with more the run fails before any of them is made.
    fn max_tasks(&self) -> usize {
        DEFAULT_MAX_TASKS
    }

    /// How many bytes the values of a graph level may have, as JSON; a superstep or an input that passes it fails the
    /// run, and the checkpoint before it stays.
    fn max_state_bytes(&self) -> usize {
        DEFAULT_MAX_STATE_BYTES
    }

    /// Why the run should stop after the superstep under way, if it should.
    fn draining(&self) -> Option<String> {
        None
    }

    /// The long-term store that nodes read and write, if there is one.
    fn store(&self) -> Option<Arc<dyn Store>> {
        None
    }

    /// The model that goes by `name`, such as `openai:gpt-4o-mini`.
    fn model(&self, name: &str) -> Option<Arc<dyn ChatModel>> {
        let _ = name;
        None
    }

    /// The writes that a node with a cache policy made for the same input, if they are still fresh.
    fn cached(&self, key: CacheKey) -> BoxFuture<'static, Option<Shared>> {
        let _ = key;
        Box::pin(std::future::ready(None))
    }

    /// Keeps the writes of a node with a cache policy; `None` keeps them for good.
    fn cache(&self, key: CacheKey, writes: Shared, keep: Option<Duration>) {
        let _ = (key, writes, keep);
    }
}

/// Which checkpoint of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest.
    Newest,
    /// The one with this id.
    Id(Uuid),
    /// The newest whose id is smaller.
    Before(Uuid),
}

/// Under which a task's writes are cached: the node and the hash of its input.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// The node, with the graph that it belongs to.
    pub node: Key,
    /// XXH3-128 of the key that the policy makes of the input.
    pub hash: u128,
}

/// Storage did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// It is not known whether the commit was stored; storing the same again does no harm.
    #[error("the outcome of the commit is not known: {message}")]
    Unknown {
        /// What storage said.
        message: String,
    },
    /// Another, newer owner writes this thread.
    #[error("epoch {epoch} of the thread is over")]
    Fenced {
        /// The epoch that was refused.
        epoch: u64,
    },
    /// It was not stored, and never will be: storage does not take what it says.
    #[error("{message}")]
    Refused {
        /// Why.
        message: String,
    },
    /// It was not stored.
    #[error("{message}")]
    Failed {
        /// What storage said.
        message: String,
    },
}

impl StorageError {
    /// Names the error for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "STORAGE_UNKNOWN",
            Self::Fenced { .. } => "STORAGE_FENCED",
            Self::Refused { .. } => "STORAGE_REFUSED",
            Self::Failed { .. } => "STORAGE_FAILED",
        }
    }
}

impl From<StorageError> for crate::error::RunError {
    fn from(error: StorageError) -> Self {
        match error {
            // What it says is for whoever made the value.
            StorageError::Refused { message } => Self::value_error(message),
            error => Self::Storage { message: error.to_string() },
        }
    }
}
