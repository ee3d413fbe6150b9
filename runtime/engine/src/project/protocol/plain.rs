//! Messages inside states, as the protocol shows them: what clients read, and no more.

use serde_json::{Map, Value, json};

/// What a text may be under `content`, as it is.
const BLOCKS: [&str; 16] = [
    "text",
    "reasoning",
    "tool_call",
    "invalid_tool_call",
    "tool_call_chunk",
    "server_tool_call",
    "server_tool_call_chunk",
    "server_tool_result",
    "image",
    "audio",
    "video",
    "file",
    "text-plain",
    "non_standard",
    "citation",
    "non_standard_annotation",
];

/// Rewrites every message that is an item of a list, however deep.
pub(super) fn plain(value: &mut Value) {
    match value {
        Value::Array(items) => {
            for item in items {
                match message(item) {
                    Some(message) => *item = message,
                    None => plain(item),
                }
            }
        }
        Value::Object(map) => map.values_mut().for_each(plain),
        _ => {}
    }
}

/// The message as the protocol shows it, if it is one.
fn message(value: &Value) -> Option<Value> {
    let map = value.as_object()?;
    let role = match map.get("type")?.as_str()? {
        "human" | "user" => "human",
        "ai" | "assistant" => "ai",
        role @ ("tool" | "system" | "function" | "remove") => role,
        _ => return None,
    };
    let mut out = Map::new();
    out.insert("type".into(), role.into());
    out.insert("content".into(), content(map, role));
    copy(map, &mut out, &["id"], |value| !value.is_null());
    copy(map, &mut out, &["name"], Value::is_string);
    copy(map, &mut out, &["example"], Value::is_boolean);
    copy(map, &mut out, &["response_metadata"], |value| value.as_object().is_some_and(|map| !map.is_empty()));
    if role == "tool" {
        copy(map, &mut out, &["tool_call_id", "status", "artifact"], |value| !value.is_null());
    }
    if role == "ai" {
        calls(map, &mut out);
        copy(map, &mut out, &["usage_metadata"], |value| !value.is_null());
    }
    Some(out.into())
}

fn copy(
    from: &Map<String, Value>,
    to: &mut Map<String, Value>,
    keys: &[&str],
    fits: impl Fn(&Value) -> bool,
) {
    for key in keys {
        if let Some(value) = from.get(*key).filter(|value| fits(value)) {
            to.insert((*key).to_owned(), value.clone());
        }
    }
}

fn content(map: &Map<String, Value>, role: &str) -> Value {
    let content = map.get("content").cloned().unwrap_or_else(|| "".into());
    let audio = map.get("additional_kwargs").and_then(|extras| extras.get("audio")).filter(|_| role == "ai");
    let mut blocks = match content {
        Value::Array(items) => items.into_iter().map(block).collect(),
        text if audio.is_none() => return text,
        Value::String(text) if text.is_empty() => Vec::new(),
        text => vec![json!({"type": "text", "text": text})],
    };
    blocks.extend(audio.map(|audio| json!({"type": "audio", "data": audio.get("data")})));
    blocks.into()
}

fn block(item: Value) -> Value {
    let kind = item.get("type").and_then(Value::as_str);
    match (&item, kind) {
        (Value::String(text), _) => json!({"type": "text", "text": text}),
        (_, Some(kind)) if BLOCKS.contains(&kind) => item,
        (_, Some("image_url")) => {
            let url = &item["image_url"];
            json!({"type": "image", "url": url.get("url").unwrap_or(url)})
        }
        (_, Some("input_audio")) => {
            let audio = &item["input_audio"];
            json!({"type": "audio", "data": audio.get("data"), "format": audio.get("format")})
        }
        _ => json!({"type": "non_standard", "value": item}),
    }
}

/// The tool calls of a message of a model, or those that its provider left beside it.
fn calls(map: &Map<String, Value>, out: &mut Map<String, Value>) {
    let list = |key: &str| map.get(key).and_then(Value::as_array).filter(|list| !list.is_empty());
    let mut invalid: Vec<Value> = list("invalid_tool_calls").cloned().unwrap_or_default();
    let extras = || map.get("additional_kwargs")?.get("tool_calls")?.as_array();
    let calls: Vec<Value> = match list("tool_calls") {
        Some(calls) => calls.iter().map(call).collect(),
        None => extras().into_iter().flatten().filter_map(|raw| raw_call(raw, &mut invalid)).collect(),
    };
    for (key, list) in [("tool_calls", calls), ("invalid_tool_calls", invalid)] {
        if !list.is_empty() {
            out.insert(key.to_owned(), list.into());
        }
    }
}

fn call(call: &Value) -> Value {
    json!({"type": "tool_call", "name": call["name"], "args": call["args"], "id": call["id"]})
}

/// A call as a provider wrote it: with its arguments as a text.
fn raw_call(raw: &Value, invalid: &mut Vec<Value>) -> Option<Value> {
    let function = raw.get("function").unwrap_or(raw);
    let (name, id, args) = (&function["name"], &raw["id"], &function["arguments"]);
    let read = match args {
        Value::String(text) => serde_json::from_str::<Value>(text).ok(),
        args => Some(args.clone()),
    };
    if let Some(args) = read.filter(Value::is_object) {
        return Some(json!({"type": "tool_call", "name": name, "args": args, "id": id}));
    }
    invalid.push(json!({"type": "invalid_tool_call", "name": name, "args": args, "id": id}));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mut value: Value, expected: &Value) {
        plain(&mut value);
        assert_eq!(value, *expected);
    }

    #[test]
    fn messages_in_lists_lose_what_nobody_reads() {
        let human = json!({"type": "human", "content": "hi", "id": "h", "name": null, "example": false,
            "additional_kwargs": {"k": 1}, "response_metadata": {}});
        let shown = json!({"type": "human", "content": "hi", "id": "h", "example": false});
        check(json!({"messages": [human]}), &json!({"messages": [shown]}));
        check(json!({"a": {"b": [[human]]}}), &json!({"a": {"b": [[shown]]}}));
        check(
            json!({"last": {"type": "human", "content": "x", "name": null}}),
            &json!({"last": {"type": "human", "content": "x", "name": null}}),
        );
        check(json!([{"type": "user", "content": "x"}]), &json!([{"type": "human", "content": "x"}]));
        check(json!([{"type": "thing", "content": null}]), &json!([{"type": "thing", "content": null}]));
    }

    #[test]
    fn calls_and_usage_stay() {
        let call = json!({"name": "f", "args": {"q": 1}, "id": "c", "type": "tool_call"});
        let usage = json!({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3});
        check(
            json!([{"type": "ai", "content": "", "id": "a", "tool_calls": [call], "invalid_tool_calls": [],
                "usage_metadata": usage, "response_metadata": {"model": "m"}}]),
            &json!([{"type": "ai", "content": "", "id": "a", "response_metadata": {"model": "m"},
                "tool_calls": [{"type": "tool_call", "name": "f", "args": {"q": 1}, "id": "c"}], "usage_metadata": usage}]),
        );
        let raw = |args: &str| json!({"id": "c", "function": {"name": "f", "arguments": args}});
        check(
            json!([{"type": "ai", "content": "", "additional_kwargs": {"tool_calls": [raw("{\"q\":1}"), raw("{")]}}]),
            &json!([{"type": "ai", "content": "",
                "tool_calls": [{"type": "tool_call", "name": "f", "args": {"q": 1}, "id": "c"}],
                "invalid_tool_calls": [{"type": "invalid_tool_call", "name": "f", "args": "{", "id": "c"}]}]),
        );
    }

    #[test]
    fn content_becomes_blocks_of_known_kinds() {
        check(
            json!([{"type": "ai", "content": ["a", {"type": "text", "text": "b"}, {"type": "odd", "x": 1},
                {"type": "image_url", "image_url": {"url": "u"}}], "additional_kwargs": {"audio": {"data": "d"}}}]),
            &json!([{"type": "ai", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"},
                {"type": "non_standard", "value": {"type": "odd", "x": 1}}, {"type": "image", "url": "u"},
                {"type": "audio", "data": "d"}]}]),
        );
        check(
            json!([{"type": "tool", "content": "r", "tool_call_id": "c", "status": "success", "artifact": null, "name": "f"}]),
            &json!([{"type": "tool", "content": "r", "name": "f", "tool_call_id": "c", "status": "success"}]),
        );
    }
}
