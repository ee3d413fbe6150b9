//! From what a file says to the graph that it is.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use eddyline_engine::Graph;
use eddyline_engine::config::Breakpoints;
use eddyline_engine::graph::{CompileError, Mistake as EngineMistake, Persistence, Targets};
use eddyline_engine::node::{CachePolicy, IntoNode, NodeBody, RetryPolicy, TimeoutPolicy};
use eddyline_engine::prelude::{END, Node as NodeDef, StateGraph};
use serde_json::Value;

use super::keys::Keys;
use super::kinds::{Built, Kinds};
use super::located::{Located, TextOr};
use super::mistake::{Mistake, Place};
use super::node::key;
use super::route::{Choice, names, route, sent, tools_route};
use super::spec::{ChoiceSpec, EdgeSpec, File, NodeSpec, PersistenceSpec, RetrySpec};
use super::template::{RUN, STATE, Scope};

/// Where a file is: what is written in it is found from there.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) folder: PathBuf,
    /// The files that are being read, each a part of the one before.
    pub(super) files: Vec<PathBuf>,
    /// Every file of which the graph is made.
    pub(super) parts: Parts,
}

/// Files of which a graph is made, as they are found.
pub(super) type Parts = Rc<RefCell<Vec<PathBuf>>>;

impl Home {
    /// Takes note of a file that a process is started with.
    pub(super) fn started_with(&self, argument: &str) {
        let file = self.folder.join(argument);
        if file.is_file() {
            self.parts.borrow_mut().push(file);
        }
    }
}

/// The graph that a file says.
pub(super) fn compile(file: &File, home: &Home, title: &str) -> Result<Graph, Vec<Mistake>> {
    let mut compiler = Compiler::new(file, home);
    let keys = compiler.keys.clone();
    let mut graph = StateGraph::<Value>::dynamic(title, keys.fields())
        .state_schema(keys.schema(title, None))
        .interrupt_before(breakpoints(&file.interrupt_before))
        .interrupt_after(breakpoints(&file.interrupt_after))
        .persistence(match file.persistence {
            PersistenceSpec::Inherit => Persistence::Inherit,
            PersistenceSpec::Thread => Persistence::Thread,
            PersistenceSpec::Never => Persistence::Never,
        });
    compiler.check_keys(file.input.as_deref());
    compiler.check_keys(file.output.as_deref());
    if let Some(input) = &file.input {
        graph = graph.input_schema(keys.schema(title, Some(input)));
    }
    if let Some(output) = &file.output {
        graph = graph.output_schema(keys.schema(title, Some(output)));
    }
    if let Some(context) = &file.context {
        graph = graph.context_schema(Keys::new(context, &mut compiler.mistakes).schema("Context", None));
    }
    if let Some(name) = &file.name {
        graph = graph.name(name.clone());
    }
    if let Some(limit) = compiler.seconds(file.step_timeout.as_ref()) {
        graph = graph.step_timeout(limit);
    }
    for (name, node) in &file.nodes.0 {
        if let Some(node) = compiler.node(name, node) {
            graph = graph.add(node);
        }
    }
    for edge in &file.edges {
        graph = compiler.edge(graph, edge);
    }
    let broken = !compiler.mistakes.is_empty();
    let compiled = graph.compile();
    let mut mistakes = compiler.mistakes;
    match compiled {
        Ok(graph) if mistakes.is_empty() => return Ok(graph.into()),
        // Nodes with mistakes are missing in it.
        Err(error) if !broken => mistakes.extend(placed(&error, file)),
        _ => {}
    }
    mistakes.sort_by_key(Mistake::place);
    mistakes.dedup();
    Err(mistakes)
}

fn breakpoints(nodes: &[Located<String>]) -> Breakpoints {
    if nodes.is_empty() {
        Breakpoints::Never
    } else {
        Breakpoints::At(nodes.iter().map(|node| key(&node.value)).collect())
    }
}

struct Compiler<'a> {
    keys: Arc<Keys>,
    kinds: Kinds<'a>,
    /// By node, what executions are given that are sent to it.
    sent: HashMap<String, Vec<String>>,
    mistakes: Vec<Mistake>,
}

impl<'a> Compiler<'a> {
    fn new(file: &'a File, home: &'a Home) -> Self {
        let mut mistakes = Vec::new();
        let keys = Arc::new(Keys::new(&file.state, &mut mistakes));
        let kinds = Kinds::new(file, home, keys.clone(), &mut mistakes);
        Self { keys, kinds, sent: sent_to(file), mistakes }
    }

    fn scope(&self, node: &str) -> Scope {
        let scope = Scope::new(self.keys.names()).and([RUN, STATE]);
        scope.and(self.sent.get(node).into_iter().flatten().map(String::as_str))
    }

    fn check_keys(&mut self, names: Option<&[Located<String>]>) {
        for name in names.into_iter().flatten().filter(|name| self.keys.get(&name.value).is_none()) {
            let mistake = Mistake::new(name.place, format!("the state has no key `{}`", name.value));
            self.mistakes.push(mistake.known(&name.value, self.keys.names()));
        }
    }

    fn seconds(&mut self, seconds: Option<&Located<f64>>) -> Option<Duration> {
        seconds.and_then(|seconds| duration(seconds, &mut self.mistakes))
    }

    fn node(&mut self, name: &Located<String>, spec: &NodeSpec) -> Option<NodeDef<Value>> {
        let scope = self.scope(&name.value);
        let Built { body, goto } = self.kinds.build(name, spec, &scope, &mut self.mistakes)?;
        let mut node = NodeDef::new(name.value.clone(), Body(body)).goes_to(goto);
        if let Some(retry) = &spec.retry {
            node = node.retry(self.retry(retry));
        }
        let limits = (self.seconds(spec.timeout.as_ref()), self.seconds(spec.idle_timeout.as_ref()));
        if limits != (None, None) {
            node = node.timeout(TimeoutPolicy { run: limits.0, idle: limits.1, heartbeat_only: false });
        }
        if let Some(keep) = self.seconds(spec.cache.as_ref()) {
            let mut policy = CachePolicy::default();
            policy.keep = Some(keep);
            node = node.cache(policy);
        }
        if spec.defer {
            node = node.defer();
        }
        node = spec.metadata.iter().fold(node, |node, (key, value)| node.metadata(key, value.clone()));
        Some(spec.tags.iter().fold(node, |node, tag| node.tag(tag.as_str())))
    }

    fn retry(&mut self, spec: &RetrySpec) -> RetryPolicy {
        if spec.attempts.value == 0 {
            let mistake = Mistake::new(spec.attempts.place, "no attempt at all");
            self.mistakes.push(mistake.help("write at least 1, as the first attempt counts"));
        }
        let mut policy = RetryPolicy::attempts(spec.attempts.value);
        if let Some(interval) = self.seconds(spec.initial_interval.as_ref()) {
            policy = policy.initial_interval(interval);
        }
        if let Some(longest) = self.seconds(spec.max_interval.as_ref()) {
            policy.max_interval = longest;
        }
        if let Some(factor) = &spec.backoff_factor {
            policy.backoff_factor = factor.value;
        }
        if let Some(jitter) = spec.jitter {
            policy.jitter = jitter;
        }
        policy
    }

    fn edge(&mut self, graph: StateGraph<Value>, edge: &Located<TextOr<EdgeSpec>>) -> StateGraph<Value> {
        match &edge.value {
            TextOr::Text(text) => self.chain(graph, text, edge.place),
            TextOr::Long(spec) => self.long_edge(graph, spec, edge.place),
        }
    }

    /// `a -> b -> c`.
    fn chain(&mut self, mut graph: StateGraph<Value>, text: &str, place: Place) -> StateGraph<Value> {
        let nodes: Vec<&str> = text.split("->").map(str::trim).collect();
        if nodes.len() < 2 || nodes.contains(&"") {
            let mistake = Mistake::new(place, format!("`{text}` is not an edge"));
            self.mistakes.push(mistake.help("write `from -> to`, or `{from: …, to: …}`"));
            return graph;
        }
        for pair in nodes.windows(2) {
            graph = graph.edge(vec![key(pair[0])], key(pair[1]));
        }
        graph
    }

    fn long_edge(&mut self, graph: StateGraph<Value>, spec: &EdgeSpec, place: Place) -> StateGraph<Value> {
        let from: Vec<_> = names(&spec.from).map(key).collect();
        let chooses =
            spec.choose.is_some() || spec.tools.is_some() || spec.when.is_some() || spec.each.is_some();
        if spec.name.is_some() && !chooses {
            let mistake = Mistake::new(place, "only an edge that chooses has a name");
            self.mistakes.push(mistake.help("leave `name` out"));
        }
        let to: Vec<_> = spec.to.iter().flat_map(names).map(key).collect();
        if !chooses {
            if to.is_empty() {
                let mistake = Mistake::new(place, "this edge leads nowhere");
                self.mistakes.push(mistake.help("say where with `to`, `choose` or `tools`"));
            }
            return to.into_iter().fold(graph, |graph, to| graph.edge(from.clone(), to));
        }
        let [from] = &from[..] else {
            let mistake = Mistake::new(place, "an edge that chooses begins at one node");
            self.mistakes.push(mistake.help("join the others in a node first, and choose from there"));
            return graph;
        };
        let (route, targets) = self.chosen(spec, place);
        graph.conditional_edges(from.clone(), route, targets)
    }

    fn chosen(&mut self, spec: &EdgeSpec, place: Place) -> (eddyline_engine::node::Route, Targets) {
        let name = spec.name.as_ref().map_or("condition", |name| &*name.value);
        let ways = [spec.choose.is_some(), spec.tools.is_some(), spec.when.is_some() || spec.each.is_some()];
        if ways.iter().filter(|way| **way).count() > 1 {
            let mistake = Mistake::new(place, "this edge chooses in two ways");
            self.mistakes.push(mistake.help("keep one of `choose`, `tools`, and `when` or `each`"));
        }
        if let Some(tools) = &spec.tools {
            let otherwise = spec.to.iter().flat_map(names).map(key).next().unwrap_or_else(|| END.into());
            return tools_route(name, key(&tools.value), otherwise);
        }
        let scope = Scope::new(self.keys.names()).and([STATE]);
        let choices: Vec<Choice> = choices(spec, place)
            .iter()
            .map(|choice| Choice::new(choice, &scope, &mut self.mistakes))
            .collect();
        route(name, choices)
    }
}

/// What an edge may choose from.
fn choices(spec: &EdgeSpec, place: Place) -> Vec<ChoiceSpec> {
    if let Some(choices) = &spec.choose {
        return choices.clone();
    }
    let Some(to) = &spec.to else { return Vec::new() };
    if spec.when.is_none() && spec.each.is_none() {
        return Vec::new();
    }
    vec![ChoiceSpec {
        when: spec.when.clone(),
        to: Located { place, value: to.clone() },
        each: spec.each.clone(),
        item: spec.item.clone(),
        with: spec.with.clone(),
    }]
}

/// By node, the names of what executions are given that are sent to it.
fn sent_to(file: &File) -> HashMap<String, Vec<String>> {
    let edges = file.edges.iter().flat_map(|edge| match &edge.value {
        TextOr::Text(_) => Vec::new(),
        TextOr::Long(spec) => choices(spec, edge.place),
    });
    let commands = file.nodes.0.iter().filter_map(|(_, node)| node.command.as_ref());
    let commands = commands.flat_map(|command| match &command.goto.value {
        TextOr::Text(_) => Vec::new(),
        TextOr::Long(choices) => choices.clone(),
    });
    let mut by_node: HashMap<String, Vec<String>> = HashMap::new();
    for choice in edges.chain(commands) {
        for (node, given) in sent(&choice) {
            by_node.entry(node.to_owned()).or_default().extend(given.into_iter().map(str::to_owned));
        }
    }
    by_node
}

/// So many seconds.
pub(super) fn duration(seconds: &Located<f64>, mistakes: &mut Vec<Mistake>) -> Option<Duration> {
    let read = Duration::try_from_secs_f64(seconds.value).ok().filter(|duration| !duration.is_zero());
    if read.is_none() {
        let mistake = Mistake::new(seconds.place, format!("{} seconds is no time", seconds.value));
        mistakes.push(mistake.help("write a number above 0"));
    }
    read
}

/// A node that is made already.
struct Body(NodeBody);

impl IntoNode<Value, Self> for Body {
    fn into_node(self) -> NodeBody {
        self.0
    }
}

/// What the engine says, at the places of the file that it is about.
fn placed(error: &CompileError, file: &File) -> Vec<Mistake> {
    let place = |mistake: &EngineMistake| match mistake {
        EngineMistake::Duplicate(node) | EngineMistake::ReservedNode(node) => node_place(file, node),
        EngineMistake::ReservedCharacter(character) => {
            let named = file.nodes.0.iter().find(|(name, _)| name.value.contains(*character));
            named.map(|(name, _)| name.place)
        }
        EngineMistake::ReservedKey(key) | EngineMistake::Redeclared(key) => {
            let mut keys = file.state.0.iter().filter(|(name, _)| name.value == *key);
            keys.next_back().map(|(name, _)| name.place)
        }
        EngineMistake::UnknownSource { node, .. } | EngineMistake::UnknownTarget { node, .. } => {
            edge_place(file, node)
        }
        EngineMistake::UnknownBranchTarget { target, .. } => edge_place(file, target),
        EngineMistake::DuplicateBranch { branch, .. } => edge_place(file, branch),
        EngineMistake::FromEnd => edge_place(file, "END"),
        EngineMistake::ToStart => edge_place(file, "START"),
        EngineMistake::UnknownBreakpoint { node, .. } => {
            let mut all = file.interrupt_before.iter().chain(&file.interrupt_after);
            all.find(|name| name.value == *node).map(|name| name.place)
        }
        EngineMistake::NoEntry => file.edges.first().map(|edge| edge.place),
        _ => None,
    };
    let nodes = || file.nodes.names();
    let one = |mistake: &EngineMistake| {
        let words = mistake.to_string();
        // The engine proposes a name, too; here all of them are known.
        let words = words.split("; did you mean ").next().unwrap_or_default();
        let said = Mistake::new(place(mistake).unwrap_or(Place::TOP), words);
        match mistake {
            EngineMistake::UnknownSource { node, .. } => said.known(node, nodes().chain(["START"])),
            EngineMistake::UnknownTarget { node, .. }
            | EngineMistake::UnknownBranchTarget { target: node, .. } => {
                said.known(node, nodes().chain(["END"]))
            }
            EngineMistake::UnknownBreakpoint { node, .. } => said.known(node, nodes()),
            EngineMistake::FromEnd => said.help("begin at another node, as the way is over there"),
            EngineMistake::ToStart => said.help("go to the node after it instead"),
            EngineMistake::NoEntry => said.help("add `START -> NODE`"),
            EngineMistake::DuplicateBranch { .. } => said.help("give one of the edges a `name`"),
            _ => said.help("choose another name"),
        }
    };
    let mistakes = error.mistakes();
    // An edge that leads nowhere is no entry, and that is said already.
    let entry = |mistake: &&EngineMistake| mistakes.len() == 1 || !matches!(mistake, EngineMistake::NoEntry);
    mistakes.iter().filter(entry).map(one).collect()
}

fn node_place(file: &File, node: &str) -> Option<Place> {
    file.nodes.0.iter().filter(|(name, _)| name.value == node).map(|(name, _)| name.place).next_back()
}

/// The first edge that mentions a name, or the command of a node that does.
fn edge_place(file: &File, name: &str) -> Option<Place> {
    let mentions = |edge: &&Located<TextOr<EdgeSpec>>| match &edge.value {
        TextOr::Text(text) => text.split("->").any(|node| node.trim() == name),
        TextOr::Long(spec) => {
            let given = spec.choose.iter().flatten().flat_map(|choice| names(&choice.to.value));
            let tools = spec.tools.iter().chain(&spec.name).map(|name| &*name.value);
            names(&spec.from)
                .chain(spec.to.iter().flat_map(names))
                .chain(given)
                .chain(tools)
                .any(|node| node == name)
        }
    };
    file.edges.iter().find(mentions).map(|edge| edge.place)
}
