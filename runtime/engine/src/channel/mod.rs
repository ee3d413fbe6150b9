//! Channels: the cells of a state, one kind a file, and the contract that all of them keep.
//!
//! Versions, triggers and the order of writes are not known here; `pregel` knows them.

mod aggregate;
mod any_value;
mod barrier;
mod ephemeral;
mod last_value;
mod reducer;
mod topic;

use std::fmt::Debug;
use std::sync::Arc;

use uuid::Uuid;

use crate::error::RunError;
use crate::value::{Key, Shared};

pub use reducer::{ReduceError, Reducer};

/// Draws the ids of messages that have none.
pub(crate) type NewId<'a> = &'a mut dyn FnMut() -> Uuid;

/// One cell (LangGraph's channel contract).
pub(crate) trait Channel: Debug + Send + Sync {
    /// Applies the writes of one superstep, in task order; an empty batch is told too.
    /// True when the cell changed.
    fn update(&mut self, values: &[Shared], new_id: NewId<'_>) -> Result<bool, RunError>;

    /// What the cell holds, `None` when it is not available.
    fn get(&self) -> Option<Shared>;

    /// Whether [`get`](Self::get) has something.
    fn is_available(&self) -> bool {
        self.get().is_some()
    }

    /// The packets that the cell holds, for the channel of pending sends.
    fn items(&self) -> Option<&[Shared]> {
        None
    }

    /// A task that this cell triggered is applied. True when the cell changed.
    fn consume(&mut self) -> bool {
        false
    }

    /// The run looks finished. True when the cell changed.
    fn finish(&mut self) -> bool {
        false
    }

    /// What a checkpoint keeps of the cell.
    fn checkpoint(&self) -> Option<Shared>;

    /// Gives a value that was stored the form in which the cell holds it.
    fn settle(&self, value: Shared) -> Shared {
        value
    }

    /// Takes back what a checkpoint kept.
    fn restore(&mut self, value: &Shared);

    /// A copy, for reading ahead.
    fn boxed_clone(&self) -> Box<dyn Channel>;
}

/// How a key keeps and merges what is written to it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// Keeps the last value; two writes in one superstep are an error.
    LastValue,
    /// Keeps the last value for one superstep only. With `guard`, two writes in one are an error.
    Ephemeral {
        /// Whether two writes in one superstep are an error.
        guard: bool,
    },
    /// As `LastValue`, but never stored.
    Untracked {
        /// Whether two writes in one superstep are an error.
        guard: bool,
    },
    /// Keeps the last of any number of writes for one superstep.
    AnyValue,
    /// A list of what was written, in the last superstep or, with `accumulate`, ever.
    Topic {
        /// Whether the list survives its superstep.
        accumulate: bool,
    },
    /// Merges each write into what is there.
    Reduce(Reducer),
    /// Computed for each task; never stored, never written.
    Managed(Managed),
}

/// A value that the engine computes for each task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Managed {
    /// True in the last superstep that the recursion limit allows.
    IsLastStep,
    /// How many supersteps the recursion limit still allows.
    RemainingSteps,
}

impl Kind {
    /// Whether a second declaration of the same key means the same thing.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Reduce(a), Self::Reduce(b)) => a.same(b),
            (a, b) => format!("{a:?}") == format!("{b:?}"),
        }
    }

    /// An empty cell for `key`; `None` for a managed value.
    pub(crate) fn cell(&self, key: &Key) -> Option<Box<dyn Channel>> {
        Some(match self {
            Self::LastValue => Box::new(last_value::LastValue::new(key.clone())),
            Self::Ephemeral { guard } => Box::new(ephemeral::Ephemeral::new(key.clone(), *guard)),
            Self::Untracked { guard } => Box::new(last_value::Untracked::new(key.clone(), *guard)),
            Self::AnyValue => Box::new(any_value::AnyValue::default()),
            Self::Topic { accumulate } => Box::new(topic::Topic::new(*accumulate)),
            Self::Reduce(reducer) => Box::new(aggregate::Aggregate::new(key.clone(), reducer.clone())),
            Self::Managed(_) => return None,
        })
    }
}

/// The routing channel of a node.
pub(crate) fn branch(deferred: bool) -> Box<dyn Channel> {
    if deferred {
        Box::new(last_value::LastValueAfterFinish::default())
    } else {
        Box::new(ephemeral::Ephemeral::new("".into(), false))
    }
}

/// The channel of pending sends.
pub(crate) fn sends() -> Box<dyn Channel> {
    Box::new(topic::Topic::new(false))
}

/// The channel that holds a graph's input.
pub(crate) fn input() -> Box<dyn Channel> {
    Box::new(ephemeral::Ephemeral::new(crate::command::START.into(), true))
}

/// The channel that waits for all of `names`.
pub(crate) fn barrier(key: &Key, names: Arc<[Key]>, deferred: bool) -> Box<dyn Channel> {
    Box::new(barrier::Barrier::new(key.clone(), names, deferred))
}

const HELP: &str = "\nFor troubleshooting, visit: https://docs.langchain.com/oss/python/langgraph/errors/INVALID_CONCURRENT_GRAPH_UPDATE";
