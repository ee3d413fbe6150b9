//! How runs of one thread meet, and those of many: strategies, turns, delays, limits, and whose question an answer
//! is for.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use eddyline_engine::fact::Body;
use eddyline_engine::prelude::*;
use eddyline_runtime::{
    CancelAction, CancelRun, CreateThread, Delivery, Error, Handle, ListRuns, MultitaskStrategy, Options,
    ReadState, Run, RunStatus, Runtime, StartRun, Subscription, ThreadStatus,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;

#[state]
struct Work {
    input: String,
    #[state(reduce = append)]
    done: Vec<String>,
}

async fn note(state: Work) -> Update<Work> {
    Work::update().done([state.input])
}

async fn hang(_: Work) -> Update<Work> {
    std::future::pending().await
}

/// Holds those back who have their answer, until everybody has said theirs.
static ANSWERED: Semaphore = Semaphore::const_new(0);

async fn ask(_: Work, ctx: NodeContext) -> Result<Update<Work>, NodeError> {
    let answer: String = ctx.interrupt("first?")?;
    let _all_answered = ANSWERED.acquire().await;
    Ok(Work::update().done([answer]))
}

async fn ask_again(_: Work, ctx: NodeContext) -> Result<Update<Work>, NodeError> {
    let answer: String = ctx.interrupt("second?")?;
    Ok(Work::update().done([format!("again {answer}")]))
}

/// As [`ANSWERED`], for those who are asked side by side.
static BESIDE: Semaphore = Semaphore::const_new(0);

async fn ask_twice(_: Work, ctx: NodeContext) -> Result<Update<Work>, NodeError> {
    let first: String = ctx.interrupt("a1")?;
    let _all_answered = BESIDE.acquire().await;
    let second: String = ctx.interrupt("a2")?;
    Ok(Work::update().done([format!("a {first} {second}")]))
}

async fn ask_once(_: Work, ctx: NodeContext) -> Result<Update<Work>, NodeError> {
    let answer: String = ctx.interrupt("b1")?;
    let _all_answered = BESIDE.acquire().await;
    Ok(Work::update().done([format!("b {answer}")]))
}

async fn ask_in_turn(_: Work, ctx: NodeContext) -> Result<Update<Work>, NodeError> {
    let first: String = ctx.interrupt("t1")?;
    let second: String = ctx.interrupt("t2")?;
    Ok(Work::update().done([format!("{first} {second}")]))
}

fn runtime(options: Options) -> Runtime {
    let quick = StateGraph::<Work>::new().node("note", note).edge(START, "note").compile().unwrap();
    let long = StateGraph::<Work>::new()
        .node("note", note)
        .node("hang", hang)
        .edge(START, "note")
        .edge("note", "hang")
        .compile()
        .unwrap();
    let asking = StateGraph::<Work>::new()
        .node("ask", ask)
        .node("ask_again", ask_again)
        .edge(START, "ask")
        .edge("ask", "ask_again")
        .compile()
        .unwrap();
    let beside = StateGraph::<Work>::new()
        .node("ask_once", ask_once)
        .node("ask_twice", ask_twice)
        .edge(START, "ask_once")
        .edge(START, "ask_twice")
        .compile()
        .unwrap();
    let turns = StateGraph::<Work>::new().node("ask", ask_in_turn).edge(START, "ask").compile().unwrap();
    let builder = Runtime::builder().graph("quick", quick).graph("long", long).graph("asking", asking);
    builder.graph("beside", beside).graph("turns", turns).options(options).start().unwrap()
}

async fn thread(handle: &Handle) -> Uuid {
    handle.create_thread(CreateThread::default()).await.unwrap().thread_id
}

fn request(thread_id: Uuid, graph: &str, input: &str) -> StartRun {
    let input = Some(json!({"input": input}).into());
    StartRun { thread_id: Some(thread_id), input, ..StartRun::new(graph) }
}

fn with(request: StartRun, multitask_strategy: MultitaskStrategy) -> StartRun {
    StartRun { multitask_strategy, ..request }
}

/// Reads until the node that hangs is at work.
async fn hangs(events: &mut Subscription) {
    while let Some(Delivery::Fact(entry)) = events.next().await {
        if matches!(&entry.fact.body, Body::TaskStarted(task) if &*task.name == "hang") {
            return;
        }
    }
    panic!("the run ended before it hung");
}

/// Reads to the end; gives back the class of the failure, if it is one.
async fn end(mut events: Subscription) -> Option<String> {
    let mut last = None;
    while let Some(Delivery::Fact(entry)) = events.next().await {
        last = Some(entry);
    }
    match last.map(|last| last.fact.body.clone()) {
        Some(Body::RunEnded { failure, .. }) => failure.map(|failure| failure.class.to_string()),
        _ => None,
    }
}

async fn status(handle: &Handle, run: &Run) -> Option<RunStatus> {
    handle.run(run.thread_id, run.run_id).await.ok().map(|run| run.status)
}

async fn said(handle: &Handle, thread_id: Uuid) -> Value {
    let state = handle.state(ReadState::new(thread_id)).await.unwrap();
    state.snapshot.unwrap().values.to_json()["done"].clone()
}

#[tokio::test]
async fn a_run_that_interrupts_goes_on_from_where_the_others_leave_the_thread() {
    let runtime = runtime(Options::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (long, mut events) = handle.start_run(request(thread_id, "long", "long")).await.unwrap();
    hangs(&mut events).await;
    let (waiting, unheard) = handle.start_run(request(thread_id, "quick", "waiting")).await.unwrap();
    let next = with(request(thread_id, "quick", "next"), MultitaskStrategy::Interrupt);
    let (next, next_events) = handle.start_run(next).await.unwrap();
    assert_eq!(end(events).await, None, "no error is told");
    assert_eq!(end(unheard).await, None);
    assert_eq!(end(next_events).await, None);
    assert_eq!(status(&handle, &long).await, Some(RunStatus::Interrupted));
    assert_eq!(status(&handle, &waiting).await, Some(RunStatus::Interrupted));
    assert_eq!(status(&handle, &next).await, Some(RunStatus::Success));
    assert_eq!(said(&handle, thread_id).await, json!(["long", "next"]));
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!((thread.status, thread.error), (ThreadStatus::Idle, None));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_run_that_rolls_back_leaves_nothing_of_the_others() {
    let runtime = runtime(Options::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (_, first) = handle.start_run(request(thread_id, "quick", "kept")).await.unwrap();
    end(first).await;
    let (long, mut events) = handle.start_run(request(thread_id, "long", "long")).await.unwrap();
    hangs(&mut events).await;
    let (waiting, _unheard) = handle.start_run(request(thread_id, "quick", "waiting")).await.unwrap();
    let next = with(request(thread_id, "quick", "next"), MultitaskStrategy::Rollback);
    let (_, next_events) = handle.start_run(next).await.unwrap();
    assert_eq!(end(next_events).await, None);
    assert_eq!((status(&handle, &long).await, status(&handle, &waiting).await), (None, None));
    let list = ListRuns { thread_id, status: None, limit: 10, offset: 0 };
    assert_eq!(handle.runs(list).await.unwrap().len(), 2, "the first and the last");
    assert_eq!(said(&handle, thread_id).await, json!(["kept", "next"]));
    runtime.shutdown().await;
}

#[tokio::test]
async fn runs_of_all_threads_share_their_places() {
    let runtime = runtime(Options { runs: 1, ..Options::default() });
    let handle = runtime.handle();
    let (long, mut events) = handle.start_run(request(thread(&handle).await, "long", "a")).await.unwrap();
    hangs(&mut events).await;
    let (second, second_events) =
        handle.start_run(request(thread(&handle).await, "quick", "b")).await.unwrap();
    let (third, third_events) = handle.start_run(request(thread(&handle).await, "quick", "c")).await.unwrap();
    assert_eq!(status(&handle, &second).await, Some(RunStatus::Pending));
    let stop = |run: &Run| CancelRun {
        thread_id: run.thread_id,
        run_id: run.run_id,
        action: CancelAction::Interrupt,
        reason: "enough".to_owned(),
        wait: true,
    };
    handle.cancel(stop(&second)).await.unwrap();
    assert_eq!(end(second_events).await, None, "it never began");
    assert_eq!(status(&handle, &second).await, Some(RunStatus::Interrupted));
    handle.cancel(stop(&long)).await.unwrap();
    assert_eq!(end(third_events).await, None);
    assert_eq!(status(&handle, &third).await, Some(RunStatus::Success));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_run_that_has_to_wait_makes_its_thread_busy_and_lets_others_pass() {
    let runtime = runtime(Options::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let later = StartRun { delay: Duration::from_millis(300), ..request(thread_id, "quick", "later") };
    let (later, later_events) = handle.start_run(later).await.unwrap();
    assert!(later.created_at > later.updated_at, "it is dated when it may start");
    assert_eq!(handle.thread(thread_id).await.unwrap().status, ThreadStatus::Busy);
    let refused = handle.start_run(with(request(thread_id, "quick", "no"), MultitaskStrategy::Reject)).await;
    assert!(matches!(refused, Err(Error::ThreadBusy { .. })));
    let (_, now_events) = handle.start_run(request(thread_id, "quick", "now")).await.unwrap();
    end(now_events).await;
    assert_eq!(status(&handle, &later).await, Some(RunStatus::Pending));
    end(later_events).await;
    assert_eq!(said(&handle, thread_id).await, json!(["now", "later"]));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_timed_out() {
    let runtime = runtime(Options { run_timeout: Duration::from_millis(50), ..Options::default() });
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (long, events) = handle.start_run(request(thread_id, "long", "kept")).await.unwrap();
    assert_eq!(end(events).await.as_deref(), Some("TimeoutError"));
    assert_eq!(status(&handle, &long).await, Some(RunStatus::Timeout));
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!(thread.status, ThreadStatus::Error);
    assert_eq!(thread.error.unwrap().class.to_string(), "TimeoutError");
    assert_eq!(thread.values.unwrap().to_json()["done"], json!(["kept"]));
    runtime.shutdown().await;
}

#[tokio::test]
async fn an_answer_is_for_the_question_that_was_open_when_it_came() {
    let runtime = runtime(Options::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (_, events) = handle.start_run(request(thread_id, "asking", "x")).await.unwrap();
    end(events).await;
    let answer = |text: &str| StartRun {
        input: None,
        command: Some(json!({"resume": text})),
        ..request(thread_id, "asking", "")
    };
    // Both come while the first question is open, as when somebody clicks twice.
    let (one, two) = tokio::join!(handle.start_run(answer("yes")), handle.start_run(answer("yes")));
    ANSWERED.add_permits(1);
    let ends = [end(one.unwrap().1).await, end(two.unwrap().1).await];
    assert_eq!(ends.iter().filter(|end| end.is_none()).count(), 1, "{ends:?}");
    assert!(ends.iter().flatten().all(|class| class == "UnknownInterruptError"), "{ends:?}");
    assert_eq!(said(&handle, thread_id).await, json!(["yes"]), "the second question is not answered");
    let (_, events) = handle.start_run(answer("no")).await.unwrap();
    assert_eq!(end(events).await, None);
    assert_eq!(said(&handle, thread_id).await, json!(["yes", "again no"]));
    runtime.shutdown().await;
}

#[tokio::test]
async fn an_answer_that_one_question_had_is_for_no_other() {
    let runtime = runtime(Options::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let going_on = || StartRun { input: None, ..request(thread_id, "turns", "") };
    let answer = |text: &str| StartRun { command: Some(json!({"resume": text})), ..going_on() };
    for (step, open) in [
        (request(thread_id, "turns", "x"), Some("t1")),
        (answer("one"), Some("t2")),
        // Given nothing, it goes on with what it has.
        (going_on(), Some("t2")),
        (answer("two"), None),
    ] {
        assert_eq!(end(handle.start_run(step).await.unwrap().1).await, None);
        let asked = asked(&handle, thread_id).await;
        assert_eq!(asked.first().map(|(question, _)| question), open.map(Value::from).as_ref());
    }
    assert_eq!(said(&handle, thread_id).await, json!(["one two"]));
    runtime.shutdown().await;
}

/// What the thread asks, as questions with their ids.
async fn asked(handle: &Handle, thread_id: Uuid) -> Vec<(Value, String)> {
    let thread = handle.thread(thread_id).await.unwrap();
    let open = thread.interrupts.into_iter().flat_map(|(_, asked)| asked);
    let mut open: Vec<_> = open.map(|asked| (asked.value.json().clone(), asked.id)).collect();
    open.sort_by_key(|(question, _)| question.to_string());
    open
}

/// What an answer says of two questions.
type Answer = fn(&str, &str) -> Value;

/// An answer, one that comes late, how the run of that ends, and what is still asked and done then.
type Case = (Answer, Answer, Option<&'static str>, &'static [&'static str], Value);

#[tokio::test]
async fn an_answer_is_for_none_but_the_questions_that_were_open_when_it_came() {
    let runtime = runtime(Options::default());
    let handle = runtime.handle();
    let unknown = Some("UnknownInterruptError");
    let cases: [Case; 5] = [
        (|a, b| json!({a: "A", b: "B"}), |a, _| json!({a: "LATE"}), unknown, &["a2"], json!(["b B"])),
        (|a, b| json!({a: "A", b: "B"}), |_, _| json!("STALE"), unknown, &["a2"], json!(["b B"])),
        (|a, _| json!({a: "A"}), |_, _| json!("WHICH"), Some("RuntimeError"), &["a2", "b1"], json!([])),
        (|_, b| json!({b: "B"}), |_, _| json!("A"), None, &["a2"], json!(["b B"])),
        (|a, _| json!({a: "A"}), |_, b| json!({b: "B"}), None, &["a2"], json!(["b B"])),
    ];
    for (first, late, class, left, done) in cases {
        let thread_id = thread(&handle).await;
        let (_, events) = handle.start_run(request(thread_id, "beside", "x")).await.unwrap();
        end(events).await;
        let open = asked(&handle, thread_id).await;
        let [(_, a), (_, b)] = &open[..] else { panic!("{open:?}") };
        let answer = |resume: Value| StartRun {
            input: None,
            command: Some(json!({"resume": resume})),
            ..request(thread_id, "beside", "")
        };
        let (one, two) =
            tokio::join!(handle.start_run(answer(first(a, b))), handle.start_run(answer(late(a, b))));
        BESIDE.add_permits(2);
        assert_eq!(end(one.unwrap().1).await, None);
        assert_eq!(end(two.unwrap().1).await.as_deref(), class, "{left:?}");
        let open = asked(&handle, thread_id).await;
        assert_eq!(open.iter().map(|(question, _)| question).collect::<Vec<_>>(), left);
        assert_eq!(said(&handle, thread_id).await, done);
        BESIDE.forget_permits(2);
    }
    runtime.shutdown().await;
}
