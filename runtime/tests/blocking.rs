//! A node that blocks its OS thread: its timeout holds all the same, and everyone else goes on.

#![allow(clippy::unwrap_used, clippy::unused_async, reason = "tests")]

use std::time::Duration;

use eddyline_engine::Shared;
use eddyline_engine::fact::Body;
use eddyline_engine::prelude::*;
use eddyline_runtime::{Delivery, Runtime, StartRun};

#[state]
struct Count {
    count: Option<i64>,
}

/// Blocks whoever polls it, as a slip with a blocking library would.
async fn blocks(_: Count) -> Update<Count> {
    std::thread::sleep(Duration::from_secs(2));
    Count::update().count(1)
}

async fn counts(_: Count) -> Update<Count> {
    Count::update().count(1)
}

fn graph(node: Node<Count>) -> CompiledGraph<Count> {
    StateGraph::<Count>::new().add(node).edge(START, "n").compile().unwrap()
}

/// How a run of `name` failed, if it did.
async fn end(runtime: &Runtime, name: &str) -> Option<String> {
    let mut run = StartRun::new(name);
    run.input = Some(Shared::from(json!({})));
    let (_, mut facts) = runtime.handle().start_run(run).await.unwrap();
    while let Some(Delivery::Fact(entry)) = facts.next().await {
        if let Body::RunEnded { failure, .. } = &entry.fact.body {
            return failure.as_ref().map(|failure| failure.message.to_string());
        }
    }
    panic!("the run has no end")
}

#[tokio::test]
async fn a_node_that_blocks_is_timed_out_and_named() {
    let runtime = Runtime::builder()
        .graph("blocks", graph(Node::new("n", blocks).timeout(Duration::from_millis(100))))
        .graph("counts", graph(Node::new("n", counts)))
        .start()
        .unwrap();
    let (blocked, free) = futures_util::join!(end(&runtime, "blocks"), end(&runtime, "counts"));
    let said = blocked.unwrap();
    assert!(said.starts_with("Node 'n' exceeded its run timeout of 0.100s"), "{said}");
    assert_eq!(free, None);
    runtime.shutdown().await;
}
