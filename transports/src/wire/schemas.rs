//! What graphs say that they take and give, and the graphs inside them.

use eddyline_engine::graph::{Graph, Schemas};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// The schemas of the graph of this id; null where one is not known.
pub(crate) struct SchemasJson<'a> {
    pub(crate) graph_id: &'a str,
    pub(crate) graph: &'a Graph,
}

impl Serialize for SchemasJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("graph_id", self.graph_id)?;
        entries(self.graph.schemas(), &mut map)?;
        map.end()
    }
}

fn entries<M: SerializeMap>(schemas: &Schemas, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry("input_schema", &schemas.input)?;
    map.serialize_entry("output_schema", &schemas.output)?;
    map.serialize_entry("state_schema", &schemas.state)?;
    // Configurable values and the context are one and the same to a graph.
    map.serialize_entry("config_schema", &schemas.context)?;
    map.serialize_entry("context_schema", &schemas.context)
}

/// The graphs inside a graph, each under its place there.
pub(crate) struct SubgraphsJson<'a>(Vec<(String, &'a Graph)>);

impl<'a> SubgraphsJson<'a> {
    /// All of them on the first level, or, with `recurse`, on every level; with a namespace, the one that is
    /// there.
    pub(crate) fn new(graph: &'a Graph, namespace: Option<&str>, recurse: bool) -> Self {
        let mut found = Vec::new();
        collect(graph, "", recurse || namespace.is_some(), &mut found);
        Self(found.into_iter().filter(|(place, _)| namespace.is_none_or(|wanted| wanted == place)).collect())
    }
}

fn collect<'a>(graph: &'a Graph, prefix: &str, recurse: bool, found: &mut Vec<(String, &'a Graph)>) {
    for (node, inner) in graph.subgraphs() {
        let place = format!("{prefix}{node}");
        found.push((place.clone(), inner));
        if recurse {
            collect(inner, &format!("{place}|"), recurse, found);
        }
    }
}

impl Serialize for SubgraphsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(place, graph)| (place, Subgraph(graph.schemas()))))
    }
}

struct Subgraph<'a>(&'a Schemas);

impl Serialize for Subgraph<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        entries(self.0, &mut map)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::prelude::*;
    use serde_json::Value;

    use super::*;

    #[state]
    struct Inner {
        foo: String,
    }

    async fn keep(state: Inner) -> Update<Inner> {
        Inner::update().foo(state.foo)
    }

    fn nested(inner: Option<CompiledGraph<Inner>>) -> CompiledGraph<Inner> {
        let graph = StateGraph::<Inner>::new().node("keep", keep).edge(START, "keep");
        let graph = match inner {
            Some(inner) => graph.node("sub", inner).edge("keep", "sub"),
            None => graph,
        };
        graph.compile().unwrap()
    }

    fn check(namespace: Option<&str>, recurse: bool, expected: &[&str]) {
        let graph = nested(Some(nested(Some(nested(None)))));
        let json = serde_json::to_value(SubgraphsJson::new(graph.graph(), namespace, recurse)).unwrap();
        let Value::Object(map) = json else { unreachable!() };
        assert_eq!(map.keys().collect::<Vec<_>>(), expected);
        for schemas in map.values() {
            assert_eq!(schemas.as_object().unwrap().len(), 5);
        }
    }

    #[test]
    fn graphs_inside_a_graph_are_named_by_their_place() {
        check(None, false, &["sub"]);
        check(None, true, &["sub", "sub|sub"]);
        check(Some("sub"), false, &["sub"]);
        check(Some("sub|sub"), true, &["sub|sub"]);
        check(Some("nowhere"), true, &[]);
    }

    #[test]
    fn a_graph_says_what_it_takes_and_gives() {
        let graph = nested(None);
        let json = serde_json::to_value(SchemasJson { graph_id: "agent", graph: graph.graph() }).unwrap();
        assert_eq!(json["graph_id"], "agent");
        assert!(json["input_schema"].is_object() && json["state_schema"].is_object(), "{json}");
        assert!(json["context_schema"].is_null());
    }
}
