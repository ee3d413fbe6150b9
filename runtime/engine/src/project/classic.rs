//! The fold: facts in, events out, in the order that clients of the LangGraph API know.

use std::sync::Arc;

use serde_json::{Value, json};

use super::events::EventTree;
use super::messages::MessageFold;
use super::{Data, Event, Mode, Modes, payload};
use crate::config::RunConfig;
use crate::fact::{Body, Fact, TaskEnd, TaskInfo};
use crate::ids::{NS_SEPARATOR, Timestamp};
use crate::value::Key;

/// Folds the facts of one run to the events of some stream modes.
///
/// Facts have to be told in order and from the run's beginning: which messages are new depends on
/// what was seen. A client that comes late folds from the beginning and drops what it has.
pub struct Classic {
    config: Arc<RunConfig>,
    modes: Modes,
    subgraphs: bool,
    messages: MessageFold,
    tree: EventTree,
    out: Vec<Event>,
}

impl Classic {
    /// A fold over the run of `config`; with `subgraphs`, nested graphs are shown too.
    pub fn new(config: Arc<RunConfig>, modes: Modes, subgraphs: bool) -> Self {
        let messages = MessageFold::new(config.clone(), &modes, subgraphs);
        let tree = EventTree::new(config.clone());
        Self { config, modes, subgraphs, messages, tree, out: Vec::new() }
    }

    /// What is told from now on is of an attempt at the run that has this configuration.
    pub fn reconfigure(&mut self, config: Arc<RunConfig>) {
        self.messages.reconfigure(config.clone());
        self.tree.reconfigure(config.clone());
        self.config = config;
    }

    /// What clients see of `fact`.
    pub fn fold(&mut self, fact: &Fact) -> Vec<Event> {
        if self.modes.has(Mode::Events) {
            let events = self.tree.fold(fact).into_iter();
            self.out.extend(events.map(|event| Event { ns: Vec::new(), data: Data::Events(event) }));
        }
        self.core(fact);
        std::mem::take(&mut self.out)
    }

    fn core(&mut self, fact: &Fact) {
        match &fact.body {
            Body::RunStarted { attempt, .. } => {
                let metadata = json!({"run_id": self.config.run_id, "attempt": attempt});
                self.out.push(Event { ns: Vec::new(), data: Data::Metadata(metadata) });
            }
            Body::RunEnded { failure: Some(failure), .. } => {
                self.out.push(Event { ns: Vec::new(), data: Data::Error(failure.to_json()) });
            }
            Body::TaskStarted(task) => {
                self.messages.node_starts(task);
                if self.shows(fact) {
                    self.task(fact, "task", task.step, &|config| payload::task_start(task, config));
                }
            }
            Body::TaskFinished(end) => self.finished(fact, end),
            Body::Chunk { call, chunk } => {
                let events = self.messages.chunk(call, chunk);
                self.out.extend(events);
            }
            Body::ModelFinished { call, message, .. } => {
                let events = self.messages.model_ends(call, message);
                self.out.extend(events);
            }
            Body::Message { task, message } => {
                let events = self.messages.push(task, message);
                self.out.extend(events);
            }
            _ if self.shows(fact) => self.visible(fact),
            _ => {}
        }
    }

    fn visible(&mut self, fact: &Fact) {
        match &fact.body {
            Body::Values(values) if self.modes.has(Mode::Values) => {
                self.push(fact, Data::Values { values: values.clone(), interrupts: None });
            }
            Body::Checkpoint(checkpoint) => {
                if !self.modes.has(Mode::Checkpoints) && !self.modes.has(Mode::Debug) {
                    return;
                }
                let payload = payload::checkpoint(&fact.ns, checkpoint, &self.config);
                if self.modes.has(Mode::Checkpoints) {
                    self.push(fact, Data::Checkpoints(payload.clone()));
                }
                if self.modes.has(Mode::Debug) {
                    let payload = payload::debug_checkpoint(payload);
                    let wrapped = debug(checkpoint.metadata.step, fact.at, "checkpoint", &payload);
                    self.push(fact, Data::Debug(wrapped));
                }
            }
            Body::TaskRestored(end) if self.modes.has(Mode::Updates) => {
                let (node, update) = (end.task.name.clone(), payload::update(end));
                self.push(fact, Data::Updates { node, update, cached: true });
            }
            Body::Custom { value, .. } if self.modes.has(Mode::Custom) => {
                self.push(fact, Data::Custom(value.json().clone()));
            }
            Body::Paused if self.modes.has(Mode::Updates) => self.push(fact, Data::Interrupted(Vec::new())),
            Body::ToolStarted { call, input } => {
                let event = json!({
                    "event": "tool-started", "tool_call_id": &*call.call_id, "tool_name": &*call.name, "input": input,
                });
                self.tool(fact, event);
            }
            Body::ToolDelta { call, delta } => {
                let event =
                    json!({"event": "tool-output-delta", "tool_call_id": &*call.call_id, "delta": delta});
                self.tool(fact, event);
            }
            Body::ToolFinished { call, output } => {
                let event =
                    json!({"event": "tool-finished", "tool_call_id": &*call.call_id, "output": output});
                self.tool(fact, event);
            }
            Body::ToolFailed { call, failure } => {
                let message = failure.public_message();
                let event =
                    json!({"event": "tool-error", "tool_call_id": &*call.call_id, "message": message});
                self.tool(fact, event);
            }
            _ => {}
        }
    }

    fn finished(&mut self, fact: &Fact, end: &Arc<TaskEnd>) {
        if end.failure.is_none() && end.waiting.is_none() {
            let events = self.messages.node_ends(end);
            self.out.extend(events);
        }
        if !self.shows(fact) {
            return;
        }
        if let Some((interrupts, values)) = &end.waiting {
            if self.modes.has(Mode::Updates) {
                self.push(fact, Data::Interrupted(interrupts.clone()));
            }
            if self.modes.has(Mode::Values) {
                let (values, interrupts) = (values.clone(), Some(interrupts.clone()));
                self.push(fact, Data::Values { values, interrupts });
            }
        } else if end.updates && self.modes.has(Mode::Updates) {
            let (node, update) = (end.task.name.clone(), payload::update(end));
            self.push(fact, Data::Updates { node, update, cached: false });
        }
        self.task(fact, "task_result", end.task.step, &|_| payload::task_result(end));
    }

    /// A task event, and its twin in `debug`.
    fn task(&mut self, fact: &Fact, kind: &str, step: i64, payload: &dyn Fn(&RunConfig) -> Value) {
        if self.modes.has(Mode::Tasks) {
            let payload = payload(&self.config);
            self.push(fact, Data::Tasks(payload));
        }
        if self.modes.has(Mode::Debug) {
            let wrapped = debug(step, fact.at, kind, &payload(&self.config));
            self.push(fact, Data::Debug(wrapped));
        }
    }

    fn tool(&mut self, fact: &Fact, event: Value) {
        if self.modes.has(Mode::Tools) {
            self.push(fact, Data::Tools(event));
        }
    }

    fn shows(&self, fact: &Fact) -> bool {
        self.subgraphs || fact.ns.is_empty()
    }

    fn push(&mut self, fact: &Fact, data: Data) {
        self.out.push(Event { ns: levels(&fact.ns), data });
    }
}

/// A namespace level by level; the root has none.
pub(super) fn levels(ns: &str) -> Vec<Key> {
    if ns.is_empty() { Vec::new() } else { ns.split(NS_SEPARATOR).map(Key::from).collect() }
}

fn debug(step: i64, at: Timestamp, kind: &str, payload: &Value) -> Value {
    json!({"step": step, "timestamp": at.to_rfc3339(), "type": kind, "payload": payload})
}

/// The run's metadata with what a task adds.
pub(super) fn task_scope(config: &RunConfig, task: &TaskInfo) -> serde_json::Map<String, Value> {
    let mut metadata = (*config.metadata).clone();
    metadata.extend(crate::driver::task_metadata(task));
    metadata.extend(task.metadata.iter().map(|(key, value)| (key.clone(), value.clone())));
    metadata
}
