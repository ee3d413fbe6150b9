//! Replay, forks, state by hand, and when things are stored.

use std::sync::Arc;

use eddyline_engine::config::Durability;
use eddyline_engine::ids::{CheckpointIds, Timestamp};
use eddyline_engine::local::Surroundings;
use eddyline_engine::prelude::*;
use eddyline_engine::project::Mode::{Checkpoints, Updates, Values};
use eddyline_engine::update::{Base, Stamps, StateUpdate};
use eddyline_engine::{RunError, Which};
use uuid::Uuid;

use crate::support::{S, Thread, check, logs};

fn thread() -> Thread<S> {
    let graph = StateGraph::<S>::new().node("a", logs("a")).node("b", logs("b")).node("c", logs("c"));
    Thread::new(graph.edge(START, "a").edge("a", "b").edge("b", "c").compile())
}

fn metadata(thread: &Thread<S>) -> Vec<String> {
    let history = thread.memory.history("");
    history.iter().map(|saved| format!("{} {}", saved.metadata.step, json!(saved.metadata.source))).collect()
}

#[test]
fn a_replay_forks_and_leaves_the_past_alone() {
    let thread = thread();
    thread.observe(thread.input(S::update().x(1)));
    let before = thread.memory.history("");
    let at_one = before.iter().find(|saved| saved.metadata.step == 1).unwrap().checkpoint.id;
    check(
        &thread.lines(thread.go_on().checkpoint(at_one), [Values, Updates, Checkpoints]),
        &[
            r#"values {"x":1,"log":["a"]}"#,
            r#"checkpoints ["fork",2,["b"]]"#,
            r#"updates {"b":{"log":["b"]}}"#,
            r#"values {"x":1,"log":["a","b"]}"#,
            r#"checkpoints ["loop",3,["c"]]"#,
            r#"updates {"c":{"log":["c"]}}"#,
            r#"values {"x":1,"log":["a","b","c"]}"#,
            r#"checkpoints ["loop",4,[]]"#,
        ],
    );
    let after = thread.memory.history("");
    assert_eq!(after[3..], before[..], "nothing that was stored has changed");
    assert_eq!(after[2].parent, Some(at_one));
    assert_eq!(metadata(&thread)[..4], [r#"4 "loop""#, r#"3 "loop""#, r#"2 "fork""#, r#"3 "loop""#]);
}

#[test]
fn new_input_at_an_old_checkpoint_branches_there() {
    let thread = thread();
    thread.observe(thread.input(S::update().x(1)));
    let old = thread.memory.history("")[2].clone();
    let report = thread.observe(thread.input(S::update().x(9)).checkpoint(old.checkpoint.id));
    assert_eq!(report.values().log, ["a", "a", "b", "c"]);
    let history = thread.memory.history("");
    let input = history.iter().find(|saved| json!(saved.metadata.source) == "input").unwrap();
    assert_eq!((input.parent, input.metadata.step), (Some(old.checkpoint.id), old.metadata.step + 1));
}

struct ByHand<'a>(&'a Thread<S>, CheckpointIds);

impl Stamps for ByHand<'_> {
    fn now(&self) -> Timestamp {
        self.0.world.now()
    }
    fn new_id(&self) -> Uuid {
        self.0.world.new_id()
    }
    fn new_checkpoint_id(&self, step: i64) -> Uuid {
        // Later than everything that the thread has stored.
        self.1.next(Timestamp(self.0.world.now().0 + 1_000_000), step, 0)
    }
}

#[test]
fn a_change_that_makes_the_state_too_large_is_refused() {
    let thread = Thread::new(StateGraph::<S>::new().node("a", logs("a")).edge(START, "a").compile());
    let log = |bytes: usize| StateUpdate {
        values: Some(json!({"log": ["x".repeat(bytes)]}).into()),
        as_node: Some("a".into()),
        ..StateUpdate::default()
    };
    by_hand(&thread, Which::Newest, log(1000)).unwrap();
    let before = thread.memory.load("", Which::Newest);
    let refused = by_hand(&thread, Which::Newest, log(64 << 20)).unwrap_err();
    assert_eq!(refused.code(), "STATE_TOO_LARGE");
    assert_eq!(thread.memory.load("", Which::Newest), before);
    by_hand(&thread, Which::Newest, log(1000)).unwrap();
}

fn by_hand(thread: &Thread<S>, which: Which, update: StateUpdate) -> Result<(), RunError> {
    let saved = thread.memory.load("", which);
    let newest = thread.memory.load("", Which::Newest).map(|saved| saved.checkpoint.id);
    let superseded = saved.as_ref().map(|saved| saved.checkpoint.id) != newest;
    let base = Base { saved, addressed: which != Which::Newest, superseded };
    let stamps = ByHand(thread, CheckpointIds::default());
    let commits =
        thread.graph.graph().update_state("", base, vec![vec![update]], &Arc::default(), &stamps)?;
    for commit in commits {
        thread.memory.commit(commit);
    }
    Ok(())
}

fn update(values: Value, as_node: Option<&str>) -> StateUpdate {
    StateUpdate { values: Some(values.into()), as_node: as_node.map(Into::into), task_id: None }
}

#[test]
fn a_state_written_as_a_node_goes_on_behind_it() {
    let thread = thread();
    thread.observe(thread.input(S::update().x(1)));
    by_hand(&thread, Which::Newest, update(json!({"log": ["hand"]}), Some("a"))).unwrap();
    assert_eq!(metadata(&thread)[0], r#"4 "update""#);
    check(
        &thread.lines(thread.go_on(), [Values, Updates]),
        &[
            r#"values {"x":1,"log":["a","b","c","hand"]}"#,
            r#"updates {"b":{"log":["b"]}}"#,
            r#"values {"x":1,"log":["a","b","c","hand","b"]}"#,
            r#"updates {"c":{"log":["c"]}}"#,
            r#"values {"x":1,"log":["a","b","c","hand","b","c"]}"#,
        ],
    );
}

#[test]
fn an_update_of_a_fresh_thread_is_its_input() {
    let thread = thread();
    by_hand(&thread, Which::Newest, update(json!({"x": 3}), None)).unwrap();
    let saved = &thread.memory.history("")[0];
    assert_eq!((saved.metadata.step, json!(saved.metadata.source)), (0, json!("update")));
    assert_eq!(thread.observe(thread.go_on()).values().log, ["a", "b", "c"]);
}

#[test]
fn the_node_of_an_update_is_inferred_when_it_is_clear() {
    let thread = thread();
    thread.observe(thread.input(S::update().x(1)));
    by_hand(&thread, Which::Newest, update(json!({"x": 4}), None)).unwrap();
    assert_eq!(thread.observe(thread.go_on()).nodes(), Vec::<String>::new(), "behind `c` nothing follows");
    let said = by_hand(&thread, Which::Newest, update(json!({}), Some("zz"))).unwrap_err().to_string();
    assert_eq!(said, "Node zz does not exist");
}

#[test]
fn clearing_ends_what_was_still_to_run() {
    let thread = thread();
    thread.observe(thread.input(S::update().x(1)).interrupt_before(["b"]));
    let clear = StateUpdate { values: None, as_node: Some("__end__".into()), task_id: None };
    by_hand(&thread, Which::Newest, clear).unwrap();
    assert_eq!(thread.observe(thread.go_on()).nodes(), Vec::<String>::new());
}

#[test]
fn copying_makes_a_sibling() {
    let thread = thread();
    thread.observe(thread.input(S::update().x(1)));
    let head = thread.memory.history("")[0].clone();
    let copy = StateUpdate { values: None, as_node: Some("__copy__".into()), task_id: None };
    by_hand(&thread, Which::Newest, copy).unwrap();
    let made = &thread.memory.history("")[0];
    assert_eq!((made.parent, json!(made.metadata.source)), (head.parent, json!("fork")));
    assert_eq!(made.checkpoint.values, head.checkpoint.values);
}

#[test]
fn durability_exit_stores_once_and_sync_equals_async() {
    let stored = |durability: Durability| {
        let thread = thread();
        thread.observe(thread.input(S::update().x(1)).durability(durability));
        let history = thread.memory.history("");
        history.iter().map(|saved| (saved.metadata.step, saved.checkpoint.values.clone())).collect::<Vec<_>>()
    };
    assert_eq!(stored(Durability::Sync), stored(Durability::Async));
    let exit = stored(Durability::Exit);
    assert_eq!(exit, stored(Durability::Sync)[..1]);
}

#[test]
fn durability_exit_keeps_an_open_question_answerable() {
    async fn ask(_: S, ctx: NodeContext) -> Result<Update<S>> {
        let answer: String = ctx.interrupt("q")?;
        Ok(S::update().log([answer]))
    }
    let child = StateGraph::<S>::new().node("ask", ask).edge(START, "ask").compile().unwrap();
    let graph = StateGraph::<S>::new().node("a", logs("a")).node("sub", child);
    let thread = Thread::new(graph.edge(START, "a").edge("a", "sub").compile());
    let first = thread.observe(thread.input(S::update()).durability(Durability::Exit));
    assert_eq!(thread.memory.history("").len(), 1);
    let answer = thread.command(first.finished.interrupts[0].answer(json!("R")));
    let report = thread.observe(answer.durability(Durability::Exit));
    assert_eq!(report.values().log, ["a", "a", "R"]);
}
