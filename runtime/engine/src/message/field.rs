//! Reading one field of what stands for a message, or saying what is wrong with it.

use serde_json::{Map, Value};

use super::{Content, MessageError, Role, ToolCall, ToolStatus, python};

/// A text, or blocks that are strings or objects. A tool may give anything else: it is shown as Python shows it.
pub(super) fn content(role: Role, content: Value) -> Result<Content, MessageError> {
    let is_block = |block: &Value| block.is_string() || block.is_object();
    match content {
        Value::String(text) => Ok(Content::Text(text)),
        Value::Array(blocks) if blocks.iter().all(is_block) => Ok(Content::Blocks(blocks)),
        Value::Array(blocks) if role == Role::Tool => {
            let show = |block| {
                if is_block(&block) { block } else { python::text(&block).into() }
            };
            Ok(Content::Blocks(blocks.into_iter().map(show).collect()))
        }
        other if role == Role::Tool => Ok(Content::Text(python::text(&other))),
        other => Err(mismatch(role, "content", "a string or a list of strings and objects", &other)),
    }
}

/// The tool calls, each in `LangChain`'s shape.
pub(super) fn normal_tool_calls(role: Role, calls: Value) -> Result<Value, MessageError> {
    match calls {
        Value::Array(calls) => calls.into_iter().map(|call| normal_tool_call(role, call)).collect(),
        other => Err(mismatch(role, "tool_calls", "a list", &other)),
    }
}

fn normal_tool_call(role: Role, call: Value) -> Result<Value, MessageError> {
    if !call.is_object() {
        return Err(mismatch(role, "tool_calls", "a list of objects", &call));
    }
    let Some(function) = call.get("function") else {
        return Ok(call);
    };
    let args = match function.get("arguments") {
        Some(Value::String(text)) => serde_json::from_str(text)
            .map_err(|error| invalid(role, "tool_calls", &format!("arguments are not JSON: {error}")))?,
        other => other.cloned().unwrap_or_default(),
    };
    let (name, id) = (function.get("name"), call.get("id"));
    Ok(serde_json::json!({"name": name, "args": args, "id": id, "type": "tool_call"}))
}

/// The tool calls of an `ai` message, each in `LangChain`'s shape already.
pub(super) fn tool_calls(calls: Value) -> Result<Vec<ToolCall>, MessageError> {
    serde_json::from_value(calls).map_err(|error| invalid(Role::Ai, "tool_calls", &error.to_string()))
}

/// Whether a tool succeeded.
pub(super) fn status(status: Value) -> Result<ToolStatus, MessageError> {
    serde_json::from_value(status).map_err(|_| invalid(Role::Tool, "status", "expected `success` or `error`"))
}

/// A map.
pub(super) fn object(
    role: Role,
    field: &'static str,
    value: Value,
) -> Result<Map<String, Value>, MessageError> {
    match value {
        Value::Object(map) => Ok(map),
        other => Err(mismatch(role, field, "an object", &other)),
    }
}

/// A text.
pub(super) fn string(role: Role, field: &'static str, value: Value) -> Result<String, MessageError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(mismatch(role, field, "a string", &other)),
    }
}

/// An id may be given as a number.
pub(super) fn id_string(role: Role, field: &'static str, value: Value) -> Result<String, MessageError> {
    match value {
        Value::Number(number) => Ok(number.to_string()),
        other => string(role, field, other),
    }
}

fn mismatch(role: Role, field: &'static str, expected: &str, got: &Value) -> MessageError {
    invalid(role, field, &format!("expected {expected}, got {}", python::repr(got)))
}

/// Says why the field cannot be what it is.
pub(super) fn invalid(role: Role, field: &'static str, problem: &str) -> MessageError {
    MessageError::InvalidField { role, field, problem: problem.to_owned() }
}
