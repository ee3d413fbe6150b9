//! A graph that fills disks: its node writes as many bytes as it is asked for.

use eddyline::prelude::*;

/// The graph's id.
pub(crate) const GRAPH: &str = "bulk";

#[state]
pub(crate) struct Bulk {
    /// How many.
    bytes: u64,
    text: Option<String>,
}

async fn write(state: Bulk) -> Result<Update<Bulk>> {
    Ok(Bulk::update().text("x".repeat(usize::try_from(state.bytes)?)))
}

/// The graph.
pub(crate) fn graph() -> Result<CompiledGraph<Bulk>, CompileError> {
    StateGraph::<Bulk>::new().node("write", write).edge(START, "write").compile()
}
