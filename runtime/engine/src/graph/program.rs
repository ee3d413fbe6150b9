//! A compiled graph: channels and nodes by number, as the superstep loop wants them.

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value};

use super::names::BRANCH;
use super::{Graph, Persistence};
use crate::channel::{Channel, Managed};
use crate::config::Breakpoints;
use crate::node::{CachePolicy, Node, NodeBody, Placement, RetryPolicy, Route, TimeoutPolicy};
use crate::value::Key;

/// A channel by its place in [`Program::channels`].
pub(crate) type ChannelIx = usize;

/// A node by its place in [`Program::nodes`].
pub(crate) type NodeIx = usize;

/// The node that takes the input in.
pub(crate) const START_NODE: NodeIx = 0;

/// What a graph compiles to.
#[derive(Debug)]
pub(crate) struct Program {
    /// Tells compiled graphs of one process apart; two may have the same name.
    pub(crate) id: u64,
    pub(crate) name: Option<Key>,
    pub(crate) state_name: Key,
    pub(crate) channels: Vec<ChannelSpec>,
    pub(crate) index: FxHashMap<Key, ChannelIx>,
    pub(crate) managed: Vec<(Key, Managed)>,
    /// The channel that holds the input.
    pub(crate) input: ChannelIx,
    /// The channel of pending packets.
    pub(crate) sends: ChannelIx,
    /// In the order in which they were added; the first takes the input in.
    pub(crate) nodes: Vec<NodeSpec>,
    pub(crate) node_index: FxHashMap<Key, NodeIx>,
    /// For each channel the nodes that it triggers, sorted by name.
    pub(crate) subscribers: Vec<Vec<NodeIx>>,
    pub(crate) input_keys: Vec<ChannelIx>,
    pub(crate) output_keys: Vec<ChannelIx>,
    /// All keys of the state, private ones included.
    pub(crate) state_keys: Vec<ChannelIx>,
    pub(crate) interrupt_before: Breakpoints,
    pub(crate) interrupt_after: Breakpoints,
    pub(crate) persistence: Persistence,
    pub(crate) step_timeout: Option<Duration>,
    pub(crate) schemas: super::Schemas,
}

/// One channel, empty.
#[derive(Debug)]
pub(crate) struct ChannelSpec {
    pub(crate) name: Key,
    pub(crate) empty: Box<dyn Channel>,
    /// False for what is never stored.
    pub(crate) tracked: bool,
}

/// One node with everything that runs after it.
pub(crate) struct NodeSpec {
    pub(crate) name: Key,
    pub(crate) node: Arc<dyn Node>,
    pub(crate) graph: Option<Graph>,
    pub(crate) hidden: bool,
    /// Sorted by name.
    pub(crate) triggers: Vec<ChannelIx>,
    pub(crate) trigger_names: Arc<[Key]>,
    pub(crate) reads: Vec<ChannelIx>,
    pub(crate) managed: Vec<(Key, Managed)>,
    /// The routing channels of the nodes that follow, in the order of their edges.
    pub(crate) edges: Vec<ChannelIx>,
    /// The joins that this node is a source of.
    pub(crate) joins: Vec<ChannelIx>,
    pub(crate) branches: Vec<BranchSpec>,
    pub(crate) branch_channel: Option<ChannelIx>,
    pub(crate) retry: Vec<RetryPolicy>,
    pub(crate) cache: Option<CachePolicy>,
    pub(crate) timeout: TimeoutPolicy,
    pub(crate) placement: Placement,
    pub(crate) handler: Option<NodeIx>,
    pub(crate) metadata: Arc<Map<String, Value>>,
    pub(crate) tags: Arc<[Key]>,
    /// Where a command may go, for drawings.
    pub(crate) declared_goto: Vec<Key>,
    pub(crate) deferred: bool,
    pub(crate) joined: Vec<(Vec<Key>, ChannelIx)>,
}

/// One conditional edge.
pub(crate) struct BranchSpec {
    pub(crate) route: Route,
    /// The keys that the route is shown; `None` for those of its node.
    pub(crate) reads: Option<Vec<ChannelIx>>,
    /// What the route returns, and where that leads; `None` when it returns node names.
    pub(crate) map: Option<Vec<(Key, Key)>>,
    /// Where it may lead, as far as was said.
    pub(crate) targets: Option<Vec<Key>>,
}

impl Program {
    pub(crate) fn channel_name(&self, channel: ChannelIx) -> &Key {
        &self.channels[channel].name
    }

    pub(crate) fn node(&self, name: &str) -> Option<NodeIx> {
        self.node_index.get(name).copied()
    }

    /// The channel that leads to a node; for one that the graph does not have a name that leads nowhere.
    pub(crate) fn route_to(&self, node: &str) -> Key {
        let channel = self.node(node).and_then(|ix| self.nodes[ix].branch_channel);
        channel.map_or_else(|| format!("{BRANCH}{node}").into(), |channel| self.channel_name(channel).clone())
    }

    /// The key that nodes may write by this name.
    pub(crate) fn key(&self, name: &str) -> Option<Key> {
        let (key, channel) = self.index.get_key_value(name)?;
        self.state_keys.contains(channel).then(|| key.clone())
    }

    /// Whether `key` is one that nodes may write.
    pub(crate) fn is_key(&self, key: &str) -> bool {
        self.index.get(key).is_some_and(|channel| self.state_keys.contains(channel))
            || self.managed.iter().any(|(name, _)| &**name == key)
    }
}

impl std::fmt::Debug for NodeSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "node `{}`", self.name)
    }
}

impl NodeSpec {
    /// A node that nothing triggers, that follows no policy and after which nothing runs.
    pub(super) fn new(name: Key, body: NodeBody) -> Self {
        Self {
            name,
            node: body.node,
            graph: body.graph,
            hidden: false,
            triggers: Vec::new(),
            trigger_names: Arc::from([]),
            reads: Vec::new(),
            managed: Vec::new(),
            edges: Vec::new(),
            joins: Vec::new(),
            branches: Vec::new(),
            branch_channel: None,
            retry: Vec::new(),
            cache: None,
            timeout: TimeoutPolicy::default(),
            placement: Placement::default(),
            handler: None,
            metadata: Arc::default(),
            tags: Arc::from([]),
            declared_goto: Vec::new(),
            deferred: false,
            joined: Vec::new(),
        }
    }
}
