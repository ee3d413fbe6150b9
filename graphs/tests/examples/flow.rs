//! Where a run goes: nodes in a row, inside each other, side by side, in a circle.

use eddyline_engine::RunError;
use eddyline_engine::prelude::*;
use eddyline_engine::project::Mode::{Updates, Values};
use eddyline_engine::testing;
use eddyline_graphs::examples::{agent, cycle, mapreduce, nested, parallel, private, router};

use crate::support::{Thread, payloads, seen};

#[test]
fn agent_refines_before_it_jokes() {
    let run = testing::run(&agent::graph().unwrap(), agent::Joke::update().topic("ice cream"));
    assert_eq!(run.nodes(), ["refine_topic", "generate_joke"]);
    let expected = [
        json!({"refine_topic": {"topic": "ice cream and cats"}}),
        json!({"generate_joke": {"joke": "This is a joke about ice cream and cats"}}),
    ];
    assert_eq!(payloads(&run, Updates), expected);
    assert_eq!(run.values().joke.as_deref(), Some("This is a joke about ice cream and cats"));
}

#[test]
fn nested_keys_go_in_and_out_by_name() {
    let run = testing::run(&nested::graph().unwrap(), nested::Outer::update().foo("foo"));
    let expected = [
        json!(["updates", {"node_1": {"foo": "hi! foo"}}]),
        json!(["updates|node_2", {"subgraph_node_1": {"bar": "bar"}}]),
        json!(["updates|node_2", {"subgraph_node_2": {"foo": "hi! foobar"}}]),
        json!(["updates", {"node_2": {"foo": "hi! foobar"}}]),
    ];
    assert_eq!(seen(&run, [Updates]), expected);
    let expected = [
        json!(["values", {"foo": "foo"}]),
        json!(["values", {"foo": "hi! foo"}]),
        json!(["values|node_2", {"foo": "hi! foo"}]),
        json!(["values|node_2", {"foo": "hi! foo", "bar": "bar"}]),
        json!(["values|node_2", {"foo": "hi! foobar", "bar": "bar"}]),
        json!(["values", {"foo": "hi! foobar"}]),
    ];
    assert_eq!(seen(&run, [Values]), expected);
}

#[test]
fn mapreduce_works_on_all_items_at_once() {
    let input = mapreduce::Batch::update().items(["a", "b", "c"].map(String::from).to_vec());
    let run = testing::run(&mapreduce::graph().unwrap(), input);
    let expected = [
        json!({"items": ["a", "b", "c"], "out": []}),
        json!({"items": ["a", "b", "c"], "out": ["A", "B", "C"]}),
        json!({"items": ["a", "b", "c"], "out": ["A", "B", "C"], "total": 3}),
    ];
    assert_eq!(payloads(&run, Values), expected);
    assert_eq!(run.nodes(), ["work", "work", "work", "reduce"]);
}

#[test]
fn parallel_branches_join_and_the_deferred_node_is_last() {
    let run = testing::run(&parallel::graph().unwrap(), parallel::Log::update().out([] as [&str; 0]));
    let expected = [
        json!({"out": []}),
        json!({"out": ["a", "b", "c"]}),
        json!({"out": ["a", "b", "c", "b2"]}),
        json!({"out": ["a", "b", "c", "b2", "join"]}),
        json!({"out": ["a", "b", "c", "b2", "join", "last"]}),
    ];
    assert_eq!(payloads(&run, Values), expected);
}

#[test]
fn router_goes_where_the_topic_says() {
    for (topic, way) in [("l", "left"), ("r", "right")] {
        let run = testing::run(&router::graph().unwrap(), router::Joke::update().topic(topic));
        let joke = format!("decided {way}");
        let expected = [json!({"decide": {"joke": "decided"}}), json!({ way: {"joke": joke} })];
        assert_eq!(payloads(&run, Updates), expected);
    }
}

#[test]
fn loop_ends_at_its_goal() {
    let run = testing::run(&cycle::graph().unwrap(), cycle::Count::update().n(5));
    let expected: Vec<_> = (1..=5).map(|i| json!({"step": {"i": i}})).collect();
    assert_eq!(payloads(&run, Updates), expected);
}

#[test]
fn loop_ends_at_the_recursion_limit() {
    let thread = Thread::new(cycle::graph());
    let run = thread.observe(thread.start(cycle::Count::update().n(10)).recursion_limit(4));
    assert_eq!(payloads(&run, Updates).len(), 4);
    assert!(matches!(run.error(), Some(RunError::Recursion { limit: 4 })));
}

#[test]
fn private_shows_the_answer_and_nothing_else() {
    let run = testing::run(&private::graph().unwrap(), private::Overall::update().question("why"));
    let expected = [json!({"take_notes": null}), json!({"answer": {"answer": "notes on why: 42"}})];
    assert_eq!(payloads(&run, Updates), expected);
    assert_eq!(payloads(&run, Values), [json!({"answer": "notes on why: 42"})]);
}
