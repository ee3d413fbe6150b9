//! What happens when storage is slow or fails, a reader is slow, or a node is cancelled.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

mod nodes;
mod plan;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use eddyline_engine::config::Durability;
use eddyline_engine::fact::Body;
use eddyline_engine::prelude::*;
use eddyline_runtime::storage::Read;
use eddyline_runtime::{
    CancelAction, CancelRun, CreateThread, Delivery, Handle, Options, ReadHistory, ReadState, Run, RunStatus,
    Runtime, StartRun, Subscription, ThreadStatus, UpdateState,
};
use serde_json::json;
use uuid::Uuid;

use crate::plan::{Faulty, Plan};

#[state]
struct Count {
    count: u64,
}

async fn add(state: Count) -> Update<Count> {
    Count::update().count(state.count + 1)
}

// Routes take the state by value, as nodes do.
#[allow(clippy::needless_pass_by_value)]
fn again(state: Count) -> &'static str {
    if state.count < 20 { "add" } else { END }
}

fn counting() -> CompiledGraph<Count> {
    StateGraph::<Count>::new()
        .node("add", add)
        .edge(START, "add")
        .conditional_edges("add", again, ["add", END])
        .compile()
        .unwrap()
}

fn runtime(plan: Plan, options: Options) -> (Runtime, Arc<Plan>) {
    let plan = Arc::new(plan);
    let memory = plan.memory.lock().unwrap().clone();
    let storage = Faulty { memory, plan: Arc::clone(&plan) };
    let runtime = Runtime::builder()
        .graph("count", counting())
        .storage(Box::new(storage))
        .options(options)
        .start()
        .unwrap();
    (runtime, plan)
}

async fn start(handle: &Handle, thread_id: Uuid, durability: Durability) -> (Run, Subscription) {
    let input = Some(json!({"count": 0}).into());
    let request = StartRun { thread_id: Some(thread_id), input, durability, ..StartRun::new("count") };
    handle.start_run(request).await.unwrap()
}

async fn thread(handle: &Handle) -> Uuid {
    handle.create_thread(CreateThread::default()).await.unwrap().thread_id
}

/// The facts to the end of the stream.
async fn bodies(events: &mut Subscription) -> Vec<Body> {
    let mut bodies = Vec::new();
    while let Some(Delivery::Fact(entry)) = events.next().await {
        bodies.push(entry.fact.body.clone());
    }
    bodies
}

fn failure(bodies: &[Body]) -> Option<&str> {
    match bodies.last() {
        Some(Body::RunEnded { failure, .. }) => failure.as_ref().map(|failure| &*failure.class),
        other => panic!("ends with {other:?}"),
    }
}

#[tokio::test]
async fn nobody_hears_of_a_checkpoint_that_is_not_stored() {
    let slow = Plan { delay: Duration::from_millis(2), ..Plan::default() };
    let (runtime, plan) = runtime(slow, Options::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    for durability in [Durability::Sync, Durability::Async] {
        let (_, mut events) = start(&handle, thread_id, durability).await;
        let mut checkpoints = 0;
        while let Some(Delivery::Fact(entry)) = events.next().await {
            if let Body::Checkpoint(checkpoint) = &entry.fact.body {
                checkpoints += 1;
                assert!(plan.stored.lock().unwrap().contains(&checkpoint.id), "{durability:?}");
            }
        }
        assert!(checkpoints > 20, "{durability:?}: {checkpoints}");
    }
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_run_ends_in_the_transaction_of_its_last_commit() {
    for durability in [Durability::Sync, Durability::Async, Durability::Exit] {
        let (runtime, plan) = runtime(Plan::default(), Options::default());
        let handle = runtime.handle();
        let thread_id = thread(&handle).await;
        let (_, mut events) = start(&handle, thread_id, durability).await;
        assert_eq!(failure(&bodies(&mut events).await), None);
        let ends = plan.ends.lock().unwrap().clone();
        assert_eq!(ends, [(Some(RunStatus::Success), Some(ThreadStatus::Idle))], "{durability:?}");
        runtime.shutdown().await;
    }
}

#[tokio::test]
async fn a_commit_that_fails_fails_the_run() {
    let (runtime, plan) = runtime(Plan::default(), Options::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    plan.refuse_commits.store(true, Ordering::SeqCst);
    let (run, mut events) = start(&handle, thread_id, Durability::Sync).await;
    let facts = bodies(&mut events).await;
    assert_eq!(failure(&facts), Some("StorageError"));
    assert!(!facts.iter().any(|body| matches!(body, Body::Checkpoint(_))), "none was stored");
    assert_eq!(handle.run(thread_id, run.run_id).await.unwrap().status, RunStatus::Error);

    plan.refuse_commits.store(false, Ordering::SeqCst);
    let (_, mut events) = start(&handle, thread_id, Durability::Sync).await;
    assert_eq!(failure(&bodies(&mut events).await), None);
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!(thread.values.unwrap().to_json(), json!({"count": 20}));
    runtime.shutdown().await;
}

#[tokio::test]
async fn nothing_is_built_on_a_commit_that_was_not_stored() {
    // Slow, so that several commits are on their way when one of them is refused.
    let slow = Plan { delay: Duration::from_millis(2), refuse_one: AtomicI64::new(7), ..Plan::default() };
    let (runtime, _) = runtime(slow, Options::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (run, mut events) = start(&handle, thread_id, Durability::Async).await;
    assert_eq!(failure(&bodies(&mut events).await), Some("StorageError"));
    assert_eq!(handle.run(thread_id, run.run_id).await.unwrap().status, RunStatus::Error);
    let history = handle.history(ReadHistory::new(thread_id, 100)).await.unwrap();
    assert_eq!(history.len(), 6, "those before it, and none after");
    let newest = history[0].snapshot.as_ref().unwrap().values.to_json();
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!((thread.status, thread.values.unwrap().to_json()), (ThreadStatus::Error, newest));

    let (_, mut events) = start(&handle, thread_id, Durability::Async).await;
    assert_eq!(failure(&bodies(&mut events).await), None);
    let later = handle.history(ReadHistory::new(thread_id, 100)).await.unwrap();
    let first = later[later.len() - history.len() - 1].snapshot.as_ref().unwrap();
    let goes_on_from = first.parent;
    assert_eq!(goes_on_from, history[0].address().checkpoint_id, "the next run goes on from there");
    runtime.shutdown().await;
}

#[tokio::test]
async fn an_end_that_is_not_stored_is_told_and_stored_later() {
    let (runtime, plan) = runtime(Plan::default(), Options::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    plan.refuse_ends.store(true, Ordering::SeqCst);
    let (_, mut events) = start(&handle, thread_id, Durability::Async).await;
    assert_eq!(failure(&bodies(&mut events).await), Some("StorageError"));
    assert_eq!(handle.thread(thread_id).await.unwrap().status, ThreadStatus::Busy, "as it is stored");

    plan.refuse_ends.store(false, Ordering::SeqCst);
    let (_, mut events) = start(&handle, thread_id, Durability::Async).await;
    assert_eq!(failure(&bodies(&mut events).await), None);
    assert_eq!(handle.thread(thread_id).await.unwrap().status, ThreadStatus::Idle);
    runtime.shutdown().await;
}

#[tokio::test]
async fn an_end_that_is_stored_unheard_is_the_end() {
    let (runtime, plan) = runtime(Plan::default(), Options::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    plan.lose_ends.store(true, Ordering::SeqCst);
    let (run, mut events) = start(&handle, thread_id, Durability::Sync).await;
    assert_eq!(failure(&bodies(&mut events).await), None);
    assert_eq!(handle.run(thread_id, run.run_id).await.unwrap().status, RunStatus::Success);
    runtime.shutdown().await;
}

/// A runtime whose storage lets writes gather, so that they are under way for a while; on this OS thread.
fn gathering(test: impl AsyncFnOnce(Handle, Arc<Plan>)) {
    actix::System::new().block_on(async {
        let plan = Arc::<Plan>::default();
        let memory = plan.memory.lock().unwrap().clone();
        let storage = Faulty { memory, plan: Arc::clone(&plan) };
        let builder = Runtime::builder().graph("count", counting()).storage(Box::new(storage));
        let runtime = builder.start_here(|| Duration::from_millis(20)).unwrap();
        test(runtime.handle(), plan).await;
        runtime.shutdown().await;
    });
}

#[test]
fn a_run_that_is_not_stored_leaves_nothing() {
    gathering(async |handle, plan| {
        let thread_id = thread(&handle).await;
        plan.refuse_runs.store(true, Ordering::SeqCst);
        let input = Some(json!({"count": 0}).into());
        let request = StartRun { thread_id: Some(thread_id), input, ..StartRun::new("count") };
        assert_eq!(handle.start_run(request).await.unwrap_err().code(), "STORAGE_FAILED");
        assert_eq!(plan.memory.lock().unwrap().history(thread_id, &"".into(), None, 1).unwrap(), []);
    });
}

#[test]
fn a_run_that_is_stopped_leaves_what_it_has_stored() {
    gathering(async |handle, _| {
        let thread_id = thread(&handle).await;
        let (run, mut events) = start(&handle, thread_id, Durability::Async).await;
        while let Some(Delivery::Fact(entry)) = events.next().await {
            if matches!(entry.fact.body, Body::TaskStarted(_)) {
                break;
            }
        }
        let (run_id, reason, action) = (run.run_id, "enough".to_owned(), CancelAction::Interrupt);
        handle.cancel(CancelRun { thread_id, run_id, action, reason, wait: true }).await.unwrap();
        let says = handle.thread(thread_id).await.unwrap().values.unwrap();
        let state = handle.state(ReadState::new(thread_id)).await.unwrap().snapshot.unwrap();
        assert_eq!(says, state.values);
    });
}

#[test]
fn a_second_cancel_with_another_action_is_told_the_truth() {
    let (interrupt, rollback) = (CancelAction::Interrupt, CancelAction::Rollback);
    for (first, second) in [(interrupt, rollback), (rollback, interrupt), (interrupt, interrupt)] {
        gathering(async |handle, _| {
            let thread_id = thread(&handle).await;
            let (run, _events) = start(&handle, thread_id, Durability::Async).await;
            let stop = |action, wait| {
                handle.cancel(CancelRun {
                    action,
                    wait,
                    thread_id,
                    run_id: run.run_id,
                    reason: "x".to_owned(),
                })
            };
            stop(first, false).await.unwrap();
            // What the run came to is on its way to storage by now.
            let answer = stop(second, true).await;
            let is_there = handle.run(thread_id, run.run_id).await.is_ok();
            assert_eq!(is_there, first == interrupt, "{first:?}");
            let is_true = match answer {
                Ok(()) => !(second == rollback && is_there),
                // The run was over already, or was rolled back and is gone.
                Err(error) => error.code() == "NOTHING_TO_CANCEL",
            };
            assert!(is_true, "{first:?}, then {second:?}");
        });
    }
}

#[test]
fn an_end_on_its_way_is_not_the_end_when_a_commit_before_it_is_lost() {
    for in_doubt in [false, true] {
        gathering(async |handle, plan| {
            let thread_id = thread(&handle).await;
            plan.in_doubt.store(in_doubt, Ordering::SeqCst);
            plan.refuse_one.store(1, Ordering::SeqCst);
            // All its commits are on their way together.
            let input = Some(json!({"count": 18}).into());
            let request = StartRun { thread_id: Some(thread_id), input, ..StartRun::new("count") };
            let (run, mut events) = handle.start_run(request).await.unwrap();
            assert_eq!(failure(&bodies(&mut events).await), Some("StorageError"), "in doubt: {in_doubt}");
            assert_eq!(handle.run(thread_id, run.run_id).await.unwrap().status, RunStatus::Error);
            assert_eq!(handle.thread(thread_id).await.unwrap().status, ThreadStatus::Error);
        });
    }
}

#[tokio::test]
async fn a_reader_who_falls_behind_is_told_and_goes_on() {
    let (runtime, _) =
        runtime(Plan::default(), Options { tape_bytes: 4096, batch_facts: 4, ..Options::default() });
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let (_, mut slow) = start(&handle, thread_id, Durability::Async).await;
    let (_, mut other) = start(&handle, thread_id, Durability::Async).await;
    // The other reader's run comes second, so the slow one's is over.
    while other.next().await.is_some() {}

    let mut gaps = 0;
    let mut last = 0;
    while let Some(delivery) = slow.next().await {
        match delivery {
            Delivery::Fact(entry) => {
                assert!(entry.seq > last);
                last = entry.seq;
            }
            Delivery::Present => panic!("nobody asked"),
            Delivery::Gap(gap) => {
                gaps += 1;
                assert!(gap.resumes_at > last);
            }
        }
    }
    // The other run may still push facts out while this one is read.
    assert!(gaps >= 1);
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_change_by_hand_that_is_not_stored_did_not_happen() {
    let (runtime, plan) = runtime(Plan::default(), Options::default());
    let handle = runtime.handle();
    let thread_id = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
    let (_, mut events) = start(&handle, thread_id, Durability::Sync).await;
    while events.next().await.is_some() {}
    let before = handle.thread(thread_id).await.unwrap();
    let update = || UpdateState::new(thread_id, Some(json!({"count": 99}).into()), Some("add".into()));
    plan.refuse_commits.store(true, Ordering::SeqCst);
    let error = handle.update_state(update()).await.unwrap_err();
    assert_eq!(error.code(), "STORAGE_FAILED");
    assert_eq!(handle.thread(thread_id).await.unwrap(), before);

    plan.refuse_commits.store(false, Ordering::SeqCst);
    // The thread begins again from what is stored, as soon as it has noticed.
    while let Err(error) = handle.update_state(update()).await {
        assert_eq!(error.code(), "REQUEST_LOST");
    }
    let values = handle.thread(thread_id).await.unwrap().values.unwrap();
    assert_eq!(values.to_json(), json!({"count": 99}));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_thread_shows_no_state_that_is_not_stored() {
    let (runtime, plan) = runtime(Plan::default(), Options::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    plan.refuse_commits.store(true, Ordering::SeqCst);
    for durability in [Durability::Sync, Durability::Async] {
        let (_, mut events) = start(&handle, thread_id, durability).await;
        assert_eq!(failure(&bodies(&mut events).await), Some("StorageError"));
        let record = handle.thread(thread_id).await.unwrap();
        assert_eq!(record.values, None, "{durability:?}: no checkpoint was stored");
    }
    runtime.shutdown().await;
}
