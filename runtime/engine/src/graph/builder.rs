//! Writing a graph down.

use std::marker::PhantomData;
use std::time::Duration;

use schemars::JsonSchema;
use serde_json::Value;

use super::compile::compile;
use super::node_def::Defaults;
use super::{CompileError, CompiledGraph, NodeDef, Persistence};
use crate::config::Breakpoints;
use crate::node::{CachePolicy, IntoNode, IntoRoute, NodeBody, RetryPolicy, Route, TimeoutPolicy, schema_of};
use crate::state::{Field, State};
use crate::value::Key;

/// A graph that is being written: nodes and edges over a state `S`.
///
/// Nothing is checked before [`compile`](Self::compile), which tells every mistake at once.
///
/// ```
/// use eddyline_engine::prelude::*;
///
/// #[state]
/// struct Joke {
///     topic: String,
///     joke: Option<String>,
/// }
///
/// async fn refine_topic(state: Joke) -> Update<Joke> {
///     Joke::update().topic(state.topic + " and cats")
/// }
///
/// async fn generate_joke(state: Joke) -> Update<Joke> {
///     Joke::update().joke(format!("This is a joke about {}", state.topic))
/// }
///
/// let graph = StateGraph::<Joke>::new()
///     .node("refine_topic", refine_topic)
///     .node("generate_joke", generate_joke)
///     .edge(START, "refine_topic")
///     .edge("refine_topic", "generate_joke")
///     .compile()
///     .unwrap();
/// # let _ = graph;
/// ```
pub struct StateGraph<S> {
    pub(super) name: Option<Key>,
    pub(super) state_name: Key,
    pub(super) fields: Vec<Field>,
    pub(super) state_schema: Option<Value>,
    pub(super) input_schema: Option<Value>,
    pub(super) output_schema: Option<Value>,
    pub(super) context_schema: Option<Value>,
    pub(super) nodes: Vec<NodeDef<S>>,
    pub(super) edges: Vec<(Vec<Key>, Key)>,
    pub(super) branches: Vec<(Key, Route, Targets)>,
    pub(super) interrupt_before: Breakpoints,
    pub(super) interrupt_after: Breakpoints,
    pub(super) persistence: Persistence,
    pub(super) step_timeout: Option<Duration>,
    pub(super) defaults: Defaults,
    state: PhantomData<fn() -> S>,
}

impl StateGraph<Value> {
    /// An empty graph over keys that are known only now. Its nodes take and return JSON.
    pub fn dynamic(state_name: impl Into<Key>, fields: Vec<Field>) -> Self {
        Self::over(state_name, fields)
    }

    /// Publishes a JSON Schema of the state.
    pub fn state_schema(mut self, schema: Value) -> Self {
        self.state_schema = Some(schema);
        self
    }

    /// Takes only the keys that this JSON Schema has from the input.
    pub fn input_schema(mut self, schema: Value) -> Self {
        self.input_schema = Some(schema);
        self
    }

    /// Shows only the keys that this JSON Schema has as output.
    pub fn output_schema(mut self, schema: Value) -> Self {
        self.output_schema = Some(schema);
        self
    }

    /// Publishes a JSON Schema of the run's context.
    pub fn context_schema(mut self, schema: Value) -> Self {
        self.context_schema = Some(schema);
        self
    }
}

impl<S> StateGraph<S> {
    /// An empty graph.
    #[expect(clippy::new_without_default, reason = "a graph is written, not defaulted")]
    pub fn new() -> Self
    where
        S: State,
    {
        let mut graph = Self::over(S::NAME, S::fields());
        graph.state_schema = Some(schema_of::<S>());
        graph
    }

    fn over(state_name: impl Into<Key>, fields: Vec<Field>) -> Self {
        Self {
            name: None,
            state_name: state_name.into(),
            fields,
            state_schema: None,
            input_schema: None,
            output_schema: None,
            context_schema: None,
            nodes: Vec::new(),
            edges: Vec::new(),
            branches: Vec::new(),
            interrupt_before: Breakpoints::Never,
            interrupt_after: Breakpoints::Never,
            persistence: Persistence::Inherit,
            step_timeout: None,
            defaults: Defaults::default(),
            state: PhantomData,
        }
    }

    /// Adds a node.
    pub fn node<M>(self, name: impl Into<Key>, node: impl IntoNode<S, M>) -> Self {
        self.add(NodeDef::new(name, node))
    }

    /// Adds a node with options.
    #[expect(clippy::should_implement_trait, reason = "a graph is no number")]
    pub fn add(mut self, node: NodeDef<S>) -> Self {
        self.nodes.push(node);
        self
    }

    /// Goes from one node to another. From an array of nodes, once all of them have run.
    pub fn edge(mut self, from: impl IntoSources, to: impl Into<Key>) -> Self {
        self.edges.push((from.into_sources(), to.into()));
        self
    }

    /// Goes wherever `route` says: a plain function of the state that returns node names or packets.
    ///
    /// `targets` lists where that may be: node names, or pairs of what the route returns and where it
    /// leads; [`Targets::Any`] when that is not known.
    pub fn conditional_edges<M>(
        mut self,
        from: impl Into<Key>,
        route: impl IntoRoute<M>,
        targets: impl IntoTargets,
    ) -> Self {
        self.branches.push((from.into(), route.into_route(), targets.into_targets()));
        self
    }

    /// Names the graph, for streams and drawings.
    pub fn name(mut self, name: impl Into<Key>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Takes only the keys of `I` from the input.
    pub fn input<I: JsonSchema>(mut self) -> Self {
        self.input_schema = Some(schema_of::<I>());
        self
    }

    /// Shows only the keys of `O` as output.
    pub fn output<O: JsonSchema>(mut self) -> Self {
        self.output_schema = Some(schema_of::<O>());
        self
    }

    /// Publishes the schema of the run's context.
    pub fn context<C: JsonSchema>(mut self) -> Self {
        self.context_schema = Some(schema_of::<C>());
        self
    }

    /// Pauses before these nodes.
    pub fn interrupt_before(mut self, nodes: impl Into<Breakpoints>) -> Self {
        self.interrupt_before = nodes.into();
        self
    }

    /// Pauses after these nodes.
    pub fn interrupt_after(mut self, nodes: impl Into<Breakpoints>) -> Self {
        self.interrupt_after = nodes.into();
        self
    }

    /// Whether the graph keeps checkpoints when it is nested in another.
    pub fn persistence(mut self, persistence: Persistence) -> Self {
        self.persistence = persistence;
        self
    }

    /// Fails the run when a superstep takes longer.
    pub fn step_timeout(mut self, limit: Duration) -> Self {
        self.step_timeout = Some(limit);
        self
    }

    /// Sets what nodes do that say nothing themselves.
    pub fn node_defaults(mut self, defaults: NodeDefaults<S>) -> Self {
        self.defaults = defaults.0;
        self
    }

    /// Numbers everything and finds every mistake.
    pub fn compile(self) -> Result<CompiledGraph<S>, CompileError> {
        compile(self).map(CompiledGraph::new)
    }
}

/// The options of nodes that say nothing themselves (LangGraph's `set_node_defaults`).
///
/// Retries and timeouts hold for error handlers too; caching and the handler do not.
pub struct NodeDefaults<S>(Defaults, PhantomData<fn() -> S>);

impl<S> Default for NodeDefaults<S> {
    fn default() -> Self {
        Self(Defaults::default(), PhantomData)
    }
}

impl<S> NodeDefaults<S> {
    /// No options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tries failed nodes again.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.0.retry.push(policy);
        self
    }

    /// Reuses writes for equal inputs.
    pub fn cache(mut self, policy: CachePolicy) -> Self {
        self.0.cache = Some(policy);
        self
    }

    /// Ends attempts that take too long.
    pub fn timeout(mut self, policy: impl Into<TimeoutPolicy>) -> Self {
        self.0.timeout = Some(policy.into());
        self
    }

    /// Handles every failure that no handler of its own handles.
    pub fn on_error<M>(mut self, handler: impl IntoNode<S, M>) -> Self {
        self.0.handler = Some(std::sync::Arc::new(handler.into_node()));
        self
    }
}

/// Where an edge begins: a node, or several that all have to run.
pub trait IntoSources {
    /// The nodes.
    fn into_sources(self) -> Vec<Key>;
}

impl IntoSources for &str {
    fn into_sources(self) -> Vec<Key> {
        vec![self.into()]
    }
}

impl IntoSources for String {
    fn into_sources(self) -> Vec<Key> {
        vec![self.into()]
    }
}

impl<T: Into<Key>, const N: usize> IntoSources for [T; N] {
    fn into_sources(self) -> Vec<Key> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<T: Into<Key>> IntoSources for Vec<T> {
    fn into_sources(self) -> Vec<Key> {
        self.into_iter().map(Into::into).collect()
    }
}

/// Where a conditional edge may lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Anywhere: the route returns node names that are known only when it runs.
    Any,
    /// To these nodes, by their names.
    Nodes(Vec<Key>),
    /// What the route returns, and the node that it stands for.
    Map(Vec<(Key, Key)>),
}

/// What may be written as [`Targets`].
pub trait IntoTargets {
    /// The targets.
    fn into_targets(self) -> Targets;
}

impl IntoTargets for Targets {
    fn into_targets(self) -> Targets {
        self
    }
}

impl<const N: usize> IntoTargets for [&str; N] {
    fn into_targets(self) -> Targets {
        Targets::Nodes(self.into_iter().map(Key::from).collect())
    }
}

impl<const N: usize> IntoTargets for [(&str, &str); N] {
    fn into_targets(self) -> Targets {
        Targets::Map(self.into_iter().map(|(label, node)| (label.into(), node.into())).collect())
    }
}

impl IntoTargets for Vec<Key> {
    fn into_targets(self) -> Targets {
        Targets::Nodes(self)
    }
}

impl NodeBody {
    pub(super) fn share(&self) -> Self {
        Self { node: self.node.clone(), input: self.input.clone(), graph: self.graph.clone() }
    }
}
