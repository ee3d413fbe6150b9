//! The graph that the recipes run: six nodes, two of them side by side, each of which leaves a trace.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eddyline::prelude::*;
use serde_json::Value;

/// The nodes, in the order in which their writes apply.
pub(crate) const NODES: [&str; 6] = ["first", "second", "left", "right", "third", "last"];

/// The graph's id.
pub(crate) const GRAPH: &str = "journey";

/// What was done, by name; the input adds a name of its own.
#[state]
pub(crate) struct Journey {
    #[state(reduce = append)]
    done: Vec<String>,
}

/// An execution of a node has begun.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) run: String,
    pub(crate) node: String,
    /// Of the run.
    pub(crate) attempt: u64,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, node, attempt } = self;
        write!(f, "{run} {node} {attempt}")
    }
}

impl Entry {
    /// Reads back what it displays.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (run, node, attempt) = (words.next()?, words.next()?, words.next()?);
        Some(Self { run: run.to_owned(), node: node.to_owned(), attempt: attempt.parse().ok()? })
    }
}

/// The world outside, where a node's trace stays whatever becomes of the run.
pub(crate) trait World: Send + Sync + 'static {
    /// Keeps the trace. False says that the process has died: the node never comes to its end.
    fn enter(&self, entry: Entry) -> bool;
}

/// Traces as lines of a file. A process that is killed loses none of them.
pub(crate) struct SideFile(File);

impl SideFile {
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        OpenOptions::new().append(true).create(true).open(path).map(Self)
    }
}

impl World for SideFile {
    fn enter(&self, entry: Entry) -> bool {
        // One call, so that lines of nodes side by side do not mix.
        (&self.0).write_all(format!("{entry}\n").as_bytes()).expect("the side file takes a line");
        true
    }
}

/// `first → second → left and right → third → last`; a node takes one to six times `pace`.
pub(crate) fn graph(world: &Arc<dyn World>, pace: Duration) -> Result<CompiledGraph<Journey>, CompileError> {
    let mut graph = StateGraph::<Journey>::new();
    for (name, paces) in NODES.into_iter().zip([1, 2, 1, 6, 2, 1]) {
        let (world, pace) = (Arc::clone(world), pace * paces);
        graph = graph.node(name, move |_: Journey, ctx: NodeContext| work(Arc::clone(&world), pace, ctx));
    }
    graph
        .edge(START, "first")
        .edge("first", "second")
        .edge("second", "left")
        .edge("second", "right")
        .edge(["left", "right"], "third")
        .edge("third", "last")
        .compile()
}

async fn work(world: Arc<dyn World>, pace: Duration, ctx: NodeContext) -> Update<Journey> {
    let run = ctx.execution().run_id.to_string();
    let attempt = ctx.metadata()["run_attempt"].as_u64().expect("the runtime counts attempts");
    let node = ctx.node().to_owned();
    if !world.enter(Entry { run, node: node.clone(), attempt }) {
        std::future::pending::<()>().await;
    }
    if !pace.is_zero() {
        ctx.sleep(pace).await;
    }
    Journey::update().done([node])
}

/// What was done in a state.
pub(crate) fn names(values: &Value) -> Vec<&str> {
    let done = values["done"].as_array();
    done.map(|done| done.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// The runs that a thread's list of names tells of: of each its input, if everything else is there and in order.
pub(crate) fn runs<'a>(done: &[&'a str]) -> Option<Vec<&'a str>> {
    let runs = done.chunks(1 + NODES.len());
    runs.map(|run| run.split_first().filter(|(_, nodes)| **nodes == NODES).map(|(input, _)| *input)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_tells_its_runs() {
        let run = |input| [&[input][..], &NODES].concat();
        assert_eq!(runs(&[]), Some(vec![]));
        assert_eq!(runs(&[run("a"), run("b")].concat()), Some(vec!["a", "b"]));
        assert_eq!(runs(&run("a")[..6]), None, "the last node is missing");
        assert_eq!(runs(&[run("a"), NODES.to_vec()].concat()), None, "the input is missing");
    }

    #[test]
    fn an_entry_is_read_back() {
        let entry = Entry { run: "r".to_owned(), node: "left".to_owned(), attempt: 2 };
        assert_eq!(Entry::parse(&entry.to_string()), Some(entry));
        assert_eq!(Entry::parse("r left"), None);
    }
}
