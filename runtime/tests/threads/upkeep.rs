//! Threads that are copied, pruned and left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use eddyline_engine::ids::Timestamp;
use eddyline_runtime::{
    Clock, CreateThread, Error, Handle, Options, PruneStrategy, PruneThreads, ReadHistory, ReadState,
    Runtime, StartRun, Subscription, Thread, ThreadStatus, Ttl, UpdateThread,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{ask, nap, pair, refine};

const MINUTE: i64 = 60_000_000;

/// A clock that stands until it is moved on.
#[derive(Debug)]
struct Standing(AtomicI64);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

fn runtime(options: Options) -> (Runtime, Arc<Standing>) {
    let clock = Arc::new(Standing(AtomicI64::new(1)));
    let builder =
        Runtime::builder().graph("agent", pair(refine)).graph("nap", pair(nap)).graph("ask", pair(pair(ask)));
    (builder.clock(Arc::clone(&clock) as Arc<dyn Clock>).options(options).start().unwrap(), clock)
}

async fn thread(handle: &Handle, ttl: Option<Ttl>) -> Uuid {
    handle.create_thread(CreateThread { ttl, ..CreateThread::default() }).await.unwrap().thread_id
}

async fn begin(handle: &Handle, thread_id: Uuid, graph: &str, command: Option<Value>) -> Subscription {
    let input = Some(json!({"topic": "x"}).into());
    let request = StartRun { thread_id: Some(thread_id), input, command, ..StartRun::new(graph) };
    handle.start_run(request).await.unwrap().1
}

async fn run(handle: &Handle, thread_id: Uuid, graph: &str, command: Option<Value>) -> Thread {
    let mut events = begin(handle, thread_id, graph, command).await;
    while events.next().await.is_some() {}
    handle.thread(thread_id).await.unwrap()
}

async fn steps(handle: &Handle, thread_id: Uuid) -> usize {
    handle.history(ReadHistory::new(thread_id, 100)).await.unwrap().len()
}

async fn keep_latest(handle: &Handle, thread_ids: &[Uuid]) -> usize {
    let request = PruneThreads { thread_ids: thread_ids.to_vec(), strategy: PruneStrategy::KeepLatest };
    handle.prune_threads(request).await.unwrap()
}

fn value(thread: &Thread, key: &str) -> Value {
    thread.values.as_ref().unwrap().get(key).unwrap().json().clone()
}

#[tokio::test]
async fn a_copy_is_that_of_what_is_stored_and_goes_its_own_way() {
    let (runtime, _) = runtime(Options::default());
    let handle = runtime.handle();
    let nobody = Uuid::from_u128(1);
    let missing = handle.copy_thread(nobody).await.unwrap_err();
    assert!(matches!(missing, Error::ThreadNotFound { thread_id } if thread_id == nobody));

    let source = thread(&handle, None).await;
    run(&handle, source, "agent", None).await;
    let under_way = begin(&handle, source, "nap", None).await;
    let copy = handle.copy_thread(source).await.unwrap();
    assert_eq!((copy.status, value(&copy, "topic")), (ThreadStatus::Idle, json!("x and cats and cats")));
    assert_eq!(handle.thread(copy.thread_id).await.unwrap(), copy);
    let state = handle.state(ReadState::new(copy.thread_id)).await.unwrap().snapshot.unwrap();
    assert_eq!(state.metadata.extra["thread_id"], json!(copy.thread_id));
    drop(under_way);

    let after = run(&handle, copy.thread_id, "agent", None).await;
    // How far the other had come when it was copied is not known.
    let mut log = state.values.get("log").unwrap().json().as_array().unwrap().clone();
    log.extend([json!("refine"), json!("refine")]);
    assert_eq!(value(&after, "log"), Value::Array(log));
    handle.delete_thread(source).await.unwrap();
    assert_eq!(handle.thread(copy.thread_id).await.unwrap(), after);
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_copy_of_a_question_is_answered_for_itself() {
    let (runtime, _) = runtime(Options::default());
    let handle = runtime.handle();
    let source = thread(&handle, None).await;
    let asked = run(&handle, source, "ask", None).await;
    assert_eq!((asked.status, asked.interrupts.len()), (ThreadStatus::Interrupted, 1));
    let copy = handle.copy_thread(source).await.unwrap();
    assert_eq!(copy.interrupts, asked.interrupts);
    let answered = run(&handle, copy.thread_id, "ask", Some(json!({"resume": "yes"}))).await;
    assert_eq!((answered.status, value(&answered, "joke")), (ThreadStatus::Idle, json!("yes")));
    assert_eq!(handle.thread(source).await.unwrap(), asked);
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_thread_that_kept_its_latest_checkpoint_goes_on() {
    let (runtime, _) = runtime(Options::default());
    let handle = runtime.handle();
    let thread_id = thread(&handle, None).await;
    run(&handle, thread_id, "agent", None).await;
    let before = run(&handle, thread_id, "ask", None).await;
    assert!(steps(&handle, thread_id).await > 4);
    assert_eq!(keep_latest(&handle, &[thread_id, Uuid::from_u128(1)]).await, 1);
    assert_eq!(steps(&handle, thread_id).await, 1);
    assert_eq!(handle.thread(thread_id).await.unwrap(), before);
    let after = run(&handle, thread_id, "ask", Some(json!({"resume": "yes"}))).await;
    assert_eq!(value(&after, "joke"), json!("yes"));
    assert_eq!(
        value(&after, "log"),
        value(&before, "log")
            .as_array()
            .map(|log| {
                // The nested graph hands out what it had logged when it began, and its own.
                let mut log = log.clone();
                log.extend(log.clone());
                log.push(json!("refine"));
                Value::Array(log)
            })
            .unwrap()
    );
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_busy_thread_keeps_its_history_unless_it_is_deleted() {
    let (runtime, _) = runtime(Options::default());
    let handle = runtime.handle();
    let [busy, idle] = [thread(&handle, None).await, thread(&handle, None).await];
    run(&handle, idle, "agent", None).await;
    let mut events = begin(&handle, busy, "nap", None).await;
    assert_eq!(keep_latest(&handle, &[busy, idle]).await, 1);
    let request = PruneThreads { thread_ids: vec![busy, busy], strategy: PruneStrategy::Delete };
    assert_eq!(handle.prune_threads(request).await.unwrap(), 1, "the second time it is not there");
    while events.next().await.is_some() {}
    assert!(matches!(handle.thread(busy).await, Err(Error::ThreadNotFound { .. })));
    runtime.shutdown().await;
}

#[tokio::test]
async fn threads_that_are_left_alone_go() {
    let (runtime, clock) = runtime(Options::default());
    let handle = runtime.handle();
    let ttl = |strategy| Some(Ttl { strategy, minutes: 2.0 });
    let gone = thread(&handle, ttl(PruneStrategy::Delete)).await;
    let kept = thread(&handle, ttl(PruneStrategy::KeepLatest)).await;
    let for_ever = thread(&handle, None).await;
    for thread_id in [gone, kept, for_ever] {
        run(&handle, thread_id, "agent", None).await;
    }
    clock.0.fetch_add(MINUTE, Ordering::Relaxed);
    assert_eq!(handle.sweep_threads().await.unwrap(), 0);
    handle.update_thread(UpdateThread { thread_id: gone, ..UpdateThread::default() }).await.unwrap();
    clock.0.fetch_add(MINUTE, Ordering::Relaxed);
    assert_eq!(handle.sweep_threads().await.unwrap(), 1, "the other one was changed meanwhile");
    assert_eq!((steps(&handle, kept).await, steps(&handle, gone).await), (1, 4));
    assert_eq!(handle.sweep_threads().await.unwrap(), 0, "it was swept");
    clock.0.fetch_add(MINUTE, Ordering::Relaxed);
    let under_way = begin(&handle, gone, "nap", None).await;
    assert_eq!(handle.sweep_threads().await.unwrap(), 0, "a busy one is not left alone");
    drop(under_way);
    runtime.shutdown().await;
}

#[tokio::test]
async fn the_runtime_sweeps_by_itself() {
    let ttl = Ttl { strategy: PruneStrategy::Delete, minutes: 1.0 };
    let options =
        Options { thread_ttl: Some(ttl), sweep_interval: Duration::from_millis(5), ..Options::default() };
    let (runtime, clock) = runtime(options);
    let handle = runtime.handle();
    let thread_id = thread(&handle, None).await;
    let long = thread(&handle, Some(Ttl { minutes: 9.0, ..ttl })).await;
    let copy = handle.copy_thread(long).await.unwrap();
    assert_eq!(copy.ttl.unwrap().ttl, ttl, "nobody said how long the copy is kept");
    let mut events = handle
        .listen(eddyline_runtime::Listen {
            thread_id,
            run_id: None,
            begin: eddyline_runtime::Begin::Now,
            tokens: false,
        })
        .await
        .unwrap();
    clock.0.fetch_add(MINUTE, Ordering::Relaxed);
    while events.next().await.is_some() {}
    assert!(matches!(handle.thread(thread_id).await, Err(Error::ThreadNotFound { .. })));
    assert!(handle.thread(long).await.is_ok());
    runtime.shutdown().await;
}
