//! What happened in a run that can be taken up again is read after a restart of the runtime as before it.

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
use eddyline_engine::project::{Classic, Event, Mode, Modes};
use eddyline_runtime::storage::{SqliteStorage, Storage as _};
use eddyline_runtime::{
    Begin, CancelAction, CancelRun, CreateThread, Delivery, Entry, Handle, Listen, OnCompletion, Options,
    Run, RunStatus, Runtime, StartError, StartRun, StreamMode, Subscription,
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
    hangs: AtomicU64,
    /// Whether the last node ends; before, it hangs.
    open: AtomicBool,
}

async fn talk(_: Work, ctx: NodeContext) -> Result<Update<Work>, NodeError> {
    for word in ["one", "two", "three"] {
        ctx.write(word).await?;
    }
    Ok(Work::update().done([ctx.node().to_owned()]))
}

async fn hang(world: Arc<World>, ctx: NodeContext) -> Result<Update<Work>, NodeError> {
    ctx.write("hangs").await?;
    world.hangs.fetch_add(1, Ordering::SeqCst);
    while !world.open.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(Work::update().done(["hang".to_owned()]))
}

/// `talk → nest (inner) → hang`.
fn graph(world: &Arc<World>) -> CompiledGraph<Work> {
    let world = Arc::clone(world);
    let inner = StateGraph::<Work>::new().node("inner", talk).edge(START, "inner").compile().unwrap();
    StateGraph::<Work>::new()
        .node("talk", talk)
        .node("nest", inner)
        .node("hang", move |_: Work, ctx: NodeContext| hang(Arc::clone(&world), ctx))
        .edge(START, "talk")
        .edge("talk", "nest")
        .edge("nest", "hang")
        .compile()
        .unwrap()
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("eddyline-tape-{name}-{}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How often a test looks, every 2 ms, before it gives up.
const TRIES: usize = 5_000;

fn options() -> Options {
    Options { shutdown_grace: Duration::from_millis(200), ..Options::default() }
}

/// A runtime over the folder; one that was dropped lets go of it a moment later.
fn start_with(folder: &Path, name: &str, world: &Arc<World>, options: &Options) -> Runtime {
    for _ in 0..TRIES {
        let builder = Runtime::builder().graph(name, graph(world)).options(options.clone());
        match builder.data_dir(folder).start() {
            Ok(runtime) => return runtime,
            Err(StartError::DataFolder(_)) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("the folder stays locked");
}

fn start(folder: &Path, world: &Arc<World>) -> Runtime {
    start_with(folder, "work", world, &options())
}

async fn begin(handle: &Handle, resumable: bool) -> (Run, Subscription) {
    let thread = handle.create_thread(CreateThread::default()).await.unwrap();
    let request = StartRun {
        thread_id: Some(thread.thread_id),
        input: Some(json!({"done": ["in"]}).into()),
        durability: Durability::Sync,
        stream_modes: vec![StreamMode::Values],
        resumable,
        ..StartRun::new("work")
    };
    handle.start_run(request).await.unwrap()
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

async fn hangs(world: &World, times: u64) {
    until(async || world.hangs.load(Ordering::SeqCst) == times).await;
}

async fn ended(handle: &Handle, run: &Run) -> RunStatus {
    until(async || handle.run(run.thread_id, run.run_id).await.unwrap().status.is_final()).await;
    handle.run(run.thread_id, run.run_id).await.unwrap().status
}

async fn listen(handle: &Handle, run: &Run, begin: Begin) -> Subscription {
    let (thread_id, run_id) = (run.thread_id, Some(run.run_id));
    handle.listen(Listen { thread_id, run_id, begin, tokens: false }).await.unwrap()
}

/// Hears all until `last`, or until the stream ends.
async fn hear(events: &mut Subscription, last: impl Fn(&Entry) -> bool) -> Vec<Arc<Entry>> {
    let mut heard = Vec::new();
    while let Some(delivery) = events.next().await {
        let Delivery::Fact(entry) = delivery else { continue };
        heard.push(Arc::clone(&entry));
        if last(&entry) {
            break;
        }
    }
    heard
}

fn says(entry: &Entry, word: &str) -> bool {
    matches!(&entry.fact.body, Body::Custom { value, .. } if *value.json() == json!(word))
}

fn attempts(entries: &[Arc<Entry>]) -> Vec<u32> {
    let attempt = |entry: &Arc<Entry>| match entry.fact.body {
        Body::RunStarted { attempt, .. } => Some(attempt),
        _ => None,
    };
    entries.iter().filter_map(attempt).collect()
}

/// Everything that clients of any mode see of the facts, with the ids that they see.
fn seen(run: &Run, entries: &[Arc<Entry>]) -> Vec<(u64, Vec<Event>)> {
    let modes: Modes = Mode::ALL.map(|(mode, _)| mode).into_iter().collect();
    let mut fold = Classic::new(run.config(), modes, true);
    entries.iter().map(|entry| (entry.seq, fold.fold(&entry.fact))).collect()
}

fn texts(seen: &[(u64, Vec<Event>)]) -> Vec<(u64, Vec<String>)> {
    let text = |event: &Event| format!("{} {}", event.name(), event.data.payload());
    seen.iter().map(|(seq, events)| (*seq, events.iter().map(text).collect())).collect()
}

#[track_caller]
fn grows(entries: &[Arc<Entry>]) {
    assert!(entries.windows(2).all(|pair| pair[0].seq < pair[1].seq), "numbers grow");
}

#[tokio::test]
async fn what_was_heard_before_a_restart_is_heard_after_it() {
    let (folder, world) = (Folder::new("restart"), Arc::<World>::default());
    let runtime = start(&folder.0, &world);
    let (run, mut events) = begin(&runtime.handle(), true).await;
    let before = hear(&mut events, |entry| says(entry, "hangs")).await;
    hangs(&world, 1).await;
    drop((runtime, events));

    let runtime = start(&folder.0, &world);
    let handle = runtime.handle();
    hangs(&world, 2).await;
    let mut events = listen(&handle, &run, Begin::Oldest).await;
    let mut more = listen(&handle, &run, Begin::OldestToPresent).await;
    world.open.store(true, Ordering::SeqCst);
    let all = hear(&mut events, |_| false).await;
    grows(&all);
    assert_eq!(texts(&seen(&run, &all[..before.len()])), texts(&seen(&run, &before)));
    assert_eq!(attempts(&all), [1, 2]);
    assert!(matches!(all.last().unwrap().fact.body, Body::RunEnded { failure: None, .. }));
    let again = hear(&mut more, |_| false).await;
    assert_eq!(texts(&seen(&run, &again)), texts(&seen(&run, &all)), "two listeners hear the same");
    assert_eq!(ended(&handle, &run).await, RunStatus::Success);
    runtime.shutdown().await;

    // What is stored of a run that is over is what was told of it, and it ends.
    let runtime = start(&folder.0, &world);
    let stored = hear(&mut listen(&runtime.handle(), &run, Begin::Oldest).await, |_| false).await;
    assert_eq!(texts(&seen(&run, &stored)), texts(&seen(&run, &all)));
    let whole = Listen { thread_id: run.thread_id, run_id: None, begin: Begin::Oldest, tokens: false };
    let mut whole = runtime.handle().listen(whole).await.unwrap();
    let is_end = |entry: &Entry| matches!(entry.fact.body, Body::RunEnded { .. });
    assert_eq!(texts(&seen(&run, &hear(&mut whole, is_end).await)), texts(&seen(&run, &all)));
    runtime.shutdown().await;
}

#[tokio::test]
async fn only_what_can_be_taken_up_again_is_stored() {
    let (folder, world) = (Folder::new("plain"), Arc::<World>::default());
    world.open.store(true, Ordering::SeqCst);
    let runtime = start(&folder.0, &world);
    let handle = runtime.handle();
    let (plain, _) = begin(&handle, false).await;
    ended(&handle, &plain).await;
    let temporary = StartRun {
        input: Some(json!({"done": ["in"]}).into()),
        on_completion: OnCompletion::Delete,
        resumable: true,
        ..StartRun::new("work")
    };
    let (_, mut events) = handle.start_run(temporary).await.unwrap();
    let told = hear(&mut events, |_| false).await;
    assert!(matches!(told.last().unwrap().fact.body, Body::RunEnded { failure: None, .. }));
    let (kept, _) = begin(&handle, true).await;
    ended(&handle, &kept).await;
    runtime.shutdown().await;

    let mut storage = SqliteStorage::open(&folder.0).unwrap();
    assert!(storage.read().facts(plain.thread_id).unwrap().is_empty());
    let facts = storage.read().facts(kept.thread_id).unwrap();
    assert!(matches!(facts.last().unwrap().fact.body, Body::RunEnded { failure: None, .. }));
    drop(storage);

    let runtime = start(&folder.0, &world);
    let mut events = listen(&runtime.handle(), &plain, Begin::Oldest).await;
    assert_eq!(hear(&mut events, |_| false).await.len(), 0, "and a stream of it ends");
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_stopped_run_is_told_to_its_end_after_a_restart() {
    let (folder, world) = (Folder::new("stopped"), Arc::<World>::default());
    let runtime = start(&folder.0, &world);
    let handle = runtime.handle();
    let (run, mut events) = begin(&handle, true).await;
    hangs(&world, 1).await;
    let (thread_id, run_id, reason) = (run.thread_id, run.run_id, "enough".to_owned());
    let stop = CancelRun { thread_id, run_id, action: CancelAction::Interrupt, reason, wait: true };
    handle.cancel(stop).await.unwrap();
    let told = hear(&mut events, |_| false).await;
    runtime.shutdown().await;

    let runtime = start(&folder.0, &world);
    let stored = hear(&mut listen(&runtime.handle(), &run, Begin::Oldest).await, |_| false).await;
    assert_eq!(texts(&seen(&run, &stored)), texts(&seen(&run, &told)));
    assert!(matches!(stored.last().unwrap().fact.body, Body::RunEnded { failure: None, .. }));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_run_that_does_not_go_on_is_told_to_have_failed() {
    let (folder, world) = (Folder::new("gone"), Arc::<World>::default());
    let runtime = start(&folder.0, &world);
    let (run, mut events) = begin(&runtime.handle(), true).await;
    let before = hear(&mut events, |entry| says(entry, "hangs")).await;
    drop((runtime, events));

    let runtime = start_with(&folder.0, "other", &world, &options());
    assert_eq!(ended(&runtime.handle(), &run).await, RunStatus::Error);
    let all = hear(&mut listen(&runtime.handle(), &run, Begin::Oldest).await, |_| false).await;
    grows(&all);
    assert_eq!(texts(&seen(&run, &all[..before.len()])), texts(&seen(&run, &before)));
    let Body::RunEnded { failure: Some(failure), .. } = &all.last().unwrap().fact.body else {
        panic!("{all:?}")
    };
    assert!(failure.message.contains("graph 'work' not found"), "{failure:?}");
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_thread_that_slept_reads_its_past_and_what_is_old_goes() {
    let (folder, world) = (Folder::new("slept"), Arc::<World>::default());
    world.open.store(true, Ordering::SeqCst);
    let options = Options { thread_sleep: Duration::ZERO, facts_kept: Duration::from_hours(1), ..options() };
    let runtime = start_with(&folder.0, "work", &world, &options);
    let handle = runtime.handle();
    let (run, mut events) = begin(&handle, true).await;
    let told = hear(&mut events, |_| false).await;
    drop(events);
    for _ in 0..3 {
        let mut events = listen(&handle, &run, Begin::Oldest).await;
        assert_eq!(texts(&seen(&run, &hear(&mut events, |_| false).await)), texts(&seen(&run, &told)));
    }
    handle.sweep_facts().await.unwrap();
    runtime.shutdown().await;
    let facts = |folder: &Path, thread: Uuid| {
        SqliteStorage::open(folder).unwrap().read().facts(thread).unwrap().len()
    };
    assert_eq!(facts(&folder.0, run.thread_id), told.len());

    let options = Options { facts_kept: Duration::ZERO, ..options };
    let runtime = start_with(&folder.0, "work", &world, &options);
    runtime.handle().sweep_facts().await.unwrap();
    runtime.shutdown().await;
    assert_eq!(facts(&folder.0, run.thread_id), 0);
}

#[tokio::test]
async fn what_is_beyond_the_budget_is_gone_after_a_restart_too() {
    let (folder, world) = (Folder::new("budget"), Arc::<World>::default());
    world.open.store(true, Ordering::SeqCst);
    let options = Options { tape_bytes: 4_000, ..options() };
    let runtime = start_with(&folder.0, "work", &world, &options);
    let (run, mut events) = begin(&runtime.handle(), true).await;
    let told = hear(&mut events, |_| false).await;
    drop(events);
    runtime.shutdown().await;

    let runtime = start_with(&folder.0, "work", &world, &options);
    let stored = hear(&mut listen(&runtime.handle(), &run, Begin::Oldest).await, |_| false).await;
    let weight: usize = stored.iter().map(|entry| entry.weight()).sum();
    assert!(
        !stored.is_empty() && stored.len() < told.len() && weight <= 4_000,
        "{} of {}",
        stored.len(),
        told.len()
    );
    let end = &told[told.len() - stored.len()..];
    let numbers = |entries: &[Arc<Entry>]| entries.iter().map(|entry| entry.seq).collect::<Vec<_>>();
    assert_eq!(numbers(&stored), numbers(end), "the newest, without a hole");
    runtime.shutdown().await;
}
