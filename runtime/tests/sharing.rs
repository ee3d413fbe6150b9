//! What the runs of one runtime share: the long-term store, what cached nodes wrote, and room for so many.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use eddyline_engine::prelude::*;
use eddyline_engine::store::{GetItem, PutItem, StoreError};
use eddyline_runtime::{CancelAction, CancelRun, CreateThread, Error, Handle, Options, Runtime, StartRun};
use serde_json::{Map, Value, json};

#[state]
struct Note {
    text: String,
    before: Option<String>,
}

/// Puts the text away, and tells what was there.
async fn remember(state: Note, ctx: NodeContext) -> Result<Update<Note>> {
    let store = ctx.store()?;
    let failed = |error: StoreError| NodeError::visible("OSError", error.to_string());
    let before = store.get(GetItem::new(&["notes"], "last")).await.map_err(failed)?;
    let value = Map::from_iter([("text".to_owned(), json!(state.text))]);
    store.put(PutItem::new(&["notes"], "last", value)).await.map_err(failed)?;
    let before = before.and_then(|item| item.value["text"].as_str().map(str::to_owned));
    Ok(Note::update().before(before.unwrap_or_default()))
}

fn counting(count: &Arc<AtomicU64>) -> CompiledGraph<Note> {
    let count = Arc::clone(count);
    let node = move |state: Note| {
        let count = Arc::clone(&count);
        async move {
            let ran = count.fetch_add(1, Ordering::SeqCst);
            Note::update().before(format!("{} {ran}", state.text))
        }
    };
    let node = Node::new("count", node).cache(CachePolicy::keep(Duration::from_mins(1)));
    StateGraph::<Note>::new().add(node).edge(START, "count").compile().unwrap()
}

/// Runs the graph on a thread of its own, and says what its node found.
async fn found(handle: &Handle, graph: &str, text: &str) -> Value {
    let thread_id = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
    let input = Some(json!({"text": text}).into());
    let request = StartRun { thread_id: Some(thread_id), input, ..StartRun::new(graph) };
    let (_, mut events) = handle.start_run(request).await.unwrap();
    while events.next().await.is_some() {}
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!(thread.error, None);
    thread.values.unwrap().get("before").unwrap().json().clone()
}

#[tokio::test]
async fn nodes_find_what_others_put_into_the_store() {
    let graph = StateGraph::<Note>::new().node("remember", remember).edge(START, "remember");
    let runtime = Runtime::builder().graph("memory", graph.compile().unwrap()).start().unwrap();
    assert_eq!(found(&runtime.handle(), "memory", "one").await, json!(""));
    assert_eq!(found(&runtime.handle(), "memory", "two").await, json!("one"));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_cached_node_runs_once_for_an_input() {
    let count = Arc::new(AtomicU64::new(0));
    let runtime = Runtime::builder().graph("count", counting(&count)).graph("twin", counting(&count));
    let runtime = runtime.start().unwrap();
    let handle = runtime.handle();
    assert_eq!(found(&handle, "count", "a").await, json!("a 0"));
    assert_eq!(found(&handle, "count", "a").await, json!("a 0"));
    assert_eq!(found(&handle, "count", "b").await, json!("b 1"));
    assert_eq!(found(&handle, "twin", "a").await, json!("a 2"), "the node of another graph is another");
    runtime.shutdown().await;

    let options = Options { cached_tasks: 0, ..Options::default() };
    let runtime = Runtime::builder().graph("count", counting(&count)).options(options).start().unwrap();
    assert_eq!(found(&runtime.handle(), "count", "a").await, json!("a 3"));
    assert_eq!(found(&runtime.handle(), "count", "a").await, json!("a 4"));
    runtime.shutdown().await;
}

#[tokio::test]
async fn no_more_runs_are_taken_in_than_there_is_room_for() {
    let options = Options { open_runs: 2, ..Options::default() };
    let builder = Runtime::builder().graph("count", counting(&Arc::default())).options(options);
    let runtime = builder.start().unwrap();
    let handle = runtime.handle();
    let later = || StartRun {
        input: Some(json!({"text": "x"}).into()),
        delay: Duration::from_hours(1),
        ..StartRun::new("count")
    };
    // Each has a thread of its own.
    let (first, _) = handle.start_run(later()).await.unwrap();
    let (_, _second) = handle.start_run(later()).await.unwrap();
    let refused = handle.start_run(later()).await.unwrap_err();
    assert!(matches!(refused, Error::TooManyRuns { limit: 2 }), "{refused:?}");

    let stop = CancelRun {
        thread_id: first.thread_id,
        run_id: first.run_id,
        action: CancelAction::Interrupt,
        reason: "enough".to_owned(),
        wait: true,
    };
    handle.cancel(stop).await.unwrap();
    let (_, _second) = handle.start_run(later()).await.unwrap();
    runtime.shutdown().await;
}
