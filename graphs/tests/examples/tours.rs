//! The two tours.

use eddyline_engine::AnyCommand;
use eddyline_engine::prelude::*;
use eddyline_engine::project::Mode::{Custom, Tools, Updates};
use eddyline_engine::project::{Data, Mode};
use eddyline_engine::testing;
use eddyline_graphs::examples::{showcase, tools_agent};

use crate::support::{Thread, payloads};

fn progress(step: &str, phase: &str) -> Value {
    json!({"name": "progress", "step": step, "phase": phase})
}

#[test]
fn showcase_stops_to_ask_and_ends_in_a_graph_of_its_own() {
    let thread = Thread::new(showcase::graph());
    let asked = thread.run(showcase::Tour::update());
    assert_eq!(asked.nodes(), ["stream_message", "call_tool", "ask_human"]);
    assert_eq!(asked.finished.interrupts[0].value.json(), "Are we good?");
    let expected = [
        progress("stream_message", "start"),
        progress("stream_message", "end"),
        progress("call_tool", "start"),
        progress("call_tool", "end"),
        progress("ask_human", "start"),
    ];
    assert_eq!(payloads(&asked, Custom), expected);

    let answered = thread.command(AnyCommand::resume(json!("yes")));
    assert_eq!(answered.nodes(), ["ask_human", "run_subgraph"]);
    let expected = [
        progress("ask_human", "start"),
        json!({"name": "progress", "step": "ask_human", "phase": "end", "answer": "yes"}),
        progress("run_subgraph", "start"),
        progress("run_subgraph", "end"),
    ];
    assert_eq!(payloads(&answered, Custom), expected);

    let tour = answered.values();
    assert_eq!(tour.value.as_deref(), Some("x"));
    assert_eq!(tour.items, ["streamed", "tool", "asked", "sub"]);
    let messages: Vec<_> = tour.messages.iter().map(|message| message.text().into_owned()).collect();
    assert_eq!(messages, ["Hello, world!", "", "found v3"]);
    assert_eq!(tour.messages[0].id(), Some("ai-msg-1"));
    assert_eq!(tour.messages[1].tool_calls()[0].args["query"], "v3");
}

#[test]
fn showcase_streams_its_greeting_its_tool_and_its_inner_graph() {
    let thread = Thread::new(showcase::graph());
    let asked = thread.run(showcase::Tour::update());
    let pieces: Vec<_> = asked
        .events
        .iter()
        .filter_map(|event| match &event.data {
            Data::Messages { chunk, .. } if chunk["id"] == "ai-msg-1" => Some(chunk["content"].clone()),
            _ => None,
        })
        .collect();
    assert_eq!(pieces, ["Hello,", " ", "world!"]);
    let tools = payloads(&asked, Tools);
    let kinds: Vec<_> = tools.iter().map(|event| &event["event"]).collect();
    assert_eq!(kinds, ["tool-started", "tool-finished"]);
    assert_eq!((&tools[0]["tool_name"], &tools[0]["input"]), (&json!("search"), &json!({"query": "v3"})));

    let answered = thread.command(AnyCommand::resume(json!("yes")));
    let inner: Vec<_> = answered
        .events
        .iter()
        .filter(|event| event.ns.len() == 1 && event.data.name() == Mode::Updates.as_str())
        .map(|event| (event.ns[0].split(':').next().unwrap().to_owned(), event.data.payload()))
        .collect();
    assert_eq!(inner, [("run_subgraph".to_owned(), json!({"sub": {"items": ["sub"]}}))]);
}

#[test]
fn tools_agent_searches_once_and_is_done() {
    let run = testing::run(&tools_agent::graph().unwrap(), MessagesState::update().messages(["go"]));
    assert_eq!(run.nodes(), ["model", "tools", "model"]);
    let messages = run.values().messages;
    let texts: Vec<_> = messages.iter().map(Message::text).collect();
    assert_eq!(texts, ["go", "", "found v3", "done."]);
    let call = json!({"name": "search", "args": {"query": "v3"}, "id": "call_1", "type": "tool_call"});
    assert_eq!(json!(messages[1].tool_calls()), json!([call]));
    assert_eq!(messages[2].tool_call_id(), Some("call_1"));
    assert_eq!(payloads(&run, Updates).len(), 3);
    let kinds: Vec<_> = payloads(&run, Tools).iter().map(|event| event["event"].clone()).collect();
    assert_eq!(kinds, ["tool-started", "tool-finished"]);
}

#[test]
fn tools_agent_shows_its_tool_message_under_the_id_that_the_state_keeps() {
    let run = testing::run(&tools_agent::graph().unwrap(), MessagesState::update().messages(["go"]));
    let shown = run.events.iter().find_map(|event| match &event.data {
        Data::Messages { chunk, .. } if chunk["type"] == "tool" => Some(chunk["id"].clone()),
        _ => None,
    });
    assert_eq!(shown, run.values().messages[2].id().map(Value::from));
}
