//! Calls of tools as the protocol tells them, and the messages that they answer with.

use serde_json::{Value, json};

use crate::fact::{Failure, ToolRun};
use crate::value::{Key, Shared};

/// What names a call: the id that the model gave it, or that of the execution.
fn call_id(call: &ToolRun) -> String {
    if call.call_id.is_empty() { call.id.to_string() } else { call.call_id.to_string() }
}

pub(super) fn started(call: &ToolRun, input: &Value) -> Value {
    json!({"event": "tool-started", "tool_call_id": call_id(call), "tool_name": &*call.name, "input": input})
}

pub(super) fn delta(call: &ToolRun, delta: &Value) -> Value {
    // Clients read texts and drop everything else.
    let text = delta.as_str().map_or_else(|| delta.to_string(), str::to_owned);
    json!({"event": "tool-output-delta", "tool_call_id": call_id(call), "delta": text})
}

pub(super) fn finished(call: &ToolRun, output: &Shared) -> Value {
    json!({"event": "tool-finished", "tool_call_id": call_id(call), "output": output})
}

pub(super) fn failed(call: &ToolRun, failure: &Failure) -> Value {
    json!({"event": "tool-error", "tool_call_id": call_id(call), "message": failure.public_message()})
}

/// The level below the graph on which the answer of a tool is told as a message.
pub(super) fn level(call: &ToolRun) -> Key {
    format!("tools:{}", call_id(call)).into()
}

/// The answer of a tool as a message, if it is one.
pub(super) fn message(call: &ToolRun, output: &Shared) -> Vec<Value> {
    let output = output.json();
    if output.get("type").and_then(Value::as_str) != Some("tool") {
        return Vec::new();
    }
    let id = match output.get("id").and_then(Value::as_str) {
        Some(id) => id.to_owned(),
        None => format!("tool-{}", call_id(call)),
    };
    let text = match &output["content"] {
        Value::String(text) => text.clone(),
        content => content.to_string(),
    };
    let events = [
        json!({"event": "message-start", "role": "tool", "tool_call_id": call_id(call)}),
        json!({"event": "content-block-start", "index": 0, "content": {"type": "text", "text": ""}}),
        json!({"event": "content-block-delta", "index": 0, "delta": {"type": "text-delta", "text": text}}),
        json!({"event": "content-block-finish", "index": 0, "content": {"type": "text", "text": text}}),
        json!({"event": "message-finish", "metadata": {}}),
    ];
    let named = events.into_iter().map(|mut event| {
        event["id"] = id.as_str().into();
        event["run_id"] = json!(call.id);
        event
    });
    named.collect()
}
