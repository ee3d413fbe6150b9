//! Names that the engine gives and keeps for itself.

use futures_util::future::BoxFuture;

use crate::error::NodeError;
use crate::node::{Node, NodeContext, Output};
use crate::value::{Key, Shared};

/// The channel of pending packets.
pub(crate) const SENDS: &str = "__pregel_tasks";

/// What the channels that lead to nodes begin with.
pub(crate) const BRANCH: &str = "branch:to:";

/// Names that the engine uses for itself.
const RESERVED: [&str; 27] = [
    "langsmith:hidden",
    "__input__",
    "__interrupt__",
    "__resume__",
    "__answers__",
    "__error__",
    "__error_source_node__",
    "__no_writes__",
    "__snapshot_bumps__",
    "__pregel_send",
    "__pregel_read",
    "__pregel_checkpointer",
    "__pregel_stream",
    "checkpoint_map",
    "__pregel_resuming",
    "__pregel_replay_state",
    "__pregel_task_id",
    "checkpoint_id",
    "checkpoint_ns",
    "__pregel_timed_attempt_observer",
    "__pregel_resume_map",
    "__pregel_strict_resume",
    "__pregel_stream_messages_v2",
    "__pregel_push",
    "__pregel_pull",
    "configurable",
    "__pregel_tasks",
];

/// Takes the input in: returns it as it is.
pub(super) struct Entry;

impl Node for Entry {
    fn run(&self, input: Shared, _ctx: NodeContext) -> BoxFuture<'static, Result<Output, NodeError>> {
        Box::pin(std::future::ready(Ok(Output::value(input))))
    }
}

/// Whether neither a key nor a node may have this name.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// The node that handles the failures of nodes without a handler of their own.
pub(super) const DEFAULT_HANDLER: &str = "__default_error_handler__";

/// The node that handles the failures of `node`.
pub(super) fn handler_of(node: &str) -> Key {
    format!("__error_handler__{node}").into()
}
