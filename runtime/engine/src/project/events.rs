//! The `events` mode: everything that runs as a tree of runs (LangChain's `astream_events`, version 2).

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::classic::task_scope;
use super::messages::model_scope;
use crate::config::RunConfig;
use crate::driver::first_level;
use crate::fact::{Body, Fact, ModelCall, TaskInfo};
use crate::ids::{NS_SEPARATOR, derived, is_counter};
use crate::value::Key;

/// The runs that are open, by namespace.
pub(super) struct EventTree {
    config: Arc<RunConfig>,
    /// Graphs by their namespace.
    graphs: HashMap<Key, GraphRun>,
    /// The tasks that hold nested graphs need their parents: by the namespace of the task.
    tasks: HashMap<Key, Arc<TaskInfo>>,
}

/// One graph that runs.
struct GraphRun {
    name: Key,
    id: Uuid,
    parents: Vec<Uuid>,
    input: Value,
}

/// What all events of one run share.
struct Frame {
    id: Uuid,
    name: Key,
    tags: Vec<String>,
    metadata: Map<String, Value>,
    parents: Vec<Uuid>,
}

impl Frame {
    fn start(&self, event: &str, data: &Value) -> Value {
        json!({
            "event": event, "data": data, "name": &*self.name, "tags": self.tags, "run_id": self.id,
            "metadata": self.metadata, "parent_ids": self.parents,
        })
    }

    fn end(&self, event: &str, data: &Value) -> Value {
        json!({
            "event": event, "data": data, "run_id": self.id, "name": &*self.name, "tags": self.tags,
            "metadata": self.metadata, "parent_ids": self.parents,
        })
    }

    fn stream(&self, event: &str, data: &Value) -> Value {
        json!({
            "event": event, "run_id": self.id, "name": &*self.name, "tags": self.tags,
            "metadata": self.metadata, "data": data, "parent_ids": self.parents,
        })
    }
}

impl EventTree {
    pub(super) fn new(config: Arc<RunConfig>) -> Self {
        Self { config, graphs: HashMap::new(), tasks: HashMap::new() }
    }

    pub(super) fn reconfigure(&mut self, config: Arc<RunConfig>) {
        self.config = config;
    }

    pub(super) fn fold(&mut self, fact: &Fact) -> Vec<Value> {
        match &fact.body {
            Body::GraphStarted { name, input } => self.graph_starts(&fact.ns, name, input.json()),
            Body::GraphFinished { output } => {
                let Some(run) = self.graphs.remove(&fact.ns) else { return Vec::new() };
                let mut data = json!({ "output": output });
                if !fact.ns.is_empty() {
                    data["input"] = run.input.clone();
                }
                vec![self.graph_frame(&fact.ns, &run).end("on_chain_end", &data)]
            }
            Body::TaskStarted(task) => {
                self.tasks.insert(task.ns.clone(), task.clone());
                vec![self.task_frame(&fact.ns, task).start("on_chain_start", &json!({"input": task.input}))]
            }
            Body::TaskFinished(end) => {
                self.tasks.remove(&end.task.ns);
                let Some(output) = &end.output else { return Vec::new() };
                let frame = self.task_frame(&fact.ns, &end.task);
                vec![
                    frame.stream("on_chain_stream", &json!({ "chunk": output })),
                    frame.end("on_chain_end", &json!({"output": output, "input": end.task.input})),
                ]
            }
            Body::Branch { task, name, input, output } => {
                let frame = self.branch_frame(&fact.ns, task, name);
                vec![
                    frame.start("on_chain_start", &json!({ "input": input })),
                    frame.end("on_chain_end", &json!({"output": output, "input": input})),
                ]
            }
            Body::ModelStarted { call, messages } => {
                let frame = self.model_frame(&fact.ns, call);
                vec![frame.start("on_chat_model_start", &json!({"input": {"messages": [messages]}}))]
            }
            Body::Chunk { call, chunk } => {
                vec![self.model_frame(&fact.ns, call).end("on_chat_model_stream", &json!({ "chunk": chunk }))]
            }
            Body::ModelFinished { call, messages, message, .. } => {
                let data = json!({"output": message, "input": {"messages": [messages]}});
                vec![self.model_frame(&fact.ns, call).end("on_chat_model_end", &data)]
            }
            Body::ToolStarted { call, input } => {
                let frame = self.inner_frame(&fact.ns, &call.task, call.id, &call.name);
                vec![frame.start("on_tool_start", &json!({ "input": input }))]
            }
            Body::ToolFinished { call, output } => {
                let frame = self.inner_frame(&fact.ns, &call.task, call.id, &call.name);
                vec![frame.end("on_tool_end", &json!({ "output": output }))]
            }
            _ => Vec::new(),
        }
    }

    fn graph_starts(&mut self, ns: &Key, name: &Key, input: &Value) -> Vec<Value> {
        let (id, parents) = match self.holder(ns) {
            None => (self.config.run_id, Vec::new()),
            Some((graph, task)) => {
                let mut parents = self.parents_of_task(&graph);
                parents.push(self.task_id(&task));
                (self.derive("graph", ns.as_bytes()), parents)
            }
        };
        let run = GraphRun { name: name.clone(), id, parents, input: input.clone() };
        let event = self.graph_frame(ns, &run).start("on_chain_start", &json!({ "input": input }));
        self.graphs.insert(ns.clone(), run);
        vec![event]
    }

    /// The graph and the task in which the graph of `ns` runs; `None` for the root.
    fn holder(&self, ns: &str) -> Option<(String, Arc<TaskInfo>)> {
        let mut levels: Vec<&str> = ns.split(NS_SEPARATOR).collect();
        while levels.last().is_some_and(|level| is_counter(level)) {
            levels.pop();
        }
        let task = self.tasks.get(levels.join("|").as_str())?.clone();
        levels.pop();
        Some((levels.join("|"), task))
    }

    /// The runs around a task of the graph of `ns`, root first.
    fn parents_of_task(&self, ns: &str) -> Vec<Uuid> {
        let Some(graph) = self.graphs.get(ns) else { return vec![self.config.run_id] };
        let mut parents = graph.parents.clone();
        parents.push(graph.id);
        parents
    }

    fn derive(&self, kind: &str, parts: &[u8]) -> Uuid {
        derived(&[self.config.run_id.as_bytes(), kind.as_bytes(), parts])
    }

    fn task_id(&self, task: &TaskInfo) -> Uuid {
        self.derive("task", task.id.as_bytes())
    }

    fn run_tags(&self, first: Option<String>) -> Vec<String> {
        first.into_iter().chain(self.config.tags.iter().map(ToString::to_string)).collect()
    }

    fn graph_frame(&self, ns: &str, run: &GraphRun) -> Frame {
        let holder = self.holder(ns);
        let metadata = match &holder {
            None => (*self.config.metadata).clone(),
            Some((_, task)) => self.inside(task),
        };
        Frame {
            id: run.id,
            name: run.name.clone(),
            tags: self.run_tags(holder.map(|_| "seq:step:1".to_owned())),
            metadata,
            parents: run.parents.clone(),
        }
    }

    fn task_frame(&self, ns: &str, task: &TaskInfo) -> Frame {
        let mut metadata = task_scope(&self.config, task);
        if !ns.is_empty() {
            metadata.insert("checkpoint_ns".into(), first_level(ns).into());
        }
        Frame {
            id: self.task_id(task),
            name: task.name.clone(),
            tags: self.run_tags(Some(format!("graph:step:{}", task.step))),
            metadata,
            parents: self.parents_of_task(ns),
        }
    }

    fn branch_frame(&self, ns: &str, task: &TaskInfo, name: &Key) -> Frame {
        let outer = self.task_frame(ns, task);
        let mut parents = outer.parents;
        parents.push(outer.id);
        let id = self.derive(name, task.id.as_bytes());
        let tags = self.run_tags(Some("seq:step:3".to_owned()));
        Frame { id, name: name.clone(), tags, metadata: outer.metadata, parents }
    }

    /// Something that runs inside a task.
    fn inner_frame(&self, ns: &str, task: &TaskInfo, id: Uuid, name: &Key) -> Frame {
        let mut parents = self.parents_of_task(ns);
        parents.push(self.task_id(task));
        let (metadata, tags) = (self.inside(task), self.run_tags(Some("seq:step:1".to_owned())));
        Frame { id, name: name.clone(), tags, metadata, parents }
    }

    fn model_frame(&self, ns: &str, call: &ModelCall) -> Frame {
        let mut frame = self.inner_frame(ns, &call.task, call.id, &call.name);
        frame.metadata = model_scope(&self.config, call);
        frame.metadata.shift_remove("tags");
        frame.tags.extend(call.tags.iter().map(ToString::to_string));
        frame
    }

    fn inside(&self, task: &TaskInfo) -> Map<String, Value> {
        let mut metadata = task_scope(&self.config, task);
        metadata.insert("checkpoint_ns".into(), first_level(&task.ns).into());
        metadata
    }
}
