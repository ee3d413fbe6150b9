//! A graph as a node of another: keys that both states have are handed in and out by name.

use eddyline_engine::prelude::*;

/// What the inner graph knows. Nobody outside sees `bar`.
#[state]
pub struct Inner {
    /// Shared with the outer graph.
    pub foo: String,
    /// The inner graph's own.
    pub bar: Option<String>,
}

/// What the outer graph knows.
#[state]
pub struct Outer {
    /// Shared with the inner graph.
    pub foo: String,
}

async fn subgraph_node_1(_: Inner) -> Update<Inner> {
    Inner::update().bar("bar")
}

async fn subgraph_node_2(state: Inner) -> Update<Inner> {
    Inner::update().foo(state.foo + &state.bar.unwrap_or_default())
}

async fn node_1(state: Outer) -> Update<Outer> {
    Outer::update().foo(format!("hi! {}", state.foo))
}

fn inner() -> Result<CompiledGraph<Inner>, CompileError> {
    StateGraph::<Inner>::new()
        .name("subgraph")
        .node("subgraph_node_1", subgraph_node_1)
        .node("subgraph_node_2", subgraph_node_2)
        .edge(START, "subgraph_node_1")
        .edge("subgraph_node_1", "subgraph_node_2")
        .compile()
}

/// The outer graph.
pub fn graph() -> Result<CompiledGraph<Outer>, CompileError> {
    StateGraph::<Outer>::new()
        .node("node_1", node_1)
        .node("node_2", inner()?)
        .edge(START, "node_1")
        .edge("node_1", "node_2")
        .compile()
}
