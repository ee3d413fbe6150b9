//! Running a graph in the program that holds it: no server, no actors, no storage but memory.
//!
//! Time and ids come from [`Surroundings`]; nodes run wherever the stream or the future is polled.

mod host;
mod memory;
mod pipe;
mod stream;

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::command::AnyCommand;
use crate::config::{Breakpoints, Durability, RunConfig};
use crate::driver::{Finished, RunInput};
use crate::error::{NodeError, RunError};
use crate::fact::Interest;
use crate::graph::{CompiledGraph, Graph};
use crate::ids::Timestamp;
use crate::model::ChatModel;
use crate::project::{Mode, Modes};
use crate::state::{State, Update};
use crate::store::Store;
use crate::value::{Key, Shared};

pub use host::Local;
pub use memory::Memory;
pub use stream::Events;

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

/// A run that is about to begin.
///
/// Ask it for its [`events`](Self::events), or [`finish`](Self::finish) it and look at the end.
pub struct Invocation<S> {
    graph: Graph,
    input: Result<RunInput, NodeError>,
    pub(super) config: RunConfig,
    modes: Modes,
    subgraphs: bool,
    memory: Option<Memory>,
    models: HashMap<Key, Arc<dyn ChatModel>>,
    store: Option<Arc<dyn Store>>,
    surroundings: Arc<dyn Surroundings>,
    state: PhantomData<fn() -> S>,
}

impl<S: State> CompiledGraph<S> {
    /// A run of this graph with `input`, in these surroundings.
    pub fn invocation(&self, input: Update<S>, surroundings: Arc<dyn Surroundings>) -> Invocation<S> {
        let input = crate::pregel::object_of(input.into(), "__start__");
        Invocation::new(self.graph().clone(), input.map(|input| RunInput::Value(input.into())), surroundings)
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

impl<S> Invocation<S> {
    fn new(graph: Graph, input: Result<RunInput, NodeError>, surroundings: Arc<dyn Surroundings>) -> Self {
        Self {
            graph,
            input,
            config: RunConfig::new(surroundings.new_id()),
            modes: Modes::from(Mode::Updates),
            subgraphs: false,
            memory: None,
            models: HashMap::new(),
            store: None,
            surroundings,
            state: PhantomData,
        }
    }

    /// Streams these modes; [`Mode::Updates`] when nothing is said.
    pub fn modes(mut self, modes: impl Into<Modes>) -> Self {
        self.modes = modes.into();
        self
    }

    /// Streams nested graphs too.
    pub fn subgraphs(mut self) -> Self {
        self.subgraphs = true;
        self
    }

    /// Keeps checkpoints in `memory`, and begins where it stands.
    pub fn thread(mut self, memory: &Memory) -> Self {
        self.config.thread_id = Some(memory.thread_id().into());
        self.config.checkpoints = true;
        self.memory = Some(memory.clone());
        self
    }

    /// Starts from this checkpoint of the thread instead of the newest.
    pub fn checkpoint(mut self, id: Uuid) -> Self {
        self.config.checkpoint_id = Some(id);
        self
    }

    /// Takes at most this many supersteps; a chain of n nodes needs n + 1.
    pub fn recursion_limit(mut self, limit: u64) -> Self {
        self.config.recursion_limit = limit;
        self
    }

    /// Runs at most this many tasks of a superstep at once.
    pub fn max_concurrency(mut self, tasks: usize) -> Self {
        self.config.max_concurrency = Some(tasks);
        self
    }

    /// Refuses a resume that names a question which is not open, instead of asking again.
    pub fn strict_resume(mut self) -> Self {
        self.config.strict_resume = true;
        self
    }

    /// When the thread's memory is written.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.config.durability = durability;
        self
    }

    /// Pauses before these nodes.
    pub fn interrupt_before(mut self, nodes: impl Into<Breakpoints>) -> Self {
        self.config.interrupt_before = Some(nodes.into());
        self
    }

    /// Pauses after these nodes.
    pub fn interrupt_after(mut self, nodes: impl Into<Breakpoints>) -> Self {
        self.config.interrupt_after = Some(nodes.into());
        self
    }

    /// Configures nodes: they read it with [`configurable`](crate::NodeContext::configurable).
    pub fn configurable(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        let mut map: Map<String, Value> = (*self.config.configurable).clone();
        map.insert(key.into(), value.into());
        self.config.configurable = Arc::new(map);
        self
    }

    /// Gives the run a context, which nodes read with [`context`](crate::NodeContext::context).
    pub fn context(mut self, context: impl Serialize + 'static) -> Self {
        match Shared::new(context) {
            Ok(context) => self.config.context = context,
            Err(error) => self.input = Err(error.into()),
        }
        self
    }

    /// Makes a model known by a name.
    pub fn model(mut self, name: impl Into<Key>, model: impl ChatModel) -> Self {
        self.models.insert(name.into(), Arc::new(model));
        self
    }

    /// Gives nodes a long-term store.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Begins the run; it goes on as the stream is polled.
    pub fn events(self) -> Events {
        let (modes, subgraphs) = (self.modes.clone(), self.subgraphs);
        let tokens = modes.want_tokens();
        Events::begin(self, modes, subgraphs, Interest { facts: true, tokens })
    }

    /// Runs to the end or to a pause, with nobody listening.
    ///
    /// Dropping the future leaves the run at its last commit.
    pub async fn finish(self) -> Finished {
        let (driver, _) = self.start(Interest::NONE);
        driver.await
    }

    /// The driver of the run, and where its facts arrive.
    fn start(self, interest: Interest) -> (BoxFuture<'static, Finished>, Arc<pipe::Pipe>) {
        let pipe = Arc::new(pipe::Pipe::default());
        let host =
            Local::new(self.surroundings, pipe.clone(), interest, self.memory, self.models, self.store);
        let driver = match self.input {
            Ok(input) => crate::drive(self.graph, input, Arc::new(self.config), Arc::new(host)),
            Err(error) => {
                let failure = error.failure();
                let error = RunError::of_node(&"__start__".into(), failure.clone());
                Box::pin(std::future::ready(Finished {
                    outcome: crate::checkpoint::Outcome::Failed(failure),
                    values: crate::value::Object::default(),
                    interrupts: Vec::new(),
                    error: Some(error),
                }))
            }
        };
        (driver, pipe)
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
