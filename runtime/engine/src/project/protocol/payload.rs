//! Payloads of the plainer channels.

use serde_json::{Map, Value, json};

use super::plain::plain;
use crate::fact::{CheckpointFact, Failure, TaskEnd, TaskInfo};
use crate::project::payload::update;
use crate::value::{Key, Object};

/// A state, unless it is empty.
pub(super) fn values(values: &Object) -> Option<Value> {
    let mut json = values.to_json();
    plain(&mut json);
    Some(json).filter(|json| json.as_object().is_some_and(|map| !map.is_empty()))
}

/// What a task wrote, by its node.
pub(super) fn updates(end: &TaskEnd) -> Value {
    let mut update = update(end);
    plain(&mut update);
    json!({ (&*end.task.name): update })
}

pub(super) fn checkpoint(fact: &CheckpointFact) -> Value {
    let mut payload = Map::new();
    payload.insert("id".into(), json!(fact.id));
    if let Some(parent) = fact.parent {
        payload.insert("parent_id".into(), json!(parent));
    }
    payload.insert("step".into(), fact.metadata.step.into());
    payload.insert("source".into(), json!(fact.metadata.source));
    payload.into()
}

pub(super) fn task(task: &TaskInfo) -> Value {
    let triggers: Vec<&str> = task.triggers.iter().map(|trigger| &**trigger).collect();
    let mut payload = json!({"id": task.id, "name": &*task.name, "input": task.input, "triggers": triggers});
    if !task.metadata.is_empty() {
        payload["metadata"] = (*task.metadata).clone().into();
    }
    payload
}

pub(super) fn task_result(end: &TaskEnd) -> Value {
    let mut payload = crate::project::payload::task_result(end);
    payload["error"] = json!(end.failure.as_ref().map(text));
    payload
}

/// An error as a text.
pub(super) fn text(failure: &Failure) -> String {
    match (&*failure.class, failure.public_message()) {
        ("TimeoutError", "") => "Run timed out".to_owned(),
        (_, message) => message.to_owned(),
    }
}

/// What a node wrote. One that names itself is found by its name, with its own fields beside the payload.
pub(super) fn custom(value: &Value) -> Value {
    match value {
        Value::Object(map) if map.get("name").is_some_and(Value::is_string) => {
            let mut named = map.clone();
            if !named.contains_key("payload") {
                named.insert("payload".into(), value.clone());
            }
            named.into()
        }
        value => json!({ "payload": value }),
    }
}

/// A question. Clients of one kind read it under the one name, those of another under the other.
pub(super) fn question(id: &str, value: &Value) -> Value {
    json!({"interrupt_id": id, "payload": value, "value": value})
}

pub(super) fn answered(ids: &[Key]) -> Value {
    let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
    json!({ "interrupt_ids": ids })
}
