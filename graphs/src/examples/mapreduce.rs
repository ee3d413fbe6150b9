//! Map and reduce: one execution of `work` for each item, all in one superstep, and a node that sums up.

use eddyline_engine::prelude::*;

/// The items, and what became of them.
#[state]
pub struct Batch {
    /// What to work on.
    pub items: Vec<String>,
    /// The results, in the order of the items.
    #[state(reduce = append)]
    pub out: Vec<String>,
    /// How many results there are.
    pub total: Option<usize>,
}

/// What one execution of `work` is sent instead of the state.
#[view]
pub struct Item {
    item: String,
}

fn fan(state: Batch) -> Vec<SendTo> {
    state.items.into_iter().map(|item| SendTo::new("work", Item { item })).collect()
}

async fn work(task: Item) -> Update<Batch> {
    Batch::update().out([task.item.to_uppercase()])
}

async fn reduce(state: Batch) -> Update<Batch> {
    Batch::update().total(state.out.len())
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Batch>, CompileError> {
    StateGraph::<Batch>::new()
        .node("work", work)
        .node("reduce", reduce)
        .conditional_edges(START, fan, ["work"])
        .edge("work", "reduce")
        .compile()
}
