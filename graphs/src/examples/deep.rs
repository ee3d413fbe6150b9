//! Three levels of graphs, with a question at the bottom: it pauses all of them, and the answer finds
//! its way down.

use eddyline_engine::prelude::*;

use crate::text::spoken;

/// The nodes that ran, in order. Every write replaces the list, so each level hands on the whole of it.
#[state]
pub struct Trail {
    /// Their names.
    #[serde(default)]
    pub out: Vec<String>,
}

impl Trail {
    fn and(mut self, step: impl Into<String>) -> Update<Self> {
        self.out.push(step.into());
        Self::update().out(self.out)
    }
}

async fn pass(trail: Trail, ctx: NodeContext) -> Update<Trail> {
    trail.and(ctx.node())
}

async fn ask(trail: Trail, ctx: NodeContext) -> Result<Update<Trail>> {
    let answer: Value = ctx.interrupt("how deep?")?;
    Ok(trail.and(format!("bottom:{}", spoken(&answer))))
}

fn child() -> Result<CompiledGraph<Trail>, CompileError> {
    StateGraph::<Trail>::new()
        .name("child")
        .node("c_one", pass)
        .node("c_two", ask)
        .edge(START, "c_one")
        .edge("c_one", "c_two")
        .compile()
}

fn parent() -> Result<CompiledGraph<Trail>, CompileError> {
    StateGraph::<Trail>::new()
        .name("parent")
        .node("p_one", pass)
        .node("p_two", child()?)
        .edge(START, "p_one")
        .edge("p_one", "p_two")
        .compile()
}

/// The outermost graph.
pub fn graph() -> Result<CompiledGraph<Trail>, CompileError> {
    StateGraph::<Trail>::new()
        .node("gp_one", pass)
        .node("gp_two", parent()?)
        .node("gp_three", pass)
        .edge(START, "gp_one")
        .edge("gp_one", "gp_two")
        .edge("gp_two", "gp_three")
        .compile()
}
