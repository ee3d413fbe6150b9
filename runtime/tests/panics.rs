//! Whatever actor dies, and whenever: its thread comes back, and the run goes on or ends.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use eddyline_engine::ids::Timestamp;
use eddyline_engine::prelude::*;
use eddyline_runtime::{Clock, CreateThread, Options, Runtime, StartRun, SystemClock, ThreadStatus};
use futures_util::future::join_all;
use serde_json::json;

#[state]
struct Work {
    #[state(reduce = append)]
    done: Vec<String>,
}

async fn first(_: Work) -> Update<Work> {
    Work::update().done(["first".to_owned()])
}

async fn second(_: Work) -> Update<Work> {
    Work::update().done(["second".to_owned()])
}

fn graph() -> CompiledGraph<Work> {
    StateGraph::<Work>::new()
        .node("first", first)
        .node("second", second)
        .edge(START, "first")
        .edge("first", "second")
        .compile()
        .unwrap()
}

/// A clock that panics once, in whoever asks it for the n-th time after it was set.
#[derive(Debug)]
struct Trap(AtomicI64);

impl Clock for Trap {
    fn now(&self) -> Timestamp {
        assert!(self.0.fetch_sub(1, Ordering::SeqCst) != 1, "the trap");
        SystemClock.now()
    }
}

/// What was done on a thread one of whose actors died when it asked for the time the n-th time; `None` when the
/// request was lost with it.
async fn survives(place: i64) -> Option<serde_json::Value> {
    let trap = Arc::new(Trap(AtomicI64::new(0)));
    let options = Options { node_workers: 1, ..Options::default() };
    let builder = Runtime::builder().graph("work", graph()).clock(Arc::<Trap>::clone(&trap)).options(options);
    let runtime = builder.start().unwrap();
    let handle = runtime.handle();
    let thread_id = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
    trap.0.store(place, Ordering::SeqCst);
    let input = Some(json!({"done": []}).into());
    let request = StartRun { thread_id: Some(thread_id), input, ..StartRun::new("work") };
    let accepted = match handle.start_run(request).await {
        Ok((_, mut events)) => {
            while events.next().await.is_some() {}
            true
        }
        Err(error) => {
            // Nobody knows how far it came.
            assert!(["REQUEST_LOST", "STORAGE_UNKNOWN"].contains(&error.code()), "place {place}: {error}");
            false
        }
    };
    for _ in 0..2_000 {
        if handle.thread(thread_id).await.unwrap().status != ThreadStatus::Busy {
            let thread = handle.thread(thread_id).await.unwrap();
            runtime.shutdown().await;
            return accepted.then(|| json!({"status": thread.status.as_str(), "done": thread.values}));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("place {place}: the thread stays busy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_outlives_its_actors() {
    let found = join_all((1..60).map(survives)).await;
    let whole = json!({"status": "idle", "done": {"done": ["first", "second"]}});
    let sound = found.iter().flatten().filter(|found| **found == whole).count();
    let failed = found.iter().flatten().filter(|found| found["status"] == "error").count();
    let accepted = found.iter().flatten().count();
    // Those fail that died inside of the driver, which takes any panic for one of the graph.
    println!("{accepted} runs accepted: {sound} sound, {failed} failed");
    assert_eq!(sound + failed, accepted, "{found:?}");
    assert!(sound > 20 && accepted > 40, "{found:?}");
}
