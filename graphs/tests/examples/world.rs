//! What a node may do to the world, and the world to a node: streams, time, failures, the store.

use std::sync::Arc;

use eddyline_engine::ids::Timestamp;
use eddyline_engine::local::{MemoryStore, Surroundings};
use eddyline_engine::prelude::*;
use eddyline_engine::project::Mode::{Custom, Updates, Values};
use eddyline_engine::testing;
use eddyline_graphs::examples::{bench, custom, failing, flaky, memory, slow};

use crate::support::{Thread, payloads, seen};

#[test]
fn custom_writes_whatever_it_likes() {
    let run = testing::run(&custom::graph().unwrap(), custom::Joke::update().topic("x"));
    let expected = [
        json!(["custom", {"progress": 0}]),
        json!(["custom", {"progress": 1}]),
        json!(["custom", {"progress": 2}]),
        json!(["custom", "plain text"]),
        json!(["updates", {"progress": {"joke": "done x"}}]),
    ];
    assert_eq!(seen(&run, [Custom, Updates]), expected);
}

#[test]
fn bench_writes_as_much_as_asked_for() {
    let run = testing::run(&bench::graph().unwrap(), bench::Flood::update().n(100));
    let expected: Vec<_> = (0..100).map(|i| json!({ "i": i })).collect();
    assert_eq!(payloads(&run, Custom), expected);
    assert_eq!(run.values().out.as_deref(), Some("done"));
}

#[test]
fn failing_tells_its_error_and_keeps_what_was_done() {
    let run = testing::run(&failing::graph().unwrap(), failing::Log::update().out(["in"]));
    let expected = [
        json!(["values", {"out": ["in"]}]),
        json!(["updates", {"first": {"out": ["first"]}}]),
        json!(["values", {"out": ["in", "first"]}]),
    ];
    assert_eq!(seen(&run, [Updates, Values]), expected);
    assert_eq!(run.error().unwrap().failure().to_json(), json!({"error": "ValueError", "message": "boom"}));
}

#[test]
fn flaky_is_tried_until_it_works() {
    let thread = Thread::new(flaky::graph());
    let before = thread.world.now();
    let first = thread.run(flaky::Joke::update().topic("t"));
    assert_eq!(payloads(&first, Updates), [json!({"flaky_node": {"joke": "worked at attempt 3"}})]);
    assert_eq!(thread.world.now().0 - before.0, 30_000, "it waits 10 ms and then 20 ms");

    let second = thread.run(flaky::Joke::update().topic("t"));
    assert_eq!(second.values().joke.as_deref(), Some("worked at attempt 4"));
    let other = thread.run(flaky::Joke::update().topic("u"));
    assert_eq!(other.values().joke.as_deref(), Some("worked at attempt 3"));
}

#[test]
fn slow_naps_step_by_step() {
    let thread = Thread::new(slow::graph());
    let before = thread.world.now();
    let run = thread.run(slow::Nap::update().seconds(0.4).steps(3));
    let expected = [
        json!(["custom", {"step": 0}]),
        json!(["custom", {"step": 1}]),
        json!(["custom", {"step": 2}]),
        json!(["updates", {"nap": {"out": ["napped"]}}]),
        json!(["updates", {"after": {"out": ["after"]}}]),
    ];
    assert_eq!(seen(&run, [Custom, Updates]), expected);
    assert_eq!(thread.world.now().0 - before.0, 1_200_000);
}

#[test]
fn slow_naps_once_when_nobody_says() {
    for steps in [None, Some(0)] {
        let run = testing::run(&slow::graph().unwrap(), slow::Nap::update().seconds(20.0).steps(steps));
        assert_eq!(payloads(&run, Custom), [json!({"step": 0})]);
    }
}

#[test]
fn memory_remembers_each_user() {
    let store = Arc::new(MemoryStore::new(|| Timestamp(0)));
    let graph = memory::graph().unwrap();
    let told = |user: Option<&str>, topic: &str| {
        let world = testing::World::new();
        let run = world.run(&graph, memory::Joke::update().topic(topic)).store(store.clone());
        let run = match user {
            Some(user) => run.configurable("user", user),
            None => run,
        };
        testing::observe(&world, run).values().joke.unwrap()
    };
    assert_eq!(told(Some("ann"), "a"), "before: nothing");
    assert_eq!(told(Some("ann"), "b"), "before: a");
    assert_eq!(told(None, "c"), "before: nothing");
    assert_eq!(told(Some("anyone"), "d"), "before: c");
}
