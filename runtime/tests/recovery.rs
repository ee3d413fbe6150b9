//! Runs that were cut off go on with the next runtime over the same folder.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "sqlite")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use eddyline_engine::config::Durability;
use eddyline_engine::fact::Body;
use eddyline_engine::prelude::*;
use eddyline_runtime::storage::{Change, SqliteStorage, Storage, Transaction};
use eddyline_runtime::{
    Begin, CancelAction, CancelRun, CreateThread, Delivery, Error, Handle, Listen, OnCompletion, Options,
    Run, RunStatus, Runtime, StartError, StartRun, ThreadStatus,
};
use serde_json::json;
use uuid::Uuid;

#[state]
struct Work {
    #[state(reduce = append)]
    done: Vec<String>,
}

/// What the world sees of the nodes, across restarts.
#[derive(Default)]
struct World {
    first: AtomicU64,
    second: AtomicU64,
    /// Whether the second node ends; before, it hangs.
    open: AtomicBool,
}

fn graph(world: &Arc<World>) -> CompiledGraph<Work> {
    let (one, two) = (Arc::clone(world), Arc::clone(world));
    let first = move |_: Work| {
        one.first.fetch_add(1, Ordering::SeqCst);
        async { Work::update().done(["first".to_owned()]) }
    };
    let second = move |_: Work| {
        let world = Arc::clone(&two);
        async move {
            world.second.fetch_add(1, Ordering::SeqCst);
            while !world.open.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Work::update().done(["second".to_owned()])
        }
    };
    StateGraph::<Work>::new()
        .node("first", first)
        .node("second", second)
        .edge(START, "first")
        .edge("first", "second")
        .compile()
        .unwrap()
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("eddyline-recovery-{name}-{}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How often a test looks, every 2 ms, before it gives up.
const TRIES: usize = 5_000;

/// A runtime over the folder; one that was dropped lets go of it a moment later.
fn start(folder: &Path, name: &str, world: &Arc<World>) -> Runtime {
    for _ in 0..TRIES {
        let options = Options { shutdown_grace: Duration::from_millis(200), ..Options::default() };
        match Runtime::builder().graph(name, graph(world)).options(options).data_dir(folder).start() {
            Ok(runtime) => return runtime,
            Err(StartError::DataFolder(_)) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("the folder stays locked");
}

fn request(thread_id: Uuid, input: &str) -> StartRun {
    let input = Some(json!({"done": [input]}).into());
    StartRun { thread_id: Some(thread_id), input, durability: Durability::Sync, ..StartRun::new("work") }
}

async fn new_thread(handle: &Handle) -> Uuid {
    handle.create_thread(CreateThread::default()).await.unwrap().thread_id
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..TRIES {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it never came to that");
}

/// Waits until the second node has begun so many times.
async fn begun(world: &World, times: u64) {
    until(async || world.second.load(Ordering::SeqCst) == times).await;
}

async fn ended(handle: &Handle, run: &Run) -> Run {
    until(async || handle.run(run.thread_id, run.run_id).await.unwrap().status.is_final()).await;
    handle.run(run.thread_id, run.run_id).await.unwrap()
}

async fn said(handle: &Handle, thread_id: Uuid) -> serde_json::Value {
    handle.thread(thread_id).await.unwrap().values.unwrap().to_json()["done"].clone()
}

#[tokio::test]
async fn a_run_goes_on_from_its_last_commit() {
    let (folder, world) = (Folder::new("goes-on"), Arc::<World>::default());
    let runtime = start(&folder.0, "work", &world);
    let thread_id = new_thread(&runtime.handle()).await;
    let (run, _) = runtime.handle().start_run(request(thread_id, "in")).await.unwrap();
    begun(&world, 1).await;
    drop(runtime);

    let runtime = start(&folder.0, "work", &world);
    let handle = runtime.handle();
    begun(&world, 2).await;
    let listen = Listen { thread_id, run_id: Some(run.run_id), begin: Begin::Oldest, tokens: false };
    let mut events = handle.listen(listen).await.unwrap();
    world.open.store(true, Ordering::SeqCst);
    let mut attempts = Vec::new();
    while let Some(delivery) = events.next().await {
        if let Delivery::Fact(entry) = delivery
            && let Body::RunStarted { attempt, .. } = entry.fact.body
        {
            attempts.push(attempt);
        }
    }
    let run = ended(&handle, &run).await;
    assert_eq!((run.status, run.attempt, attempts), (RunStatus::Success, 2, vec![2]));
    assert_eq!(said(&handle, thread_id).await, json!(["in", "first", "second"]));
    let counts = (world.first.load(Ordering::SeqCst), world.second.load(Ordering::SeqCst));
    assert_eq!(counts, (1, 2), "what was committed ran once");
    assert_eq!(handle.thread(thread_id).await.unwrap().status, ThreadStatus::Idle);
    runtime.shutdown().await;
}

#[tokio::test]
async fn an_input_that_was_not_committed_is_applied_again() {
    let (folder, world) = (Folder::new("input"), Arc::<World>::default());
    let runtime = start(&folder.0, "work", &world);
    let handle = runtime.handle();
    let thread_id = new_thread(&handle).await;
    world.open.store(true, Ordering::SeqCst);
    let (run, _) = handle.start_run(request(thread_id, "a")).await.unwrap();
    ended(&handle, &run).await;
    world.open.store(false, Ordering::SeqCst);
    let (run, _) = handle.start_run(request(thread_id, "b")).await.unwrap();
    begun(&world, 2).await;
    let picked_up = handle.run(thread_id, run.run_id).await.unwrap();
    assert_eq!((picked_up.status, picked_up.attempt), (RunStatus::Running, 1));
    runtime.shutdown().await;

    // As if the process had died between the start of the run and its first commit.
    let mut storage = SqliteStorage::open(&folder.0).unwrap();
    let epoch = storage.read().thread(thread_id).unwrap().unwrap().epoch;
    let changes = vec![Change::DeleteRun(run.run_id), Change::PutRun(picked_up)];
    assert!(storage.write(vec![Transaction::Thread { thread_id, epoch, begins: true, changes }])[0].is_ok());
    drop(storage);

    world.open.store(true, Ordering::SeqCst);
    let runtime = start(&folder.0, "work", &world);
    let run = ended(&runtime.handle(), &run).await;
    assert_eq!((run.status, run.attempt), (RunStatus::Success, 2));
    let expected = ["a", "first", "second", "b", "first", "second"];
    assert_eq!(said(&runtime.handle(), thread_id).await, json!(expected));
    runtime.shutdown().await;
}

#[tokio::test]
async fn runs_that_waited_follow_in_their_order() {
    let (folder, world) = (Folder::new("waiting"), Arc::<World>::default());
    let runtime = start(&folder.0, "work", &world);
    let thread_id = new_thread(&runtime.handle()).await;
    let mut runs = Vec::new();
    for input in ["a", "b", "c"] {
        runs.push(runtime.handle().start_run(request(thread_id, input)).await.unwrap().0);
    }
    begun(&world, 1).await;
    drop(runtime);

    world.open.store(true, Ordering::SeqCst);
    let runtime = start(&folder.0, "work", &world);
    let mut attempts = Vec::new();
    for run in &runs {
        let run = ended(&runtime.handle(), run).await;
        assert_eq!(run.status, RunStatus::Success);
        attempts.push(run.attempt);
    }
    assert_eq!(attempts, [2, 1, 1]);
    let expected = ["a", "first", "second", "b", "first", "second", "c", "first", "second"];
    assert_eq!(said(&runtime.handle(), thread_id).await, json!(expected));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_run_whose_graph_is_gone_ends_in_an_error() {
    let (folder, world) = (Folder::new("gone"), Arc::<World>::default());
    let runtime = start(&folder.0, "work", &world);
    let thread_id = new_thread(&runtime.handle()).await;
    let (run, _) = runtime.handle().start_run(request(thread_id, "in")).await.unwrap();
    begun(&world, 1).await;
    drop(runtime);

    let runtime = start(&folder.0, "other", &world);
    let run = ended(&runtime.handle(), &run).await;
    let thread = runtime.handle().thread(thread_id).await.unwrap();
    assert_eq!((run.status, run.attempt, thread.status), (RunStatus::Error, 1, ThreadStatus::Error));
    let failure = thread.error.unwrap();
    let expected = r#"graph 'work' not found. Expected one of: ["other"]"#;
    assert_eq!((&*failure.class, &*failure.message), ("RuntimeError", expected));
    runtime.shutdown().await;
}

#[tokio::test]
async fn three_attempts_are_enough() {
    let (folder, world) = (Folder::new("attempts"), Arc::<World>::default());
    let runtime = start(&folder.0, "work", &world);
    let thread_id = new_thread(&runtime.handle()).await;
    let (run, _) = runtime.handle().start_run(request(thread_id, "in")).await.unwrap();
    begun(&world, 1).await;
    drop(runtime);
    for attempt in [2, 3] {
        let runtime = start(&folder.0, "work", &world);
        begun(&world, attempt).await;
        drop(runtime);
    }

    let runtime = start(&folder.0, "work", &world);
    let run = ended(&runtime.handle(), &run).await;
    let thread = runtime.handle().thread(thread_id).await.unwrap();
    assert_eq!((run.status, run.attempt, thread.status), (RunStatus::Error, 3, ThreadStatus::Error));
    let failure = thread.error.unwrap();
    assert_eq!(&*failure.class, "RuntimeError");
    assert!(failure.message.contains("exceeded max attempts"), "{failure:?}");
    assert_eq!(world.first.load(Ordering::SeqCst), 1);
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_temporary_thread_that_was_left_over_goes() {
    let (folder, world) = (Folder::new("temporary"), Arc::<World>::default());
    let runtime = start(&folder.0, "work", &world);
    let request = StartRun { on_completion: OnCompletion::Delete, ..StartRun::new("work") };
    let request = StartRun { input: Some(json!({"done": ["in"]}).into()), ..request };
    let (run, _) = runtime.handle().start_run(request).await.unwrap();
    begun(&world, 1).await;
    drop(runtime);

    let runtime = start(&folder.0, "work", &world);
    let handle = runtime.handle();
    until(async || matches!(handle.thread(run.thread_id).await, Err(Error::ThreadNotFound { .. }))).await;
    assert_eq!(world.second.load(Ordering::SeqCst), 1);
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_run_of_no_thread_that_nobody_waits_for_is_begun_again() {
    let (folder, world) = (Folder::new("unattended"), Arc::<World>::default());
    let runtime = start(&folder.0, "work", &world);
    let request = StartRun { attended: false, ..StartRun::new("work") };
    let request = StartRun { input: Some(json!({"done": ["in"]}).into()), ..request };
    let (run, _) = runtime.handle().start_run(request).await.unwrap();
    begun(&world, 1).await;
    drop(runtime);

    let runtime = start(&folder.0, "work", &world);
    let handle = runtime.handle();
    begun(&world, 2).await;
    // It does not wait for storage, which is told meanwhile.
    until(async || handle.run(run.thread_id, run.run_id).await.unwrap().attempt == 2).await;
    world.open.store(true, Ordering::SeqCst);
    until(async || matches!(handle.thread(run.thread_id).await, Err(Error::ThreadNotFound { .. }))).await;
    assert_eq!(world.first.load(Ordering::SeqCst), 2, "it keeps no checkpoints, so it begins anew");
    let request = CreateThread { thread_id: Some(run.thread_id), ..CreateThread::default() };
    handle.create_thread(request).await.unwrap();
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_run_that_was_being_stopped_does_not_go_on() {
    for action in [CancelAction::Interrupt, CancelAction::Rollback] {
        let (folder, world) = (Folder::new("stopped"), Arc::<World>::default());
        let runtime = start(&folder.0, "work", &world);
        let handle = runtime.handle();
        let thread_id = new_thread(&handle).await;
        let (run, _) = handle.start_run(request(thread_id, "in")).await.unwrap();
        begun(&world, 1).await;
        let reason = "enough".to_owned();
        let stop = CancelRun { thread_id, run_id: run.run_id, action, reason, wait: false };
        handle.cancel(stop).await.unwrap();
        drop(runtime);

        world.open.store(true, Ordering::SeqCst);
        let runtime = start(&folder.0, "work", &world);
        let handle = runtime.handle();
        until(async || handle.thread(thread_id).await.unwrap().status != ThreadStatus::Busy).await;
        let found = handle.run(thread_id, run.run_id).await.ok().map(|run| run.status);
        let thread = handle.thread(thread_id).await.unwrap();
        if action == CancelAction::Interrupt {
            assert_eq!((found, thread.status), (Some(RunStatus::Interrupted), ThreadStatus::Interrupted));
            assert_eq!(thread.values.unwrap().to_json()["done"], json!(["in", "first"]));
        } else {
            assert_eq!((found, thread.status), (None, ThreadStatus::Idle));
        }
        assert_eq!(world.second.load(Ordering::SeqCst), 1, "nothing ran again");
        runtime.shutdown().await;
    }
}

async fn ask(_: Work, ctx: NodeContext) -> Result<Update<Work>, NodeError> {
    let answer: String = ctx.interrupt("?")?;
    Ok(Work::update().done([answer]))
}

/// Asks, hangs until the world is open, and asks again.
fn asking(world: &Arc<World>) -> CompiledGraph<Work> {
    let two = Arc::clone(world);
    let hang = move |_: Work| {
        let world = Arc::clone(&two);
        async move {
            world.second.fetch_add(1, Ordering::SeqCst);
            while !world.open.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Work::update()
        }
    };
    StateGraph::<Work>::new()
        .node("one", ask)
        .node("hang", hang)
        .node("two", ask)
        .edge(START, "one")
        .edge("one", "hang")
        .edge("hang", "two")
        .compile()
        .unwrap()
}

#[tokio::test]
async fn an_answer_is_not_given_twice() {
    let (folder, world) = (Folder::new("answers"), Arc::<World>::default());
    let open = || loop {
        match Runtime::builder().graph("work", asking(&world)).data_dir(&folder.0).start() {
            Ok(runtime) => return runtime,
            Err(StartError::DataFolder(_)) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => panic!("{error:?}"),
        }
    };
    let runtime = open();
    let handle = runtime.handle();
    let thread_id = new_thread(&handle).await;
    let (run, _) = handle.start_run(request(thread_id, "in")).await.unwrap();
    ended(&handle, &run).await;
    let command = Some(json!({"resume": "yes", "update": {"done": ["said"]}}));
    let resume = StartRun { input: None, command, ..request(thread_id, "") };
    let (run, _) = handle.start_run(resume).await.unwrap();
    begun(&world, 1).await;
    drop(runtime);

    world.open.store(true, Ordering::SeqCst);
    let runtime = open();
    let handle = runtime.handle();
    let run = ended(&handle, &run).await;
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!((run.status, run.attempt, thread.status), (RunStatus::Success, 2, ThreadStatus::Interrupted));
    assert_eq!(thread.interrupts.len(), 1, "the second question is open");
    assert_eq!(said(&handle, thread_id).await, json!(["in", "said", "yes"]));
    runtime.shutdown().await;
}
