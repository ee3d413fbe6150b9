//! Running a graph in the program that holds it: no server, no actors, no storage but memory.
//!
//! Time and ids come from [`Surroundings`]; nodes run wherever the stream or the future is polled.

mod host;
mod memory;
mod pipe;
mod store;
mod stream;

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::checkpoint::Outcome;
use crate::command::{AnyCommand, START};
use crate::config::{Breakpoints, Durability, RunConfig};
use crate::driver::{Finished, RunInput};
use crate::error::{NodeError, RunError};
use crate::fact::{Failure, Interest};
use crate::graph::{CompiledGraph, Graph};
use crate::ids::Timestamp;
use crate::model::{ChatModel, ModelSource, Models};
use crate::project::{Event, Mode, Modes};
use crate::state::{State, Update};
use crate::store::Store;
use crate::value::{Key, Object, Shared};

use host::Local;
use pipe::Pipe;
use stream::Running;

pub use memory::Memory;
pub use store::MemoryStore;

/// What a run takes from the world: time and chance.
pub trait Surroundings: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Timestamp;

    /// A fresh random id (UUID version 4).
    fn new_id(&self) -> Uuid;

    /// A number in `0.0..1.0`.
    fn random(&self) -> f64;

    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// A run: what it is told, and then the stream of its events.
///
/// Nothing happens before it is polled, or [`finish`](Self::finish)ed. As a stream it gives the events of
/// its [`modes`](Self::modes); the last item of a run that fails is its error.
/// Dropping it leaves the run at its last commit.
pub struct Invocation<S> {
    plan: Plan,
    running: Option<Running>,
    state: PhantomData<fn() -> S>,
}

/// What a run is told before it begins.
#[derive(Clone)]
struct Plan {
    graph: Graph,
    input: Result<RunInput, Failure>,
    config: RunConfig,
    modes: Modes,
    subgraphs: bool,
    memory: Option<Memory>,
    models: Models,
    store: Option<Arc<dyn Store>>,
    surroundings: Arc<dyn Surroundings>,
}

impl<S: State> CompiledGraph<S> {
    /// A run of this graph with `input`, in these surroundings.
    pub fn invocation(&self, input: Update<S>, surroundings: Arc<dyn Surroundings>) -> Invocation<S> {
        let input = crate::pregel::object_of(input.into(), "__start__");
        let input = input.map(|input| RunInput::Value(input.into())).map_err(|error| error.failure());
        Invocation::new(self.graph().clone(), input, surroundings)
    }

    /// A run that goes on where its thread stands.
    pub fn continuation(&self, surroundings: Arc<dyn Surroundings>) -> Invocation<S> {
        Invocation::new(self.graph().clone(), Ok(RunInput::Nothing), surroundings)
    }

    /// A run that a command begins: an answer, an update, a place to go.
    pub fn command(&self, command: AnyCommand, surroundings: Arc<dyn Surroundings>) -> Invocation<S> {
        Invocation::new(self.graph().clone(), Ok(RunInput::Command(command)), surroundings)
    }
}

impl<S> CompiledGraph<S> {
    /// A run with an input whose shape is known only now.
    pub fn run_any(&self, input: impl Into<Shared>, surroundings: Arc<dyn Surroundings>) -> Invocation<S> {
        Invocation::new(self.graph().clone(), Ok(RunInput::Value(input.into())), surroundings)
    }
}

impl Graph {
    /// A run with an input whose shape is known only now, as a graph without the type of its state takes it. Null is
    /// no input: there has to be something to go on from.
    pub fn run_any(
        &self,
        input: impl Into<Shared>,
        surroundings: Arc<dyn Surroundings>,
    ) -> Invocation<Value> {
        let input = input.into();
        let input = if input.is_null() { RunInput::Nothing } else { RunInput::Value(input) };
        Invocation::new(self.clone(), Ok(input), surroundings)
    }
}

impl<S> Invocation<S> {
    fn new(graph: Graph, input: Result<RunInput, Failure>, surroundings: Arc<dyn Surroundings>) -> Self {
        let plan = Plan {
            graph,
            input,
            config: RunConfig::new(surroundings.new_id()),
            modes: Modes::from(Mode::Updates),
            subgraphs: false,
            memory: None,
            models: Models::default(),
            store: None,
            surroundings,
        };
        Self { plan, running: None, state: PhantomData }
    }

    /// Streams these modes; [`Mode::Updates`] when nothing is said.
    pub fn modes(mut self, modes: impl Into<Modes>) -> Self {
        self.plan.modes = modes.into();
        self
    }

    /// Streams nested graphs too.
    pub fn subgraphs(mut self) -> Self {
        self.plan.subgraphs = true;
        self
    }

    /// Keeps checkpoints in `memory`, and begins where it stands.
    pub fn thread(mut self, memory: &Memory) -> Self {
        self.plan.config.thread_id = Some(memory.thread_id().into());
        self.plan.config.checkpoints = true;
        self.plan.memory = Some(memory.clone());
        self
    }

    /// Starts from this checkpoint of the thread instead of the newest.
    pub fn checkpoint(mut self, id: Uuid) -> Self {
        self.plan.config.checkpoint_id = Some(id);
        self
    }

    /// Takes at most this many supersteps; a chain of n nodes needs n + 1.
    pub fn recursion_limit(mut self, limit: u64) -> Self {
        self.plan.config.recursion_limit = limit;
        self
    }

    /// Runs at most this many tasks of a superstep at once.
    pub fn max_concurrency(mut self, tasks: usize) -> Self {
        self.plan.config.max_concurrency = Some(tasks);
        self
    }

    /// Refuses a resume that names a question which is not open, instead of asking again.
    pub fn strict_resume(mut self) -> Self {
        self.plan.config.strict_resume = true;
        self
    }

    /// When the thread's memory is written.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.plan.config.durability = durability;
        self
    }

    /// Pauses before these nodes.
    pub fn interrupt_before(mut self, nodes: impl Into<Breakpoints>) -> Self {
        self.plan.config.interrupt_before = Some(nodes.into());
        self
    }

    /// Pauses after these nodes.
    pub fn interrupt_after(mut self, nodes: impl Into<Breakpoints>) -> Self {
        self.plan.config.interrupt_after = Some(nodes.into());
        self
    }

    /// Configures nodes: they read it with [`configurable`](crate::NodeContext::configurable).
    pub fn configurable(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        let mut map: Map<String, Value> = (*self.plan.config.configurable).clone();
        map.insert(key.into(), value.into());
        self.plan.config.configurable = Arc::new(map);
        self
    }

    /// Gives the run a context, which nodes read with [`context`](crate::NodeContext::context).
    pub fn context(mut self, context: impl Serialize + 'static) -> Self {
        match Shared::new(context) {
            Ok(context) => self.plan.config.context = context,
            Err(error) => self.plan.input = Err(NodeError::from(error).failure()),
        }
        self
    }

    /// Makes a model known by a name.
    pub fn model(mut self, name: impl Into<Key>, model: impl ChatModel) -> Self {
        self.plan.models.name(name, model);
        self
    }

    /// Finds further models by their names.
    pub fn models(mut self, source: impl ModelSource) -> Self {
        self.plan.models.source(source);
        self
    }

    /// Gives nodes a long-term store.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.plan.store = Some(store);
        self
    }

    /// The next event; `None` when the run has ended.
    ///
    /// Dropping the future loses nothing: the run stands where it stood.
    pub async fn next(&mut self) -> Option<Result<Event, RunError>> {
        StreamExt::next(self).await
    }

    /// How the run ended, once its events have.
    pub fn finished(&self) -> Option<&Finished> {
        self.running.as_ref()?.finished()
    }

    /// Runs to the end or to a pause, with nobody listening.
    ///
    /// Dropping the future leaves the run at its last commit.
    pub async fn finish(self) -> Finished {
        self.plan.start(Interest::NONE).0.await
    }
}

impl<S> Stream for Invocation<S> {
    type Item = Result<Event, RunError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { plan, running, .. } = &mut *self;
        running.get_or_insert_with(|| Running::begin(plan)).poll_next_unpin(cx)
    }
}

impl Plan {
    /// The driver of the run, and where its facts arrive.
    fn start(&self, interest: Interest) -> (BoxFuture<'static, Finished>, Arc<Pipe>) {
        let pipe = Arc::new(Pipe::default());
        let plan = self.clone();
        let driver = match plan.input {
            Ok(input) => {
                let host = Local::new(
                    plan.surroundings,
                    pipe.clone(),
                    interest,
                    plan.memory,
                    plan.models,
                    plan.store,
                );
                crate::drive(plan.graph, input, Arc::new(plan.config), Arc::new(host))
            }
            Err(failure) => Finished {
                outcome: Outcome::Failed(failure.clone()),
                values: Object::default(),
                interrupts: Vec::new(),
                error: Some(RunError::of_node(&START.into(), failure)),
            }
            .now(),
        };
        (driver, pipe)
    }
}

impl Finished {
    fn now(self) -> BoxFuture<'static, Self> {
        Box::pin(std::future::ready(self))
    }
}

impl<S: State> Invocation<S> {
    /// Runs to the end and returns the state; a run that waits for an answer is an error here.
    ///
    /// Dropping the future leaves the run at its last commit.
    pub async fn invoke(self) -> Result<S, RunError> {
        let finished = self.finish().await;
        if let Some(error) = finished.error {
            return Err(error);
        }
        if !finished.interrupts.is_empty() {
            return Err(RunError::Waiting { interrupts: finished.interrupts });
        }
        let unreadable = |error| RunError::value_error(format!("cannot read the result: {error}"));
        finished.values.read().map_err(unreadable)
    }
}
