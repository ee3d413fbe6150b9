//! Values that nest deeper than storage keeps.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "sqlite")]

use eddyline_engine::fact::Body;
use eddyline_engine::prelude::*;
use eddyline_engine::store::PutItem;
use eddyline_runtime::{CreateThread, Delivery, Handle, Runtime, StartRun, ThreadStatus};
use serde_json::{Map, json};
use uuid::Uuid;

#[state]
struct Nest {
    levels: usize,
    asks: bool,
    then: bool,
    value: Option<Value>,
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(7), |inner, _| json!([inner]))
}

async fn nest(state: Nest, ctx: NodeContext) -> Result<Update<Nest>, NodeError> {
    if state.asks {
        let _: Value = ctx.interrupt(nested(state.levels))?;
    }
    Ok(Nest::update().value(nested(state.levels)))
}

async fn after(_: Nest) -> Update<Nest> {
    Nest::update()
}

// Routes take the state by value, as nodes do.
#[allow(clippy::needless_pass_by_value)]
fn then(state: Nest) -> &'static str {
    if state.then { "after" } else { END }
}

/// Runs to the end; gives back class and text of the failure, if it is one.
async fn run(handle: &Handle, thread_id: Uuid, input: Value) -> Option<(String, String)> {
    let request = StartRun { thread_id: Some(thread_id), input: Some(input.into()), ..StartRun::new("nest") };
    let (_, mut events) = handle.start_run(request).await.unwrap();
    let mut last = None;
    while let Some(Delivery::Fact(entry)) = events.next().await {
        last = Some(entry);
    }
    let Some(Body::RunEnded { failure, .. }) = last.map(|last| last.fact.body.clone()) else {
        panic!("the run has no end")
    };
    failure.map(|failure| {
        assert!(failure.visible, "{failure:?}");
        (failure.class.to_string(), failure.message.to_string())
    })
}

#[tokio::test]
async fn a_run_that_makes_what_nests_too_deep_ends_and_says_so() {
    let folder = std::env::temp_dir().join(format!("eddyline-deep-{}", std::process::id()));
    let graph = StateGraph::<Nest>::new()
        .node("nest", nest)
        .node("after", after)
        .edge(START, "nest")
        .conditional_edges("nest", then, ["after", END])
        .compile()
        .unwrap();
    let runtime = Runtime::builder().graph("nest", graph).data_dir(&folder).start().unwrap();
    let handle = runtime.handle();
    let too_deep = Some(("ValueError".to_owned(), "a value nests deeper than 256 levels".to_owned()));
    for asks in [false, true] {
        for then in [false, true] {
            let thread_id = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
            let input = |levels: usize| json!({"levels": levels, "asks": asks, "then": then});
            assert_eq!(run(&handle, thread_id, input(400)).await, too_deep, "{asks} {then}");
            let thread = handle.thread(thread_id).await.unwrap();
            assert_eq!(thread.status, ThreadStatus::Error);
            assert_eq!(run(&handle, thread_id, input(256)).await, None, "{asks} {then}");
            let thread = handle.thread(thread_id).await.unwrap();
            let value = if asks {
                thread.interrupts[0].1[0].value.json().clone()
            } else {
                thread.values.unwrap().to_json()["value"].clone()
            };
            assert_eq!(value, nested(256));
        }
    }
    let metadata = Map::from_iter([("d".to_owned(), nested(400))]);
    let refused =
        handle.create_thread(CreateThread { metadata: metadata.clone(), ..CreateThread::default() });
    assert_eq!(refused.await.unwrap_err().code(), "STORAGE_REFUSED");
    let refused = handle.put_item(PutItem::new(&["a"], "k", metadata)).await;
    assert_eq!(refused.unwrap_err().code(), "STORAGE_REFUSED");
    runtime.shutdown().await;
    std::fs::remove_dir_all(folder).unwrap();
}
