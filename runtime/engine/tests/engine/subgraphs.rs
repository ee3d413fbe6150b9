//! Graphs in graphs.

use eddyline_engine::AnyCommand;
use eddyline_engine::graph::Persistence;
use eddyline_engine::prelude::*;
use eddyline_engine::project::Mode::{Checkpoints, Updates, Values};

use crate::support::{S, Thread, check, logs};

async fn ask(_: S, ctx: NodeContext) -> Result<Update<S>> {
    let answer: String = ctx.interrupt("q")?;
    Ok(S::update().log([format!("ans:{answer}")]))
}

fn inner() -> StateGraph<S> {
    StateGraph::<S>::new().node("s1", logs("s1")).node("ask", ask).edge(START, "s1").edge("s1", "ask")
}

#[test]
fn a_question_in_a_nested_graph_shows_at_every_level() {
    let graph = StateGraph::<S>::new().node("sub", inner().compile().unwrap()).edge(START, "sub").compile();
    let thread = Thread::new(graph);
    check(
        &thread.lines(thread.input(S::update().x(1)), [Values, Updates]),
        &[
            r#"values {"x":1,"log":[]}"#,
            r#"values|sub:<1> {"x":1,"log":[]}"#,
            r#"updates|sub:<1> {"s1":{"log":["s1"]}}"#,
            r#"values|sub:<1> {"x":1,"log":["s1"]}"#,
            r#"updates|sub:<1> {"__interrupt__":[{"value":"q","id":"<2>","response_schema":null}]}"#,
            r#"values|sub:<1> {"x":1,"log":["s1"],"__interrupt__":[{"value":"q","id":"<2>","response_schema":null}]}"#,
            r#"updates {"__interrupt__":[{"value":"q","id":"<2>","response_schema":null}]}"#,
            r#"values {"x":1,"log":[],"__interrupt__":[{"value":"q","id":"<2>","response_schema":null}]}"#,
        ],
    );
    let state = thread.world.block_on(thread.graph.graph().state(
        "".into(),
        eddyline_engine::Which::Newest,
        true,
        std::sync::Arc::new(thread.memory.clone()),
        std::sync::Arc::new(uuid::Uuid::nil),
    ));
    let state = state.unwrap().unwrap();
    let nested = state.tasks[0].state.as_ref().unwrap();
    assert_eq!(json!(nested.values), json!({"x": 1, "log": ["s1"]}));
    assert_eq!(json!(nested.next), json!(["ask"]));

    let answer = thread.command(AnyCommand::resume(json!("R")));
    check(
        &thread.lines(answer, [Values, Updates, Checkpoints]),
        &[
            r#"values {"x":1,"log":[]}"#,
            r#"checkpoints ["loop",0,["sub"]]"#,
            r#"values|sub:<1> {"x":1,"log":["s1"]}"#,
            r#"checkpoints|sub:<1> ["loop",1,["ask"]]"#,
            r#"updates|sub:<1> {"ask":{"log":["ans:R"]}}"#,
            r#"values|sub:<1> {"x":1,"log":["s1","ans:R"]}"#,
            r#"checkpoints|sub:<1> ["loop",2,[]]"#,
            r#"updates {"sub":{"x":1,"log":["s1","ans:R"]}}"#,
            r#"values {"x":1,"log":["s1","ans:R"]}"#,
            r#"checkpoints ["loop",1,[]]"#,
        ],
    );
}

fn called(persistence: Persistence) -> Thread<S> {
    let graph = StateGraph::<S>::new().node("n", logs("n")).edge(START, "n").persistence(persistence);
    let graph = graph.compile().unwrap();
    let caller = move |_: S, ctx: NodeContext| {
        let graph = graph.clone();
        async move {
            let first: S = ctx.call(&graph, S::update()).await?;
            let second: S = ctx.call(&graph, S::update()).await?;
            Ok::<_, NodeError>(S::update().log([format!("{}+{}", first.log.len(), second.log.len())]))
        }
    };
    Thread::new(StateGraph::<S>::new().node("caller", caller).edge(START, "caller").compile())
}

#[test]
fn graphs_called_from_a_node_have_namespaces_of_their_own() {
    let thread = called(Persistence::Inherit);
    check(
        &thread.lines(thread.input(S::update()), [Updates]),
        &[
            r#"updates|caller:<1> {"n":{"log":["n"]}}"#,
            r#"updates|caller:<1>|1 {"n":{"log":["n"]}}"#,
            r#"updates {"caller":{"log":["1+1"]}}"#,
        ],
    );
}

#[test]
fn a_persistent_nested_graph_remembers() {
    for (persistence, expected) in [
        (Persistence::Thread, ["1+1", "2+2"]),
        (Persistence::Inherit, ["1+1", "1+1"]),
        (Persistence::Never, ["1+1", "1+1"]),
    ] {
        let thread = called(persistence);
        thread.observe(thread.input(S::update()));
        let report = thread.observe(thread.input(S::update()));
        assert_eq!(report.values().log, expected, "{persistence:?}");
    }
    let thread = called(Persistence::Thread);
    let lines = thread.lines(thread.input(S::update()), [Updates]);
    assert!(
        lines[0].starts_with("updates|caller ") && lines[1].starts_with("updates|caller|1 "),
        "{lines:?}"
    );
}

#[test]
fn a_command_to_the_parent_acts_there() {
    async fn up(_: S) -> Command<S> {
        Command::goto("z").update(S::update().log(["up"])).to_parent()
    }
    let child = StateGraph::<S>::new().node("up", up).edge(START, "up").compile().unwrap();
    let graph = StateGraph::<S>::new()
        .node("sub", child)
        .node("y", logs("y"))
        .node("z", logs("z"))
        .edge(START, "sub")
        .edge("sub", "y")
        .compile();
    let thread = Thread::new(graph);
    let report = thread.observe(thread.input(S::update()));
    assert_eq!(report.values().log, ["up", "y", "z"]);
    assert_eq!(report.nodes(), ["sub", "y", "z"]);
    async fn up_at_root(_: S) -> Command<S> {
        Command::new().to_parent()
    }
    let thread = Thread::new(StateGraph::<S>::new().node("n", up_at_root).edge(START, "n").compile());
    assert_eq!(thread.observe(thread.input(S::update())).error().unwrap().code(), "NO_PARENT_GRAPH");
}

#[test]
fn a_nested_failure_fails_with_its_own_words() {
    async fn boom(_: S) -> Result<Update<S>> {
        Err(NodeError::visible("ValueError", "deep"))
    }
    let child = StateGraph::<S>::new().node("boom", boom).edge(START, "boom").compile().unwrap();
    let thread = Thread::new(StateGraph::<S>::new().node("sub", child).edge(START, "sub").compile());
    let report = thread.observe(thread.input(S::update()));
    let failure = report.error().unwrap().failure();
    assert_eq!((&*failure.class, &*failure.message), ("ValueError", "deep"));
}
