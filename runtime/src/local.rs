//! Graphs that run in the program itself, by the machine's clock: no runtime, no threads, no storage.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use eddyline_engine::ids::Timestamp;
use eddyline_engine::local::{Invocation, MemoryStore, Surroundings};
use eddyline_engine::{AnyCommand, CompiledGraph, Graph, RunError, State, Update};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::{Clock, SystemClock};
use crate::id_source::{IdSource, RandomIds};

/// Runs a compiled graph right here, on whatever executor polls it.
///
/// ```
/// use eddyline_engine::prelude::*;
/// use eddyline_runtime::RunHere;
///
/// #[state]
/// struct Joke {
///     topic: String,
/// }
///
/// async fn refine(state: Joke) -> Update<Joke> {
///     Joke::update().topic(state.topic + " and cats")
/// }
///
/// # futures_util::FutureExt::now_or_never(async {
/// let graph = StateGraph::<Joke>::new().node("refine", refine).edge(START, "refine").compile()?;
/// let joke = graph.invoke(Joke::update().topic("ice cream")).await?;
/// assert_eq!(joke.topic, "ice cream and cats");
/// # Ok::<_, NodeError>(())
/// # }).unwrap().unwrap();
/// ```
pub trait RunHere<S: State> {
    /// A run whose events are its items.
    ///
    /// It goes on as it is polled; dropping it stops it at its last commit.
    fn stream(&self, input: Update<S>) -> Invocation<S>;

    /// A run that goes on where its thread stands, with an answer or another command.
    fn resume(&self, command: impl Into<AnyCommand>) -> Invocation<S>;

    /// Runs to the end and returns the state; a run that waits for an answer is an error here.
    ///
    /// Dropping the future stops the run.
    fn invoke(&self, input: Update<S>) -> impl Future<Output = Result<S, RunError>> + Send {
        self.stream(input).invoke()
    }
}

impl<S: State> RunHere<S> for CompiledGraph<S> {
    fn stream(&self, input: Update<S>) -> Invocation<S> {
        self.invocation(input, Arc::new(Machine::default()))
    }

    fn resume(&self, command: impl Into<AnyCommand>) -> Invocation<S> {
        self.command(command.into(), Arc::new(Machine::default()))
    }
}

/// Runs a graph right here whose state is known only at run time, such as one that was registered by its id.
///
/// It has a long-term store of its own, unless it is given another. It goes on as it is polled; dropping it stops it.
pub fn stream_json(graph: &Graph, input: Value) -> Invocation<Value> {
    let clock = SystemClock;
    graph.run_any(input, Arc::new(Machine::default())).store(Arc::new(MemoryStore::new(move || clock.now())))
}

/// The machine's clock, its randomness, and timers that need no executor.
#[derive(Debug, Default)]
struct Machine {
    clock: SystemClock,
    ids: RandomIds,
}

impl Surroundings for Machine {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn new_id(&self) -> Uuid {
        self.ids.random()
    }

    fn random(&self) -> f64 {
        self.ids.fraction()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        futures_timer::Delay::new(duration).boxed()
    }
}
