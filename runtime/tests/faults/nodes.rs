//! Where nodes run, and that they let go when their run is cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use eddyline_engine::config::Durability;
use eddyline_engine::fact::Body;
use eddyline_engine::node::Placement;
use eddyline_engine::prelude::*;
use eddyline_runtime::{Delivery, Options, Runtime};
use serde_json::json;

use crate::{Count, bodies, failure, start, thread};

fn placed(node: Node<Count>, placement: Placement) -> Node<Count> {
    match placement {
        Placement::Pool => node,
        Placement::Blocking => node.blocking(),
        Placement::Inline => node.inline(),
    }
}

/// Says so when it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_run_that_is_cut_off_cancels_its_nodes() {
    for placement in [Placement::Pool, Placement::Blocking] {
        let dropped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&dropped);
        let never = move |_: Count| {
            let guard = Dropped(Arc::clone(&flag));
            async move {
                let _guard = guard;
                std::future::pending::<Update<Count>>().await
            }
        };
        let graph = StateGraph::<Count>::new()
            .add(placed(Node::new("never", never), placement))
            .edge(START, "never")
            .compile()
            .unwrap();
        let options = Options { shutdown_grace: Duration::from_millis(20), ..Options::default() };
        let runtime = Runtime::builder().graph("count", graph).options(options).start().unwrap();
        let handle = runtime.handle();
        let thread_id = thread(&handle).await;
        let (_, mut events) = start(&handle, thread_id, Durability::Async).await;
        while !matches!(events.next().await, Some(Delivery::Fact(entry)) if matches!(entry.fact.body, Body::TaskStarted(_)))
        {
        }
        runtime.shutdown().await;
        assert!(dropped.load(Ordering::SeqCst), "{placement:?}");
    }
}

#[tokio::test]
async fn nodes_run_where_they_want_to() {
    for placement in [Placement::Pool, Placement::Blocking, Placement::Inline] {
        let here = move |_: Count| async {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            Count::update().count(u64::from(name.starts_with("eddyline-node")))
        };
        let graph = StateGraph::<Count>::new()
            .add(placed(Node::new("here", here), placement))
            .edge(START, "here")
            .compile()
            .unwrap();
        let runtime = Runtime::builder().graph("count", graph).start().unwrap();
        let handle = runtime.handle();
        let thread_id = thread(&handle).await;
        let (_, mut events) = start(&handle, thread_id, Durability::Async).await;
        assert_eq!(failure(&bodies(&mut events).await), None);
        let values = handle.thread(thread_id).await.unwrap().values.unwrap();
        let pool = u64::from(placement != Placement::Inline);
        assert_eq!(values.to_json(), json!({"count": pool}), "{placement:?}");
        runtime.shutdown().await;
    }
}
