//! Tasks side by side: joins, packets, deferred nodes, channels with several writers.

use std::time::Duration;

use eddyline_engine::channel::{Kind, Managed, Reducer};
use eddyline_engine::prelude::*;
use eddyline_engine::project::Mode::{Checkpoints, Tasks, Updates, Values};
use eddyline_engine::state::Field;

use crate::support::{S, Thread, check, logs, logs_after};

#[test]
fn a_join_waits_for_both_and_merges_in_path_order() {
    let graph = StateGraph::<S>::new()
        .node("a", logs("a"))
        .node("b", logs_after("b", 20))
        .node("c", logs_after("c", 10))
        .node("d", logs("d"))
        .edge(START, "a")
        .edge("a", "b")
        .edge("a", "c")
        .edge(["b", "c"], "d")
        .compile();
    let thread = Thread::new(graph);
    let lines = thread.lines(thread.input(S::update()), [Updates, Values, Checkpoints, Tasks]);
    check(
        &lines[6..13],
        &[
            r#"checkpoints ["loop",1,["b","c"]]"#,
            r#"tasks {"id":"<2>","name":"b","input":{"log":["a"]},"triggers":["branch:to:b"]}"#,
            r#"tasks {"id":"<3>","name":"c","input":{"log":["a"]},"triggers":["branch:to:c"]}"#,
            r#"updates {"c":{"log":["c"]}}"#,
            r#"tasks {"id":"<3>","name":"c","error":null,"result":{"log":["c"]},"interrupts":[]}"#,
            r#"updates {"b":{"log":["b"]}}"#,
            r#"tasks {"id":"<2>","name":"b","error":null,"result":{"log":["b"]},"interrupts":[]}"#,
        ],
    );
    check(
        &lines[13..16],
        &[
            r#"values {"log":["a","b","c"]}"#,
            r#"checkpoints ["loop",2,["d"]]"#,
            r#"tasks {"id":"<4>","name":"d","input":{"log":["a","b","c"]},"triggers":["branch:to:d","join:b+c:d"]}"#,
        ],
    );
    let history = thread.memory.history("");
    assert_eq!(json!(history[1].checkpoint.values)["join:b+c:d"], json!(["b", "c"]));
    assert_eq!(json!(history[0].checkpoint.values)["join:b+c:d"], json!([]));
    assert_eq!(json!(history[0].checkpoint.seen)["d"], json!({"join:b+c:d": 4}));
}

#[view]
struct Item {
    item: i64,
}

async fn work(task: Item, ctx: NodeContext) -> Update<S> {
    ctx.sleep(Duration::from_millis(50 - 10 * u64::try_from(task.item).unwrap())).await;
    S::update().log([format!("w{}", task.item)])
}

fn fan(_: S) -> Vec<SendTo> {
    [1, 2, 3].map(|item| SendTo::new("w", Item { item })).into()
}

#[test]
fn more_packets_than_there_may_be_become_no_tasks() {
    let sent = |count: usize| {
        let fan = move |_: S| vec![SendTo::new("w", Item { item: 5 }); count];
        let graph = StateGraph::<S>::new()
            .node("router", logs("router"))
            .node("w", work)
            .edge(START, "router")
            .conditional_edges("router", fan, ["w"])
            .compile();
        let thread = Thread::new(graph);
        thread.world.block_on(thread.input(S::update()).invoke())
    };
    assert_eq!(sent(100).unwrap().log.len(), 101);
    let refused = sent(65_537).unwrap_err();
    assert_eq!((refused.code(), refused.class()), ("TOO_MANY_TASKS", "TooManyTasks"));
    assert!(refused.to_string().contains("65537") && refused.to_string().contains("65536"), "{refused}");
}

fn fanning_out() -> Thread<S> {
    let graph = StateGraph::<S>::new()
        .node("router", logs("router"))
        .node("w", work)
        .edge(START, "router")
        .conditional_edges("router", fan, ["w"])
        .compile();
    Thread::new(graph)
}

#[test]
fn packets_start_and_merge_by_index_whatever_ends_first() {
    let thread = fanning_out();
    let lines = thread.lines(thread.input(S::update()), [Updates, Values, Checkpoints]);
    check(
        &lines[2..],
        &[
            r#"updates {"router":{"log":["router"]}}"#,
            r#"values {"log":["router"]}"#,
            r#"checkpoints ["loop",1,["w","w","w"]]"#,
            r#"updates {"w":{"log":["w3"]}}"#,
            r#"updates {"w":{"log":["w2"]}}"#,
            r#"updates {"w":{"log":["w1"]}}"#,
            r#"values {"log":["router","w1","w2","w3"]}"#,
            r#"checkpoints ["loop",2,[]]"#,
        ],
    );
    let history = thread.memory.history("");
    let sent = json!([{"node": "w", "args": {"item": 1}}, {"node": "w", "args": {"item": 2}}, {"node": "w", "args": {"item": 3}}]);
    assert_eq!(json!(history[1].checkpoint.values)["__pregel_tasks"], sent);
    assert_eq!(json!(history[0].checkpoint.values)["__pregel_tasks"], json!([]));
    assert_eq!(json!(history[0].checkpoint.seen)["w"], json!({}));
    let paths: Vec<&str> = history[1].writes.iter().map(|row| &*row.path).collect();
    assert_eq!(paths[0], "~__pregel_push, 0000000000, 0000000000");
}

#[test]
fn at_most_so_many_tasks_run_at_once() {
    let thread = fanning_out();
    let lines = thread.lines(thread.input(S::update()).max_concurrency(1), [Updates]);
    check(
        &lines[1..],
        &[
            r#"updates {"w":{"log":["w1"]}}"#,
            r#"updates {"w":{"log":["w2"]}}"#,
            r#"updates {"w":{"log":["w3"]}}"#,
        ],
    );
}

#[test]
fn a_command_goes_beside_the_edges() {
    async fn decide(_: S) -> Command<S> {
        Command::goto("b")
            .and_goto(SendTo::new("w", json!({})))
            .and_goto(END)
            .update(S::update().log(["cmd"]))
    }
    async fn w(_: Value) -> Update<S> {
        S::update().log(["w"])
    }
    let graph = StateGraph::<S>::new()
        .node("cmd", decide)
        .node("b", logs("b"))
        .node("w", w)
        .edge(START, "cmd")
        .edge("cmd", "b")
        .compile();
    let thread = Thread::new(graph);
    let lines = thread.lines(thread.input(S::update()), [Values, Checkpoints]);
    check(
        &lines[1..],
        &[
            r#"checkpoints ["loop",0,["cmd"]]"#,
            r#"values {"log":["cmd"]}"#,
            r#"checkpoints ["loop",1,["w","b"]]"#,
            r#"values {"log":["cmd","b","w"]}"#,
            r#"checkpoints ["loop",2,[]]"#,
        ],
    );
}

#[test]
fn a_list_of_commands_writes_twice() {
    async fn twice(_: S) -> Vec<Command<S>> {
        ["1", "2"].map(|text| Command::new().update(S::update().log([text]))).into()
    }
    let thread = Thread::new(StateGraph::<S>::new().node("c2", twice).edge(START, "c2").compile());
    let lines = thread.lines(thread.input(S::update()), [Updates, Tasks]);
    check(
        &lines[1..],
        &[
            r#"updates {"c2":[{"log":["1"]},{"log":["2"]}]}"#,
            r#"tasks {"id":"<1>","name":"c2","error":null,"result":{"log":{"$writes":[["1"],["2"]]}},"interrupts":[]}"#,
        ],
    );
}

#[test]
fn a_deferred_node_runs_when_nothing_else_is_left() {
    let graph = StateGraph::<S>::new()
        .node("a", logs("a"))
        .node("b", logs("b"))
        .node("c", logs("c"))
        .add(Node::new("d", logs("d")).defer())
        .edge(START, "a")
        .edge(START, "d")
        .edge("a", "b")
        .edge("b", "c")
        .compile();
    let thread = Thread::new(graph);
    let report = thread.observe(thread.input(S::update()));
    assert_eq!(report.values().log, ["a", "b", "c", "d"]);
    let history = thread.memory.history("");
    let deferred: Vec<Value> =
        history.iter().rev().map(|saved| json!(saved.checkpoint.values)["branch:to:d"].clone()).collect();
    assert_eq!(
        deferred[1..5],
        [json!([null, false]), json!([null, false]), json!([null, false]), json!([null, true])]
    );
    assert_eq!(json!(history[1].checkpoint.updated), json!(["branch:to:d", "log"]));
}

#[test]
fn two_writers_of_a_plain_key_are_an_error_that_names_it() {
    async fn one(_: S) -> Update<S> {
        S::update().x(1)
    }
    let graph =
        StateGraph::<S>::new().node("p", one).node("q", one).edge(START, "p").edge(START, "q").compile();
    let thread = Thread::new(graph);
    let report = thread.observe(thread.input(S::update()));
    let error = report.error().unwrap();
    assert_eq!((error.class(), error.code()), ("InvalidUpdateError", "INVALID_CONCURRENT_GRAPH_UPDATE"));
    assert!(error.to_string().starts_with("At key 'x': Can receive only one value per step."), "{error}");
}

#[test]
fn an_overwrite_passes_the_reducer_by() {
    async fn replace(_: S) -> Update<S> {
        S::update().log(Overwrite(["z"]))
    }
    async fn replace_by_hand(_: S) -> Value {
        json!({"log": {"__overwrite__": ["y"]}})
    }
    let both = |second: bool| {
        let graph = StateGraph::<S>::new().node("q", logs("q")).node("r", replace).node("w", logs("w"));
        let graph = graph.edge(START, "q").edge(START, "r").edge(START, "w");
        let graph = if second { graph.node("t", replace_by_hand).edge(START, "t") } else { graph };
        let thread = Thread::new(graph.compile());
        thread.observe(thread.input(S::update().log(["init"])))
    };
    assert_eq!(both(false).values().log, ["z"]);
    let error = both(true).error().unwrap().to_string();
    assert!(error.starts_with("Can receive only one Overwrite value per super-step."), "{error}");
}

#[test]
fn channels_keep_what_their_kind_keeps() {
    async fn write(state: Value) -> Value {
        let step = state["step"].as_i64().unwrap_or_default();
        match step {
            0 => {
                json!({"step": 1, "short": "s", "secret": "u", "any": "v", "now": ["a", "b"], "ever": ["a"], "sum": 2})
            }
            1 => json!({"step": 2, "ever": ["c"], "sum": 3}),
            _ => json!({"step": 3}),
        }
    }
    let fields = vec![
        Field::new("step", Kind::LastValue),
        Field::new("short", Kind::Ephemeral { guard: true }),
        Field::new("secret", Kind::Untracked { guard: true }),
        Field::new("any", Kind::AnyValue),
        Field::new("now", Kind::Topic { accumulate: false }),
        Field::new("ever", Kind::Topic { accumulate: true }),
        Field::new("sum", Kind::Reduce(Reducer::add().starting_from(json!(0)))),
        Field::new("left", Kind::Managed(Managed::RemainingSteps)),
    ];
    let route = eddyline_engine::node::Route::new("again", |state| {
        let again = state.json()["step"].as_i64().unwrap_or_default() < 3;
        Ok(vec![if again { "write".into() } else { END.into() }])
    });
    let graph = StateGraph::dynamic("Kinds", fields)
        .node("write", write)
        .edge(START, "write")
        .conditional_edges("write", route, ["write", END])
        .compile()
        .unwrap();
    let world = eddyline_engine::testing::World::new();
    let memory = eddyline_engine::local::Memory::new("t");
    let input = json!({"step": 0});
    let run = graph.run_any(input, std::sync::Arc::new(world.clone())).thread(&memory).recursion_limit(9);
    let lines = world.block_on(async {
        use futures_util::StreamExt as _;
        let events = run.modes([Values, Tasks]);
        events.map(|event| event.unwrap().data.payload()).collect::<Vec<Value>>().await
    });
    let values: Vec<&Value> = lines.iter().filter(|line| line.get("name").is_none()).collect();
    assert_eq!(
        *values[1],
        json!({"step": 1, "short": "s", "secret": "u", "any": "v", "now": ["a", "b"], "ever": ["a"], "sum": 2})
    );
    assert_eq!(*values[2], json!({"step": 2, "secret": "u", "ever": ["a", "c"], "sum": 5}));
    let left: Vec<&Value> = lines.iter().filter_map(|line| line["input"].get("left")).collect();
    assert_eq!(left, [&json!(8), &json!(7), &json!(6)]);
    let stored = json!(memory.history("")[0].checkpoint.values);
    assert_eq!(stored["secret"], Value::Null, "never stored");
    assert_eq!(stored["now"], json!([]), "stored even when empty");
}
