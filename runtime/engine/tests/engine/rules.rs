//! Rules that are easy to get wrong, each with the case that shows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use eddyline_engine::config::Durability;
use eddyline_engine::graph::Persistence;
use eddyline_engine::prelude::*;
use eddyline_engine::project::Mode::{MessagesTuple, Updates, Values};
use eddyline_engine::snapshot::View;
use eddyline_engine::{AnyCommand, Goto};

use crate::support::{S, Thread, check, logs, logs_after};

#[test]
fn nodes_of_one_name_in_two_graphs_have_two_caches() {
    let cached = |text| Node::new("n", logs(text)).cache(CachePolicy::keep(Duration::from_mins(1)));
    let child = StateGraph::<S>::new().add(cached("child")).edge(START, "n").compile().unwrap();
    let graph =
        StateGraph::<S>::new().add(cached("root")).node("sub", child).edge(START, "n").edge(START, "sub");
    let thread = Thread::new(graph.compile());
    assert_eq!(thread.observe(thread.input(S::update())).values().log, ["root", "child"]);
}

async fn ask_for_text(_: S, ctx: NodeContext) -> Result<Update<S>> {
    let answer: String = ctx.interrupt("q")?;
    Ok(S::update().log([answer]))
}

#[test]
fn an_answer_that_does_not_fit_leaves_the_question_open() {
    let thread = Thread::new(StateGraph::<S>::new().node("ask", ask_for_text).edge(START, "ask").compile());
    thread.observe(thread.input(S::update()));
    let refused = thread.observe(thread.command(AnyCommand::resume(42)));
    assert!(refused.error().unwrap().to_string().contains("the answer does not fit"));
    let report = thread.observe(thread.command(AnyCommand::resume("fine")));
    assert_eq!(report.values().log, ["fine"]);
}

#[test]
fn a_fork_applies_what_a_command_wrote_once() {
    let thread = Thread::new(StateGraph::<S>::new().node("ask", ask_for_text).edge(START, "ask").compile());
    thread.observe(thread.input(S::update().log(["in"])));
    let head = thread.memory.history("")[0].checkpoint.id;
    let update = Some(vec![("log".into(), json!(["u"]).into())]);
    thread.observe(thread.command(AnyCommand { update, ..AnyCommand::resume("R") }));
    thread.observe(thread.go_on().checkpoint(head));
    let saved = &thread.memory.history("")[0];
    let live = thread.graph.graph().snapshot("", saved, View::Live, &mut uuid::Uuid::nil).unwrap();
    assert_eq!(json!(live.values), json!({"log": ["in", "u"]}));
    let report = thread.observe(thread.command(AnyCommand::resume("R2")));
    assert_eq!(report.values().log, ["in", "u", "R2"]);
}

#[test]
fn a_nested_graph_s_messages_surface_although_its_later_nodes_read_them() {
    async fn says(_: MessagesState) -> Update<MessagesState> {
        MessagesState::update().messages([Message::ai("m1").with_id("m1")])
    }
    async fn nothing(_: MessagesState) {}
    let child = StateGraph::<MessagesState>::new().node("n1", says).node("n2", nothing);
    let child = child.edge(START, "n1").edge("n1", "n2").compile().unwrap();
    let thread =
        Thread::new(StateGraph::<MessagesState>::new().node("sub", child).edge(START, "sub").compile());
    let run = thread.input(MessagesState::update()).modes(MessagesTuple);
    let events = thread.world.block_on(futures_util::StreamExt::collect::<Vec<_>>(run));
    assert_eq!(events.len(), 1);
}

#[test]
fn durability_exit_keeps_what_a_persistent_graph_remembers() {
    for durability in [Durability::Exit, Durability::Async] {
        let child = StateGraph::<S>::new().node("n", logs("n")).edge(START, "n");
        let child = child.persistence(Persistence::Thread).compile().unwrap();
        let node = move |_: S, ctx: NodeContext| {
            let child = child.clone();
            async move {
                let known: S = ctx.call(&child, S::update()).await?;
                Ok::<_, NodeError>(S::update().x(i64::try_from(known.log.len()).unwrap()))
            }
        };
        let thread = Thread::new(StateGraph::<S>::new().node("caller", node).edge(START, "caller").compile());
        let lengths: Vec<Option<i64>> = (0..3)
            .map(|_| thread.observe(thread.input(S::update()).durability(durability)).values().x)
            .collect();
        assert_eq!(lengths, [Some(1), Some(2), Some(3)], "{durability:?}");
    }
}

#[test]
fn messages_come_back_from_the_cache_as_they_were() {
    use eddyline_engine::message::Usage;
    async fn says(_: MessagesState) -> Update<MessagesState> {
        MessagesState::update().messages([Message::ai("m").with_id("m").with_usage(Usage::new(1, 2))])
    }
    let node = Node::new("n", says).cache(CachePolicy::default());
    let thread = Thread::new(StateGraph::<MessagesState>::new().add(node).edge(START, "n").compile());
    let same = || MessagesState::update().messages([Message::human("h").with_id("h")]);
    thread.observe(thread.input(same()));
    let clear =
        || MessagesState::update().messages([Message::remove_all(), Message::human("h").with_id("h")]);
    let again = thread.observe(thread.input(clear()));
    assert_eq!(again.values().messages[1].usage(), Some(&Usage::new(1, 2)));
}

#[test]
fn a_nested_graph_that_goes_on_keeps_its_node_alive() {
    let step = |text| logs_after(text, 30);
    let child = StateGraph::<S>::new().node("a", step("a")).node("b", step("b")).node("c", step("c"));
    let child = child.edge(START, "a").edge("a", "b").edge("b", "c").compile().unwrap();
    let node = Node::new("sub", child).timeout(TimeoutPolicy::idle(Duration::from_millis(50)));
    let thread = Thread::new(StateGraph::<S>::new().add(node).edge(START, "sub").compile());
    assert_eq!(thread.observe(thread.input(S::update())).values().log, ["a", "b", "c"]);
}

#[test]
fn a_command_to_the_parent_lets_siblings_end() {
    async fn up(_: S) -> Command<S> {
        Command::new().update(S::update().log(["up"])).to_parent()
    }
    let child = StateGraph::<S>::new().node("up", up).node("slow", logs_after("slow", 20));
    let child = child.edge(START, "up").edge(START, "slow").compile().unwrap();
    let thread = Thread::new(StateGraph::<S>::new().node("sub", child).edge(START, "sub").compile());
    let lines = thread.lines(thread.input(S::update()), [Updates]);
    assert!(lines.iter().any(|line| line.contains(r#"{"slow":{"log":["slow"]}}"#)), "{lines:?}");
}

#[test]
fn a_command_on_an_empty_thread_is_applied_twice_and_goes_where_it_says() {
    let graph = StateGraph::<S>::new().node("a", logs("a")).node("z", logs("z")).edge(START, "a").compile();
    let thread = Thread::new(graph);
    let command = AnyCommand {
        update: Some(vec![("log".into(), json!(["u"]).into())]),
        goto: vec![Goto::from("z")],
        ..AnyCommand::default()
    };
    let report = thread.observe(thread.command(command));
    assert_eq!(report.values().log, ["u", "u", "a", "z"]);
}

#[test]
fn a_panic_is_not_tried_again() {
    let runs = Arc::new(AtomicU32::new(0));
    let count = runs.clone();
    let panics = move |_: S| {
        count.fetch_add(1, Ordering::SeqCst);
        async { assert_eq!(1, 2, "a slip") }
    };
    let node = Node::new("n", panics).retry(RetryPolicy::attempts(3).no_jitter());
    let thread = Thread::new(StateGraph::<S>::new().add(node).edge(START, "n").compile());
    thread.observe(thread.input(S::update()));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_failed_reducer_keeps_what_its_tasks_wrote() {
    #[state]
    struct Sum {
        #[state(reduce = picky)]
        sum: i64,
    }
    fn picky(a: i64, b: i64) -> i64 {
        assert_ne!(b, 13, "unlucky");
        a + b
    }
    async fn thirteen(_: Sum) -> Update<Sum> {
        Sum::update().sum(13)
    }
    let thread = Thread::new(StateGraph::<Sum>::new().node("n", thirteen).edge(START, "n").compile());
    thread.observe(thread.input(Sum::update().sum(1)));
    assert_eq!(thread.memory.history("")[0].writes.len(), 1);
}

#[test]
fn keys_that_are_never_stored_are_not_stored_in_packets_either() {
    #[state]
    struct Secret {
        #[state(untracked)]
        secret: Option<String>,
        seen: Option<String>,
    }
    async fn work(task: Secret) -> Update<Secret> {
        Secret::update().seen(task.secret.unwrap_or_default())
    }
    async fn split(_: Secret) -> Command<Secret> {
        Command::goto(SendTo::new("work", json!({"secret": "hush"})))
    }
    let graph = StateGraph::<Secret>::new().node("split", split).node("work", work).edge(START, "split");
    let thread = Thread::new(graph.compile());
    let report = thread.observe(thread.input(Secret::update()));
    assert_eq!(report.values().seen.as_deref(), Some("hush"));
    let rows: Vec<Value> = thread.memory.history("").iter().map(|saved| json!(saved.writes)).collect();
    let packets: Vec<&Value> = rows.iter().flat_map(|rows| rows.as_array().unwrap()).collect();
    let sent = packets.iter().find(|row| row["channel"] == "__pregel_tasks").unwrap();
    assert_eq!(sent["value"]["args"], json!({}));
}

#[test]
fn closures_as_routes_are_told_apart() {
    let graph = StateGraph::<S>::new()
        .node("a", logs("a"))
        .node("b", logs("b"))
        .edge(START, "a")
        .conditional_edges("a", |_: S| "b", ["b"])
        .conditional_edges("a", |_: S| END, [END])
        .compile();
    let thread = Thread::new(graph);
    check(&thread.lines(thread.input(S::update()), [Values])[1..], &[r#"values {"log":["a","b"]}"#]);
}
