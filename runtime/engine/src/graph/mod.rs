//! Graphs: nodes, edges, and what they compile to.

mod builder;
mod compile;
mod draw;
mod edges;
pub(crate) mod mistake;
pub(crate) mod names;
mod node_def;
pub(crate) mod program;
mod schema;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::error::NodeError;
use crate::node::{IntoNode, Node, NodeBody, NodeContext, Output};
use crate::state::State;
use crate::value::{Key, Shared};
use program::Program;

pub use builder::{IntoSources, IntoTargets, NodeDefaults, StateGraph, Targets};
pub use draw::{Drawing, DrawnEdge, DrawnNode};
pub use mistake::{CompileError, Mistake};
pub use node_def::NodeDef;
pub use schema::Schemas;

/// Whether a nested graph keeps checkpoints (LangGraph's `compile(checkpointer=…)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persistence {
    /// With each execution of the node that holds it: resumable there, fresh elsewhere.
    #[default]
    Inherit,
    /// One history a thread: what it remembers, the next execution finds.
    Thread,
    /// Not at all.
    Never,
}

/// A graph that can run: its mistakes are found, its channels are numbered. Cheap to clone.
#[derive(Clone)]
pub struct Graph(pub(crate) Arc<Program>);

impl Graph {
    /// The name that it was given; a graph without one goes by the id under which it is served.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The names of its nodes, in the order in which they were added.
    pub fn nodes(&self) -> impl Iterator<Item = &Key> {
        self.0.nodes.iter().filter(|node| !node.hidden).map(|node| &node.name)
    }

    /// The graphs that its nodes are, by node.
    pub fn subgraphs(&self) -> impl Iterator<Item = (&Key, &Graph)> {
        self.0.nodes.iter().filter_map(|node| Some((&node.name, node.graph.as_ref()?)))
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "graph {} of state {}", self.name().unwrap_or("without a name"), self.0.state_name)
    }
}

/// A graph that can run, with the type of its state.
pub struct CompiledGraph<S> {
    graph: Graph,
    state: PhantomData<fn() -> S>,
}

impl<S> CompiledGraph<S> {
    pub(crate) fn new(graph: Graph) -> Self {
        Self { graph, state: PhantomData }
    }

    /// The graph without the type of its state, as runtimes register it.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }
}

impl<S> Clone for CompiledGraph<S> {
    fn clone(&self) -> Self {
        Self::new(self.graph.clone())
    }
}

impl<S> fmt::Debug for CompiledGraph<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.graph.fmt(f)
    }
}

impl<S> From<CompiledGraph<S>> for Graph {
    fn from(compiled: CompiledGraph<S>) -> Self {
        compiled.graph
    }
}

/// A graph is a node: it is called with the state, and the keys that both have are its update.
impl Node for Graph {
    fn run(&self, input: Shared, ctx: NodeContext) -> BoxFuture<'static, Result<Output, NodeError>> {
        ctx.call_any(self, input).map(|end| end.map(Output::graph)).boxed()
    }
}

impl<S: State, T: State> IntoNode<S, CompiledGraph<T>> for CompiledGraph<T> {
    fn into_node(self) -> NodeBody {
        self.graph.into_node_body()
    }
}

impl<S> IntoNode<S, Graph> for Graph {
    fn into_node(self) -> NodeBody {
        self.into_node_body()
    }
}

impl Graph {
    fn into_node_body(self) -> NodeBody {
        NodeBody { node: Arc::new(self.clone()), input: None, graph: Some(self) }
    }
}
