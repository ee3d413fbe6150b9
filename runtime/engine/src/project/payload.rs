//! Payloads of the core stream modes, as LangGraph words them.

use serde_json::{Map, Value, json};

use crate::command::Interrupt;
use crate::config::RunConfig;
use crate::driver::{parents_json, result_of};
use crate::fact::{CheckpointFact, Failure, TaskEnd, TaskInfo, TaskNote};
use crate::value::{Key, Object, Shared};

/// Run metadata that task events leave out.
const NOT_IN_TASKS: [&str; 9] = [
    "thread_id",
    "checkpoint_id",
    "checkpoint_ns",
    "checkpoint_map",
    "langgraph_step",
    "langgraph_node",
    "langgraph_triggers",
    "langgraph_path",
    "langgraph_checkpoint_ns",
];

pub(super) fn values(values: &Object, interrupts: Option<&[Interrupt]>) -> Value {
    let mut json = values.to_json();
    if let (Value::Object(map), Some(interrupts)) = (&mut json, interrupts) {
        map.insert("__interrupt__".into(), json!(interrupts));
    }
    json
}

pub(super) fn updates(node: &Key, update: &Value, cached: bool) -> Value {
    let mut map = Map::new();
    map.insert(node.to_string(), update.clone());
    if cached {
        map.insert("__metadata__".into(), json!({"cached": true}));
    }
    map.into()
}

pub(super) fn interrupted(interrupts: &[Interrupt]) -> Value {
    json!({ "__interrupt__": interrupts })
}

/// What a task wrote to output keys: an object, a list of objects if it wrote a key twice, or null.
pub(super) fn update(end: &TaskEnd) -> Value {
    let shown: Vec<&(Key, Shared)> =
        end.written.iter().filter(|(key, _)| end.output_keys.contains(key)).collect();
    let repeated =
        shown.iter().enumerate().any(|(i, (key, _))| shown[..i].iter().any(|(other, _)| other == key));
    let one = |(key, value): &(Key, Shared)| (key.to_string(), value.json().clone());
    match shown.as_slice() {
        [] => Value::Null,
        writes if repeated => Value::Array(
            writes.iter().map(|write| Value::Object([one(write)].into_iter().collect())).collect(),
        ),
        writes => writes.iter().map(|write| one(write)).collect(),
    }
}

pub(super) fn task_start(task: &TaskInfo, config: &RunConfig) -> Value {
    let mut metadata: Map<String, Value> = config
        .metadata
        .iter()
        .chain(task.metadata.iter())
        .filter(|(key, _)| !NOT_IN_TASKS.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let tags: Vec<&str> = config.tags.iter().chain(task.tags.iter()).map(|tag| &**tag).collect();
    if !tags.is_empty() {
        metadata.insert("tags".into(), tags.into());
    }
    let triggers: Vec<&str> = task.triggers.iter().map(|trigger| &**trigger).collect();
    let mut payload = json!({"id": task.id, "name": &*task.name, "input": task.input, "triggers": triggers});
    if !metadata.is_empty() {
        payload["metadata"] = metadata.into();
    }
    payload
}

pub(super) fn task_result(end: &TaskEnd) -> Value {
    let interrupts = end.waiting.as_ref().map(|(interrupts, _)| interrupts.as_slice()).unwrap_or_default();
    json!({
        "id": end.task.id,
        "name": &*end.task.name,
        "error": end.failure.as_ref().map(Failure::to_json),
        "result": result_of(&end.written),
        "interrupts": interrupts,
    })
}

/// The `checkpoints` payload, and the config and tasks in it as `debug` rewrites them.
pub(super) fn checkpoint(ns: &str, fact: &CheckpointFact, config: &RunConfig) -> Value {
    let configurable = |id: uuid::Uuid, stored: bool| {
        let mut map = Map::new();
        if stored {
            map.insert("thread_id".into(), json!(config.thread_id.as_deref()));
            map.insert("checkpoint_ns".into(), ns.into());
        } else {
            map.insert("checkpoint_ns".into(), ns.into());
            map.extend(
                config
                    .configurable
                    .iter()
                    .filter(|(key, _)| !key.starts_with("__pregel_"))
                    .map(|(key, value)| (key.clone(), value.clone())),
            );
            if let Some(thread) = &config.thread_id {
                map.insert("thread_id".into(), (**thread).into());
            }
        }
        if !fact.metadata.parents.is_empty() {
            let mut known = (*fact.metadata.parents).clone();
            known.push((ns.into(), id));
            map.insert("checkpoint_map".into(), parents_json(&known));
        }
        map.insert("checkpoint_id".into(), id.to_string().into());
        json!({ "configurable": map })
    };
    let mut metadata = if fact.loaded { (*fact.metadata.extra).clone() } else { Map::new() };
    metadata.insert("source".into(), json!(fact.metadata.source));
    metadata.insert("step".into(), fact.metadata.step.into());
    metadata.insert("parents".into(), parents_json(&fact.metadata.parents));
    json!({
        "config": configurable(fact.id, false),
        "parent_config": fact.parent.map(|parent| configurable(parent, fact.loaded)),
        "values": fact.values,
        "metadata": metadata,
        "next": fact.tasks.iter().map(|task| &*task.name).collect::<Vec<_>>(),
        "tasks": fact.tasks.iter().map(|task| note(task, config)).collect::<Vec<_>>(),
    })
}

fn note(task: &TaskNote, config: &RunConfig) -> Value {
    let state = task
        .subgraph
        .as_ref()
        .map(|ns| json!({"configurable": {"thread_id": config.thread_id.as_deref(), "checkpoint_ns": ns}}));
    if let Some(failure) = &task.failure {
        return json!({"id": task.id, "name": &*task.name, "error": failure.repr(), "state": state});
    }
    let mut payload = json!({"id": task.id, "name": &*task.name});
    if let Some(result) =
        task.result.as_ref().filter(|result| result.as_object().is_some_and(|map| !map.is_empty()))
    {
        payload["result"] = result.clone();
    }
    payload["interrupts"] = json!(task.interrupts);
    payload["state"] = json!(state);
    payload
}

/// The payload of a checkpoint as `debug` shows it: with plain checkpoints beside the configs, and tasks
/// that point to theirs.
pub(super) fn debug_checkpoint(mut payload: Value) -> Value {
    let plain = |config: &Value| match config.get("configurable") {
        Some(Value::Object(map)) => {
            let keys = ["checkpoint_id", "thread_id", "checkpoint_ns", "checkpoint_map"];
            let pairs = keys.iter().filter_map(|key| Some(((*key).to_owned(), map.get(*key)?.clone())));
            Value::Object(pairs.collect())
        }
        _ => Value::Null,
    };
    for task in payload["tasks"].as_array_mut().into_iter().flatten() {
        let Some(map) = task.as_object_mut() else { continue };
        if let Some(configurable) = map.get("state").and_then(|state| state.get("configurable")).cloned() {
            map.shift_remove("state");
            map.insert("checkpoint".into(), configurable);
        }
    }
    let (own, parent) = (plain(&payload["config"]), plain(&payload["parent_config"]));
    payload["checkpoint"] = own;
    payload["parent_checkpoint"] = parent;
    payload
}
