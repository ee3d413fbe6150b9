//! Webhooks of a runtime: what is owed of which run, and that it is delivered, whatever breaks.
//!
//! Everything happens on one OS thread under a paused clock, which leaps from timer to timer.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::System;
use eddyline_engine::ids::Timestamp;
use eddyline_engine::prelude::*;
use eddyline_runtime::storage::MemoryStorage;
use eddyline_runtime::{
    CancelAction, CancelRun, Clock, CreateThread, EndedRun, Handle, ListFailures, OnCompletion, Options, Run,
    Runtime, StartRun, Undelivered, WebhookDelivery, Webhooks,
};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, pending, ready};
use serde_json::json;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// What became of what was sent, by the second in which it was.
#[derive(Debug, Default)]
struct Sent(Mutex<Vec<(u64, WebhookDelivery)>>);

/// How receivers answer.
#[derive(Clone, Copy, Debug)]
enum Receiver {
    Takes,
    Refuses { again: bool },
    Hangs,
}

#[derive(Debug)]
struct Post {
    sent: Arc<Sent>,
    receiver: Receiver,
    began: Instant,
}

impl Webhooks for Post {
    fn check(&self, url: &str) -> Result<(), String> {
        if url.starts_with("https://") { Ok(()) } else { Err("is not safe".to_owned()) }
    }

    fn tell(&self, ended: &EndedRun<'_>) -> String {
        let EndedRun { outcome, values, error, .. } = ended;
        let error = error.map(|error| error.message.to_string());
        assert!(ended.started_at <= ended.ended_at && ended.ended_at == ended.run.updated_at);
        json!([outcome, values.map(eddyline_engine::Object::to_json), error]).to_string()
    }

    fn send(&self, delivery: WebhookDelivery, _: Timestamp) -> BoxFuture<'static, Result<(), Undelivered>> {
        self.sent.0.lock().unwrap().push((self.began.elapsed().as_secs(), delivery));
        match self.receiver {
            Receiver::Takes => ready(Ok(())).boxed(),
            Receiver::Refuses { again } => {
                ready(Err(Undelivered { message: "no".to_owned(), again })).boxed()
            }
            Receiver::Hangs => pending().boxed(),
        }
    }
}

#[derive(Debug)]
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000_000 + i64::try_from(self.0.elapsed().as_micros()).unwrap())
    }
}

#[state]
struct Out {
    out: String,
}

async fn answer(state: Out) -> Result<Update<Out>, NodeError> {
    match state.out.as_str() {
        "hang" => pending().await,
        "fail" => Err(NodeError::visible("ValueError", "boom")),
        _ => Ok(Out::update().out("done".to_owned())),
    }
}

/// The life of one process over what is stored, which is killed at the end of the test.
fn live(memory: &MemoryStorage, receiver: Receiver, test: impl AsyncFnOnce(&Handle, &Sent)) {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let tokio = tokio.unwrap();
    System::with_tokio_rt(|| tokio).block_on(async {
        let graph = StateGraph::<Out>::new().node("node", answer).edge(START, "node").edge("node", END);
        let sent = Arc::<Sent>::default();
        let post = Post { sent: Arc::clone(&sent), receiver, began: Instant::now() };
        let runtime = Runtime::builder()
            .graph("answer", graph.compile().unwrap())
            .storage(Box::new(memory.clone()))
            .clock(Arc::new(Paused(Instant::now())))
            .webhooks(Arc::new(post))
            .options(Options { run_timeout: Duration::from_mins(1), ..Options::default() })
            .start_here(|| Duration::ZERO)
            .unwrap();
        test(&runtime.handle(), &sent).await;
        drop(runtime);
    });
}

fn request(thread_id: Option<Uuid>, out: &str) -> StartRun {
    StartRun {
        thread_id,
        input: Some(json!({"out": out}).into()),
        webhook: Some("https://example.org/hook".to_owned()),
        on_completion: OnCompletion::Keep,
        ..StartRun::new("answer")
    }
}

async fn thread(handle: &Handle) -> Uuid {
    handle.create_thread(CreateThread::default()).await.unwrap().thread_id
}

async fn start(handle: &Handle, request: StartRun) -> Run {
    handle.start_run(request).await.unwrap().0
}

async fn failed(handle: &Handle) -> Vec<WebhookDelivery> {
    handle.failed_deliveries(ListFailures { limit: 10, offset: 0 }).await.unwrap()
}

impl Sent {
    fn bodies(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(_, delivery)| delivery.body.clone()).collect()
    }
}

#[test]
fn each_end_is_told_once() {
    live(&MemoryStorage::default(), Receiver::Takes, async |handle, sent| {
        for (out, cancel, expected) in [
            ("go", None, json!(["success", {"out": "done"}, null])),
            ("fail", None, json!(["error", {"out": "fail"}, "boom"])),
            ("hang", None, json!(["timeout", {"out": "hang"}, ""])),
            ("hang", Some(CancelAction::Interrupt), json!(["interrupted", {"out": "hang"}, "enough"])),
            ("hang", Some(CancelAction::Rollback), json!(["rollback", null, "enough"])),
        ] {
            let thread_id = thread(handle).await;
            let run = start(handle, request(Some(thread_id), out)).await;
            sleep(Duration::from_secs(1)).await;
            if let Some(action) = cancel {
                let (run_id, reason) = (run.run_id, "enough".to_owned());
                handle.cancel(CancelRun { thread_id, run_id, action, reason, wait: true }).await.unwrap();
            }
            sleep(Duration::from_mins(2)).await;
            assert_eq!(sent.bodies(), [expected.to_string()], "{out} {cancel:?}");
            let (_, delivery) = sent.0.lock().unwrap().pop().unwrap();
            assert_eq!((delivery.run_id, delivery.thread_id), (run.run_id, thread_id));
            assert_eq!(failed(handle).await, []);
        }
    });
}

#[test]
fn a_run_that_keeps_nothing_is_told_without_values_and_one_that_never_began_not_at_all() {
    live(&MemoryStorage::default(), Receiver::Takes, async |handle, sent| {
        let request_of = |thread_id, out| StartRun { webhook: None, ..request(thread_id, out) };
        start(handle, request_of(None, "go")).await;
        let temporary = StartRun { on_completion: OnCompletion::Delete, ..request(None, "go") };
        start(handle, temporary).await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(sent.bodies(), [json!(["success", null, null]).to_string()]);

        let thread_id = thread(handle).await;
        start(handle, request_of(Some(thread_id), "hang")).await;
        let waits = start(handle, request(Some(thread_id), "go")).await;
        let (run_id, reason, action) = (waits.run_id, String::new(), CancelAction::Interrupt);
        handle.cancel(CancelRun { thread_id, run_id, action, reason, wait: true }).await.unwrap();
        sleep(Duration::from_mins(2)).await;
        assert_eq!(sent.bodies().len(), 1);
    });
}

#[test]
fn what_fails_is_tried_again_and_then_listed() {
    let world = MemoryStorage::default();
    live(&world, Receiver::Refuses { again: true }, async |handle, sent| {
        let run = start(handle, request(None, "go")).await;
        sleep(Duration::from_mins(5)).await;
        let seconds: Vec<u64> = sent.0.lock().unwrap().iter().map(|(second, _)| *second).collect();
        assert_eq!((seconds.len(), seconds[0]), (3, 0));
        // Up to half of each pause is by chance.
        assert!(
            (2..=3).contains(&seconds[1]) && (8..=12).contains(&(seconds[2] - seconds[1])),
            "{seconds:?}"
        );
        let failed = failed(handle).await;
        let [failed] = &failed[..] else { panic!("{failed:?}") };
        assert_eq!((failed.run_id, failed.attempts, failed.due), (run.run_id, 3, None));
        assert_eq!((failed.error.as_deref(), failed.url.as_str()), (Some("no"), "https://example.org/hook"));
    });
    live(&world, Receiver::Refuses { again: false }, async |handle, sent| {
        assert_eq!(failed(handle).await.len(), 1, "it is listed after a restart");
        start(handle, request(None, "go")).await;
        sleep(Duration::from_mins(5)).await;
        assert_eq!((sent.bodies().len(), failed(handle).await.len()), (1, 2));
        assert!(failed(handle).await.iter().any(|failed| failed.attempts == 1));
    });
}

#[test]
fn what_is_owed_when_the_process_dies_is_delivered_after_the_start() {
    for on_completion in [OnCompletion::Keep, OnCompletion::Delete] {
        let world = MemoryStorage::default();
        let mut first = Vec::new();
        live(&world, Receiver::Hangs, async |handle, sent| {
            start(handle, StartRun { on_completion, ..request(None, "go") }).await;
            sleep(Duration::from_secs(1)).await;
            first.extend(sent.0.lock().unwrap().drain(..).map(|(_, delivery)| delivery));
        });
        assert_eq!(first.len(), 1);
        for expected in [first, Vec::new()] {
            live(&world, Receiver::Takes, async |_, sent| {
                sleep(Duration::from_mins(1)).await;
                let sent: Vec<_> = sent.0.lock().unwrap().drain(..).map(|(_, delivery)| delivery).collect();
                assert_eq!(sent, expected, "the same once more, and not again");
            });
        }
    }
}

#[test]
fn a_webhook_to_which_nothing_is_sent_is_refused() {
    live(&MemoryStorage::default(), Receiver::Takes, async |handle, _| {
        let odd = StartRun { webhook: Some("http://example.org".to_owned()), ..request(None, "go") };
        let refused = handle.start_run(odd).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.to_string().as_str()),
            ("INVALID_REQUEST", "`webhook`: is not safe")
        );
    });
}

#[tokio::test]
async fn without_a_sender_webhooks_are_refused() {
    let graph = StateGraph::<Out>::new().node("node", answer).edge(START, "node").edge("node", END);
    let runtime = Runtime::builder().graph("answer", graph.compile().unwrap()).start().unwrap();
    let refused = runtime.handle().start_run(request(None, "go")).await.unwrap_err();
    assert_eq!(refused.to_string(), "`webhook`: this runtime sends none");
    runtime.shutdown().await;
}
