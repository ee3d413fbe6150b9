//! As many events as asked for, from one node.

use eddyline_engine::prelude::*;

/// How much to write.
#[state]
pub struct Flood {
    /// How many events.
    pub n: i64,
    /// `done`, in the end.
    pub out: Option<String>,
}

async fn emit(state: Flood, ctx: NodeContext) -> Result<Update<Flood>> {
    for i in 0..state.n {
        ctx.write(json!({ "i": i })).await?;
    }
    Ok(Flood::update().out("done"))
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Flood>, CompileError> {
    StateGraph::<Flood>::new().node("emit", emit).edge(START, "emit").compile()
}
