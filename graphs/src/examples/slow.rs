//! A node that takes its time, by the clock of the run: to be cancelled, joined, or queued behind.

use std::time::Duration;

use eddyline_engine::prelude::*;

/// How long to nap, and who ran.
#[state]
pub struct Nap {
    /// How long each step takes.
    pub seconds: f64,
    /// How many steps there are; one when nobody says.
    pub steps: Option<i64>,
    /// What was done.
    #[state(reduce = append)]
    pub out: Vec<String>,
}

async fn nap(state: Nap, ctx: NodeContext) -> Result<Update<Nap>> {
    let step = Duration::try_from_secs_f64(state.seconds)?;
    for i in 0..state.steps.filter(|steps| *steps != 0).unwrap_or(1) {
        ctx.write(json!({ "step": i })).await?;
        ctx.sleep(step).await;
    }
    Ok(Nap::update().out(["napped"]))
}

async fn after(_: Nap) -> Update<Nap> {
    Nap::update().out(["after"])
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Nap>, CompileError> {
    StateGraph::<Nap>::new()
        .node("nap", nap)
        .node("after", after)
        .edge(START, "nap")
        .edge("nap", "after")
        .compile()
}
