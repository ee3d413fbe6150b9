//! Runs that are stopped, and runs and threads that are deleted.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use eddyline_engine::config::Durability;
use eddyline_engine::fact::Body;
use eddyline_engine::prelude::*;
use eddyline_runtime::{
    Begin, CancelAction, CancelRun, CreateThread, Delivery, Handle, IfNotExists, ListRuns, Listen,
    ReadHistory, ReadState, Run, RunStatus, Runtime, StartRun, Subscription, Thread, ThreadStatus,
    UpdateThread,
};
use serde_json::{Map, json};
use uuid::Uuid;

#[state]
struct Work {
    input: String,
    #[state(reduce = append)]
    done: Vec<String>,
}

/// Counts what nodes do to the world.
#[derive(Clone, Default)]
struct Effects(Arc<AtomicU64>);

impl Effects {
    fn happen(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

async fn first(_: Work) -> Update<Work> {
    Work::update().done(["first".to_owned()])
}

async fn toil(effects: Effects) -> Update<Work> {
    loop {
        effects.happen();
        tokio::task::yield_now().await;
    }
}

async fn block(effects: Effects) -> Update<Work> {
    effects.happen();
    std::thread::sleep(Duration::from_millis(150));
    effects.happen();
    std::future::pending().await
}

/// `first`, then a node that never ends of itself.
fn then(node: Node<Work>) -> CompiledGraph<Work> {
    StateGraph::<Work>::new()
        .node("first", first)
        .add(node)
        .edge(START, "first")
        .edge("first", "work")
        .compile()
        .unwrap()
}

fn runtime(effects: &Effects) -> Runtime {
    let (many, blocking) = (effects.clone(), effects.clone());
    let toil = move |_: Work| toil(many.clone());
    let block = move |_: Work| block(blocking.clone());
    let quick = StateGraph::<Work>::new().node("first", first).edge(START, "first").compile().unwrap();
    Runtime::builder()
        .graph("quick", quick)
        .graph("toil", then(Node::new("work", toil)))
        .graph("block", then(Node::new("work", block).blocking()))
        .start()
        .unwrap()
}

async fn thread(handle: &Handle) -> Uuid {
    handle.create_thread(CreateThread::default()).await.unwrap().thread_id
}

async fn begin(handle: &Handle, thread_id: Uuid, graph: &str) -> (Run, Subscription) {
    let input = Some(json!({"input": "x"}).into());
    handle.start_run(StartRun { thread_id: Some(thread_id), input, ..StartRun::new(graph) }).await.unwrap()
}

/// Reads until the last node is at work.
async fn at_work(events: &mut Subscription) {
    while let Some(Delivery::Fact(entry)) = events.next().await {
        if matches!(&entry.fact.body, Body::TaskStarted(task) if &*task.name == "work") {
            return;
        }
    }
    panic!("the run ended before its last node began");
}

/// Reads to the end, which has to be there and must not be an error.
async fn ends_well(mut events: Subscription) {
    let mut last = None;
    while let Some(Delivery::Fact(entry)) = events.next().await {
        last = Some(entry);
    }
    assert!(last.is_none_or(|last| matches!(last.fact.body, Body::RunEnded { failure: None, .. })));
}

fn cancel(run: &Run, action: CancelAction, wait: bool) -> CancelRun {
    let reason = "enough".to_owned();
    CancelRun { thread_id: run.thread_id, run_id: run.run_id, action, reason, wait }
}

async fn record(handle: &Handle, run: &Run) -> (Thread, Option<RunStatus>) {
    let found = handle.run(run.thread_id, run.run_id).await;
    (handle.thread(run.thread_id).await.unwrap(), found.ok().map(|run| run.status))
}

async fn steps(handle: &Handle, thread_id: Uuid) -> usize {
    handle.history(ReadHistory::new(thread_id, 100)).await.unwrap().len()
}

async fn check_that_nothing_happens_after(graph: &str) {
    let effects = Effects::default();
    let runtime = runtime(&effects);
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (run, mut events) = begin(&handle, thread_id, graph).await;
    at_work(&mut events).await;
    while effects.count() == 0 {
        tokio::task::yield_now().await;
    }
    handle.cancel(cancel(&run, CancelAction::Interrupt, true)).await.unwrap();
    let count = effects.count();
    let (thread, status) = record(&handle, &run).await;
    assert_eq!((thread.status, status), (ThreadStatus::Interrupted, Some(RunStatus::Interrupted)));
    let error = thread.error.unwrap();
    assert_eq!((&*error.class, &*error.message), ("UserInterrupt", "enough"));
    assert_eq!(thread.values.unwrap().to_json(), json!({"input": "x", "done": ["first"]}));
    ends_well(events).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(effects.count(), count, "the answer came too early");

    let next = handle.state(ReadState::new(thread_id)).await.unwrap().snapshot.unwrap().next;
    assert_eq!(next, ["work".into()]);
    let error = handle.cancel(cancel(&run, CancelAction::Interrupt, true)).await.unwrap_err();
    assert_eq!((error.code(), &*error.to_string()), ("NOTHING_TO_CANCEL", "No runs found to cancel."));
    runtime.shutdown().await;
}

#[tokio::test]
async fn nothing_happens_after_a_cancelled_run_has_let_go() {
    check_that_nothing_happens_after("toil").await;
}

#[tokio::test]
async fn a_node_that_blocks_is_waited_for() {
    check_that_nothing_happens_after("block").await;
}

#[tokio::test]
async fn the_next_run_begins_when_the_cancelled_one_has_let_go() {
    let effects = Effects::default();
    let runtime = runtime(&effects);
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (run, mut events) = begin(&handle, thread_id, "block").await;
    let (next, next_events) = begin(&handle, thread_id, "quick").await;
    at_work(&mut events).await;
    handle.cancel(cancel(&run, CancelAction::Interrupt, false)).await.unwrap();
    assert_eq!(
        record(&handle, &run).await.1,
        Some(RunStatus::Cancelling(CancelAction::Interrupt)),
        "at once"
    );
    ends_well(next_events).await;
    let (thread, status) = record(&handle, &next).await;
    assert_eq!((thread.status, status), (ThreadStatus::Idle, Some(RunStatus::Success)));
    assert_eq!(effects.count() % 2, 0, "the node of the first was not in the midst of anything");
    assert_eq!(record(&handle, &run).await.1, Some(RunStatus::Interrupted));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_rolled_back_run_leaves_nothing() {
    let runtime = runtime(&Effects::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    ends_well(begin(&handle, thread_id, "quick").await.1).await;
    let before = (handle.thread(thread_id).await.unwrap(), steps(&handle, thread_id).await);
    let (run, mut events) = begin(&handle, thread_id, "toil").await;
    at_work(&mut events).await;
    assert!(steps(&handle, thread_id).await > before.1);
    handle.cancel(cancel(&run, CancelAction::Rollback, true)).await.unwrap();
    let (thread, status) = record(&handle, &run).await;
    assert_eq!((thread.status, &thread.values, status), (ThreadStatus::Idle, &before.0.values, None));
    assert_eq!(steps(&handle, thread_id).await, before.1);
    ends_well(events).await;
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_run_that_waits_never_starts() {
    let runtime = runtime(&Effects::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (first, mut first_events) = begin(&handle, thread_id, "toil").await;
    let (kept, kept_events) = begin(&handle, thread_id, "quick").await;
    let (gone, gone_events) = begin(&handle, thread_id, "quick").await;
    at_work(&mut first_events).await;
    handle.cancel(cancel(&kept, CancelAction::Interrupt, true)).await.unwrap();
    handle.cancel(cancel(&gone, CancelAction::Rollback, false)).await.unwrap();
    ends_well(kept_events).await;
    ends_well(gone_events).await;
    let (thread, status) = record(&handle, &kept).await;
    assert_eq!((thread.status, status), (ThreadStatus::Busy, Some(RunStatus::Interrupted)));
    assert_eq!(record(&handle, &gone).await.1, None);
    handle.cancel(cancel(&first, CancelAction::Interrupt, true)).await.unwrap();
    assert_eq!(record(&handle, &first).await.0.status, ThreadStatus::Interrupted);
    runtime.shutdown().await;
}

#[tokio::test]
async fn progress_that_was_held_back_is_not_told_of() {
    let runtime = runtime(&Effects::default());
    let handle = runtime.handle();
    let input = Some(json!({"input": "x"}).into());
    let thread_id = Some(thread(&handle).await);
    let request = StartRun { thread_id, input, durability: Durability::Exit, ..StartRun::new("toil") };
    let (run, mut events) = handle.start_run(request).await.unwrap();
    at_work(&mut events).await;
    handle.cancel(cancel(&run, CancelAction::Interrupt, true)).await.unwrap();
    let (thread, _) = record(&handle, &run).await;
    assert_eq!((thread.status, thread.values), (ThreadStatus::Idle, None));
    assert_eq!(steps(&handle, run.thread_id).await, 0);
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_cancelled_run_of_no_thread_leaves_none() {
    let runtime = runtime(&Effects::default());
    let handle = runtime.handle();
    let input = Some(json!({"input": "x"}).into());
    let (run, mut events) = handle.start_run(StartRun { input, ..StartRun::new("toil") }).await.unwrap();
    at_work(&mut events).await;
    handle.cancel(cancel(&run, CancelAction::Interrupt, true)).await.unwrap();
    assert_eq!(handle.thread(run.thread_id).await.unwrap_err().code(), "THREAD_NOT_FOUND");
    ends_well(events).await;
    runtime.shutdown().await;
}

#[tokio::test]
async fn deleted_runs_are_gone_wherever_they_were() {
    let runtime = runtime(&Effects::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (over, events) = begin(&handle, thread_id, "quick").await;
    ends_well(events).await;
    let (current, mut events) = begin(&handle, thread_id, "toil").await;
    let (waiting, waiting_events) = begin(&handle, thread_id, "quick").await;
    at_work(&mut events).await;
    for run in [&over, &waiting, &current] {
        handle.delete_run(thread_id, run.run_id).await.unwrap();
        let error = handle.delete_run(thread_id, run.run_id).await.unwrap_err();
        assert_eq!(error.code(), "RUN_NOT_FOUND");
    }
    ends_well(events).await;
    ends_well(waiting_events).await;
    assert_eq!(steps(&handle, thread_id).await, 0);
    let list = ListRuns { thread_id, status: None, limit: 10, offset: 0 };
    assert!(handle.runs(list).await.unwrap().is_empty());
    assert_eq!(handle.thread(thread_id).await.unwrap().status, ThreadStatus::Idle);
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_deleted_thread_takes_everything_along() {
    let effects = Effects::default();
    let runtime = runtime(&effects);
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (run, mut events) = begin(&handle, thread_id, "toil").await;
    let (_, waiting_events) = begin(&handle, thread_id, "quick").await;
    let listen = Listen { thread_id, run_id: None, begin: Begin::Now, tokens: false };
    let mut listener = handle.listen(listen).await.unwrap();
    at_work(&mut events).await;
    handle.delete_thread(thread_id).await.unwrap();
    let count = effects.count();
    assert_eq!(handle.thread(thread_id).await.unwrap_err().code(), "THREAD_NOT_FOUND");
    assert_eq!(handle.run(thread_id, run.run_id).await.unwrap_err().code(), "RUN_NOT_FOUND");
    assert_eq!(handle.delete_thread(thread_id).await.unwrap_err().code(), "THREAD_NOT_FOUND");
    ends_well(events).await;
    ends_well(waiting_events).await;
    while listener.next().await.is_some() {}
    assert_eq!(effects.count(), count);

    let request = StartRun {
        thread_id: Some(thread_id),
        input: Some(json!({"input": "y"}).into()),
        if_not_exists: IfNotExists::Create,
        ..StartRun::new("quick")
    };
    ends_well(handle.start_run(request).await.unwrap().1).await;
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!(thread.values.unwrap().to_json(), json!({"input": "y", "done": ["first"]}), "it begins anew");
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_thread_that_goes_with_its_run_is_deleted_like_any_other() {
    let effects = Effects::default();
    let runtime = runtime(&effects);
    let handle = runtime.handle();
    for attended in [true, false] {
        let input = Some(json!({"input": "x"}).into());
        let request = StartRun { input, attended, ..StartRun::new("toil") };
        let (run, mut events) = handle.start_run(request).await.unwrap();
        at_work(&mut events).await;
        let deletion = tokio::time::timeout(Duration::from_secs(10), handle.delete_thread(run.thread_id));
        deletion.await.expect("who deletes is answered").unwrap();
        ends_well(events).await;
        assert_eq!(handle.thread(run.thread_id).await.unwrap_err().code(), "THREAD_NOT_FOUND");
    }
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_run_that_makes_its_thread_comes_after_the_one_that_is_being_deleted() {
    let effects = Effects::default();
    let runtime = runtime(&effects);
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (_, mut events) = begin(&handle, thread_id, "block").await;
    at_work(&mut events).await;
    while effects.count() == 0 {
        tokio::task::yield_now().await;
    }
    // It blocks for a while, and so long the thread is on its way out.
    let request = |if_not_exists| StartRun {
        thread_id: Some(thread_id),
        input: Some(json!({"input": "y"}).into()),
        if_not_exists,
        ..StartRun::new("quick")
    };
    let (deleted, (_, events), refused) = tokio::join!(
        biased;
        handle.delete_thread(thread_id),
        async { handle.start_run(request(IfNotExists::Create)).await.unwrap() },
        handle.start_run(request(IfNotExists::Reject)),
    );
    deleted.unwrap();
    assert_eq!(refused.unwrap_err().code(), "THREAD_NOT_FOUND");
    ends_well(events).await;
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!(thread.values.unwrap().to_json(), json!({"input": "y", "done": ["first"]}), "it begins anew");
    runtime.shutdown().await;
}

#[tokio::test]
async fn metadata_is_changed_entry_by_entry_while_a_run_is_under_way() {
    let runtime = runtime(&Effects::default());
    let handle = runtime.handle();
    let metadata = Map::from_iter([("a".to_owned(), json!({"x": 1})), ("b".to_owned(), json!(2))]);
    let made = handle.create_thread(CreateThread { metadata, ..CreateThread::default() }).await.unwrap();
    let (run, mut events) = begin(&handle, made.thread_id, "toil").await;
    at_work(&mut events).await;
    let metadata = Map::from_iter([("a".to_owned(), json!({"y": 1})), ("c".to_owned(), json!(null))]);
    let request = UpdateThread { thread_id: made.thread_id, metadata: metadata.clone(), ttl: None };
    let thread = handle.update_thread(request).await.unwrap();
    handle.cancel(cancel(&run, CancelAction::Interrupt, true)).await.unwrap();
    let stored = handle.thread(made.thread_id).await.unwrap();
    assert_eq!(stored.metadata, thread.metadata);
    let own: Vec<_> = ["a", "b", "c"].iter().map(|key| stored.metadata[*key].clone()).collect();
    assert_eq!(own, [json!({"y": 1}), json!(2), json!(null)]);
    let nobody = UpdateThread { thread_id: Uuid::nil(), metadata, ttl: None };
    assert_eq!(handle.update_thread(nobody).await.unwrap_err().code(), "THREAD_NOT_FOUND");
    runtime.shutdown().await;
}
