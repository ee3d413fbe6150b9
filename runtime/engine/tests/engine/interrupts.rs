//! Questions, answers, breakpoints.

use eddyline_engine::prelude::*;
use eddyline_engine::project::Mode::{Checkpoints, Tasks, Updates, Values};
use eddyline_engine::snapshot::View;
use eddyline_engine::{AnyCommand, RunError};

use crate::support::{S, Thread, check, logs};

async fn ask_twice(_: S, ctx: NodeContext) -> Result<Update<S>> {
    let first: String = ctx.interrupt(json!({"q": "age"}))?;
    let second: String = ctx.interrupt("second")?;
    Ok(S::update().log([format!("{first},{second}")]))
}

fn asking() -> Thread<S> {
    Thread::new(
        StateGraph::<S>::new()
            .node("a", logs("a"))
            .node("ask", ask_twice)
            .edge(START, "a")
            .edge("a", "ask")
            .compile(),
    )
}

#[test]
fn a_question_pauses_and_its_answer_goes_on() {
    let thread = asking();
    let lines = thread.lines(thread.input(S::update().x(1)), [Values, Updates, Tasks]);
    check(
        &lines[5..],
        &[
            r#"tasks {"id":"<2>","name":"ask","input":{"x":1,"log":["a"]},"triggers":["branch:to:ask"]}"#,
            r#"updates {"__interrupt__":[{"value":{"q":"age"},"id":"<3>","response_schema":null}]}"#,
            r#"values {"x":1,"log":["a"],"__interrupt__":[{"value":{"q":"age"},"id":"<3>","response_schema":null}]}"#,
            r#"tasks {"id":"<2>","name":"ask","error":null,"result":{},"interrupts":[{"value":{"q":"age"},"id":"<3>","response_schema":null}]}"#,
        ],
    );
    let answer = thread.command(AnyCommand::resume(json!("r1")));
    check(
        &thread.lines(answer, [Values, Updates, Checkpoints]),
        &[
            r#"values {"x":1,"log":["a"]}"#,
            r#"checkpoints ["loop",1,["ask"]]"#,
            r#"updates {"__interrupt__":[{"value":"second","id":"<1>","response_schema":null}]}"#,
            r#"values {"x":1,"log":["a"],"__interrupt__":[{"value":"second","id":"<1>","response_schema":null}]}"#,
        ],
    );
    let answer = thread.command(AnyCommand::resume(json!("r2")));
    check(
        &thread.lines(answer, [Values, Updates]),
        &[
            r#"values {"x":1,"log":["a"]}"#,
            r#"updates {"ask":{"log":["r1,r2"]}}"#,
            r#"values {"x":1,"log":["a","r1,r2"]}"#,
        ],
    );
    let history = thread.memory.history("");
    let rows: Vec<(i32, &str, Value)> = history[1]
        .writes
        .iter()
        .filter(|row| !["__interrupt__", "__answers__"].contains(&&*row.channel))
        .map(|row| (row.index, &*row.channel, row.value.json().clone()))
        .collect();
    let expected = [
        (-4, "__resume__", json!("r2")),
        (-4, "__resume__", json!(["r1", "r2"])),
        (2, "log", json!(["r1,r2"])),
    ];
    assert_eq!(rows, expected, "two answers were recorded before the key was written");
}

#[test]
fn an_answer_is_not_for_those_who_ask_later() {
    let thread = asking();
    thread.observe(thread.input(S::update().x(1)));
    let again = thread.observe(thread.command(AnyCommand::resume(json!("r1"))));
    assert_eq!(again.finished.interrupts[0].value, json!("second").into(), "the answer was taken");
    let anew = thread.observe(thread.input(S::update().x(2)));
    assert_eq!(anew.finished.interrupts[0].value, json!({"q": "age"}).into(), "nobody has answered this one");
}

#[test]
fn invoking_a_run_that_waits_says_so() {
    let thread = asking();
    let run = thread.input(S::update().x(1));
    let error = thread.world.block_on(run.invoke()).unwrap_err();
    assert!(matches!(&error, RunError::Waiting { interrupts } if interrupts.len() == 1), "{error}");
}

async fn ask_one(_: S, ctx: NodeContext) -> Result<Update<S>> {
    let answer: String = ctx.interrupt("q1")?;
    Ok(S::update().log([format!("i1:{answer}")]))
}

async fn ask_other(_: S, ctx: NodeContext) -> Result<Update<S>> {
    let answer: String = ctx.interrupt("q2")?;
    Ok(S::update().log([format!("i2:{answer}")]))
}

fn three() -> Thread<S> {
    let graph = StateGraph::<S>::new().node("i1", ask_one).node("i2", ask_other).node("ok", logs("ok"));
    Thread::new(graph.edge(START, "i1").edge(START, "i2").edge(START, "ok").compile())
}

#[test]
fn questions_side_by_side_are_answered_by_their_ids() {
    let thread = three();
    let first = thread.observe(thread.input(S::update().x(1)));
    let interrupts = first.finished.interrupts.clone();
    assert_eq!(first.values().log, ["ok"], "what finished shows, in memory");
    let error = thread.observe(thread.command(AnyCommand::resume(json!("?"))));
    assert!(error.error().unwrap().to_string().starts_with("When there are multiple pending interrupts"));

    let answer = thread.command(interrupts[0].answer(json!("A1")));
    check(
        &thread.lines(answer, [Values, Updates]),
        &[
            r#"values {"x":1,"log":[]}"#,
            r#"updates {"ok":{"log":["ok"]},"__metadata__":{"cached":true}}"#,
            r#"updates {"i1":{"log":["i1:A1"]}}"#,
            r#"updates {"__interrupt__":[{"value":"q2","id":"<1>","response_schema":null}]}"#,
            r#"values {"x":1,"log":[],"__interrupt__":[{"value":"q2","id":"<1>","response_schema":null}]}"#,
            r#"values {"x":1,"log":["i1:A1","ok"]}"#,
        ],
    );
    let answer = thread.command(interrupts[1].answer(json!("A2")));
    check(
        &thread.lines(answer, [Values, Updates]),
        &[
            r#"values {"x":1,"log":[]}"#,
            r#"updates {"i1":{"log":["i1:A1"]},"__metadata__":{"cached":true}}"#,
            r#"updates {"ok":{"log":["ok"]},"__metadata__":{"cached":true}}"#,
            r#"updates {"i2":{"log":["i2:A2"]}}"#,
            r#"values {"x":1,"log":["i1:A1","i2:A2","ok"]}"#,
        ],
    );
}

#[test]
fn a_live_snapshot_has_what_finished_and_a_historic_one_has_not() {
    let thread = three();
    thread.observe(thread.input(S::update().x(1)));
    let saved = &thread.memory.history("")[0];
    let mut ids = uuid::Uuid::nil;
    let graph = thread.graph.graph();
    let live = graph.snapshot("", saved, View::Live, &mut ids).unwrap();
    assert_eq!((json!(live.values), json!(live.next)), (json!({"x": 1, "log": ["ok"]}), json!(["i1", "i2"])));
    let historic = graph.snapshot("", saved, View::Historic, &mut ids).unwrap();
    assert_eq!(json!(historic.values), json!({"x": 1, "log": []}));
    assert_eq!(json!(historic.next), json!(["i1", "i2", "ok"]));
    assert_eq!(live.interrupts().count(), 2);
    assert_eq!(live.tasks[2].note.result, Some(json!({"log": ["ok"]})));
}

#[test]
fn an_unknown_answer_is_an_error_only_when_strict() {
    let thread = three();
    thread.observe(thread.input(S::update().x(1)));
    let unknown = || AnyCommand::resume(json!({"0123456789abcdef0123456789abcdef": 1}));
    let again = thread.observe(thread.command(unknown()));
    assert_eq!(again.finished.interrupts.len(), 2);
    let mut strict = thread.command(unknown());
    strict = strict.strict_resume();
    let error = thread.observe(strict);
    assert_eq!(error.error().unwrap().class(), "UnknownInterruptError");
}

fn chain() -> StateGraph<S> {
    StateGraph::<S>::new().node("a", logs("a")).node("b", logs("b")).edge(START, "a").edge("a", "b")
}

#[test]
fn breakpoints_before_and_after_hold_once() {
    let thread = Thread::new(chain().interrupt_before(["b"]).interrupt_after(["a"]).compile());
    let lines = thread.lines(thread.input(S::update()), [Updates, Checkpoints]);
    check(
        &lines[2..],
        &[
            r#"updates {"a":{"log":["a"]}}"#,
            r#"checkpoints ["loop",1,["b"]]"#,
            r#"updates {"__interrupt__":[]}"#,
        ],
    );
    check(
        &thread.lines(thread.go_on(), [Values, Updates, Checkpoints]),
        &[
            r#"values {"log":["a"]}"#,
            r#"checkpoints ["loop",1,["b"]]"#,
            r#"updates {"b":{"log":["b"]}}"#,
            r#"values {"log":["a","b"]}"#,
            r#"checkpoints ["loop",2,[]]"#,
        ],
    );
    check(
        &thread.lines(thread.go_on(), [Values, Updates, Checkpoints]),
        &[r#"values {"log":["a","b"]}"#, r#"checkpoints ["loop",2,[]]"#],
    );
}

#[test]
fn every_node_can_be_a_breakpoint() {
    use eddyline_engine::config::Breakpoints;
    let thread = Thread::new(chain().interrupt_before(Breakpoints::All).compile());
    assert!(thread.observe(thread.input(S::update())).nodes().is_empty());
    assert_eq!(thread.observe(thread.go_on()).nodes(), ["a"]);
    assert_eq!(thread.observe(thread.go_on()).nodes(), ["b"]);
}

#[test]
fn a_command_answers_updates_and_goes_elsewhere_at_once() {
    let graph = StateGraph::<S>::new().node("ask", ask_one).node("z", logs("z")).edge(START, "ask").compile();
    let thread = Thread::new(graph);
    thread.observe(thread.input(S::update()));
    let command = AnyCommand {
        resume: Some(json!("R").into()),
        update: Some(vec![("log".into(), json!(["by hand"]).into())]),
        goto: vec!["z".into()],
        parent: false,
    };
    check(
        &thread.lines(thread.command(command), [Values, Updates]),
        &[
            r#"values {"log":["by hand"]}"#,
            r#"updates {"ask":{"log":["i1:R"]}}"#,
            r#"updates {"z":{"log":["z"]}}"#,
            r#"values {"log":["by hand","i1:R","z"]}"#,
        ],
    );
}

#[test]
fn a_stale_answer_serves_a_second_question_as_in_langgraph() {
    let thread = asking();
    thread.observe(thread.input(S::update()));
    thread.observe(thread.command(AnyCommand::resume(json!("r1"))));
    let end = thread.observe(thread.go_on());
    assert_eq!(end.values().log, ["a", "r1,r1"]);
}
