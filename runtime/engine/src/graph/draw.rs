//! Pictures of graphs: as data, and as Mermaid text.

use std::fmt::Write as _;

use super::Graph;
use super::program::{NodeSpec, START_NODE};
use crate::command::{END, START};

/// A graph as nodes and edges, as the LangGraph API draws it.
///
/// Nodes stand in the order in which they were added, the start first and the end last; those of opened
/// graphs follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// The nodes, start and end included.
    pub nodes: Vec<DrawnNode>,
    /// The edges.
    pub edges: Vec<DrawnEdge>,
}

/// A node of a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnNode {
    /// Its name, with those of the nodes around it: `outer:inner`.
    pub id: String,
    /// True when it runs only after everything else.
    pub deferred: bool,
}

/// An edge of a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnEdge {
    /// Where it begins.
    pub source: String,
    /// Where it ends.
    pub target: String,
    /// What a route returns to take it, where that is not the name of the target.
    pub label: Option<String>,
    /// True when a route or a command decides.
    pub conditional: bool,
}

impl Graph {
    /// The graph as data; nested graphs are opened `depth` levels deep.
    pub fn draw(&self, depth: usize) -> Drawing {
        let mut drawing = Drawing::default();
        let mut inner = Vec::new();
        drawing.node(START, false);
        self.draw_into(&mut drawing, &mut inner, "", depth);
        drawing.node(END, false);
        drawing.nodes.append(&mut inner);
        drawing
    }

    fn draw_into(&self, drawing: &mut Drawing, inner: &mut Vec<DrawnNode>, prefix: &str, depth: usize) {
        let mut opened = Vec::new();
        for node in self.0.nodes.iter().filter(|node| !node.hidden) {
            let id = format!("{prefix}{}", node.name);
            match node.graph.as_ref().filter(|_| depth > 0) {
                Some(graph) => opened.push((format!("{id}:"), graph)),
                None if prefix.is_empty() => drawing.node(&id, node.deferred),
                None => inner.push(DrawnNode { id, deferred: node.deferred }),
            }
        }
        for edge in self.edges() {
            let sources = self.ends(&edge.source, prefix, depth, Side::Leaving);
            let targets = self.ends(&edge.target, prefix, depth, Side::Entering);
            for (source, target) in sources.iter().flat_map(|s| targets.iter().map(move |t| (s, t))) {
                let (source, target) = (source.clone(), target.clone());
                drawing.edges.push(DrawnEdge { source, target, ..edge.clone() });
            }
        }
        for (prefix, graph) in opened {
            graph.draw_into(drawing, inner, &prefix, depth - 1);
        }
    }

    /// The drawn nodes that stand for `node`: itself, or the first or last ones of the graph that it holds.
    fn ends(&self, node: &str, prefix: &str, depth: usize, side: Side) -> Vec<String> {
        if node == START || node == END {
            return if prefix.is_empty() { vec![node.to_owned()] } else { Vec::new() };
        }
        let spec = self.0.node(node).map(|ix| &self.0.nodes[ix]);
        match spec.and_then(|spec| spec.graph.as_ref()).filter(|_| depth > 0) {
            Some(graph) => {
                let inner = format!("{prefix}{node}:");
                let edges = graph.edges().into_iter();
                let names: Vec<String> = match side {
                    Side::Entering => edges.filter(|e| e.source == START).map(|e| e.target).collect(),
                    Side::Leaving => edges.filter(|e| e.target == END).map(|e| e.source).collect(),
                };
                names.iter().flat_map(|name| graph.ends(name, &inner, depth - 1, side)).collect()
            }
            None => vec![format!("{prefix}{node}")],
        }
    }

    /// The edges of this level, those to the end that nobody wrote included.
    fn edges(&self) -> Vec<DrawnEdge> {
        let mut edges = Vec::new();
        for (ix, node) in self.0.nodes.iter().enumerate() {
            let before = edges.len();
            self.edges_of(node, &mut edges);
            let waits = self.0.nodes.iter().flat_map(|other| &other.joined);
            let joins = waits.clone().any(|(sources, _)| sources.contains(&node.name));
            if edges.len() == before && !joins && ix != START_NODE && !self.is_handler(ix) {
                edges.push(DrawnEdge::plain(&node.name, END));
            }
        }
        for node in &self.0.nodes {
            for source in node.joined.iter().flat_map(|(sources, _)| sources) {
                edges.push(DrawnEdge::plain(source, &node.name));
            }
        }
        edges
    }

    fn edges_of(&self, node: &NodeSpec, edges: &mut Vec<DrawnEdge>) {
        let target_of = |channel| self.0.nodes.iter().find(|other| other.branch_channel == Some(channel));
        for target in node.edges.iter().filter_map(|channel| target_of(*channel)) {
            edges.push(DrawnEdge::plain(&node.name, &target.name));
        }
        for branch in &node.branches {
            let label = |target: &str| {
                let pairs = branch.map.iter().flatten();
                pairs.clone().find(|(_, node)| &**node == target).map(|(label, _)| label.to_string())
            };
            let all: Vec<&str> = match &branch.targets {
                Some(targets) => targets.iter().map(|name| &**name).collect(),
                None => self.nodes().map(|name| &**name).chain([END]).collect(),
            };
            for target in all {
                let label = label(target).filter(|label| label != target);
                edges.push(DrawnEdge { label, conditional: true, ..DrawnEdge::plain(&node.name, target) });
            }
        }
        for target in &node.declared_goto {
            edges.push(DrawnEdge { conditional: true, ..DrawnEdge::plain(&node.name, target) });
        }
    }

    fn is_handler(&self, ix: usize) -> bool {
        self.0.nodes.iter().any(|node| node.handler == Some(ix))
    }

    /// The graph as Mermaid text, nested graphs opened `depth` levels deep.
    pub fn mermaid(&self, depth: usize) -> String {
        let drawing = self.draw(depth);
        let mut text = String::from("graph TD;\n");
        for node in &drawing.nodes {
            let terminal = node.id == START || node.id == END;
            let shape = if terminal { ("([", "])") } else { ("(", ")") };
            // Writing to a string does not fail.
            let _ = writeln!(text, "\t{}{}{}{}", mermaid_id(&node.id), shape.0, node.id, shape.1);
        }
        for edge in &drawing.edges {
            let (source, target) = (mermaid_id(&edge.source), mermaid_id(&edge.target));
            let arrow = match (&edge.label, edge.conditional) {
                (Some(label), _) => format!("-. {label} .->"),
                (None, true) => "-.->".to_owned(),
                (None, false) => "-->".to_owned(),
            };
            let _ = writeln!(text, "\t{source} {arrow} {target};");
        }
        text
    }
}

/// From which side an edge meets a nested graph.
#[derive(Clone, Copy)]
enum Side {
    Entering,
    Leaving,
}

/// A node id without what Mermaid would read as syntax. `end` alone is a keyword there.
fn mermaid_id(id: &str) -> String {
    let safe: String = id.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if safe == "end" { "end_".to_owned() } else { safe }
}

impl Drawing {
    fn node(&mut self, id: &str, deferred: bool) {
        self.nodes.push(DrawnNode { id: id.to_owned(), deferred });
    }
}

impl DrawnEdge {
    fn plain(source: &str, target: &str) -> Self {
        Self { source: source.to_owned(), target: target.to_owned(), label: None, conditional: false }
    }
}
