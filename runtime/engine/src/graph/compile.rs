//! From what was written to what can run: names become numbers, mistakes become a list.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::mistake::nearest;
use super::names::{BRANCH, DEFAULT_HANDLER, Entry, SENDS, handler_of, is_reserved};
use super::node_def::NodeDef;
use super::program::{ChannelIx, ChannelSpec, NodeIx, NodeSpec, Program};
use super::{CompileError, Graph, Mistake, Schemas, StateGraph, Targets};
use crate::channel::{self, Channel, Kind};
use crate::command::{END, START};
use crate::config::Breakpoints;
use crate::node::{NodeBody, Placement, TimeoutPolicy};
use crate::value::Key;

/// Counts the graphs that were compiled in this process.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

pub(super) fn compile<S>(graph: StateGraph<S>) -> Result<Graph, CompileError> {
    let mut compiler = Compiler::new(&graph);
    compiler.declare_fields(&graph);
    compiler.declare_nodes(&graph);
    let program = compiler.link(graph);
    if compiler.mistakes.is_empty() {
        Ok(Graph(Arc::new(program)))
    } else {
        Err(CompileError::new(compiler.mistakes))
    }
}

/// The work in progress.
pub(super) struct Compiler {
    state: Key,
    pub(super) mistakes: Vec<Mistake>,
    channels: Vec<ChannelSpec>,
    pub(super) index: FxHashMap<Key, ChannelIx>,
    managed: Vec<(Key, channel::Managed)>,
    state_keys: Vec<ChannelIx>,
    names: Vec<Key>,
    pub(super) node_index: FxHashMap<Key, NodeIx>,
}

impl Compiler {
    fn new<S>(graph: &StateGraph<S>) -> Self {
        Self {
            state: graph.state_name.clone(),
            mistakes: Vec::new(),
            channels: Vec::new(),
            index: FxHashMap::default(),
            managed: Vec::new(),
            state_keys: Vec::new(),
            names: Vec::new(),
            node_index: FxHashMap::default(),
        }
    }

    pub(super) fn channel(&mut self, name: Key, empty: Box<dyn Channel>, tracked: bool) -> ChannelIx {
        let ix = self.channels.len();
        self.index.insert(name.clone(), ix);
        self.channels.push(ChannelSpec { name, empty, tracked });
        ix
    }

    fn declare_fields<S>(&mut self, graph: &StateGraph<S>) {
        let mut kinds: HashMap<&str, &Kind> = HashMap::new();
        for field in &graph.fields {
            if is_reserved(&field.name) {
                self.mistakes.push(Mistake::ReservedKey(field.name.to_string()));
            }
            if let Some(known) = kinds.insert(&field.name, &field.kind) {
                if !known.same(&field.kind) && !matches!(field.kind, Kind::LastValue) {
                    self.mistakes.push(Mistake::Redeclared(field.name.to_string()));
                }
                continue;
            }
            let name = Key::from(&*field.name);
            match (&field.kind, field.kind.cell(&name)) {
                (Kind::Managed(managed), _) => self.managed.push((name, *managed)),
                (kind, Some(cell)) => {
                    let tracked = !matches!(kind, Kind::Untracked { .. });
                    let ix = self.channel(name, cell, tracked);
                    self.state_keys.push(ix);
                }
                (_, None) => {}
            }
        }
        self.channel(START.into(), channel::input(), true);
        self.channel(SENDS.into(), channel::sends(), true);
    }

    fn declare_nodes<S>(&mut self, graph: &StateGraph<S>) {
        self.name_node(&START.into());
        for node in &graph.nodes {
            self.check_name(&node.name);
            if node.handler.is_some() {
                self.name_node(&handler_of(&node.name));
            }
            self.name_node(&node.name);
        }
        if graph.defaults.handler.is_some() {
            self.name_node(&DEFAULT_HANDLER.into());
        }
    }

    fn name_node(&mut self, name: &Key) {
        self.node_index.insert(name.clone(), self.names.len());
        self.names.push(name.clone());
    }

    fn check_name(&mut self, name: &Key) {
        if self.node_index.contains_key(name) && &**name != START {
            self.mistakes.push(Mistake::Duplicate(name.to_string()));
        }
        if is_reserved(name) || [START, END].contains(&&**name) {
            self.mistakes.push(Mistake::ReservedNode(name.to_string()));
        }
        for reserved in ['|', ':'] {
            if name.contains(reserved) {
                self.mistakes.push(Mistake::ReservedCharacter(reserved));
            }
        }
    }

    pub(super) fn nearest_node(&self, name: &str) -> Option<String> {
        nearest(name, self.names.iter().map(|name| &**name).filter(|name| !name.starts_with("__")))
    }

    /// The nodes of a program, without what leads out of them, then what does.
    fn link<S>(&mut self, graph: StateGraph<S>) -> Program {
        let reached = reached_by_edges(&graph);
        let defaults = Defaults::of(&graph);
        let mut nodes = vec![self.entry()];
        for node in graph.nodes {
            self.add_node(&mut nodes, node, &reached, &defaults);
        }
        if let Some(handler) = &graph.defaults.handler {
            nodes.push(self.handler(DEFAULT_HANDLER.into(), handler.share(), &defaults));
        }
        for name in &self.names.clone() {
            if let Some(&ix) = self.node_index.get(name).filter(|ix| **ix != 0 && **ix < nodes.len()) {
                self.branch_channel(&mut nodes[ix]);
            }
        }
        for (sources, target) in &graph.edges {
            self.edge(&mut nodes, sources, target);
        }
        for (source, route, targets) in graph.branches {
            self.branch(&mut nodes, &source, route, targets);
        }
        self.check_entry(&nodes);
        self.check_breakpoints(&graph.interrupt_before);
        self.check_breakpoints(&graph.interrupt_after);
        let input_keys = self.schema_keys(graph.input_schema.as_ref(), "input schema");
        let output_keys = self.schema_keys(graph.output_schema.as_ref(), "output schema");
        self.finish_triggers(&mut nodes);
        nodes[0].reads = Vec::new();
        let subscribers = self.subscribers(&nodes);
        Program {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name: graph.name,
            state_name: graph.state_name,
            input: self.index[START],
            sends: self.index[SENDS],
            channels: std::mem::take(&mut self.channels),
            index: std::mem::take(&mut self.index),
            managed: std::mem::take(&mut self.managed),
            nodes,
            node_index: std::mem::take(&mut self.node_index),
            subscribers,
            input_keys,
            output_keys,
            state_keys: std::mem::take(&mut self.state_keys),
            interrupt_before: graph.interrupt_before,
            interrupt_after: graph.interrupt_after,
            persistence: graph.persistence,
            step_timeout: graph.step_timeout,
            schemas: Schemas {
                input: graph.input_schema.or_else(|| graph.state_schema.clone()),
                output: graph.output_schema.or_else(|| graph.state_schema.clone()),
                state: graph.state_schema,
                context: graph.context_schema,
            },
        }
    }

    fn entry(&self) -> NodeSpec {
        let mut entry =
            NodeSpec::new(START.into(), NodeBody { node: Arc::new(Entry), input: None, graph: None });
        entry.hidden = true;
        entry.tags = Arc::from([Key::from("langsmith:hidden")]);
        entry.triggers = vec![self.index[START]];
        entry.placement = Placement::Inline;
        entry
    }

    fn add_node<S>(
        &mut self,
        nodes: &mut Vec<NodeSpec>,
        node: NodeDef<S>,
        reached: &dyn Fn(&str) -> bool,
        defaults: &Defaults,
    ) {
        let handler = match node.handler {
            Some(handler) => {
                nodes.push(self.handler(handler_of(&node.name), handler, defaults));
                Some(nodes.len() - 1)
            }
            None => defaults.handled.then(|| self.node_index[DEFAULT_HANDLER]),
        };
        let reader = format!("node `{}`", node.name);
        let (reads, managed) = self.view(&reader, node.body.input.as_ref(), reached(&node.name));
        nodes.push(NodeSpec {
            reads,
            managed,
            handler,
            deferred: node.deferred,
            retry: if node.retry.is_empty() { defaults.retry.clone() } else { node.retry },
            cache: node.cache.or_else(|| defaults.cache.clone()),
            timeout: node.timeout.unwrap_or(defaults.timeout),
            placement: node.placement,
            metadata: Arc::new(node.metadata),
            tags: node.tags.into(),
            declared_goto: node.goto,
            ..NodeSpec::new(node.name, node.body)
        });
    }

    fn handler(&mut self, name: Key, body: NodeBody, defaults: &Defaults) -> NodeSpec {
        let (reads, managed) = self.view(&format!("node `{name}`"), body.input.as_ref(), false);
        let mut handler = NodeSpec::new(name, body);
        handler.reads = reads;
        handler.managed = managed;
        handler.retry.clone_from(&defaults.retry);
        handler.timeout = defaults.timeout;
        handler
    }

    fn branch_channel(&mut self, node: &mut NodeSpec) {
        let name = Key::from(format!("{BRANCH}{}", node.name));
        let ix = self.channel(name, channel::branch(node.deferred), true);
        node.branch_channel = Some(ix);
        node.triggers.push(ix);
    }

    /// The keys of a schema that the state has. A key that it does not have is a mistake when `strict`:
    /// a node that only packets reach may take anything.
    pub(super) fn view(
        &mut self,
        reader: &str,
        schema: Option<&Value>,
        strict: bool,
    ) -> (Vec<ChannelIx>, Vec<(Key, channel::Managed)>) {
        let Some(keys) = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object) else {
            return (self.state_keys.clone(), self.managed.clone());
        };
        let unknown: Vec<&String> = keys.keys().filter(|key| strict && !self.is_key(key)).collect();
        for key in unknown {
            let known = self.state_keys.iter().map(|ix| &*self.channels[*ix].name);
            let known = known.chain(self.managed.iter().map(|(name, _)| &**name));
            let mistake = Mistake::UnknownKey {
                reader: reader.to_owned(),
                key: key.clone(),
                state: self.state.to_string(),
                nearest: nearest(key, known),
            };
            self.mistakes.push(mistake);
        }
        let channels = self.state_keys.iter().copied();
        let reads = channels.filter(|ix| keys.contains_key(&*self.channels[*ix].name)).collect();
        let managed = self.managed.iter().filter(|(name, _)| keys.contains_key(&**name)).cloned().collect();
        (reads, managed)
    }

    fn is_key(&self, key: &str) -> bool {
        self.index.get(key).is_some_and(|ix| self.state_keys.contains(ix))
            || self.managed.iter().any(|(name, _)| &**name == key)
    }

    fn schema_keys(&mut self, schema: Option<&Value>, kind: &'static str) -> Vec<ChannelIx> {
        let (keys, managed) = self.view(kind, schema, true);
        if schema.is_some() {
            let mistakes = managed.into_iter().map(|(key, _)| (kind, key.to_string()));
            self.mistakes.extend(mistakes.map(|(schema, key)| Mistake::ManagedInSchema { schema, key }));
        }
        keys
    }

    fn check_entry(&mut self, nodes: &[NodeSpec]) {
        if nodes[0].edges.is_empty() && nodes[0].joins.is_empty() && nodes[0].branches.is_empty() {
            self.mistakes.push(Mistake::NoEntry);
        }
    }

    fn check_breakpoints(&mut self, breakpoints: &Breakpoints) {
        let Breakpoints::At(names) = breakpoints else { return };
        for name in names.iter().filter(|name| !self.node_index.contains_key(*name)) {
            let nearest = self.nearest_node(name);
            self.mistakes.push(Mistake::UnknownBreakpoint { node: name.to_string(), nearest });
        }
    }

    fn finish_triggers(&self, nodes: &mut [NodeSpec]) {
        for node in nodes {
            node.triggers.sort_by(|a, b| self.channels[*a].name.cmp(&self.channels[*b].name));
            node.trigger_names = node.triggers.iter().map(|ix| self.channels[*ix].name.clone()).collect();
        }
    }

    fn subscribers(&self, nodes: &[NodeSpec]) -> Vec<Vec<NodeIx>> {
        let mut subscribers = vec![Vec::new(); self.channels.len()];
        let mut order: Vec<NodeIx> = (0..nodes.len()).collect();
        order.sort_by(|a, b| nodes[*a].name.cmp(&nodes[*b].name));
        for node in order {
            for &trigger in &nodes[node].triggers {
                subscribers[trigger].push(node);
            }
        }
        subscribers
    }
}

/// Which nodes get the state, as far as edges tell: not those that only packets reach.
fn reached_by_edges<S>(graph: &StateGraph<S>) -> impl Fn(&str) -> bool + use<S> {
    let mut reached: Vec<Key> = graph.edges.iter().map(|(_, to)| to.clone()).collect();
    for (_, route, targets) in graph.branches.iter().filter(|(_, route, _)| !route.only_sends) {
        let _ = route;
        match targets {
            Targets::Any => {}
            Targets::Nodes(nodes) => reached.extend(nodes.iter().cloned()),
            Targets::Map(map) => reached.extend(map.iter().map(|(_, node)| node.clone())),
        }
    }
    move |node| reached.iter().any(|name| &**name == node)
}

/// What nodes do that say nothing themselves.
struct Defaults {
    retry: Vec<crate::node::RetryPolicy>,
    cache: Option<crate::node::CachePolicy>,
    timeout: TimeoutPolicy,
    handled: bool,
}

impl Defaults {
    fn of<S>(graph: &StateGraph<S>) -> Self {
        Self {
            retry: graph.defaults.retry.clone(),
            cache: graph.defaults.cache.clone(),
            timeout: graph.defaults.timeout.unwrap_or_default(),
            handled: graph.defaults.handler.is_some(),
        }
    }
}
