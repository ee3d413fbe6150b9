//! The long-term store of a runtime, from nodes and from outside.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use eddyline_engine::ids::Timestamp;
use eddyline_engine::prelude::*;
use eddyline_engine::store::{
    EmbedError, EmbeddingModel, GetItem, Index, Indexing, ListNamespaces, Place, PutItem, SearchItems, Ttl,
    Vector,
};
use eddyline_runtime::{Clock, Error, Handle, Options, Runtime, StartRun};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use serde_json::{Map, Value, json};

/// Shows the time that it is told.
#[derive(Debug, Default)]
struct Told(AtomicI64);

impl Told {
    fn is(&self, minutes: i64) {
        self.0.store(minutes * 60_000_000, Ordering::SeqCst);
    }
}

impl Clock for Told {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn put(key: &str, ttl: Ttl) -> PutItem {
    PutItem { ttl, ..PutItem::new(&["a"], key, object(&json!({"of": key}))) }
}

async fn keys(handle: &Handle, search: SearchItems) -> Vec<String> {
    let found = handle.search_items(search).await.unwrap();
    found.into_iter().map(|found| found.item.key).collect()
}

#[tokio::test]
async fn items_are_put_found_and_deleted() {
    let runtime = Runtime::builder().start().unwrap();
    let handle = runtime.handle();
    for key in ["1", "2", "3"] {
        handle.put_item(put(key, Ttl::Default)).await.unwrap();
    }
    let item = handle.item(GetItem::new(&["a"], "2")).await.unwrap().unwrap();
    assert_eq!(Value::from(item.value), json!({"of": "2"}));
    handle.delete_item(Place::new(&["a"], "2")).await.unwrap();
    assert_eq!(handle.item(GetItem::new(&["a"], "2")).await.unwrap(), None);
    assert_eq!(keys(&handle, SearchItems::below(&[])).await, ["3", "1"]);
    assert_eq!(handle.item_namespaces(ListNamespaces::default()).await.unwrap(), [["a"]]);

    let refused = handle.put_item(PutItem::new(&["langgraph"], "k", Map::new())).await.unwrap_err();
    assert_eq!(refused.code(), "INVALID_NAMESPACE");
    let query = SearchItems { query: Some("sea".to_owned()), ..SearchItems::below(&[]) };
    let refused = handle.search_items(query).await.unwrap_err();
    assert!(matches!(refused, Error::Store(_)) && refused.code() == "NO_INDEX");
    runtime.shutdown().await;
}

#[tokio::test]
async fn items_live_as_long_as_they_and_the_options_say() {
    let clock = Arc::new(Told::default());
    let minutes = |minutes| Duration::from_mins(minutes);
    let options = Options { item_ttl: Some(minutes(10)), ..Options::default() };
    let runtime = Runtime::builder().clock(clock.clone()).options(options).start().unwrap();
    let handle = runtime.handle();
    let items = [
        ("default", Ttl::Default),
        ("good", Ttl::Never),
        ("short", Ttl::After(minutes(5))),
        ("read", Ttl::Default),
    ];
    for (key, ttl) in items {
        handle.put_item(put(key, ttl)).await.unwrap();
    }
    let look = |key, refresh_ttl| handle.item(GetItem { refresh_ttl, ..GetItem::new(&["a"], key) });
    clock.is(4);
    assert!(look("read", None).await.unwrap().is_some());
    assert!(look("default", Some(false)).await.unwrap().is_some());
    clock.is(10);
    assert!(look("default", None).await.unwrap().is_none());
    assert_eq!(keys(&handle, SearchItems::below(&["a"])).await, ["read", "good"], "found, so it lives on");
    clock.is(19);
    assert_eq!(keys(&handle, SearchItems::below(&["a"])).await, ["read", "good"]);
    clock.is(29);
    assert_eq!(keys(&handle, SearchItems::below(&["a"])).await, ["good"]);
    runtime.shutdown().await;
}

#[tokio::test]
async fn reading_refreshes_only_if_it_may() {
    let clock = Arc::new(Told::default());
    let options = Options { refresh_item_ttl: false, ..Options::default() };
    let runtime = Runtime::builder().clock(clock.clone()).options(options).start().unwrap();
    let handle = runtime.handle();
    for key in ["left", "read"] {
        handle.put_item(put(key, Ttl::After(Duration::from_mins(5)))).await.unwrap();
    }
    clock.is(4);
    for (key, refresh_ttl) in [("left", None), ("read", Some(true))] {
        handle.item(GetItem { refresh_ttl, ..GetItem::new(&["a"], key) }).await.unwrap();
    }
    clock.is(5);
    assert_eq!(keys(&handle, SearchItems::below(&["a"])).await, ["read"]);
    runtime.shutdown().await;
}

/// Knows whether a text is about the sea, and whether about the hills.
struct SeaAndHills;

impl EmbeddingModel for SeaAndHills {
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'static, Result<Vec<Vector>, EmbedError>> {
        if texts.iter().any(|text| text.contains("storm")) {
            return ready(Err(EmbedError { message: "it is too loud".to_owned() })).boxed();
        }
        let about = |text: &String, word| if text.contains(word) { 1.0 } else { 0.0 };
        let vectors = texts.iter().map(|text| vec![about(text, "sea"), about(text, "hill"), 0.1]).collect();
        ready(Ok(vectors)).boxed()
    }
}

#[tokio::test]
async fn a_query_finds_what_is_close_to_it() {
    let runtime = Runtime::builder().index(Index::new(SeaAndHills)).start().unwrap();
    let handle = runtime.handle();
    let put = |key, value: Value, indexing| {
        handle.put_item(PutItem { indexing, ..PutItem::new(&["a"], key, object(&value)) })
    };
    put("sea", json!({"text": "the sea"}), Indexing::Default).await.unwrap();
    put("hills", json!({"text": "a hill"}), Indexing::Default).await.unwrap();
    put("title", json!({"title": "sea", "text": "hill"}), Indexing::Fields(vec!["title".to_owned()]))
        .await
        .unwrap();
    put("never", json!({"text": "sea"}), Indexing::Never).await.unwrap();
    let query = |query: &str| SearchItems { query: Some(query.to_owned()), ..SearchItems::below(&["a"]) };
    assert_eq!(keys(&handle, query("by the sea")).await, ["title", "sea", "hills", "never"]);
    assert_eq!(keys(&handle, query("hill")).await[0], "hills");
    let found = handle.search_items(query("sea")).await.unwrap();
    assert!(found[0].score.is_some_and(|score| score > 0.99) && found[3].score.is_none());

    let failed = put("loud", json!({"text": "storm"}), Indexing::Default).await.unwrap_err();
    assert_eq!(failed.code(), "EMBEDDING_FAILED");
    assert_eq!(handle.item(GetItem::new(&["a"], "loud")).await.unwrap(), None);
    assert_eq!(handle.search_items(query("storm")).await.unwrap_err().code(), "EMBEDDING_FAILED");
    runtime.shutdown().await;
}

#[state]
struct Note {
    text: String,
}

/// Puts texts into the store one after the other, and reads each at once.
async fn remember(state: Note, ctx: NodeContext) -> Result<Update<Note>> {
    let store = ctx.store()?;
    for turn in 0..20 {
        let text = format!("{} {turn}", state.text);
        store.put(PutItem::new(&["notes"], "last", object(&json!({"text": text})))).await?;
        let read = store.search(SearchItems::below(&["notes"])).await?;
        if read[0].item.value["text"] != json!(text) {
            return Err(NodeError::visible("ValueError", format!("{text} is not there")));
        }
    }
    Ok(Note::update())
}

fn noting() -> CompiledGraph<Note> {
    StateGraph::<Note>::new().node("remember", remember).edge(START, "remember").compile().unwrap()
}

/// Runs the graph without a thread, to the end of its node.
async fn note(handle: &Handle, text: &str) {
    let input = Some(json!({"text": text}).into());
    let (_, mut events) = handle.start_run(StartRun { input, ..StartRun::new("note") }).await.unwrap();
    while events.next().await.is_some() {}
    let item = handle.item(GetItem::new(&["notes"], "last")).await.unwrap().unwrap();
    assert_eq!(item.value["text"], json!(format!("{text} 19")), "the node reached its end");
}

#[tokio::test]
async fn a_node_reads_what_it_wrote() {
    let runtime = Runtime::builder().graph("note", noting()).start().unwrap();
    note(&runtime.handle(), "one").await;
    runtime.shutdown().await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn what_a_node_put_is_there_after_a_restart() {
    let folder = std::env::temp_dir().join(format!("eddyline-notes-{}", std::process::id()));
    let start = || Runtime::builder().graph("note", noting()).data_dir(&folder).start().unwrap();
    let runtime = start();
    note(&runtime.handle(), "one").await;
    let before = runtime.handle().item(GetItem::new(&["notes"], "last")).await.unwrap();
    runtime.shutdown().await;

    let runtime = start();
    assert_eq!(runtime.handle().item(GetItem::new(&["notes"], "last")).await.unwrap(), before);
    note(&runtime.handle(), "two").await;
    runtime.shutdown().await;
    std::fs::remove_dir_all(folder).unwrap();
}
