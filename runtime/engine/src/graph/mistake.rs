//! What can be wrong with a graph, all of it at once.

use std::fmt;

/// Why a graph does not compile: every mistake in it, in the order in which it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct CompileError {
    mistakes: Vec<Mistake>,
}

impl CompileError {
    pub(super) fn new(mistakes: Vec<Mistake>) -> Self {
        Self { mistakes }
    }

    /// The mistakes.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.mistakes.iter().map(Mistake::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// The list, because this is what a program prints whose `main` returns the error.
impl fmt::Debug for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the graph does not compile:\n{self}")
    }
}

impl std::error::Error for CompileError {}

/// One mistake in a graph. Texts that LangGraph has are LangGraph's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// Two nodes have one name.
    #[error("Node `{0}` already present.")]
    Duplicate(String),
    /// A node has a name that the engine uses.
    #[error("Node `{0}` is reserved.")]
    ReservedNode(String),
    /// A key has a name that the engine uses.
    #[error("Channel name '{0}' is reserved")]
    ReservedKey(String),
    /// A node's name holds a character that separates levels of a namespace.
    #[error("'{0}' is a reserved character and is not allowed in the node names.")]
    ReservedCharacter(char),
    /// An edge begins at the end.
    #[error("END cannot be a start node")]
    FromEnd,
    /// An edge ends at the start.
    #[error("START cannot be an end node")]
    ToStart,
    /// Nothing leads into the graph.
    #[error("Graph must have an entrypoint: add at least one edge from START to another node")]
    NoEntry,
    /// An edge begins at a node that does not exist.
    #[error("Found edge starting at unknown node '{node}'{}", suggestion(nearest.as_ref()))]
    UnknownSource {
        /// The name that was written.
        node: String,
        /// The node that was meant, perhaps.
        nearest: Option<String>,
    },
    /// An edge ends at a node that does not exist.
    #[error("Found edge ending at unknown node `{node}`{}", suggestion(nearest.as_ref()))]
    UnknownTarget {
        /// The name that was written.
        node: String,
        /// The node that was meant, perhaps.
        nearest: Option<String>,
    },
    /// A conditional edge may lead to a node that does not exist.
    #[error("At '{node}' node, '{branch}' branch found unknown target '{target}'{}", suggestion(nearest.as_ref()))]
    UnknownBranchTarget {
        /// The node from which the edge goes.
        node: String,
        /// The name of the route.
        branch: String,
        /// The name that was written.
        target: String,
        /// The node that was meant, perhaps.
        nearest: Option<String>,
    },
    /// A node has two conditional edges of one name.
    #[error("Branch with name `{branch}` already exists for node `{node}`")]
    DuplicateBranch {
        /// The node from which the edges go.
        node: String,
        /// The name of the route.
        branch: String,
    },
    /// A breakpoint names a node that does not exist.
    #[error("Interrupt node `{node}` not found{}", suggestion(nearest.as_ref()))]
    UnknownBreakpoint {
        /// The name that was written.
        node: String,
        /// The node that was meant, perhaps.
        nearest: Option<String>,
    },
    /// A node or a route reads a key that the state does not have.
    #[error("{reader} reads key `{key}`, which state `{state}` does not have{}", suggestion(nearest.as_ref()))]
    UnknownKey {
        /// ``node `x` `` or ``route `f` of node `x` ``.
        reader: String,
        /// The key that is missing.
        key: String,
        /// The state.
        state: String,
        /// The key that was meant, perhaps.
        nearest: Option<String>,
    },
    /// An input or output schema has a key that is computed.
    #[error(
        "Invalid managed channels detected in {schema}: {key}. Managed channels are not permitted in \
         Input/Output schema."
    )]
    ManagedInSchema {
        /// `input schema` or `output schema`.
        schema: &'static str,
        /// The key.
        key: String,
    },
    /// A key is declared twice, in two ways.
    #[error("Channel '{0}' already exists with a different type")]
    Redeclared(String),
}

fn suggestion(nearest: Option<&String>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// The name nearest to `name`, if one is near enough to have been meant.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let limit = (name.chars().count() / 3).max(1);
    let distances = names.into_iter().map(|other| (distance(name, other), other));
    distances.filter(|(d, _)| *d <= limit).min_by_key(|(d, _)| *d).map(|(_, other)| other.to_owned())
}

/// How many characters have to be inserted, removed, replaced or swapped with their neighbour
/// (optimal string alignment distance).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        for (name, names, expected) in [
            ("topci", &["topic", "joke"][..], Some("topic")),
            ("jok", &["topic", "joke"], Some("joke")),
            ("x", &["topic", "joke"], None),
            ("generate", &["generated", "generates"], Some("generated")),
        ] {
            assert_eq!(nearest(name, names.iter().copied()).as_deref(), expected, "{name}");
        }
    }
}
