//! Runs through all the actors, as a program that embeds the runtime sees them.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use eddyline_engine::fact::Body;
use eddyline_engine::prelude::*;
use eddyline_engine::project::{Classic, Mode, Modes};
use eddyline_runtime::{
    Begin, CreateThread, Delivery, Error, Handle, IfExists, IfNotExists, ListRuns, Listen, MultitaskStrategy,
    OnCompletion, Options, Run, RunStatus, Runtime, StartRun, StreamMode, Subscription, ThreadStatus,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

#[state]
struct Joke {
    topic: String,
    joke: Option<String>,
}

async fn refine_topic(state: Joke) -> Update<Joke> {
    Joke::update().topic(state.topic + " and cats")
}

async fn generate_joke(state: Joke) -> Update<Joke> {
    Joke::update().joke(format!("This is a joke about {}", state.topic))
}

fn agent() -> CompiledGraph<Joke> {
    StateGraph::<Joke>::new()
        .node("refine_topic", refine_topic)
        .node("generate_joke", generate_joke)
        .edge(START, "refine_topic")
        .edge("refine_topic", "generate_joke")
        .compile()
        .unwrap()
}

/// A graph of one node.
fn single<M>(node: impl eddyline_engine::node::IntoNode<Joke, M>) -> CompiledGraph<Joke> {
    StateGraph::<Joke>::new().node("only", node).edge(START, "only").compile().unwrap()
}

async fn ask(_: Joke, ctx: NodeContext) -> Result<Update<Joke>> {
    let answer: String = ctx.interrupt(json!("ok?"))?;
    Ok(Joke::update().joke(answer))
}

async fn explode(state: Joke) -> Update<Joke> {
    assert!(state.topic.is_empty(), "node boom");
    Joke::update()
}

// Routes take the state by value, as nodes do.
#[allow(clippy::needless_pass_by_value)]
fn explode_on_the_way(state: Joke) -> &'static str {
    assert!(state.topic.is_empty(), "route boom");
    END
}

fn panicking_route() -> CompiledGraph<Joke> {
    StateGraph::<Joke>::new()
        .node("only", async |_: Joke| Joke::update().joke("done"))
        .edge(START, "only")
        .conditional_edges("only", explode_on_the_way, [END])
        .compile()
        .unwrap()
}

async fn nap(_: Joke) -> Update<Joke> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    Joke::update().topic("napped")
}

async fn never(_: Joke) -> Update<Joke> {
    std::future::pending().await
}

fn endless() -> CompiledGraph<Joke> {
    StateGraph::<Joke>::new().node("nap", nap).edge(START, "nap").edge("nap", "nap").compile().unwrap()
}

fn runtime() -> Runtime {
    runtime_with(Options::default())
}

fn runtime_with(options: Options) -> Runtime {
    Runtime::builder()
        .graph("agent", agent())
        .graph("ask", single(ask))
        .graph("explode", single(explode))
        .graph("panicking_route", panicking_route())
        .graph("nap", single(nap))
        .graph("never", single(never))
        .graph("endless", endless())
        .options(options)
        .start()
        .unwrap()
}

fn request(thread: Option<Uuid>, graph: &str, topic: &str) -> StartRun {
    StartRun { thread_id: thread, input: Some(json!({"topic": topic}).into()), ..StartRun::new(graph) }
}

async fn thread(handle: &Handle) -> Uuid {
    handle.create_thread(CreateThread::default()).await.unwrap().thread_id
}

/// What a client of `modes` reads to the end of the stream.
async fn read<const N: usize>(
    run: &Run,
    modes: [Mode; N],
    events: &mut Subscription,
) -> Vec<(String, Value)> {
    let mut fold = Classic::new(run.config(), Modes::from(modes), false);
    let mut seen = Vec::new();
    let mut last = None;
    while let Some(delivery) = events.next().await {
        let Delivery::Fact(entry) = delivery else { panic!("a gap") };
        assert!(last < Some(entry.seq), "numbers grow");
        last = Some(entry.seq);
        assert_eq!(entry.run_id, run.run_id);
        seen.extend(fold.fold(&entry.fact).iter().map(|event| (event.name(), event.data.payload())));
    }
    seen
}

fn updates(run: &Run, topic: &str) -> Vec<(String, Value)> {
    let joke = format!("This is a joke about {topic} and cats");
    vec![
        ("metadata".to_owned(), json!({"run_id": run.run_id, "attempt": 1})),
        ("updates".to_owned(), json!({"refine_topic": {"topic": format!("{topic} and cats")}})),
        ("updates".to_owned(), json!({"generate_joke": {"joke": joke}})),
    ]
}

#[tokio::test]
async fn two_listeners_read_one_run() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (run, mut first) = handle.start_run(request(Some(thread_id), "agent", "ice cream")).await.unwrap();
    assert_eq!((run.status, run.thread_id), (RunStatus::Pending, thread_id));
    let listen = Listen { thread_id, run_id: Some(run.run_id), begin: Begin::Oldest, tokens: false };
    let mut second = handle.listen(listen).await.unwrap();

    let expected = updates(&run, "ice cream");
    assert_eq!(read(&run, [Mode::Updates], &mut first).await, expected);
    assert_eq!(read(&run, [Mode::Updates], &mut second).await, expected);

    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!(thread.status, ThreadStatus::Idle);
    let values = json!({"topic": "ice cream and cats", "joke": "This is a joke about ice cream and cats"});
    assert_eq!(thread.values.unwrap().to_json(), values);
    assert_eq!(thread.metadata["graph_id"], "agent");
    let run = handle.run(thread_id, run.run_id).await.unwrap();
    assert_eq!((run.status, run.attempt), (RunStatus::Success, 1));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_thread_remembers_and_its_runs_take_turns() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (nap, mut napping) = handle.start_run(request(Some(thread_id), "nap", "x")).await.unwrap();
    let (run, mut events) = handle.start_run(request(Some(thread_id), "agent", "rain")).await.unwrap();
    let refused = request(Some(thread_id), "agent", "sun");
    let refused = StartRun { multitask_strategy: MultitaskStrategy::Reject, ..refused };
    assert!(matches!(handle.start_run(refused).await, Err(Error::ThreadBusy { .. })));
    assert_eq!(handle.thread(thread_id).await.unwrap().status, ThreadStatus::Busy);

    read(&nap, [Mode::Values], &mut napping).await;
    assert_eq!(read(&run, [Mode::Updates], &mut events).await, updates(&run, "rain"));
    let all = ListRuns { thread_id, status: None, limit: 10, offset: 0 };
    let runs = handle.runs(all).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.run_id).collect::<Vec<_>>(), [run.run_id, nap.run_id]);
    assert!(runs.iter().all(|run| run.status == RunStatus::Success));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_run_without_a_thread_leaves_nothing() {
    let runtime = runtime();
    let handle = runtime.handle();
    let (run, mut events) = handle.start_run(request(None, "agent", "sea")).await.unwrap();
    assert!(run.kwargs.temporary);
    assert_eq!(read(&run, [Mode::Updates], &mut events).await, updates(&run, "sea"));
    assert!(matches!(handle.thread(run.thread_id).await, Err(Error::ThreadNotFound { .. })));
    assert!(matches!(handle.run(run.thread_id, run.run_id).await, Err(Error::RunNotFound { .. })));

    let kept = StartRun { on_completion: OnCompletion::Keep, ..request(None, "agent", "sea") };
    let (run, mut events) = handle.start_run(kept).await.unwrap();
    read(&run, [Mode::Updates], &mut events).await;
    assert_eq!(handle.thread(run.thread_id).await.unwrap().status, ThreadStatus::Idle);
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_question_pauses_the_thread_and_an_answer_goes_on() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (run, mut events) = handle.start_run(request(Some(thread_id), "ask", "x")).await.unwrap();
    read(&run, [Mode::Values], &mut events).await;
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!(thread.status, ThreadStatus::Interrupted);
    assert_eq!(thread.interrupts[0].1[0].value.json(), "ok?");
    assert_eq!(handle.run(thread_id, run.run_id).await.unwrap().status, RunStatus::Success);

    let resume = StartRun {
        thread_id: Some(thread_id),
        command: Some(json!({"resume": "fine"})),
        ..StartRun::new("ask")
    };
    let (run, mut events) = handle.start_run(resume).await.unwrap();
    let seen = read(&run, [Mode::Values], &mut events).await;
    assert_eq!(seen.last().unwrap().1, json!({"topic": "x", "joke": "fine"}));
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!((thread.status, thread.interrupts.len()), (ThreadStatus::Idle, 0));

    let stray = StartRun { command: Some(json!({"resume": "fine"})), ..StartRun::new("ask") };
    assert!(matches!(handle.start_run(stray).await, Err(Error::Contradiction { .. })));
    runtime.shutdown().await;
}

#[tokio::test]
async fn panics_in_user_code_end_one_run_and_nothing_else() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    for graph in ["explode", "panicking_route"] {
        let (run, mut events) = handle.start_run(request(Some(thread_id), graph, "x")).await.unwrap();
        let seen = read(&run, [Mode::Updates], &mut events).await;
        let (name, error) = seen.last().unwrap();
        assert_eq!((name.as_str(), error["message"].as_str()), ("error", Some("An internal error occurred")));
        let thread = handle.thread(thread_id).await.unwrap();
        assert_eq!((thread.status, thread.error.is_some()), (ThreadStatus::Error, true), "{graph}");
        assert_eq!(handle.run(thread_id, run.run_id).await.unwrap().status, RunStatus::Error);

        let (run, mut events) = handle.start_run(request(Some(thread_id), "agent", "sea")).await.unwrap();
        assert_eq!(read(&run, [Mode::Updates], &mut events).await, updates(&run, "sea"));
        assert!(handle.thread(thread_id).await.unwrap().error.is_none());
    }
    runtime.shutdown().await;
}

#[tokio::test]
async fn dropping_a_subscription_cancels_nothing() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (run, events) = handle.start_run(request(Some(thread_id), "nap", "x")).await.unwrap();
    let listen = Listen { thread_id, run_id: Some(run.run_id), begin: Begin::Oldest, tokens: true };
    let mut other = handle.listen(listen).await.unwrap();
    drop(events);
    let seen = read(&run, [Mode::Values], &mut other).await;
    assert_eq!(seen.last().unwrap().1, json!({"topic": "napped"}));
    assert_eq!(handle.run(thread_id, run.run_id).await.unwrap().status, RunStatus::Success);
    // A run that is over can still be read from the tape.
    let mut again = handle.listen(listen).await.unwrap();
    assert_eq!(read(&run, [Mode::Values], &mut again).await, seen);
    let mut nothing = handle.listen(Listen { begin: Begin::Now, ..listen }).await.unwrap();
    assert!(nothing.next().await.is_none());
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_thread_is_heard_across_its_runs() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let listen = Listen { thread_id, run_id: None, begin: Begin::Now, tokens: false };
    let mut events = handle.listen(listen).await.unwrap();
    for _ in 0..2 {
        let (_, run) = handle.start_run(request(Some(thread_id), "agent", "x")).await.unwrap();
        drop(run);
    }
    let mut ends = Vec::new();
    while ends.len() < 4 {
        let Some(Delivery::Fact(entry)) = events.next().await else { panic!("ended early") };
        match entry.fact.body {
            Body::RunStarted { .. } => ends.push("start"),
            Body::RunEnded { .. } => ends.push("end"),
            _ => {}
        }
    }
    assert_eq!(ends, ["start", "end", "start", "end"]);
    runtime.shutdown().await;
    assert!(events.next().await.is_none(), "streams end with the runtime");
}

#[tokio::test]
async fn shutdown_lets_a_run_reach_a_commit() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (_, mut events) = handle.start_run(request(Some(thread_id), "endless", "x")).await.unwrap();
    events.next().await.unwrap();
    runtime.shutdown().await;
    let mut last = None;
    while let Some(Delivery::Fact(entry)) = events.next().await {
        last = Some(entry);
    }
    let last = last.expect("there was more to tell").fact.body.clone();
    assert!(!matches!(last, Body::RunEnded { .. }), "the run is not over, it only stopped");
    assert!(matches!(handle.create_thread(CreateThread::default()).await, Err(Error::Stopping)));
}

#[tokio::test]
async fn shutdown_cuts_off_a_run_that_does_not_end() {
    let runtime = runtime_with(Options { shutdown_grace: Duration::from_millis(50), ..Options::default() });
    let handle = runtime.handle();
    let (_, mut events) = handle.start_run(request(None, "never", "x")).await.unwrap();
    events.next().await.unwrap();
    runtime.shutdown().await;
    while events.next().await.is_some() {}
}

#[tokio::test]
async fn a_thread_that_slept_knows_its_past() {
    let runtime = runtime_with(Options { thread_sleep: Duration::ZERO, ..Options::default() });
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let mut last = 0;
    for _ in 0..20 {
        let (run, mut events) = handle.start_run(request(Some(thread_id), "agent", "x")).await.unwrap();
        let Some(Delivery::Fact(entry)) = events.next().await else { panic!("ended early") };
        assert!(entry.seq > last, "no number is given twice");
        last = entry.seq;
        let mut told = Vec::new();
        while let Some(Delivery::Fact(entry)) = events.next().await {
            told.push(entry.fact.body.clone());
        }
        assert!(matches!(told.last(), Some(Body::RunEnded { failure: None, .. })), "{told:#?}");
        assert_eq!(handle.run(thread_id, run.run_id).await.unwrap().status, RunStatus::Success);
    }
    let all = ListRuns { thread_id, status: None, limit: 100, offset: 0 };
    assert_eq!(handle.runs(all).await.unwrap().len(), 20);
    runtime.shutdown().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let runtime = runtime();
    let handle = runtime.handle();
    let made = handle.create_thread(CreateThread::default()).await.unwrap();
    let again =
        |if_exists| CreateThread { thread_id: Some(made.thread_id), if_exists, ..CreateThread::default() };
    assert!(matches!(handle.create_thread(again(IfExists::Raise)).await, Err(Error::ThreadExists { .. })));
    assert_eq!(handle.create_thread(again(IfExists::DoNothing)).await.unwrap(), made);

    let nowhere = Some(Uuid::from_u128(7));
    let error = handle.start_run(request(nowhere, "agent", "x")).await.unwrap_err();
    assert_eq!(error.code(), "THREAD_NOT_FOUND");
    let create = StartRun { if_not_exists: IfNotExists::Create, ..request(nowhere, "agent", "x") };
    let (run, mut events) = handle.start_run(create).await.unwrap();
    assert_eq!(read(&run, [Mode::Updates], &mut events).await, updates(&run, "x"));

    assert_eq!(handle.start_run(request(None, "nobody", "x")).await.unwrap_err().code(), "INVALID_ASSISTANT");
    let unknown = Uuid::from_u128(8).to_string();
    assert_eq!(
        handle.start_run(request(None, &unknown, "x")).await.unwrap_err().code(),
        "ASSISTANT_NOT_FOUND"
    );
    let both = StartRun {
        config: json!({"configurable": {"a": 1}}).as_object().cloned().unwrap(),
        context: Map::from_iter([("b".to_owned(), json!(1))]),
        ..request(None, "agent", "x")
    };
    assert_eq!(handle.start_run(both).await.unwrap_err().code(), "CONTRADICTING_REQUEST");
    let absent = Listen { thread_id: made.thread_id, run_id: nowhere, begin: Begin::Now, tokens: false };
    assert_eq!(handle.listen(absent).await.unwrap_err().code(), "RUN_NOT_FOUND");
    runtime.shutdown().await;
}

#[tokio::test]
async fn many_runs_at_once() {
    let runtime = runtime_with(Options { graph_arbiters: 2, ..Options::default() });
    let handle = runtime.handle();
    let runs = (0..200).map(|_| {
        let handle = handle.clone();
        tokio::spawn(async move {
            let request = StartRun { stream_modes: vec![StreamMode::Updates], ..request(None, "agent", "x") };
            let (run, mut events) = handle.start_run(request).await.unwrap();
            assert_eq!(read(&run, [Mode::Updates], &mut events).await, updates(&run, "x"));
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
    runtime.shutdown().await;
}
