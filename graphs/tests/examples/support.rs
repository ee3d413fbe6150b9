//! Short ways to run a graph and to say what it streams.

use std::sync::Arc;

use eddyline_engine::local::{Invocation, Memory};
use eddyline_engine::prelude::*;
use eddyline_engine::project::{Event, Mode};
use eddyline_engine::testing::{Report, World, observe};
use eddyline_engine::{AnyCommand, State};

/// A thread of one graph, in a world of its own.
pub(crate) struct Thread<S> {
    pub(crate) world: World,
    memory: Memory,
    graph: CompiledGraph<S>,
}

impl<S: State> Thread<S> {
    pub(crate) fn new(graph: Result<CompiledGraph<S>, CompileError>) -> Self {
        Self {
            world: World::new(),
            memory: Memory::new("thread"),
            graph: graph.expect("an example compiles"),
        }
    }

    /// What is set up to run with `input`.
    pub(crate) fn start(&self, input: Update<S>) -> Invocation<S> {
        self.world.run(&self.graph, input).thread(&self.memory)
    }

    /// Runs with `input`.
    pub(crate) fn run(&self, input: Update<S>) -> Report<S> {
        self.observe(self.start(input))
    }

    /// Runs what a command asks for.
    pub(crate) fn command(&self, command: AnyCommand) -> Report<S> {
        self.observe(self.graph.command(command, Arc::new(self.world.clone())).thread(&self.memory))
    }

    pub(crate) fn observe(&self, run: Invocation<S>) -> Report<S> {
        observe(&self.world, run)
    }
}

/// What clients of `modes` see of the graph itself and those inside it, as `[name, payload]`;
/// the ids in names are cut off.
pub(crate) fn seen<S: State, const N: usize>(run: &Report<S>, modes: [Mode; N]) -> Vec<Value> {
    let asked = |event: &&Event| modes.iter().any(|mode| mode.as_str() == event.data.name());
    run.events.iter().filter(asked).map(|event| json!([name(event), event.data.payload()])).collect()
}

/// The payloads of one mode, of the outermost graph only.
pub(crate) fn payloads<S: State>(run: &Report<S>, mode: Mode) -> Vec<Value> {
    let asked = |event: &&Event| event.ns.is_empty() && event.data.name() == mode.as_str();
    run.events.iter().filter(asked).map(|event| event.data.payload()).collect()
}

fn name(event: &Event) -> String {
    let nodes = event.ns.iter().map(|level| level.split(':').next().unwrap_or_default());
    std::iter::once(event.data.name()).chain(nodes).collect::<Vec<_>>().join("|")
}
