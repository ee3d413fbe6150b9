//! What a node may ask of the run that it is part of.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::command::Interrupt;
use crate::config::RunConfig;
use crate::driver::{Call, LevelEnv, RunInput, call};
use crate::error::NodeError;
use crate::fact::{Body, Fact, Failure, TaskInfo, ToolRun};
use crate::graph::{CompiledGraph, Graph};
use crate::ids::{Timestamp, interrupt_id};
use crate::message::{Message, ToolCall};
use crate::model::{Chat, ChatModel};
use crate::state::{State, Update};
use crate::store::Store;
use crate::value::{Key, Object, Shared};

use super::{Pulse, Scratch, lock};

/// The run around a node: its stream, its models, its store, its questions.
///
/// Owned and cheap to clone; it may move into spawned tasks. What it writes after the node has ended is
/// dropped.
#[derive(Clone)]
pub struct NodeContext(Arc<TaskEnv>);

/// One task as its node sees it; shared by its attempts.
pub(crate) struct TaskEnv {
    pub(crate) info: Arc<TaskInfo>,
    pub(crate) level: Arc<LevelEnv>,
    pub(crate) scratch: Arc<Mutex<Scratch>>,
    pub(crate) attempt: u32,
    pub(crate) first_attempt: Timestamp,
    pub(crate) pulse: Arc<Pulse>,
    /// The failure that an error handler handles.
    pub(crate) handles: Option<(Key, Failure)>,
}

/// Who and when a task is.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionInfo {
    /// The checkpoint that the superstep started from.
    pub checkpoint_id: Uuid,
    /// The namespace of the task.
    pub checkpoint_ns: Key,
    /// The task.
    pub task_id: Uuid,
    /// The thread, if the run has one.
    pub thread_id: Option<Key>,
    /// The run.
    pub run_id: Uuid,
    /// Counts from 1.
    pub attempt: u32,
    /// When the first attempt began.
    pub first_attempt: Timestamp,
}

impl NodeContext {
    pub(crate) fn new(env: TaskEnv) -> Self {
        Self(Arc::new(env))
    }

    pub(crate) fn env(&self) -> &TaskEnv {
        &self.0
    }

    fn config(&self) -> &RunConfig {
        &self.0.level.config
    }

    /// The name of the node.
    pub fn node(&self) -> &str {
        &self.0.info.name
    }

    /// Who and when this execution is.
    pub fn execution(&self) -> ExecutionInfo {
        ExecutionInfo {
            checkpoint_id: self.0.level.checkpoint_id,
            checkpoint_ns: self.0.info.ns.clone(),
            task_id: self.0.info.id,
            thread_id: self.config().thread_id.clone(),
            run_id: self.config().run_id,
            attempt: self.0.attempt,
            first_attempt: self.0.first_attempt,
        }
    }

    /// A value that the caller of the run configured.
    pub fn configurable(&self, key: &str) -> Option<&Value> {
        self.config().configurable.get(key)
    }

    /// All values that the caller of the run configured.
    pub fn configurables(&self) -> &Map<String, Value> {
        &self.config().configurable
    }

    /// The run's metadata.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.config().metadata
    }

    /// The run's context, read as `T`.
    pub fn context<T: DeserializeOwned>(&self) -> Result<T, NodeError> {
        let refused =
            |error| NodeError::visible("ValueError", format!("cannot read the run's context: {error}"));
        self.config().context.read().map_err(refused)
    }

    /// The failure that this node handles, when it is an error handler.
    pub fn handled_failure(&self) -> Option<(&str, &Failure)> {
        self.0.handles.as_ref().map(|(node, failure)| (&**node, failure))
    }

    /// How many supersteps the recursion limit still allows.
    pub fn remaining_steps(&self) -> u64 {
        u64::try_from(self.0.level.stop - self.0.info.step).unwrap_or_default()
    }

    /// The long-term store.
    ///
    /// Fails when the host has none.
    pub fn store(&self) -> Result<Arc<dyn Store>, NodeError> {
        let missing = || NodeError::visible("RuntimeError", "this run has no store");
        self.0.level.host.store().ok_or_else(missing)
    }

    /// Writes `value` to the stream mode `custom`, at once.
    ///
    /// Waits while the stream is full: a flood slows its own node and nobody else.
    /// Dropping the future leaves it open whether the value is written.
    pub async fn write(&self, value: impl Serialize + 'static) -> Result<(), NodeError> {
        self.heartbeat_on_output();
        if !self.0.level.host.interest().facts {
            return Ok(());
        }
        let value = Shared::new(value)?;
        self.emit(Body::Custom { task: self.0.info.clone(), value }).await;
        Ok(())
    }

    /// Puts a message on the message streams now, and into `key` of the state when the node ends.
    ///
    /// The message needs an id. It is shown even when its id was shown before.
    pub async fn push_message(&self, message: Message, key: Option<&str>) -> Result<(), NodeError> {
        if message.id().is_none() {
            return Err(NodeError::visible("ValueError", "Message ID is required"));
        }
        if let Some(key) = key {
            lock(&self.0.scratch).pushed.push((key.into(), message.clone().into()));
        }
        self.heartbeat_on_output();
        if self.0.level.host.interest().facts {
            self.emit(Body::Message { task: self.0.info.clone(), message }).await;
        }
        Ok(())
    }

    pub(crate) fn emit(&self, body: Body) -> BoxFuture<'static, ()> {
        let level = &self.0.level;
        level.host.emit(Fact { ns: level.ns.clone(), at: level.host.now(), body })
    }

    /// Says that the node is alive, for its idle timeout.
    pub fn heartbeat(&self) {
        let now = self.0.level.host.now();
        lock(&self.0.scratch).progress = now;
    }

    /// Output is a sign of life too, unless the node's policy counts heartbeats only.
    pub(crate) fn heartbeat_on_output(&self) {
        self.0.pulse.beat(&*self.0.level.host);
    }

    /// Asks a person, and pauses the run until the answer comes.
    ///
    /// **What stands above the call runs twice.** The run ends at the `?`; on resume the node starts
    /// again from its top, and the same call returns the answer. A second question in the same node is
    /// asked after the first is answered; answers are found by the order of the calls.
    ///
    /// ```
    /// # use eddyline_engine::prelude::*;
    /// # #[state] struct Joke { topic: String, joke: Option<String> }
    /// async fn ask(state: Joke, ctx: NodeContext) -> Result<Update<Joke>> {
    ///     let answer: String = ctx.interrupt(json!({ "question": "ok?", "topic": state.topic }))?;
    ///     Ok(Joke::update().joke(format!("answer={answer}")))
    /// }
    /// ```
    pub fn interrupt<T: DeserializeOwned>(&self, question: impl Serialize + 'static) -> Result<T, NodeError> {
        self.ask(Shared::new(question)?, None)
    }

    /// As [`interrupt`](Self::interrupt), and tells the JSON Schema that an answer should fit.
    pub fn interrupt_with_schema<T: DeserializeOwned>(
        &self,
        question: impl Serialize + 'static,
        schema: Value,
    ) -> Result<T, NodeError> {
        self.ask(Shared::new(question)?, Some(schema))
    }

    fn ask<T: DeserializeOwned>(&self, value: Shared, schema: Option<Value>) -> Result<T, NodeError> {
        let mut scratch = lock(&self.0.scratch);
        let index = scratch.asked;
        scratch.asked += 1;
        if index >= scratch.answers.len() {
            let id = interrupt_id(&self.0.info.ns, scratch.answers.len());
            // Of what is not stored the tasks, and so their questions, are others each time.
            let stored = self.0.level.keeps.then_some(&*id);
            let Some(answer) = self.0.level.resume.take(stored) else {
                return Err(NodeError::interrupted(vec![Interrupt { value, id, response_schema: schema }]));
            };
            scratch.answers.push(answer);
        }
        let refused = |error| NodeError::visible("ValueError", format!("the answer does not fit: {error}"));
        let answer = scratch.answers[index].read().map_err(refused)?;
        let answers = scratch.answers[..=index].to_vec();
        scratch.recorded.push(answers);
        Ok(answer)
    }

    /// Calls a graph as a function: it runs in a namespace of its own, with checkpoints of its own, and
    /// what it streams carries that namespace.
    ///
    /// When it asks a question, so does this node; on resume the node starts again and the graph goes on
    /// where it stopped. Dropping the future cancels the graph's tasks.
    pub async fn call<S: State>(&self, graph: &CompiledGraph<S>, input: Update<S>) -> Result<S, NodeError> {
        let input = crate::pregel::object_of(input.into(), self.node())?;
        let output = self.call_any(graph.graph(), input.into()).await?;
        output
            .read()
            .map_err(|error| NodeError::visible("ValueError", format!("cannot read the result: {error}")))
    }

    /// Calls a graph whose state is known only at run time.
    pub fn call_any(&self, graph: &Graph, input: Shared) -> BoxFuture<'static, Result<Object, NodeError>> {
        let index = {
            let mut scratch = lock(&self.0.scratch);
            scratch.nested += 1;
            scratch.nested - 1
        };
        let retry = self.0.attempt > 1;
        call(Call {
            graph: graph.clone(),
            input: RunInput::Value(input),
            level: self.0.level.clone(),
            task: self.0.info.clone(),
            index,
            retry,
            pulse: self.0.pulse.clone(),
        })
    }

    /// The model that goes by `name`, such as `openai:gpt-4o-mini`.
    ///
    /// Fails when the host knows no such model.
    pub fn model(&self, name: &str) -> Result<Chat, NodeError> {
        let missing = || NodeError::visible("ValueError", format!("there is no model `{name}`"));
        Ok(Chat::new(self.clone(), self.0.level.host.model(name).ok_or_else(missing)?))
    }

    /// A model that the node brings itself.
    pub fn chat<M: ChatModel>(&self, model: M) -> Chat {
        Chat::new(self.clone(), Arc::new(model))
    }

    /// Runs a tool and tells listeners: that it starts, what it says on the way, how it ends.
    ///
    /// `run` gets a [`ToolStream`] for what it wants to say on the way.
    pub async fn tool<T, F, Fut>(&self, call: &ToolCall, run: F) -> Result<T, NodeError>
    where
        T: Serialize + Clone + 'static,
        F: FnOnce(ToolStream) -> Fut,
        Fut: Future<Output = Result<T, NodeError>>,
    {
        let tool = Arc::new(ToolRun {
            id: self.0.level.host.new_id(),
            task: self.0.info.clone(),
            name: call.name.as_str().into(),
            call_id: call.id.as_deref().unwrap_or_default().into(),
        });
        let tell = |body: Body| async {
            if self.0.level.host.interest().facts {
                self.emit(body).await;
            }
        };
        tell(Body::ToolStarted { call: tool.clone(), input: serde_json::to_value(&call.args)? }).await;
        let end = run(ToolStream { ctx: self.clone(), tool: tool.clone() }).await;
        match &end {
            Ok(output) => tell(Body::ToolFinished { call: tool, output: Shared::new(output.clone())? }).await,
            Err(error) if error.is_failure() => {
                tell(Body::ToolFailed { call: tool, failure: error.failure() }).await;
            }
            Err(_) => {}
        }
        end
    }

    /// A fresh random id.
    pub fn new_id(&self) -> Uuid {
        self.0.level.host.new_id()
    }

    /// Ends after `duration`, by the host's clock.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.level.host.sleep(duration)
    }
}

impl std::fmt::Debug for NodeContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "context of {}", self.0.info.ns)
    }
}

/// What a tool says before it is done.
#[derive(Clone, Debug)]
pub struct ToolStream {
    ctx: NodeContext,
    tool: Arc<ToolRun>,
}

impl ToolStream {
    /// Tells listeners `delta`: any JSON.
    pub async fn write(&self, delta: Value) {
        self.ctx.heartbeat_on_output();
        if self.ctx.env().level.host.interest().facts {
            self.ctx.emit(Body::ToolDelta { call: self.tool.clone(), delta }).await;
        }
    }
}
