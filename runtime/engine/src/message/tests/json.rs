//! Messages as JSON, written and read back.

use serde_json::{Value, json};

use super::super::{InvalidToolCall, Message, ToolCall, ToolStatus, Usage};

/// Each message beside its JSON, in the order in which it is written.
fn messages() -> Vec<(Message, Value)> {
    let args = json!({"city": "SF"}).as_object().unwrap().clone();
    let call = ToolCall::new("get_weather", args).with_id("call_1");
    let invalid = InvalidToolCall { args: Some("1}".into()), ..InvalidToolCall::default() };
    vec![
        (
            Message::human("hi").with_id("q"),
            json!({"content": "hi", "additional_kwargs": {}, "response_metadata": {}, "type": "human", "name": null, "id": "q"}),
        ),
        (
            Message::system(vec![json!({"type": "text", "text": "be brief"})])
                .with_additional_kwarg("k", 1.5),
            json!({"content": [{"type": "text", "text": "be brief"}], "additional_kwargs": {"k": 1.5}, "response_metadata": {}, "type": "system", "name": null, "id": null}),
        ),
        (
            Message::ai("")
                .with_id("ai-1")
                .with_name("bot")
                .with_tool_calls([call])
                .with_invalid_tool_calls([invalid])
                .with_usage(Usage::new(1, 2))
                .with_response_metadata("model_name", "m"),
            json!({"content": "", "additional_kwargs": {}, "response_metadata": {"model_name": "m"}, "type": "ai", "name": "bot", "id": "ai-1",
                "tool_calls": [{"name": "get_weather", "args": {"city": "SF"}, "id": "call_1", "type": "tool_call"}],
                "invalid_tool_calls": [{"name": null, "args": "1}", "id": null, "error": null, "type": "invalid_tool_call"}],
                "usage_metadata": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}),
        ),
        (
            Message::ai("plain"),
            json!({"content": "plain", "additional_kwargs": {}, "response_metadata": {}, "type": "ai", "name": null, "id": null,
                "tool_calls": [], "invalid_tool_calls": [], "usage_metadata": null}),
        ),
        (
            Message::tool("sunny in SF", "call_1").with_name("get_weather").with_id("tool-1"),
            json!({"content": "sunny in SF", "additional_kwargs": {}, "response_metadata": {}, "type": "tool", "name": "get_weather", "id": "tool-1",
                "tool_call_id": "call_1", "artifact": null, "status": "success"}),
        ),
        (
            Message::tool("no", "c").with_status(ToolStatus::Error).with_artifact(json!({"raw": [1]})),
            json!({"content": "no", "additional_kwargs": {}, "response_metadata": {}, "type": "tool", "name": null, "id": null,
                "tool_call_id": "c", "artifact": {"raw": [1]}, "status": "error"}),
        ),
        (
            Message::function("4", "add"),
            json!({"content": "4", "additional_kwargs": {}, "response_metadata": {}, "type": "function", "name": "add", "id": null}),
        ),
        (
            Message::remove_all(),
            json!({"content": "", "additional_kwargs": {}, "response_metadata": {}, "type": "remove", "name": null, "id": "__remove_all__"}),
        ),
    ]
}

#[test]
fn messages_are_written_and_read_without_loss() {
    for (message, json) in messages() {
        assert_eq!(serde_json::to_string(&message).unwrap(), json.to_string());
        assert_eq!(Message::from_json(json.clone()).unwrap(), message);
        assert_eq!(serde_json::from_value::<Message>(json).unwrap(), message);
    }
}

#[test]
fn unknown_fields_stay_at_the_top() {
    for (_, mut json) in messages() {
        json["example"] = json!(true);
        let message = Message::from_json(json.clone()).unwrap();
        assert_eq!(message.extra()["example"], true);
        assert_eq!(serde_json::to_string(&message).unwrap(), json.to_string());
    }
}

#[test]
fn what_we_did_not_write_is_coerced() {
    let cases = [
        (json!("hi"), Message::human("hi")),
        (json!({"role": "user", "content": "hi"}), Message::human("hi")),
        (json!(["ai", "hi"]), Message::ai("hi")),
        (
            json!({"type": "ai", "content": "x", "usage_metadata": null}),
            Message::ai("x").with_additional_kwarg("usage_metadata", Value::Null),
        ),
    ];
    for (json, expected) in cases {
        assert_eq!(serde_json::from_value::<Message>(json).unwrap(), expected);
    }
}

#[test]
fn other_json_is_refused() {
    let cases = [
        (json!(5), "cannot read a stored message: "),
        (json!(["human", "hi"]), "cannot read a stored message: "),
        (json!({"type": "human"}), "cannot read a stored message: "),
        (json!({"type": "ai", "content": "", "tool_calls": 5}), "cannot read a stored message: "),
        (json!({"type": "alien", "content": ""}), "Unexpected message type: 'alien'."),
    ];
    for (json, text) in cases {
        let error = Message::from_json(json).unwrap_err();
        assert_eq!(error.class(), "ValueError");
        assert!(error.to_string().starts_with(text), "{error}");
    }
}
