//! Nodes: what runs in a graph, what it is given, and what it may return.

mod context;
mod function;
mod output;
mod policy;
mod scratch;

use std::fmt;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::error::NodeError;
use crate::pregel::Ended;
use crate::value::{Key, Shared};

pub(crate) use context::TaskEnv;
pub use context::{ExecutionInfo, NodeContext, ToolStream};
pub(crate) use function::{ANONYMOUS, schema_of};
pub use function::{Destinations, IntoNode, IntoRoute, NodeBody, Route};
pub(crate) use output::Returned;
pub use output::{Command, IntoOutput, Output};
pub use policy::{CachePolicy, RetryPolicy, TimeoutPolicy};
pub(crate) use scratch::{Pulse, ResumeOnce, Scratch, lock};

/// Something that runs when its node runs.
///
/// Plain async functions are nodes ([`IntoNode`]); implement the trait for what is made at run time:
/// a node of a graph file, or one in another process.
pub trait Node: Send + Sync + 'static {
    /// Runs once with `input`: the node's view of the state, or what a packet carries.
    ///
    /// Dropping the future cancels the execution.
    fn run(&self, input: Shared, ctx: NodeContext) -> BoxFuture<'static, Result<Output, NodeError>>;
}

/// Where an attempt at a task runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// On the node pool.
    #[default]
    Pool,
    /// In the thread of the run itself: for nodes that end in under 50 µs and never wait.
    Inline,
    /// On a thread that may block.
    Blocking,
}

/// One attempt at a task, ready to run.
pub struct Attempt {
    /// The task.
    pub task: Uuid,
    /// Its node.
    pub node: Key,
    /// Counts from 1.
    pub number: u32,
    /// Where it wants to run.
    pub placement: Placement,
    pub(crate) future: BoxFuture<'static, AttemptEnd>,
}

impl Attempt {
    /// The attempt itself. It does not panic: a node's panic is an error in its end.
    pub fn into_future(self) -> BoxFuture<'static, AttemptEnd> {
        self.future
    }

    /// How an attempt ends whose thread is gone.
    pub fn lost(reason: &str) -> AttemptEnd {
        AttemptEnd(Ended::failed(NodeError::masked("NodeLost", reason)))
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {} at `{}` ({})", self.number, self.node, self.task)
    }
}

/// How an attempt ended; the driver knows what to make of it.
#[derive(Debug)]
pub struct AttemptEnd(pub(crate) Ended);
