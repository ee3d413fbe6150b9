//! A cycle: a node that runs until its conditional edge has had enough, or the recursion limit has.

use eddyline_engine::prelude::*;

/// A count and its goal.
#[state]
pub struct Count {
    /// How often to step.
    pub n: i64,
    /// How often it stepped.
    pub i: Option<i64>,
}

async fn step(state: Count) -> Update<Count> {
    Count::update().i(state.i.unwrap_or_default() + 1)
}

fn more(state: Count) -> &'static str {
    if state.i.unwrap_or_default() < state.n { "step" } else { END }
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Count>, CompileError> {
    StateGraph::<Count>::new()
        .node("step", step)
        .edge(START, "step")
        .conditional_edges("step", more, ["step", END])
        .compile()
}
