//! What answers are made of, and that it does not matter where their bytes are cut.

use eddyline_engine::message::Message;
use eddyline_engine::testing::mutants;
use eddyline_graphs::models::{Anthropic, OpenAi, SseDecoder};
use serde_json::{Value, json};

use crate::server::{Provider, Reply};
use crate::{KEY, pieces};
use eddyline_engine::model::ChatModel;

fn open_ai(provider: &Provider) -> OpenAi {
    OpenAi::new("gpt-4o-mini").base_url(format!("{}/v1/?api-version=1", provider.url)).key(KEY)
}

fn anthropic(provider: &Provider) -> Anthropic {
    Anthropic::new("claude-sonnet-4-5").base_url(&provider.url).key(KEY)
}

/// The pieces as JSON, each with only what it says.
async fn said(model: &dyn ChatModel) -> Vec<Value> {
    let pieces = pieces(model).await.into_iter().map(|piece| json!(piece.expect("nothing fails")));
    let brief = |piece: Value| {
        let fields = ["content", "tool_call_chunks", "response_metadata", "usage_metadata", "chunk_position"];
        let empty = |value: &Value| matches!(value.to_string().as_str(), "[]" | "{}" | "null");
        let said = fields.map(|field| (field, piece[field].clone()));
        said.into_iter().filter(|(_, value)| !empty(value)).collect::<Value>()
    };
    pieces.map(brief).collect()
}

/// Replays `stream` cut in two at every byte position, and once byte by byte; all answers are alike.
async fn replay<M: ChatModel>(stream: &str, model: impl Fn(&Provider) -> M) -> (Vec<Value>, Message) {
    let bytes = stream.as_bytes();
    let cuts = (0..bytes.len()).map(|at| Reply::stream([&bytes[..at], &bytes[at..]]));
    let provider =
        Provider::start(cuts.chain([Reply::stream(bytes.chunks(1)), Reply::stream([bytes])])).await;
    let model = model(&provider);
    let first = said(&model).await;
    for at in 1..=bytes.len() {
        assert_eq!(said(&model).await, first, "cut at {at}");
    }
    let message = model.invoke(crate::question()).await.expect("nothing fails");
    assert_eq!(provider.asked().len(), bytes.len() + 2, "nothing was asked for twice");
    assert_eq!(provider.connections(), 1, "a connection serves one request after another");
    (first, message)
}

fn call(index: i64, name: Option<&str>, args: &str, id: Option<&str>) -> Value {
    let chunk = json!({"name": name, "args": args, "id": id, "index": index, "type": "tool_call_chunk"});
    json!({"content": "", "tool_call_chunks": [chunk]})
}

#[tokio::test]
async fn open_ai_text() {
    let (said, message) = replay(include_str!("streams/openai_text.txt"), open_ai).await;
    let last = json!({
        "content": "",
        "response_metadata": {
            "finish_reason": "stop", "model_name": "gpt-4o-mini", "id": "chatcmpl-123",
            "system_fingerprint": "fp_44709d6fcb",
        },
        "usage_metadata": {
            "input_tokens": 19, "output_tokens": 10, "total_tokens": 29,
            "input_token_details": {"audio": 0, "cache_read": 4},
            "output_token_details": {"audio": 0, "reasoning": 3},
        },
        "chunk_position": "last",
    });
    assert_eq!(said, [json!({"content": "Grüß"}), json!({"content": " Gott"}), last]);
    assert_eq!(message.text(), "Grüß Gott");
}

#[tokio::test]
async fn open_ai_tool_calls() {
    let (said, message) = replay(include_str!("streams/openai_tools.txt"), open_ai).await;
    let expected = [
        call(0, Some("get_weather"), "", Some("call_a")),
        call(0, None, "{\"city\":", None),
        call(0, None, "\"SF\"}", None),
        call(1, Some("get_time"), "{}", Some("call_b")),
    ];
    assert_eq!(said[..4], expected);
    assert_eq!(said[4]["response_metadata"]["finish_reason"], "tool_calls");
    assert_eq!(said.len(), 5);
    let calls = json!([
        {"name": "get_weather", "args": {"city": "SF"}, "id": "call_a", "type": "tool_call"},
        {"name": "get_time", "args": {}, "id": "call_b", "type": "tool_call"},
    ]);
    assert_eq!(json!(message.tool_calls()), calls);
}

#[tokio::test]
async fn open_ai_reasoning() {
    let (said, message) = replay(include_str!("streams/openai_reasoning.txt"), open_ai).await;
    let block = |kind: &str, text: &str, index: i64| json!({"content": [{"type": kind, (kind): text, "index": index}]});
    let expected = [
        block("reasoning", "Let me", 0),
        block("reasoning", " think.", 0),
        block("text", "It is", 1),
        block("text", " 4.", 1),
    ];
    assert_eq!(said[..4], expected);
    assert_eq!(said.len(), 5);
    let whole = json!([
        {"type": "reasoning", "reasoning": "Let me think.", "index": 0},
        {"type": "text", "text": "It is 4.", "index": 1},
    ]);
    assert_eq!(json!(message.content()), whole);
    assert_eq!(message.usage().unwrap().total_tokens, 12);
}

#[tokio::test]
async fn open_ai_calls_without_numbers_and_ids() {
    let calls = [
        r#"{"id":"a","function":{"name":"f","arguments":"{}"}}"#,
        r#"{"id":"b","function":{"name":"g","arguments":{"x":1}}}"#,
        r#"{"id":"b","function":{"name":"g","arguments":""}}"#,
        r#"{"id":"","function":{"name":"h","arguments":"{\"y\":"}}"#,
        r#"{"function":{"arguments":"2}"}}"#,
        r#"{"function":{"name":"h","arguments":null}}"#,
    ];
    let events = calls.map(|call| {
        format!("data: {{\"id\":\"c\",\"choices\":[{{\"delta\":{{\"tool_calls\":[{call}]}}}}]}}\n\n")
    });
    let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n";
    let stream = events.concat() + end;
    let provider = Provider::start([Reply::stream([stream])]).await;
    let message = open_ai(&provider).invoke(crate::question()).await.unwrap();
    let calls: Vec<_> =
        message.tool_calls().iter().map(|call| json!([call.name, call.id, call.args])).collect();
    assert_eq!(
        calls,
        [
            json!(["f", "a", {}]),
            json!(["g", "b", {"x": 1}]),
            json!(["h", "c_2", {"y": 2}]),
            json!(["h", "c_3", {}])
        ]
    );
}

#[tokio::test]
async fn anthropic_text() {
    let (said, message) = replay(include_str!("streams/anthropic_text.txt"), anthropic).await;
    let last = json!({
        "content": "",
        "response_metadata": {
            "stop_reason": "end_turn", "model_name": "claude-sonnet-4-5",
            "id": "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY",
        },
        "usage_metadata": {
            "input_tokens": 32, "output_tokens": 15, "total_tokens": 47,
            "input_token_details": {"cache_creation": 3, "cache_read": 4},
        },
        "chunk_position": "last",
    });
    assert_eq!(said, [json!({"content": "Grüß"}), json!({"content": " Gott"}), last]);
    assert_eq!(message.text(), "Grüß Gott");
}

#[tokio::test]
async fn anthropic_thinking_and_tool() {
    let (said, message) = replay(include_str!("streams/anthropic_thinking.txt"), anthropic).await;
    let block = |block: Value| json!({ "content": [block] });
    let signature = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk=";
    let id = "toolu_01T1x1fJ34qAmk2tNTrN7Up6";
    let expected = [
        block(json!({"type": "reasoning", "reasoning": "The weather", "index": 0})),
        block(json!({"type": "reasoning", "reasoning": " is asked.", "index": 0})),
        block(json!({"type": "reasoning", "extras": {"signature": signature}, "index": 0})),
        block(json!({"type": "text", "text": "Okay", "index": 1})),
        block(json!({"type": "text", "text": ", let's check:", "index": 1})),
        call(2, Some("get_weather"), "", Some(id)),
        call(2, None, "{\"location\":", None),
        call(2, None, " \"San Francisco, CA\"}", None),
    ];
    assert_eq!(said[..8], expected);
    assert_eq!(said.len(), 9);
    assert_eq!(message.text(), "Okay, let's check:");
    assert_eq!(message.tool_calls()[0].args["location"], "San Francisco, CA");
    assert_eq!(json!(message.content())[0]["extras"]["signature"], signature);
}

#[tokio::test]
async fn requests_say_who_asks_for_what() {
    let text = |provider| Reply::stream([provider]);
    let replies = [
        text(include_str!("streams/openai_text.txt")),
        text(include_str!("streams/openai_text.txt")),
        text(include_str!("streams/anthropic_text.txt")),
    ];
    let provider = Provider::start(replies).await;
    pieces(&open_ai(&provider).organization("org-1").option("temperature", 0.5)).await;
    pieces(&open_ai(&provider).key_header("api-key").option("stream_options", Value::Null)).await;
    pieces(&anthropic(&provider)).await;
    let asked = provider.asked();
    let lines = [
        ("post /v1/chat/completions?api-version=1 ", format!("\r\nauthorization: bearer {KEY}\r\n")),
        ("post /v1/chat/completions?api-version=1 ", format!("\r\napi-key: {KEY}\r\n")),
        ("post /v1/messages ", format!("\r\nx-api-key: {KEY}\r\n")),
    ];
    for (asked, (line, header)) in asked.iter().zip(&lines) {
        assert!(asked.head.starts_with(line) && asked.head.contains(header), "{}", asked.head);
    }
    assert!(asked[0].head.contains("\r\nopenai-organization: org-1\r\n"));
    assert!(!asked[1].head.contains("\r\nauthorization: "));
    assert!(asked[2].head.contains("\r\nanthropic-version: 2023-06-01\r\n"));
    let messages = json!([{"role": "user", "content": "hi"}]);
    let body = json!({
        "model": "gpt-4o-mini", "messages": messages, "stream": true,
        "stream_options": {"include_usage": true}, "temperature": 0.5,
    });
    assert_eq!(asked[0].body, body);
    assert_eq!(asked[1].body, json!({"model": "gpt-4o-mini", "messages": messages, "stream": true}));
    assert_eq!(asked[2].body["max_tokens"], 8192);
}

/// However a stream is cut, and whatever is in it, it is the same stream.
#[test]
fn a_corpus_of_streams_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/streams");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        for mutant in std::iter::once(seed.clone()).chain(mutants(&seed, 200)) {
            let (mut whole, mut cut) = (Vec::new(), Vec::new());
            let read = SseDecoder::default().feed(&mutant, &mut whole);
            let mut decoder = SseDecoder::default();
            let pieces = mutant.iter().try_for_each(|byte| decoder.feed(&[*byte], &mut cut));
            assert_eq!((read, whole), (pieces, cut));
        }
        files += 1;
    }
    assert!(files > 3, "the corpus is there");
}
