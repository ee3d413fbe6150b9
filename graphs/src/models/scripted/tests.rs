use eddyline_engine::message::Usage;
use futures_util::StreamExt;
use futures_util::future::FutureExt as _;
use serde_json::json;

use super::*;

/// Everything that the next answer streams.
fn streamed(model: &ScriptedModel) -> Vec<Result<MessageChunk, NodeError>> {
    model.stream(ModelRequest::default()).collect().now_or_never().expect("a script does not wait")
}

fn asked(model: &ScriptedModel) -> Result<Message, NodeError> {
    model.invoke(ModelRequest::default()).now_or_never().expect("a script does not wait")
}

fn sum(pieces: Vec<Result<MessageChunk, NodeError>>) -> Message {
    let whole = pieces.into_iter().map(Result::unwrap).reduce(|sum, piece| sum.merge(&piece).unwrap());
    whole.unwrap().into_message()
}

#[test]
fn text_is_split_at_every_single_space() {
    let cases: [(&str, &[&str]); 6] = [
        ("Hello, world!", &["Hello,", " ", "world!"]),
        ("", &[""]),
        (" ", &["", " ", ""]),
        ("a  b", &["a", " ", "", " ", "b"]),
        ("a\n", &["a", "\n", ""]),
        ("ü\u{a0}\u{1f}é", &["ü", "\u{a0}", "", "\u{1f}", "é"]),
    ];
    for (text, expected) in cases {
        assert_eq!(words(text), expected, "{text:?}");
    }
}

#[test]
fn a_message_streams_to_what_it_is() {
    let call = |id: &str| ToolCall::new("f", Map::from_iter([("a".to_owned(), json!([1]))])).with_id(id);
    let messages = [
        Message::ai("It is sunny.").with_id("ai-1"),
        Message::ai("").with_id("ai-1"),
        Message::ai("").with_tool_calls([call("1"), call("2")]).with_id("ai-1"),
        Message::ai("let me see").with_tool_calls([call("1")]),
        Message::ai(vec![
            json!({"type": "reasoning", "reasoning": "hm"}),
            json!({"type": "text", "text": "a b"}),
        ]),
        Message::ai("a b").with_usage(Usage::new(1, 2)).with_response_metadata("model_name", "m"),
    ];
    for message in messages {
        let model = ScriptedModel::new([message.clone(), message.clone()]);
        let pieces = streamed(&model);
        let last: Vec<_> = pieces.iter().map(|piece| piece.as_ref().unwrap().is_last()).collect();
        assert_eq!(last.iter().position(|last| *last), Some(last.len() - 1));
        assert!(pieces.iter().all(|piece| piece.as_ref().unwrap().id() == message.id()));
        assert_eq!(sum(pieces), message);
        assert_eq!(asked(&model).unwrap(), message);
    }
}

#[test]
fn pieces_stream_as_they_are() {
    let pieces = [
        MessageChunk::new(vec![json!({"type": "reasoning", "reasoning": "hm", "index": 0})]),
        MessageChunk::tool_call(ToolCallChunk::args(0, "{\"a\": ").with_name_and_id("f", "call_1")),
        MessageChunk::tool_call(ToolCallChunk::args(0, "1}")).with_usage(Usage::new(3, 4)).last(),
    ];
    let model = ScriptedModel::new([Answer::pieces(pieces.clone()), Answer::pieces(pieces.clone())]);
    let streamed: Vec<_> = streamed(&model).into_iter().map(Result::unwrap).collect();
    assert_eq!(streamed, pieces);
    let message = asked(&model).unwrap();
    assert_eq!(message.tool_calls()[0].args["a"], 1);
    assert_eq!(message.usage(), Some(&Usage::new(3, 4)));
}

#[test]
fn an_answer_can_break_off() {
    let broken = || Answer::from("two words").failing(NodeError::visible("APIError", "overloaded"));
    let model = ScriptedModel::new([broken(), broken()]);
    let mut pieces = streamed(&model);
    assert_eq!(pieces.len(), 4);
    assert_eq!(pieces.pop().unwrap().unwrap_err().to_string(), "APIError: overloaded");
    assert_eq!(asked(&model).unwrap_err().class(), "APIError");
}

#[test]
fn a_script_ends() {
    let model = ScriptedModel::new(["once"]);
    assert_eq!(asked(&model).unwrap().text(), "once");
    assert_eq!(asked(&model).unwrap_err().to_string(), "RuntimeError: the script has no more answers");
    assert!(streamed(&model)[0].is_err());
}
