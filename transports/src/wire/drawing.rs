//! Pictures of graphs, as clients draw them, and how far they want nested graphs opened.

use std::collections::HashSet;

use eddyline_engine::END;
use eddyline_engine::graph::{Drawing, DrawnEdge, DrawnNode};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Query, Refusal};

/// How many levels of nested graphs a client wants opened by `xray`.
pub(crate) fn xray(query: &Query) -> Result<usize, Refusal> {
    match query.text("xray") {
        None | Some("false" | "False") => Ok(0),
        Some("true" | "True") => Ok(usize::MAX),
        Some(levels) => match levels.parse() {
            Ok(levels) if levels > 0 => Ok(levels),
            _ => Err(Refusal::unprocessable("Invalid xray value")),
        },
    }
}

/// A graph for clients that draw it.
#[derive(Debug, Serialize)]
pub(crate) struct DrawingJson {
    nodes: Vec<Value>,
    edges: Vec<Value>,
}

impl DrawingJson {
    pub(crate) fn new(drawing: Drawing) -> Self {
        let mut pairs = HashSet::new();
        let edges = in_order(drawing.edges, 0).into_iter();
        // One edge for each pair of nodes, whatever leads from the one to the other.
        let edges = edges.filter(|edge| pairs.insert((edge.source.clone(), edge.target.clone())));
        Self { nodes: drawing.nodes.iter().map(node).collect(), edges: edges.map(|e| edge(&e)).collect() }
    }
}

fn node(DrawnNode { id, deferred }: &DrawnNode) -> Value {
    if id == END {
        return json!({ "id": id });
    }
    let mut node = json!({"id": id, "type": "runnable", "data": {"name": id}});
    if *deferred {
        node["metadata"] = json!({"defer": true});
    }
    node
}

fn edge(DrawnEdge { source, target, label, conditional }: &DrawnEdge) -> Value {
    let mut edge = json!({"source": source, "target": target});
    if let Some(label) = label {
        edge["data"] = json!(label);
    }
    if *conditional {
        edge["conditional"] = json!(true);
    }
    edge
}

/// Sorts edges by where they begin and end, those to the end behind the others, and those inside an opened
/// graph behind all of the graph around it.
fn in_order(edges: Vec<DrawnEdge>, level: usize) -> Vec<DrawnEdge> {
    let part = |id: &str| id.split(':').nth(level).unwrap_or_default().to_owned();
    let (mut own, mut inner): (Vec<_>, Vec<(String, Vec<_>)>) = (Vec::new(), Vec::new());
    for edge in edges {
        let (source, target) = (part(&edge.source), part(&edge.target));
        let deeper = edge.source.split(':').count() > level + 1;
        if source != target || !deeper {
            own.push((edge.target == END && !edge.conditional, source, target, edge));
        } else if let Some((_, edges)) = inner.iter_mut().find(|(graph, _)| *graph == source) {
            edges.push(edge);
        } else {
            inner.push((source, vec![edge]));
        }
    }
    own.sort_by(|a, b| (a.0, &a.1, &a.2).cmp(&(b.0, &b.1, &b.2)));
    let inner = inner.into_iter().flat_map(|(_, edges)| in_order(edges, level + 1));
    own.into_iter().map(|(.., edge)| edge).chain(inner).collect()
}

#[cfg(test)]
mod tests {
    use eddyline_engine::START;

    use super::*;

    fn drawn(source: &str, target: &str) -> DrawnEdge {
        DrawnEdge { source: source.to_owned(), target: target.to_owned(), label: None, conditional: false }
    }

    fn check(edges: Vec<DrawnEdge>, expected: &[&str]) {
        let json = DrawingJson::new(Drawing { nodes: Vec::new(), edges });
        let text = |edge: &Value| {
            let mark = if edge["conditional"] == true { "?" } else { "" };
            let label = edge["data"].as_str().map(|label| format!(" {label}")).unwrap_or_default();
            format!("{} {}{mark}{label}", edge["source"].as_str().unwrap(), edge["target"].as_str().unwrap())
        };
        assert_eq!(json.edges.iter().map(text).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn edges_are_sorted_and_those_to_the_end_come_last() {
        check(
            vec![drawn("b", END), drawn("b", "a"), drawn("a", END), drawn(START, "b"), drawn("a", "c")],
            &["__start__ b", "a c", "b a", "a __end__", "b __end__"],
        );
        let choice = |label: Option<&str>| DrawnEdge {
            label: label.map(str::to_owned),
            conditional: true,
            ..drawn("a", END)
        };
        check(
            vec![drawn("b", END), choice(Some("stop")), choice(None), drawn("a", "b")],
            &["a __end__? stop", "a b", "b __end__"],
        );
    }

    #[test]
    fn edges_inside_an_opened_graph_come_after_those_around_it() {
        check(
            vec![
                drawn("n:y", END),
                drawn(START, "a"),
                drawn("a", "n:x"),
                drawn("n:x", "n:z:p"),
                drawn("n:z:q", "n:y"),
                drawn("n:z:p", "n:z:q"),
            ],
            &["__start__ a", "a n:x", "n:y __end__", "n:x n:z:p", "n:z:q n:y", "n:z:p n:z:q"],
        );
    }

    #[test]
    fn nodes_say_what_they_are() {
        let nodes = [(START, false), ("a", false), ("b", true), (END, false)];
        let nodes = nodes.map(|(id, deferred)| DrawnNode { id: id.to_owned(), deferred });
        let json = DrawingJson::new(Drawing { nodes: nodes.into(), edges: Vec::new() });
        let expected = json!({
            "nodes": [
                {"id": "__start__", "type": "runnable", "data": {"name": "__start__"}},
                {"id": "a", "type": "runnable", "data": {"name": "a"}},
                {"id": "b", "type": "runnable", "data": {"name": "b"}, "metadata": {"defer": true}},
                {"id": "__end__"},
            ],
            "edges": [],
        });
        assert_eq!(serde_json::to_value(json).unwrap(), expected);
    }

    #[test]
    fn how_deep_to_look() {
        let check = |value: &str, expected: Option<usize>| {
            let query = Query::new(vec![("xray".to_owned(), value.to_owned())]);
            assert_eq!(xray(&query).ok(), expected, "{value:?}");
        };
        assert_eq!(xray(&Query::default()), Ok(0));
        check("true", Some(usize::MAX));
        check("True", Some(usize::MAX));
        check("false", Some(0));
        check("2", Some(2));
        for wrong in ["0", "-1", "TRUE", "yes"] {
            check(wrong, None);
        }
    }
}
