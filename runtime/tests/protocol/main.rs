//! The events of the streaming protocol, folded from what threads tell: the transcripts of its specification.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

mod models;
mod runs;

use eddyline_engine::Graph;
use eddyline_engine::fact::Body;
use eddyline_engine::project::protocol::{Channel, Event, Protocol};
use eddyline_runtime::{
    Begin, CreateThread, Delivery, EVENTS_PER_FACT, Handle, Listen, Run, Runtime, StartRun, StreamMode,
    Subscription,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// A thread with someone who listens to all of it.
struct Thread {
    runtime: Runtime,
    id: Uuid,
    listener: Subscription,
    fold: Protocol,
}

impl Thread {
    async fn of(graph: impl Into<Graph>) -> Self {
        let runtime = Runtime::builder().graph("g", graph).start().unwrap();
        let handle = runtime.handle();
        let thread_id = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
        let listener = listen(&handle, thread_id).await;
        Self { runtime, id: thread_id, listener, fold: Protocol::new() }
    }

    fn handle(&self) -> Handle {
        self.runtime.handle()
    }

    async fn start(&self, request: StartRun) -> Run {
        let request = StartRun { thread_id: Some(self.id), ..request };
        self.handle().start_run(request).await.unwrap().0
    }

    /// The events of a run that is given this input.
    async fn run(&mut self, input: Value) -> Vec<Event> {
        self.start(StartRun { input: Some(input.into()), ..request() }).await;
        self.events().await
    }

    async fn resume(&mut self, command: Value) -> Vec<Event> {
        self.start(StartRun { command: Some(command), ..request() }).await;
        self.events().await
    }

    /// The events up to the end of the run that is under way.
    async fn events(&mut self) -> Vec<Event> {
        self.events_until(|body| matches!(body, Body::RunEnded { .. })).await
    }

    async fn events_until(&mut self, mut last: impl FnMut(&Body) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(Delivery::Fact(entry)) = self.listener.next().await {
            let told = self.fold.fold(entry.run_id, &entry.fact);
            assert!((told.len() as u64) < EVENTS_PER_FACT);
            events.extend(told);
            if last(&entry.fact.body) {
                return events;
            }
        }
        panic!("the thread fell silent");
    }
}

/// Everything that was told, as whoever does not know the first `unknown` facts is told it: with its number.
async fn told_from(handle: &Handle, thread_id: Uuid, unknown: usize) -> Vec<(u64, Event)> {
    let begin = Begin::OldestToPresent;
    let request = Listen { thread_id, run_id: None, begin, tokens: false };
    let mut facts = handle.listen(request).await.unwrap();
    let (mut fold, mut told, mut count) = (Protocol::new(), Vec::new(), 0);
    while let Some(Delivery::Fact(entry)) = facts.next().await {
        count += 1;
        if count > unknown {
            let events = fold.fold(entry.run_id, &entry.fact).into_iter();
            told.extend(events.map(|event| (entry.seq + event.place.number, event)));
        }
    }
    told
}

async fn listen(handle: &Handle, thread_id: Uuid) -> Subscription {
    let request = Listen { thread_id, run_id: None, begin: Begin::Oldest, tokens: true };
    handle.listen(request).await.unwrap()
}

fn request() -> StartRun {
    StartRun { stream_modes: vec![StreamMode::Values, StreamMode::Messages], ..StartRun::new("g") }
}

/// The events of some channels as lines: method, namespace by node names, data with ids left out.
fn lines(events: &[Event], channels: &[Channel]) -> Vec<String> {
    let shown = events.iter().filter(|event| channels.contains(&event.channel));
    shown.map(|event| format!("{} [{}] {}", event.method, names(event), masked(&event.data))).collect()
}

fn names(event: &Event) -> String {
    let names = event.ns.iter().map(|level| level.split(':').next().unwrap_or_default());
    names.collect::<Vec<_>>().join("/")
}

/// Ids that differ from run to run are `…`.
fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let tail = text.rsplit(['-', ':']).next().unwrap_or_default();
            let random = text.parse::<Uuid>().is_ok()
                || text.starts_with("lc_run--")
                || (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
                || (text.contains(':')
                    && tail.len() == 12
                    && tail.bytes().all(|byte| byte.is_ascii_hexdigit()));
            if random { json!("…") } else { value.clone() }
        }
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), masked(value))).collect(),
        value => value.clone(),
    }
}

#[track_caller]
fn check(events: &[Event], channels: &[Channel], expected: &[&str]) {
    assert_eq!(lines(events, channels), expected, "{events:#?}");
}
