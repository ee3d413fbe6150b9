//! Models: what streams of them, piece by piece and as growing messages.

use eddyline_engine::State;
use eddyline_engine::prelude::*;
use eddyline_engine::project::{Data, Mode};
use eddyline_engine::testing::{self, Report, World};
use eddyline_graphs::examples::{chat, tagged, tools};
use futures_util::StreamExt;

use crate::support::{Thread, payloads};

const QUESTION: &str = "what is the weather in la";

/// The pieces of mode `messages-tuple`: what each says, whose it is, whether it is the last of its message.
fn pieces<S: State>(run: &Report<S>) -> Vec<(String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pieces = run.events.iter().filter_map(|event| match &event.data {
        Data::Messages { chunk, .. } => {
            Some((text(&chunk["content"]), text(&chunk["id"]), chunk["chunk_position"] == "last"))
        }
        _ => None,
    });
    pieces.collect()
}

/// What a run of `graph` streams in mode `messages`: the end of the name, the message's id and its content.
fn growing(graph: &CompiledGraph<MessagesState>) -> Vec<(&'static str, String, String)> {
    let world = World::new();
    let input = MessagesState::update().messages([QUESTION]);
    let events = world.block_on(world.run(graph, input).modes(Mode::Messages).collect::<Vec<_>>());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let named = |kind, list: &Value| (kind, text(&list[0]["id"]), text(&list[0]["content"]));
    let shown = events.into_iter().filter_map(|event| match event.expect("the run succeeds").data {
        Data::MessagesMetadata(value) => {
            Some(("metadata", value.as_object()?.keys().next()?.clone(), String::new()))
        }
        Data::MessagesPartial(list) => Some(named("partial", &list)),
        Data::MessagesComplete(list) => Some(named("complete", &list)),
        _ => None,
    });
    shown.collect()
}

fn owned<const N: usize>(expected: [(&'static str, &str, &str); N]) -> Vec<(&'static str, String, String)> {
    expected.map(|(kind, id, content)| (kind, id.to_owned(), content.to_owned())).to_vec()
}

#[test]
fn chat_streams_word_by_word() {
    let graph = chat::graph().unwrap();
    let run = testing::run(&graph, MessagesState::update().messages([QUESTION]));
    let words =
        ["You", " ", "said:", " ", "what", " ", "is", " ", "the", " ", "weather", " ", "in", " ", "la"];
    let expected: Vec<_> =
        words.iter().enumerate().map(|(i, word)| ((*word).to_owned(), "ai-1".to_owned(), i == 14)).collect();
    assert_eq!(pieces(&run), expected);

    let mut expected = vec![("metadata", "ai-1".to_owned(), String::new())];
    expected.extend((1..=15).map(|n| ("partial", "ai-1".to_owned(), words[..n].concat())));
    assert_eq!(growing(&graph), expected);
    assert_eq!(run.values().messages[1].text(), "You said: what is the weather in la");
}

#[test]
fn chat_says_which_node_and_model_speak() {
    let run = testing::run(&chat::graph().unwrap(), MessagesState::update().messages([QUESTION]));
    let metadata = run.events.iter().find_map(|event| match &event.data {
        Data::Messages { metadata, .. } => Some(metadata),
        _ => None,
    });
    let metadata = metadata.unwrap();
    let fields = ["langgraph_step", "langgraph_node", "langgraph_triggers", "ls_provider", "ls_model_type"];
    let expected = json!([1, "agent", ["branch:to:agent"], "scripted", "chat"]);
    assert_eq!(Value::from_iter(fields.map(|field| metadata[field].clone())), expected);
    assert_eq!(metadata["checkpoint_ns"], metadata["langgraph_checkpoint_ns"]);
}

#[test]
fn chat_replaces_its_answer_in_the_second_turn() {
    let thread = Thread::new(chat::graph());
    thread.run(MessagesState::update().messages([QUESTION]));
    let values = thread.run(MessagesState::update().messages(["and in sf?"])).values();
    let texts: Vec<_> = values.messages.iter().map(Message::text).collect();
    assert_eq!(texts, [QUESTION, "You said: and in sf?", "and in sf?"]);
}

#[test]
fn tagged_calls_are_told_apart_and_the_silent_one_is_not_heard() {
    let run = testing::run(&tagged::graph().unwrap(), tagged::Joke::update().topic("sea"));
    let heard: Vec<_> = run
        .events
        .iter()
        .filter_map(|event| match &event.data {
            Data::Messages { chunk, metadata } => {
                Some(json!([chunk["content"], metadata["langgraph_node"], metadata["tags"]]))
            }
            _ => None,
        })
        .collect();
    let words = |kind: &str| {
        let node = format!("write_{kind}");
        [kind, " ", "on", " ", "sea"].map(|word| json!([word, node, [kind]]))
    };
    assert_eq!(heard, [words("joke"), words("poem")].concat());
    let expected =
        [json!({"write_joke": {"joke": "joke on sea"}}), json!({"write_poem": {"topic": "poem on sea"}})];
    assert_eq!(payloads(&run, Mode::Updates), expected);
}

#[test]
fn tools_streams_its_call_in_three_pieces() {
    let run = testing::run(&tools::graph().unwrap(), MessagesState::update().messages([QUESTION]));
    let calls: Vec<_> = run
        .events
        .iter()
        .filter_map(|event| match &event.data {
            Data::Messages { chunk, .. } => Some(json!([
                chunk["tool_call_chunks"].get(0)?,
                chunk["tool_calls"],
                chunk["invalid_tool_calls"]
            ])),
            _ => None,
        })
        .collect();
    let raw = |name: Option<&str>, args: &str, id: Option<&str>| json!({"name": name, "args": args, "id": id, "index": 0, "type": "tool_call_chunk"});
    let call =
        |name: &str, id: Option<&str>| json!([{"name": name, "args": {}, "id": id, "type": "tool_call"}]);
    let invalid =
        json!([{"name": null, "args": "\"SF\"}", "id": null, "error": null, "type": "invalid_tool_call"}]);
    let expected = [
        json!([raw(Some("get_weather"), "", Some("call_1")), call("get_weather", Some("call_1")), []]),
        json!([raw(None, "{\"city\": ", None), call("", None), []]),
        json!([raw(None, "\"SF\"}", None), [], invalid]),
    ];
    assert_eq!(calls, expected);
}

#[test]
fn tools_shows_the_call_the_tool_and_the_answer() {
    let graph = tools::graph().unwrap();
    let run = testing::run(&graph, MessagesState::update().messages([QUESTION]));
    assert_eq!(run.nodes(), ["agent", "action", "agent"]);
    let expected = owned([
        ("metadata", "ai-1", ""),
        ("partial", "ai-1", ""),
        ("partial", "ai-1", ""),
        ("partial", "ai-1", ""),
        ("metadata", "tool-1", ""),
        ("complete", "tool-1", "sunny in SF"),
        ("metadata", "ai-2", ""),
        ("partial", "ai-2", "It is "),
        ("partial", "ai-2", "It is sunny"),
        ("partial", "ai-2", "It is sunny."),
    ]);
    assert_eq!(growing(&graph), expected);
    let asked = run.values().messages[1].tool_calls()[0].clone();
    assert_eq!(
        json!(asked),
        json!({"name": "get_weather", "args": {"city": "SF"}, "id": "call_1", "type": "tool_call"})
    );
}
