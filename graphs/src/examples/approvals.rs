//! Two nodes ask in the same superstep, one of them twice: each question has an id to answer it by.

use eddyline_engine::prelude::*;

use crate::text::spoken;

/// What was answered.
#[state]
pub struct Answers {
    /// One line for each node that asked.
    #[state(reduce = append)]
    pub out: Vec<String>,
}

async fn ask_a(_: Answers, ctx: NodeContext) -> Result<Update<Answers>> {
    let first: Value = ctx.interrupt("a1")?;
    let second: Value = ctx.interrupt("a2")?;
    Ok(Answers::update().out([format!("a:{},{}", spoken(&first), spoken(&second))]))
}

async fn ask_b(_: Answers, ctx: NodeContext) -> Result<Update<Answers>> {
    let answer: Value = ctx.interrupt("b1")?;
    Ok(Answers::update().out([format!("b:{}", spoken(&answer))]))
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Answers>, CompileError> {
    StateGraph::<Answers>::new()
        .node("ask_a", ask_a)
        .node("ask_b", ask_b)
        .edge(START, "ask_a")
        .edge(START, "ask_b")
        .compile()
}
