//! Plain functions as nodes and as routes.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{IntoOutput, Node, NodeContext, Output};
use crate::command::{Goto, SendTo};
use crate::error::{NodeError, RunError};
use crate::graph::Graph;
use crate::value::Shared;

/// What a node is made of, its types forgotten.
pub struct NodeBody {
    pub(crate) node: Arc<dyn Node>,
    /// The JSON Schema of what it takes; `None` for "whatever there is".
    pub(crate) input: Option<Value>,
    /// The graph that it is.
    pub(crate) graph: Option<Graph>,
}

/// Turns functions and graphs into nodes of a graph with state `S`.
///
/// An `async fn` whose parameter is the state, or any type with fewer of its keys, is a node;
/// a second parameter asks for the [`NodeContext`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a node of a graph with state `{S}`",
    label = "not a node",
    note = "a node is an `async fn(State) -> Update<State>`, with a `NodeContext` as second parameter if it wants one: for a plain `fn`, put `async` in front of it",
    note = "it returns `Update<{S}>`, `Command<{S}>`, `()`, or a `Result` of one of them; a whole state is not an update: return `{S}::update().key(value)`",
    note = "its future must be `Send`: it may not hold an `Rc` or a lock guard over an `.await`; its parameter must be `Deserialize` and `JsonSchema`"
)]
pub trait IntoNode<S, Marker> {
    /// The node.
    fn into_node(self) -> NodeBody;
}

/// The JSON Schema of `T`, inlined, as graphs compare and publish it.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value()
}

struct Function<F, A> {
    function: F,
    arguments: PhantomData<fn(A)>,
}

fn body<I: JsonSchema>(node: impl Node) -> NodeBody {
    NodeBody { node: Arc::new(node), input: Some(schema_of::<I>()), graph: None }
}

fn read<I: DeserializeOwned>(input: &Shared, ctx: &NodeContext) -> Result<I, NodeError> {
    input.read().map_err(|error| RunError::unreadable(ctx.node(), &error))
}

impl<F, S, I, Fut, O> Node for Function<F, (S, I, Fut, O)>
where
    F: Fn(I) -> Fut + Send + Sync + 'static,
    I: DeserializeOwned + 'static,
    Fut: Future<Output = O> + Send + 'static,
    O: IntoOutput<S> + 'static,
    S: 'static,
{
    fn run(&self, input: Shared, ctx: NodeContext) -> BoxFuture<'static, Result<Output, NodeError>> {
        match read(&input, &ctx) {
            Ok(input) => (self.function)(input).map(IntoOutput::into_output).boxed(),
            Err(error) => futures_util::future::ready(Err(error)).boxed(),
        }
    }
}

impl<F, S, I, Fut, O> IntoNode<S, (I, Fut, O)> for F
where
    F: Fn(I) -> Fut + Send + Sync + 'static,
    I: DeserializeOwned + JsonSchema + 'static,
    Fut: Future<Output = O> + Send + 'static,
    O: IntoOutput<S> + 'static,
    S: 'static,
{
    fn into_node(self) -> NodeBody {
        body::<I>(Function { function: self, arguments: PhantomData::<fn((S, I, Fut, O))> })
    }
}

impl<F, S, I, Fut, O> Node for Function<F, (S, I, NodeContext, Fut, O)>
where
    F: Fn(I, NodeContext) -> Fut + Send + Sync + 'static,
    I: DeserializeOwned + 'static,
    Fut: Future<Output = O> + Send + 'static,
    O: IntoOutput<S> + 'static,
    S: 'static,
{
    fn run(&self, input: Shared, ctx: NodeContext) -> BoxFuture<'static, Result<Output, NodeError>> {
        match read(&input, &ctx) {
            Ok(input) => (self.function)(input, ctx).map(IntoOutput::into_output).boxed(),
            Err(error) => futures_util::future::ready(Err(error)).boxed(),
        }
    }
}

impl<F, S, I, Fut, O> IntoNode<S, (I, NodeContext, Fut, O)> for F
where
    F: Fn(I, NodeContext) -> Fut + Send + Sync + 'static,
    I: DeserializeOwned + JsonSchema + 'static,
    Fut: Future<Output = O> + Send + 'static,
    O: IntoOutput<S> + 'static,
    S: 'static,
{
    fn into_node(self) -> NodeBody {
        body::<I>(Function { function: self, arguments: PhantomData::<fn((S, I, NodeContext, Fut, O))> })
    }
}

impl<S> IntoNode<S, Arc<dyn Node>> for Arc<dyn Node> {
    fn into_node(self) -> NodeBody {
        NodeBody { node: self, input: None, graph: None }
    }
}

/// Where a route leads: node names, packets, or none.
#[diagnostic::on_unimplemented(
    message = "a route cannot return `{Self}`",
    label = "expected a node name, a `SendTo`, a `Goto`, or a `Vec` of them"
)]
pub trait Destinations {
    /// True when every destination is a packet, whatever the state.
    const ONLY_SENDS: bool = false;

    /// The destinations, in order.
    fn into_destinations(self) -> Vec<Goto>;
}

impl Destinations for &str {
    fn into_destinations(self) -> Vec<Goto> {
        vec![self.into()]
    }
}

impl Destinations for String {
    fn into_destinations(self) -> Vec<Goto> {
        vec![self.into()]
    }
}

impl Destinations for Goto {
    fn into_destinations(self) -> Vec<Goto> {
        vec![self]
    }
}

impl Destinations for SendTo {
    const ONLY_SENDS: bool = true;

    fn into_destinations(self) -> Vec<Goto> {
        vec![self.into()]
    }
}

impl<T: Destinations> Destinations for Vec<T> {
    const ONLY_SENDS: bool = T::ONLY_SENDS;

    fn into_destinations(self) -> Vec<Goto> {
        self.into_iter().flat_map(Destinations::into_destinations).collect()
    }
}

impl<T: Destinations, const N: usize> Destinations for [T; N] {
    const ONLY_SENDS: bool = T::ONLY_SENDS;

    fn into_destinations(self) -> Vec<Goto> {
        self.into_iter().flat_map(Destinations::into_destinations).collect()
    }
}

type Choose = dyn Fn(&Shared) -> Result<Vec<Goto>, NodeError> + Send + Sync;

/// A function that chooses where to go, its types forgotten.
#[derive(Clone)]
pub struct Route {
    pub(crate) name: crate::value::Key,
    pub(crate) input: Option<Value>,
    pub(crate) only_sends: bool,
    pub(crate) choose: Arc<Choose>,
}

impl Route {
    /// A route that is told the state as JSON and whose name streams show.
    pub fn new(
        name: impl Into<crate::value::Key>,
        choose: impl Fn(&Shared) -> Result<Vec<Goto>, NodeError> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), input: None, only_sends: false, choose: Arc::new(choose) }
    }
}

/// Turns plain functions into routes: `fn(State) -> &'static str`, `-> Vec<SendTo>`, and so on.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a route",
    label = "expected a plain `fn(State)` that returns node names or `SendTo`s",
    note = "routes are not `async`: they choose by the state alone"
)]
pub trait IntoRoute<Marker> {
    /// The route.
    fn into_route(self) -> Route;
}

impl IntoRoute<Route> for Route {
    fn into_route(self) -> Route {
        self
    }
}

/// The name of a route that is a closure.
pub(crate) const ANONYMOUS: &str = "condition";

impl<F, I, D> IntoRoute<(I, D)> for F
where
    F: Fn(I) -> D + Send + Sync + 'static,
    I: DeserializeOwned + JsonSchema + 'static,
    D: Destinations + 'static,
{
    fn into_route(self) -> Route {
        let name = std::any::type_name::<F>().rsplit("::").next().filter(|part| !part.starts_with('{'));
        Route {
            name: name.unwrap_or(ANONYMOUS).into(),
            input: Some(schema_of::<I>()),
            only_sends: D::ONLY_SENDS,
            choose: Arc::new(move |state| {
                let state = state
                    .read()
                    .map_err(|error| NodeError::visible("ValueError", format!("cannot route: {error}")))?;
                Ok(self(state).into_destinations())
            }),
        }
    }
}
