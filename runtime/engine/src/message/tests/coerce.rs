//! What stands for a message, and what does not.

use serde_json::{Map, Value, json};

use super::super::{Message, ToolCall, ToolStatus};

const HELP: &str = "\nFor troubleshooting, visit: https://docs.langchain.com/oss/python/langchain/errors/MESSAGE_COERCION_FAILURE ";

fn args(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn values_become_messages() {
    let call = ToolCall::new("add", args(&json!({"a": 1}))).with_id("c");
    let usage = json!({"input_tokens": 1, "output_tokens": 1, "total_tokens": 2});
    let cases = [
        (json!("hi"), Message::human("hi")),
        (json!(["user", "hi"]), Message::human("hi")),
        (
            json!(["system", [{"type": "text", "text": "x"}]]),
            Message::system(vec![json!({"type": "text", "text": "x"})]),
        ),
        (json!({"role": "user", "content": "hi"}), Message::human("hi")),
        (json!({"role": "human", "content": null}), Message::human("")),
        (json!({"role": "human", "content": []}), Message::human("")),
        (
            json!({"role": "assistant", "content": "a", "name": "bot", "id": "1"}),
            Message::ai("a").with_name("bot").with_id("1"),
        ),
        (json!({"type": "ai", "content": "a", "id": 7, "name": null}), Message::ai("a").with_id("7")),
        (
            json!({"role": "developer", "content": "x"}),
            Message::system("x").with_additional_kwarg("__openai_role__", "developer"),
        ),
        (
            json!({"role": "user", "type": "human", "content": "x"}),
            Message::human("x").with_additional_kwarg("type", "human"),
        ),
        (json!({"type": "function", "content": "4", "name": "add"}), Message::function("4", "add")),
        (json!({"type": "remove", "content": "dropped", "id": "1"}), Message::remove("1")),
        (json!({"role": "tool", "content": "4", "tool_call_id": "c"}), Message::tool("4", "c")),
        (json!({"role": "tool", "content": true, "tool_call_id": 5}), Message::tool("True", "5")),
        (
            json!({"role": "tool", "content": "no", "tool_call_id": "c", "artifact": [1], "status": "error", "more": 1}),
            Message::tool("no", "c")
                .with_artifact(json!([1]))
                .with_status(ToolStatus::Error)
                .with_additional_kwarg("more", 1),
        ),
        (
            json!({"role": "ai", "content": "", "tool_calls": [{"name": "add", "args": {"a": 1}, "id": "c", "type": "tool_call"}]}),
            Message::ai("").with_tool_calls([call.clone()]),
        ),
        (
            json!({"role": "ai", "content": "", "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "add", "arguments": "{\"a\": 1}"}},
            ]}),
            Message::ai("").with_tool_calls([call.clone()]),
        ),
        (
            json!({"type": "ai", "content": "a", "additional_kwargs": {"k": 1}, "response_metadata": {"m": 2},
                "invalid_tool_calls": [], "usage_metadata": usage}),
            Message::ai("a")
                .with_response_metadata("m", 2)
                .with_additional_kwarg("invalid_tool_calls", json!([]))
                .with_additional_kwarg("usage_metadata", usage)
                .with_additional_kwarg("k", 1),
        ),
        (
            json!({"type": "human", "content": "a", "response_metadata": {}, "example": false}),
            Message::human("a"),
        ),
        (
            json!({"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", "AIMessage"],
                "kwargs": {"content": "a", "tool_calls": [{"name": "add", "args": {"a": 1}, "id": "c"}]}}),
            Message::ai("a").with_tool_calls([call]),
        ),
        (
            json!({"lc": 1, "type": "constructor", "id": ["AIMessageChunk"], "kwargs": {"type": "AIMessageChunk", "content": "a"}}),
            Message::ai("a"),
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(Message::coerce(&value).unwrap(), expected, "{value}");
    }
}

#[test]
fn fields_of_other_roles_stay_at_the_top() {
    let cases = [
        (json!({"role": "user", "content": "x", "example": true}), json!({"example": true})),
        (json!({"role": "user", "content": "x", "tool_call_id": "c"}), json!({"tool_call_id": "c"})),
        (json!({"role": "user", "content": "x", "tool_calls": []}), json!({"tool_calls": []})),
    ];
    for (value, extra) in cases {
        let message = Message::coerce(&value).unwrap();
        assert_eq!(*message.extra(), args(&extra));
        assert!(message.additional_kwargs().is_empty());
    }
}

#[test]
fn other_values_fail() {
    let unexpected = |role: &str| {
        format!(
            "Unexpected message type: '{role}'. Use one of 'human', 'user', 'ai', 'assistant', 'function', 'tool', 'system', or 'developer'.{HELP}"
        )
    };
    let missing =
        |dict: &str| format!("Message dict must contain 'role' and 'content' keys, got {dict}{HELP}");
    let unsupported = |class: &str| format!("Unsupported message type: <class '{class}'>{HELP}");
    let pair = || "Message as a sequence must be (role string, template)".to_owned();
    let cases = [
        (json!({"type": "AIMessageChunk", "content": "x"}), "ValueError", unexpected("AIMessageChunk")),
        (json!(["alien", "x"]), "ValueError", unexpected("alien")),
        (json!({"role": null, "content": "x"}), "ValueError", unexpected("None")),
        (json!({"role": "user"}), "ValueError", missing("{'role': 'user'}")),
        (
            json!({"content": "it's", "n": [1, true]}),
            "ValueError",
            missing("{'content': \"it's\", 'n': [1, True]}"),
        ),
        (
            json!({"lc": 1, "type": "constructor", "id": ["Other"], "kwargs": {}}),
            "ValueError",
            missing("{'lc': 1, 'type': 'constructor', 'id': ['Other'], 'kwargs': {}}"),
        ),
        (json!([]), "NotImplementedError", pair()),
        (json!(["human"]), "NotImplementedError", pair()),
        (json!(["human", "a", "b"]), "NotImplementedError", pair()),
        (json!(5), "NotImplementedError", unsupported("int")),
        (json!(1.5), "NotImplementedError", unsupported("float")),
        (json!(true), "NotImplementedError", unsupported("bool")),
        (json!(null), "NotImplementedError", unsupported("NoneType")),
        (
            json!({"type": "remove", "content": ""}),
            "TypeError",
            "RemoveMessage.__init__() missing 1 required positional argument: 'id'".to_owned(),
        ),
        (
            json!({"role": "tool", "content": "x"}),
            "ValueError",
            "invalid `tool_call_id` of a tool message: field required".to_owned(),
        ),
        (
            json!({"role": "user", "content": 5}),
            "ValueError",
            "invalid `content` of a human message: expected a string or a list of strings and objects, got 5"
                .to_owned(),
        ),
        (
            json!({"role": "user", "content": "x", "name": ["n"]}),
            "ValueError",
            "invalid `name` of a human message: expected a string, got ['n']".to_owned(),
        ),
    ];
    for (value, class, text) in cases {
        let error = Message::coerce(&value).unwrap_err();
        assert_eq!((error.class(), error.to_string()), (class, text), "{value}");
    }
}
