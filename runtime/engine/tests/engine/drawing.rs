//! Graphs as pictures.

use eddyline_engine::prelude::*;

use crate::support::{S, logs};

fn child() -> CompiledGraph<S> {
    let graph = StateGraph::<S>::new().node("one", logs("one")).node("two", logs("two"));
    graph.edge(START, "one").edge("one", "two").compile().unwrap()
}

fn route(_: S) -> &'static str {
    END
}

#[test]
fn an_opened_graph_is_entered_at_its_first_node_and_left_at_its_last() {
    let graph = StateGraph::<S>::new()
        .node("before", logs("before"))
        .node("child", child())
        .edge(START, "before")
        .edge("before", "child")
        .compile()
        .unwrap();
    let drawing = graph.graph().draw(1);
    let nodes: Vec<&str> = drawing.nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(nodes, ["__start__", "before", "__end__", "child:one", "child:two"]);
    let mut edges: Vec<(&str, &str)> =
        drawing.edges.iter().map(|edge| (edge.source.as_str(), edge.target.as_str())).collect();
    edges.sort_unstable();
    assert_eq!(
        edges,
        [
            ("__start__", "before"),
            ("before", "child:one"),
            ("child:one", "child:two"),
            ("child:two", "__end__"),
        ]
    );
    assert_eq!(graph.graph().draw(0).nodes.len(), 4, "closed, it is one node");
}

#[test]
fn routes_joins_and_commands_are_drawn() {
    async fn decide(_: S) -> Command<S> {
        Command::goto("b")
    }
    let graph = StateGraph::<S>::new()
        .add(Node::new("a", decide).goes_to(["b"]))
        .node("b", logs("b"))
        .add(Node::new("c", logs("c")).defer())
        .edge(START, "a")
        .edge(["a", "b"], "c")
        .conditional_edges("b", route, [("stop", END)])
        .compile()
        .unwrap();
    let text = graph.graph().mermaid(0);
    for line in
        ["__start__ --> a;", "a -.-> b;", "a --> c;", "b --> c;", "b -. stop .-> __end__;", "c --> __end__;"]
    {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(graph.graph().draw(0).nodes.iter().any(|node| node.id == "c" && node.deferred));
}

#[test]
fn a_graph_publishes_its_schemas() {
    #[view]
    struct Input {
        #[allow(dead_code)]
        x: i64,
    }
    let graph =
        StateGraph::<S>::new().input::<Input>().node("n", logs("n")).edge(START, "n").compile().unwrap();
    let schemas = graph.graph().schemas();
    let keys = |schema: &Option<Value>| {
        let properties = schema.as_ref().unwrap()["properties"].as_object().cloned().unwrap_or_default();
        properties.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        (keys(&schemas.input), keys(&schemas.output)),
        (vec!["x".into()], vec!["x".into(), "log".into()])
    );
}
