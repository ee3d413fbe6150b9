//! A node with the options that stand beside it.

use std::marker::PhantomData;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::node::{CachePolicy, IntoNode, NodeBody, Placement, RetryPolicy, TimeoutPolicy};
use crate::value::Key;

/// A node, its name and its options; `.node(name, f)` of a graph is short for it.
///
/// ```
/// # use eddyline_engine::prelude::*;
/// # #[state] struct Joke { topic: String }
/// # async fn flaky(state: Joke) -> Update<Joke> { Joke::update().topic(state.topic) }
/// let graph = StateGraph::<Joke>::new()
///     .add(Node::new("flaky", flaky).retry(RetryPolicy::attempts(3)).defer())
///     .edge(START, "flaky")
///     .compile();
/// # graph.unwrap();
/// ```
pub struct NodeDef<S> {
    pub(super) name: Key,
    pub(super) body: NodeBody,
    pub(super) deferred: bool,
    pub(super) retry: Vec<RetryPolicy>,
    pub(super) cache: Option<CachePolicy>,
    pub(super) timeout: Option<TimeoutPolicy>,
    pub(super) placement: Placement,
    pub(super) metadata: Map<String, Value>,
    pub(super) tags: Vec<Key>,
    pub(super) goto: Vec<Key>,
    pub(super) handler: Option<NodeBody>,
    state: PhantomData<fn() -> S>,
}

impl<S> NodeDef<S> {
    /// A node without options.
    pub fn new<M>(name: impl Into<Key>, node: impl IntoNode<S, M>) -> Self {
        Self {
            name: name.into(),
            body: node.into_node(),
            deferred: false,
            retry: Vec::new(),
            cache: None,
            timeout: None,
            placement: Placement::default(),
            metadata: Map::new(),
            tags: Vec::new(),
            goto: Vec::new(),
            handler: None,
            state: PhantomData,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs the node only when nothing else is left to run.
    pub fn defer(mut self) -> Self {
        self.deferred = true;
        self
    }

    /// Tries the node again when it fails. With several policies the first that applies counts.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry.push(policy);
        self
    }

    /// Reuses the node's writes for equal inputs.
    pub fn cache(mut self, policy: CachePolicy) -> Self {
        self.cache = Some(policy);
        self
    }

    /// Ends an attempt that takes longer than a duration, or, with a policy, makes no progress.
    pub fn timeout(mut self, policy: impl Into<TimeoutPolicy>) -> Self {
        self.timeout = Some(policy.into());
        self
    }

    /// Runs the node on a thread that may block.
    pub fn blocking(mut self) -> Self {
        self.placement = Placement::Blocking;
        self
    }

    /// Runs the node in the thread of the run: for nodes that end in under 50 µs and never wait.
    pub fn inline(mut self) -> Self {
        self.placement = Placement::Inline;
        self
    }

    /// Says something about the node to whoever reads its streams.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Tags the node.
    pub fn tag(mut self, tag: impl Into<Key>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Says where commands of the node may go, for drawings.
    pub fn goes_to<T: Into<Key>>(mut self, nodes: impl IntoIterator<Item = T>) -> Self {
        self.goto.extend(nodes.into_iter().map(Into::into));
        self
    }

    /// Runs `handler` in the same superstep when the node has failed for good. The handler gets the
    /// node's input; its own return value decides where to go, the node's edges do not.
    pub fn on_error<M>(mut self, handler: impl IntoNode<S, M>) -> Self {
        self.handler = Some(handler.into_node());
        self
    }
}

/// The options that a node has when it says nothing itself.
#[derive(Default)]
pub(super) struct Defaults {
    pub(super) retry: Vec<RetryPolicy>,
    pub(super) cache: Option<CachePolicy>,
    pub(super) timeout: Option<TimeoutPolicy>,
    pub(super) handler: Option<Arc<NodeBody>>,
}
