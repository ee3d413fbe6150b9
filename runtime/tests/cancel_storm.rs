//! Runs that are stopped at any instant: after the answer nothing of them happens any more.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use eddyline_engine::prelude::*;
use eddyline_runtime::{
    CancelAction, CancelRun, CreateThread, Error, Handle, RunStatus, Runtime, StartRun, ThreadStatus,
};
use serde_json::json;

const CANCELS: u64 = 300;

#[state]
struct Work {
    input: u64,
}

/// The last moment at which a node did something to the world, in nanoseconds of the test.
struct World {
    begun: Instant,
    last: AtomicU64,
}

impl World {
    fn effect(&self) {
        self.last.fetch_max(self.now(), Ordering::SeqCst);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap()
    }
}

/// A node that works on the world and never ends.
fn on<F: Future<Output = Update<Work>>>(
    world: &Arc<World>,
    work: fn(Arc<World>) -> F,
) -> impl Fn(Work) -> F + use<F> {
    let world = Arc::clone(world);
    move |_| work(Arc::clone(&world))
}

async fn toil(world: Arc<World>) -> Update<Work> {
    loop {
        world.effect();
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

/// Blocks its OS thread for two milliseconds at a time.
async fn block(world: Arc<World>) -> Update<Work> {
    loop {
        for _ in 0..4 {
            world.effect();
            std::thread::sleep(Duration::from_micros(500));
        }
        world.effect();
        tokio::task::yield_now().await;
    }
}

fn alone(node: Node<Work>) -> CompiledGraph<Work> {
    StateGraph::<Work>::new().add(node).edge(START, "work").compile().unwrap()
}

fn runtime(world: &Arc<World>) -> Runtime {
    let nested = alone(Node::new("work", on(world, toil)));
    let outer = StateGraph::<Work>::new()
        .node("inner", nested)
        .node("beside", on(world, toil))
        .edge(START, "inner")
        .edge(START, "beside")
        .compile()
        .unwrap();
    Runtime::builder()
        .graph("toil", alone(Node::new("work", on(world, toil))))
        .graph("block", alone(Node::new("work", on(world, block)).blocking()))
        .graph("nested", outer)
        .start()
        .unwrap()
}

/// Starts a run, stops it after a while, and gives back how long after the request its last effect came.
async fn stopped(handle: &Handle, world: &World, round: u64) -> u64 {
    let graph = ["toil", "block", "nested"][usize::try_from(round % 3).unwrap()];
    let thread_id = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
    let input = Some(json!({"input": round}).into());
    let request = StartRun { thread_id: Some(thread_id), input, ..StartRun::new(graph) };
    let (run, events) = handle.start_run(request).await.unwrap();
    // Any instant: before its first node, in the midst of it, on its way.
    tokio::time::sleep(Duration::from_micros(round.wrapping_mul(2_654_435_761) % 5_000)).await;
    let action = if round.is_multiple_of(2) { CancelAction::Interrupt } else { CancelAction::Rollback };
    let stop = |wait| CancelRun { thread_id, run_id: run.run_id, action, reason: "enough".to_owned(), wait };
    let asked = world.now();
    if round.is_multiple_of(5) {
        // Said twice: at once, and then to wait for it.
        handle.cancel(stop(false)).await.unwrap();
    }
    let answer = handle.cancel(stop(true)).await;
    assert!(matches!(answer, Ok(()) | Err(Error::NothingToCancel { .. })), "{answer:?}");
    let last = world.last.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(4)).await;
    assert_eq!(world.last.load(Ordering::SeqCst), last, "{graph} did something after the answer");
    let status = handle.run(thread_id, run.run_id).await.ok().map(|run| run.status);
    let expected = (action == CancelAction::Interrupt).then_some(RunStatus::Interrupted);
    assert_eq!(status, expected, "the record is final");
    assert_ne!(handle.thread(thread_id).await.unwrap().status, ThreadStatus::Busy);
    drop(events);
    last.saturating_sub(asked)
}

#[tokio::test]
async fn nothing_happens_after_the_answer_whenever_a_run_is_stopped() {
    let world = Arc::new(World { begun: Instant::now(), last: AtomicU64::new(0) });
    let runtime = runtime(&world);
    let handle = runtime.handle();
    let mut after = Vec::new();
    for round in 0..CANCELS {
        after.push(stopped(&handle, &world, round).await);
    }
    after.sort_unstable();
    let part = |percent: usize| after[(after.len() - 1) * percent / 100] / 1_000;
    println!(
        "{CANCELS} runs stopped: from the request to the last effect p50 {} µs, p99 {} µs; effects after the answer: 0",
        part(50),
        part(99)
    );
    runtime.shutdown().await;
}
