//! Chains, cycles and routes.

use eddyline_engine::prelude::*;
use eddyline_engine::project::Mode::{Checkpoints, Tasks, Updates, Values};

use crate::support::{S, Thread, check, logs};

async fn add_one(state: S) -> Update<S> {
    S::update().x(state.x.unwrap_or_default() + 1).log(["a"])
}

fn chain() -> Result<CompiledGraph<S>, CompileError> {
    StateGraph::<S>::new().node("a", add_one).node("b", logs("b")).edge(START, "a").edge("a", "b").compile()
}

#[test]
fn a_chain_streams_values_updates_tasks_and_checkpoints() {
    let thread = Thread::new(chain());
    let run = thread.input(S::update().x(1).log(Vec::<String>::new()));
    check(
        &thread.lines(run, [Values, Updates, Tasks, Checkpoints]),
        &[
            r#"checkpoints ["input",-1,["__start__"]]"#,
            r#"values {"x":1,"log":[]}"#,
            r#"checkpoints ["loop",0,["a"]]"#,
            r#"tasks {"id":"<1>","name":"a","input":{"x":1,"log":[]},"triggers":["branch:to:a"]}"#,
            r#"updates {"a":{"x":2,"log":["a"]}}"#,
            r#"tasks {"id":"<1>","name":"a","error":null,"result":{"x":2,"log":["a"]},"interrupts":[]}"#,
            r#"values {"x":2,"log":["a"]}"#,
            r#"checkpoints ["loop",1,["b"]]"#,
            r#"tasks {"id":"<2>","name":"b","input":{"x":2,"log":["a"]},"triggers":["branch:to:b"]}"#,
            r#"updates {"b":{"log":["b"]}}"#,
            r#"tasks {"id":"<2>","name":"b","error":null,"result":{"log":["b"]},"interrupts":[]}"#,
            r#"values {"x":2,"log":["a","b"]}"#,
            r#"checkpoints ["loop",2,[]]"#,
        ],
    );
}

#[test]
fn a_chain_stores_versions_seen_triggers_and_writes() {
    let thread = Thread::new(chain());
    thread.observe(thread.input(S::update().x(1).log(Vec::<String>::new())));
    let history = thread.memory.history("");
    let steps: Vec<i64> = history.iter().map(|saved| saved.metadata.step).collect();
    assert_eq!(steps, [2, 1, 0, -1]);
    let last = &history[0].checkpoint;
    assert_eq!(
        json!(last.versions),
        json!({
            "__start__": 2, "branch:to:a": 3, "branch:to:b": 4, "log": 4, "x": 3,
        })
    );
    assert_eq!(
        json!(last.seen),
        json!({
            "__input__": {}, "__start__": {"__start__": 1}, "a": {"branch:to:a": 2}, "b": {"branch:to:b": 3},
        })
    );
    assert_eq!(json!(last.updated), json!(["log"]));
    assert_eq!(json!(last.values), json!({"log": ["a", "b"], "x": 2}));
    let rows: Vec<String> = history[3]
        .writes
        .iter()
        .map(|row| format!("{} {} {} {}", row.index, row.channel, row.value, row.path))
        .collect();
    assert_eq!(
        rows,
        [
            "0 x 1 ~__pregel_pull, __start__",
            "1 log [] ~__pregel_pull, __start__",
            "2 branch:to:a null ~__pregel_pull, __start__",
        ]
    );
    assert_eq!(history[0].parent, Some(history[1].checkpoint.id));
}

#[test]
fn new_input_on_a_thread_counts_on() {
    let thread = Thread::new(chain());
    thread.observe(thread.input(S::update().x(1)));
    let second = thread.lines(thread.input(S::update().x(7)), [Checkpoints, Values]);
    check(
        &second,
        &[
            r#"checkpoints ["input",3,["__start__"]]"#,
            r#"values {"x":7,"log":["a","b"]}"#,
            r#"checkpoints ["loop",4,["a"]]"#,
            r#"values {"x":8,"log":["a","b","a"]}"#,
            r#"checkpoints ["loop",5,["b"]]"#,
            r#"values {"x":8,"log":["a","b","a","b"]}"#,
            r#"checkpoints ["loop",6,[]]"#,
        ],
    );
}

#[test]
fn nothing_to_start_from_is_an_error() {
    let thread = Thread::new(chain());
    let lines = thread.lines(thread.go_on(), [Values]);
    check(&lines, &["error EmptyInputError: Received no input for __start__"]);
}

#[test]
fn a_finished_thread_goes_on_with_nothing() {
    let thread = Thread::new(chain());
    thread.observe(thread.input(S::update().x(1)));
    check(
        &thread.lines(thread.go_on(), [Values, Updates, Checkpoints]),
        &[r#"values {"x":2,"log":["a","b"]}"#, r#"checkpoints ["loop",2,[]]"#],
    );
}

#[test]
fn the_recursion_limit_counts_as_in_langgraph() {
    for (limit, finishes) in [(2, false), (3, true)] {
        let thread = Thread::new(chain());
        let report = thread.observe(thread.input(S::update().x(1)).recursion_limit(limit));
        assert_eq!(report.error().is_none(), finishes, "limit {limit}");
        assert_eq!(report.nodes(), ["a", "b"], "limit {limit}");
    }
}

async fn count(state: S) -> Update<S> {
    S::update().x(state.x.unwrap_or_default() + 1)
}

fn more(state: S) -> &'static str {
    if state.x.unwrap_or_default() < 5 { "count" } else { END }
}

#[test]
fn a_route_sees_what_its_node_wrote() {
    let graph = StateGraph::<S>::new()
        .node("count", count)
        .edge(START, "count")
        .conditional_edges("count", more, ["count", END])
        .compile();
    let thread = Thread::new(graph);
    let report = thread.observe(thread.input(S::update().x(0)));
    assert_eq!(report.values().x, Some(5));
    assert_eq!(report.nodes().len(), 5);
}

#[test]
fn a_resumed_loop_gets_its_steps_anew() {
    let graph =
        StateGraph::<S>::new().node("count", count).edge(START, "count").edge("count", "count").compile();
    let thread = Thread::new(graph);
    let first = thread.observe(thread.input(S::update().x(0)).recursion_limit(2));
    assert_eq!(first.nodes().len(), 2);
    let second = thread.observe(thread.go_on().recursion_limit(2));
    assert_eq!(second.nodes().len(), 4, "a resume with limit L runs L + 2 supersteps");
}

#[test]
fn a_chat_history_is_handed_on_without_a_copy() {
    use std::sync::{Arc, Mutex};
    let held: Arc<Mutex<Vec<Messages>>> = Arc::default();
    let keep = |held: Arc<Mutex<Vec<Messages>>>| {
        move |state: MessagesState| {
            held.lock().unwrap().push(state.messages);
            std::future::ready(())
        }
    };
    let graph = StateGraph::<MessagesState>::new()
        .node("a", keep(held.clone()))
        .node("b", keep(held.clone()))
        .edge(START, "a")
        .edge("a", "b")
        .compile();
    let thread = Thread::new(graph);
    let hundred: Vec<Message> = (0..100).map(|n| Message::human(format!("message {n}"))).collect();
    thread.observe(thread.input(MessagesState::update().messages(hundred)));
    let held = held.lock().unwrap();
    assert_eq!((held[0].len(), held.len()), (100, 2));
    assert!(held[0].is_same(&held[1]), "both nodes hold one list");
}
