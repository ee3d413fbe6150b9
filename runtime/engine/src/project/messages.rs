//! Which messages a stream shows, when, and with what metadata (LangGraph's stream messages handler).

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::classic::{levels, task_scope};
use super::{Data, Event, Mode, Modes};
use crate::config::RunConfig;
use crate::driver::first_level;
use crate::fact::{ModelCall, TaskEnd, TaskInfo};
use crate::ids::NS_SEPARATOR;
use crate::message::{Message, MessageChunk};
use crate::value::{Object, Shared};

/// How messages are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Each piece with its metadata.
    Tuple,
    /// Metadata once a message, then the message as it grows.
    Growing,
}

/// What the stream has shown of messages so far.
pub(super) struct MessageFold {
    config: Arc<RunConfig>,
    form: Option<Form>,
    subgraphs: bool,
    /// Ids that are not to be shown again as whole messages.
    seen: HashSet<String>,
    /// Messages that are growing, by id.
    growing: HashMap<String, MessageChunk>,
    /// Ids whose metadata was shown.
    announced: HashSet<String>,
}

impl MessageFold {
    pub(super) fn new(config: Arc<RunConfig>, modes: &Modes, subgraphs: bool) -> Self {
        let form = if modes.has(Mode::MessagesTuple) {
            Some(Form::Tuple)
        } else {
            modes.has(Mode::Messages).then_some(Form::Growing)
        };
        let (seen, growing, announced) = (HashSet::new(), HashMap::new(), HashSet::new());
        Self { config, form, subgraphs, seen, growing, announced }
    }

    pub(super) fn reconfigure(&mut self, config: Arc<RunConfig>) {
        self.config = config;
    }

    /// Messages that a node is given are not news when it returns them.
    pub(super) fn node_starts(&mut self, task: &TaskInfo) {
        if self.form.is_none() || task.hidden || !self.shows_ns(graph_of(&task.ns)) {
            return;
        }
        for value in task.input.object().into_iter().flat_map(Object::iter) {
            for message in messages_in(&value.1) {
                self.seen.extend(message.id().map(str::to_owned));
            }
        }
    }

    pub(super) fn chunk(&mut self, call: &ModelCall, chunk: &MessageChunk) -> Vec<Event> {
        if !self.shows(call) {
            return Vec::new();
        }
        let Some(id) = chunk.id() else { return Vec::new() };
        self.seen.insert(id.to_owned());
        let ns = graph_of(&call.task.ns);
        if self.form == Some(Form::Tuple) {
            return vec![self.tuple(ns, json!(chunk), self.model_scope(call))];
        }
        let metadata = self.model_scope(call);
        let mut events = self.announce(id, &metadata);
        let whole = match self.growing.get(id) {
            // Pieces that do not add up cannot be shown as one message: the newest stands for itself.
            Some(before) => before.merge(chunk).unwrap_or_else(|_| chunk.clone()),
            None => chunk.clone(),
        };
        self.growing.insert(id.to_owned(), whole.clone());
        events.push(Event { ns: Vec::new(), data: Data::MessagesPartial(json!([whole.into_message()])) });
        events
    }

    pub(super) fn model_ends(&mut self, call: &ModelCall, message: &Message) -> Vec<Event> {
        if !self.shows(call) || message.id().is_some_and(|id| self.seen.contains(id)) {
            return Vec::new();
        }
        let metadata = self.model_scope(call);
        self.whole(graph_of(&call.task.ns), message, metadata)
    }

    /// Messages in what a node wrote that nobody has seen yet.
    pub(super) fn node_ends(&mut self, end: &TaskEnd) -> Vec<Event> {
        if self.form.is_none() || !self.shows_ns(graph_of(&end.task.ns)) {
            return Vec::new();
        }
        let mut events = Vec::new();
        for (_, value) in &end.written {
            for message in messages_in(value) {
                if message.id().is_none_or(|id| !self.seen.contains(id)) {
                    let metadata = task_scope(&self.config, &end.task);
                    events.extend(self.whole(graph_of(&end.task.ns), &message, metadata));
                }
            }
        }
        events
    }

    pub(super) fn push(&mut self, task: &TaskInfo, message: &Message) -> Vec<Event> {
        if self.form.is_none() || !self.shows_ns(graph_of(&task.ns)) {
            return Vec::new();
        }
        self.whole(graph_of(&task.ns), message, task_scope(&self.config, task))
    }

    fn whole(&mut self, ns: &str, message: &Message, metadata: Map<String, Value>) -> Vec<Event> {
        self.seen.extend(message.id().map(str::to_owned));
        if self.form == Some(Form::Tuple) {
            return vec![self.tuple(ns, json!(message), metadata)];
        }
        let mut events = message.id().map(|id| self.announce(id, &metadata)).unwrap_or_default();
        events.push(Event { ns: Vec::new(), data: Data::MessagesComplete(json!([message])) });
        events
    }

    fn tuple(&self, ns: &str, chunk: Value, metadata: Map<String, Value>) -> Event {
        let ns = if self.subgraphs { levels(ns) } else { Vec::new() };
        Event { ns, data: Data::Messages { chunk, metadata: metadata.into() } }
    }

    fn announce(&mut self, id: &str, metadata: &Map<String, Value>) -> Vec<Event> {
        if !self.announced.insert(id.to_owned()) {
            return Vec::new();
        }
        let payload: Map<String, Value> =
            [(id.to_owned(), json!({ "metadata": metadata }))].into_iter().collect();
        vec![Event { ns: Vec::new(), data: Data::MessagesMetadata(payload.into()) }]
    }

    fn shows(&self, call: &ModelCall) -> bool {
        self.form.is_some() && !call.silent() && self.shows_ns(graph_of(&call.task.ns))
    }

    fn shows_ns(&self, ns: &str) -> bool {
        self.subgraphs || ns.is_empty()
    }

    fn model_scope(&self, call: &ModelCall) -> Map<String, Value> {
        model_scope(&self.config, call)
    }
}

/// The metadata of everything that a model call emits.
pub(super) fn model_scope(config: &RunConfig, call: &ModelCall) -> Map<String, Value> {
    let mut metadata = task_scope(config, &call.task);
    metadata.extend(call.metadata.iter().map(|(key, value)| (key.clone(), value.clone())));
    metadata.insert("checkpoint_ns".into(), first_level(&call.task.ns).into());
    let tags: Vec<&str> = config.tags.iter().chain(&call.tags).map(|tag| &**tag).collect();
    if !tags.is_empty() {
        metadata.insert("tags".into(), tags.into());
    }
    metadata
}

/// The namespace of the graph that a task belongs to.
fn graph_of(task_ns: &str) -> &str {
    task_ns.rfind(NS_SEPARATOR).map_or("", |end| &task_ns[..end])
}

/// The messages that a value is.
fn messages_in(value: &Shared) -> Vec<Message> {
    if let Some(messages) = value.messages() {
        return messages.to_vec();
    }
    value.message().into_iter().cloned().collect()
}
