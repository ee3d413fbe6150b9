//! A model that remembers what it was asked, and a thread to run on.

use std::sync::{Arc, Mutex};

use eddyline_engine::local::Memory;
use eddyline_engine::message::MessageChunk;
use eddyline_engine::model::ModelRequest;
use eddyline_engine::prelude::*;
use eddyline_engine::testing::{Report, World, observe};
use eddyline_engine::{AnyCommand, State};
use eddyline_graphs::models::ScriptedModel;
use futures_util::stream::BoxStream;

/// A scripted model that notes what it is asked.
#[derive(Clone)]
pub(crate) struct Scripted {
    script: Arc<ScriptedModel>,
    asked: Arc<Mutex<Vec<ModelRequest>>>,
}

impl Scripted {
    pub(crate) fn new(answers: impl IntoIterator<Item = Message>) -> Self {
        Self { script: Arc::new(ScriptedModel::new(answers)), asked: Arc::default() }
    }

    pub(crate) fn asked(&self) -> Vec<ModelRequest> {
        self.asked.lock().expect("nobody panicked").clone()
    }

    /// The texts of each conversation that it was asked to go on with.
    pub(crate) fn heard(&self) -> Vec<Vec<String>> {
        let texts = |request: &ModelRequest| request.messages.iter().map(|m| m.text().into_owned()).collect();
        self.asked().iter().map(texts).collect()
    }
}

impl ChatModel for Scripted {
    fn name(&self) -> &'static str {
        "Scripted"
    }

    fn stream(&self, request: ModelRequest) -> BoxStream<'static, Result<MessageChunk>> {
        self.asked.lock().expect("nobody panicked").push(request.clone());
        self.script.stream(request)
    }
}

/// A call of `name` with these arguments.
pub(crate) fn call(id: &str, name: &str, args: Value) -> ToolCall {
    ToolCall::new(name, serde_json::from_value(args).expect("arguments are an object")).with_id(id)
}

/// A message that asks for these calls.
pub(crate) fn asks(calls: impl IntoIterator<Item = ToolCall>) -> Message {
    Message::ai("").with_tool_calls(calls)
}

/// What messages say: role, text, and of tool messages the call and whether it failed.
pub(crate) fn said(messages: &[Message]) -> Vec<Value> {
    let brief = |message: &Message| {
        let value = json!(message);
        match message.tool_call_id() {
            Some(id) => json!([id, message.text(), value["status"]]),
            None => json!([value["type"], message.text()]),
        }
    };
    messages.iter().map(brief).collect()
}

/// A thread of one graph, in a world of its own.
pub(crate) struct Thread<S> {
    pub(crate) world: World,
    memory: Memory,
    graph: CompiledGraph<S>,
}

impl<S: State> Thread<S> {
    pub(crate) fn new(graph: Result<CompiledGraph<S>, CompileError>) -> Self {
        Self { world: World::new(), memory: Memory::new("thread"), graph: graph.expect("the graph compiles") }
    }

    pub(crate) fn run(&self, input: Update<S>) -> Report<S> {
        observe(&self.world, self.world.run(&self.graph, input).thread(&self.memory))
    }

    pub(crate) fn answer(&self, command: AnyCommand) -> Report<S> {
        let run = self.graph.command(command, Arc::new(self.world.clone())).thread(&self.memory);
        observe(&self.world, run)
    }
}
