//! The loop of a model and its tools.

use eddyline_engine::prelude::*;
use eddyline_engine::project::{Data, Mode};
use eddyline_engine::testing::{World, observe, run};
use eddyline_graphs::examples::prebuilt_agent;
use eddyline_graphs::models::StandIn;
use eddyline_graphs::prebuilt::{Agent, AgentState};
use eddyline_graphs::tools::Tool;

use crate::support::{Scripted, asks, call, said};

#[view]
struct Search {
    query: String,
}

fn search() -> Tool {
    Tool::new("search", "Looks up.", async |args: Search| Ok(format!("found {}", args.query)))
}

fn input() -> Update<AgentState> {
    AgentState::update().messages(["weather in sf?"])
}

/// Asks for a search, as often as it is asked, and says `done` at the end.
fn searching(times: usize) -> Scripted {
    let asking = (1..=times).map(|n| asks([call(&format!("call_{n}"), "search", json!({"query": "sf"}))]));
    Scripted::new(asking.chain([Message::ai("done")]))
}

#[test]
fn the_agent_in_a_few_lines_asks_a_tool_and_answers() {
    let model = searching(1);
    let world = World::new();
    let graph = prebuilt_agent::graph().unwrap();
    let report = observe(&world, world.run(&graph, input()).model("openai:gpt-4o-mini", model.clone()));
    assert_eq!(report.nodes(), ["model", "tools", "model"]);
    let expected = [
        json!(["human", "weather in sf?"]),
        json!(["ai", ""]),
        json!(["call_1", "sunny in sf", "success"]),
        json!(["ai", "done"]),
    ];
    assert_eq!(said(&report.values().messages), expected);
    let heard: [&[&str]; 2] =
        [&["Be brief.", "weather in sf?"], &["Be brief.", "weather in sf?", "", "sunny in sf"]];
    assert_eq!(model.heard(), heard);
    let tool = &model.asked()[0].tools[0];
    assert_eq!((&*tool.name, &*tool.description), ("search", "Looks something up."));
    assert_eq!(tool.parameters["properties"]["query"]["description"], "What to look for.");
    assert_eq!(tool.parameters["required"], json!(["query"]));
}

#[test]
fn its_streams_have_the_pieces_of_the_call_and_the_message_of_the_tool() {
    let world = World::new();
    let agent = Agent::new("house").tool(search()).compile().unwrap();
    let mut events =
        world.run(&agent, input()).model("house", searching(1)).modes([Mode::MessagesTuple, Mode::Tools]);
    let mut seen = Vec::new();
    world.block_on(async {
        while let Some(event) = events.next().await {
            seen.push(match event.unwrap().data {
                Data::Messages { chunk, metadata } => json!([
                    metadata["langgraph_node"],
                    chunk["type"],
                    chunk["content"],
                    chunk["tool_call_chunks"].get(0).map(|chunk| chunk["args"].clone()),
                ]),
                other => {
                    let payload = other.payload();
                    json!([payload["event"], payload["tool_call_id"], payload["output"]["content"]])
                }
            });
        }
    });
    let expected = [
        json!(["model", "AIMessageChunk", "", ""]),
        json!(["model", "AIMessageChunk", "", "{\"query\":\"sf\"}"]),
        json!(["tool-started", "call_1", null]),
        json!(["tool-finished", "call_1", "found sf"]),
        json!(["tools", "tool", "found sf", null]),
        json!(["model", "AIMessageChunk", "done", null]),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn it_says_so_when_it_is_out_of_turns() {
    let model = searching(9);
    let agent = Agent::with_model(model.clone()).tool(search()).max_turns(2).compile().unwrap();
    let report = run(&agent, input());
    let expected = [
        json!(["human", "weather in sf?"]),
        json!(["ai", ""]),
        json!(["call_1", "found sf", "success"]),
        json!(["ai", "Sorry, need more steps to process this request."]),
    ];
    assert_eq!(said(&report.values().messages), expected);
    assert!(report.values().messages.asked_tools().is_empty());
    assert_eq!(model.asked().len(), 2);
}

#[test]
fn it_says_so_before_the_supersteps_are_used_up() {
    let agent = Agent::with_model(searching(99)).tool(search()).max_turns(99).compile().unwrap();
    let world = World::new();
    let report = observe(&world, world.run(&agent, input()).recursion_limit(8));
    assert!(report.error().is_none(), "{:?}", report.error());
    assert_eq!(
        report.values().messages.last().unwrap().text(),
        "Sorry, need more steps to process this request."
    );
}

#[view]
#[derive(Debug, PartialEq)]
struct Weather {
    degrees: i32,
}

#[test]
fn an_answer_of_a_shape_can_be_read() {
    let answers = [asks([call("1", "search", json!({"query": "sf"}))]), Message::ai("{\"degrees\": 21}")];
    let model = Scripted::new(answers);
    let agent =
        Agent::with_model(model.clone()).tool(search()).respond_as::<Weather>("weather").compile().unwrap();
    let answer = run(&agent, input()).values().structured_response.unwrap();
    assert_eq!(serde_json::from_value::<Weather>(answer).unwrap(), Weather { degrees: 21 });
    assert!(
        model
            .asked()
            .iter()
            .all(|asked| asked.format.as_ref().is_some_and(|format| &*format.name == "weather"))
    );

    let agent =
        Agent::with_model(Scripted::new([Message::ai("warm")])).respond_as::<Weather>("weather").compile();
    let error = run(&agent.unwrap(), input()).error().unwrap().to_string();
    assert!(error.contains("the model's answer is not the `weather` that it was asked for"), "{error}");
}

async fn shorten(state: AgentState) -> Update<AgentState> {
    let old = state.messages.iter().rev().skip(2).filter_map(Message::id).map(Message::remove);
    AgentState::update().messages(old.collect::<Vec<_>>())
}

async fn sign(state: AgentState) -> Update<AgentState> {
    let last = state.messages.last().expect("the model has answered");
    AgentState::update().messages([last.clone().with_content(format!("{} (an agent)", last.text()))])
}

#[test]
fn hooks_are_nodes_around_the_model() {
    let model = Scripted::new([Message::ai("four")]);
    let agent = Agent::with_model(model.clone())
        .before_model("shorten", shorten)
        .after_model("sign", sign)
        .option("temperature", 0)
        .prompt_of(|state| format!("{} messages", state.messages.len()))
        .compile()
        .unwrap();
    let report = run(&agent, AgentState::update().messages(["one", "two", "three"]));
    assert_eq!(report.nodes(), ["shorten", "model", "sign"]);
    assert_eq!(model.heard(), [["2 messages", "two", "three"]]);
    assert_eq!(model.asked()[0].options["temperature"], 0);
    let texts: Vec<_> = report.values().messages.iter().map(|message| message.text().into_owned()).collect();
    assert_eq!(texts, ["two", "three", "four (an agent)"]);
}

#[test]
fn an_agent_is_a_node_like_any_graph() {
    let agent = Agent::with_model(searching(1)).tool(search()).compile().unwrap();
    let graph =
        StateGraph::<MessagesState>::new().node("agent", agent).edge(START, "agent").compile().unwrap();
    let report = run(&graph, MessagesState::update().messages(["weather in sf?"]));
    assert_eq!(report.values().messages.last().unwrap().text(), "done");
    assert_eq!(report.nodes(), ["agent"]);
}

#[test]
fn an_agent_draws_itself() {
    let hooked =
        Agent::new("m").tool(search().reviewed()).before_model("shorten", shorten).compile().unwrap();
    let drawn = hooked.graph().mermaid(0);
    for node in ["shorten", "model", "review", "tools"] {
        assert!(drawn.contains(&format!("{node}(")), "{drawn}");
    }
}

#[test]
fn mistakes_are_told_when_it_compiles() {
    let twice = Agent::new("m").before_model("model", shorten).compile();
    assert!(twice.err().unwrap().to_string().contains("model"));
}

#[test]
fn without_a_key_a_stand_in_shows_the_way() {
    let world = World::new();
    let graph = prebuilt_agent::graph().unwrap();
    let report = observe(&world, world.run(&graph, input()).model("openai:gpt-4o-mini", StandIn));
    let expected = [
        json!(["human", "weather in sf?"]),
        json!(["ai", ""]),
        json!(["call_2", "sunny in weather in sf?", "success"]),
        json!(["ai", "search said: sunny in weather in sf?"]),
    ];
    assert_eq!(said(&report.values().messages), expected);
}
