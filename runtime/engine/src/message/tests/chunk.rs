//! Chunks: their JSON, what is derived from them, and their sums.

use serde_json::{Value, json};

use super::super::{Message, MessageChunk, ToolCall, ToolCallChunk, Usage};

fn sum(chunks: &[MessageChunk]) -> MessageChunk {
    let (first, others) = chunks.split_first().unwrap();
    others.iter().fold(first.clone(), |sum, next| sum.merge(next).unwrap())
}

/// The three pieces of the golden tool call.
fn weather() -> [MessageChunk; 3] {
    let opening = ToolCallChunk::args(0, "").with_name_and_id("get_weather", "call_1");
    [
        MessageChunk::tool_call(opening).with_id("ai-1"),
        MessageChunk::tool_call(ToolCallChunk::args(0, "{\"city\": ")).with_id("ai-1"),
        MessageChunk::tool_call(ToolCallChunk::args(0, "\"SF\"}")).with_id("ai-1").last(),
    ]
}

fn frame(calls: &Value, invalid: &Value, chunks: &Value, position: &Value) -> String {
    json!({
        "content": "", "additional_kwargs": {}, "response_metadata": {}, "type": "AIMessageChunk",
        "name": null, "id": "ai-1", "tool_calls": calls, "invalid_tool_calls": invalid, "usage_metadata": null,
        "tool_call_chunks": chunks, "chunk_position": position,
    })
    .to_string()
}

#[test]
fn pieces_look_as_in_the_transcript() {
    let piece = |name: Value, args: &str, id: Value| json!([{"name": name, "args": args, "id": id, "index": 0, "type": "tool_call_chunk"}]);
    let call = |name: &str, id: Value| json!([{"name": name, "args": {}, "id": id, "type": "tool_call"}]);
    let invalid = json!([
        {"name": null, "args": "\"SF\"}", "id": null, "error": null, "type": "invalid_tool_call"}
    ]);
    let expected = [
        frame(
            &call("get_weather", json!("call_1")),
            &json!([]),
            &piece(json!("get_weather"), "", json!("call_1")),
            &Value::Null,
        ),
        frame(
            &call("", Value::Null),
            &json!([]),
            &piece(Value::Null, "{\"city\": ", Value::Null),
            &Value::Null,
        ),
        frame(&json!([]), &invalid, &piece(Value::Null, "\"SF\"}", Value::Null), &json!("last")),
    ];
    for (chunk, expected) in weather().iter().zip(expected) {
        let text = serde_json::to_string(chunk).unwrap();
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<MessageChunk>(&text).unwrap(), *chunk);
    }
}

#[test]
fn pieces_add_up_to_the_call() {
    let whole = sum(&weather());
    assert!(whole.is_last());
    assert_eq!(whole.tool_call_chunks().len(), 1);
    assert!(whole.invalid_tool_calls().is_empty());
    let args = json!({"city": "SF"}).as_object().unwrap().clone();
    let call = ToolCall::new("get_weather", args).with_id("call_1");
    assert_eq!(whole.into_message(), Message::ai("").with_id("ai-1").with_tool_calls([call]));
}

#[test]
fn parallel_calls_stay_apart() {
    let whole = sum(&[
        MessageChunk::tool_call(ToolCallChunk::args(0, "{\"a\":").with_name_and_id("f", "c0")),
        MessageChunk::tool_call(ToolCallChunk::args(1, "{}").with_name_and_id("g", "c1")),
        MessageChunk::tool_call(ToolCallChunk::args(0, "1}")),
    ]);
    let calls: Vec<_> = whole.tool_calls().iter().map(|call| (call.name.as_str(), call.args.len())).collect();
    assert_eq!(calls, [("f", 1), ("g", 0)]);
}

#[test]
fn texts_usage_and_metadata_add_up() {
    let left = MessageChunk::text("a").with_id("lc_run--1").with_response_metadata("model_name", "m");
    let right =
        MessageChunk::text("b").with_usage(Usage::new(1, 2)).with_response_metadata("model_name", "m");
    let whole = left.merge(&right).unwrap();
    let expected = Message::ai("ab")
        .with_id("lc_run--1")
        .with_usage(Usage::new(1, 2))
        .with_response_metadata("model_name", "mm");
    assert_eq!(whole.into_message(), expected);
    let clash = right.with_response_metadata("model_name", 1);
    assert_eq!(left.merge(&clash).unwrap_err().class(), "TypeError");
}

#[test]
fn how_pieces_are_grouped_does_not_matter() {
    let pieces = weather();
    let right = pieces[1].merge(&pieces[2]).unwrap();
    assert_eq!(pieces[0].merge(&right).unwrap(), sum(&pieces));
}

#[test]
fn a_whole_message_is_one_piece() {
    let args = json!({"city": "SF"}).as_object().unwrap().clone();
    let message = Message::ai("x").with_id("1").with_tool_calls([ToolCall::new("f", args).with_id("c")]);
    let chunk = MessageChunk::from_message(&message);
    let expected = json!([{"name": "f", "args": "{\"city\": \"SF\"}", "id": "c", "index": null, "type": "tool_call_chunk"}]);
    assert_eq!(serde_json::to_value(chunk.tool_call_chunks()).unwrap(), expected);
    assert_eq!(chunk.into_message(), message);
}
