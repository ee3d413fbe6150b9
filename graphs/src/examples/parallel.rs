//! Branches that run at once: one is longer, two of them join, and a deferred node waits for everything.

use eddyline_engine::prelude::*;

/// The nodes that ran.
#[state]
pub struct Log {
    /// Their names. Nodes of one superstep stand in the order of their names, whichever ended first.
    #[state(reduce = append)]
    pub out: Vec<String>,
}

async fn log(_: Log, ctx: NodeContext) -> Update<Log> {
    Log::update().out([ctx.node()])
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Log>, CompileError> {
    StateGraph::<Log>::new()
        .node("a", log)
        .node("b", log)
        .node("b2", log)
        .node("c", log)
        .node("join", log)
        .add(Node::new("last", log).defer())
        .edge(START, "a")
        .edge(START, "b")
        .edge(START, "c")
        .edge("b", "b2")
        .edge(["a", "b2"], "join")
        .edge("c", "last")
        .compile()
}
