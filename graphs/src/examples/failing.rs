//! A node fails with an error that clients may read. What ran before it stays done.

use eddyline_engine::prelude::*;

/// The nodes that ran.
#[state]
pub struct Log {
    /// Their names.
    #[state(reduce = append)]
    pub out: Vec<String>,
}

async fn first(_: Log) -> Update<Log> {
    Log::update().out(["first"])
}

async fn boom(_: Log) -> Result<()> {
    Err(NodeError::visible("ValueError", "boom"))
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Log>, CompileError> {
    StateGraph::<Log>::new()
        .node("first", first)
        .node("boom", boom)
        .edge(START, "first")
        .edge("first", "boom")
        .compile()
}
