//! Clients of other protocols: the Model Context Protocol, and A2A.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use eddyline::Graph;
use eddyline::graphs::declared;
use eddyline::graphs::models::StandIn;
use eddyline::graphs::prebuilt::Agent;
use eddyline::graphs::tools::{McpServer, Tool};
use serde_json::json;

use super::{Script, or_skip, python, scripts};
use crate::server::Server;

static PYTHON: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let pins = scripts("others").join("requirements.txt");
    Ok(python("others", &pins)?.join("bin/python"))
});

fn check(name: &str) {
    let Some(python) = or_skip("client of other protocols", &PYTHON) else { return };
    let mut runner = Command::new(python);
    runner.arg("-B");
    let script = Script { runner, path: scripts("others").join(name), begins: "def test_", tells: "Ran " };
    script.check(&Server::start().url(""));
}

#[test]
fn assistants_are_agents() {
    check("agents.py");
}

#[test]
fn assistants_are_tools() {
    check("tools.py");
}

/// What an agent with these tools says: without a key, it calls the first with what it is told, and repeats the answer.
fn asked(tools: Vec<Tool>, words: &str) -> Vec<String> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let agent = Agent::with_model(StandIn).tools(tools).compile().unwrap();
    let input = json!({ "messages": words });
    let run = eddyline::runtime::stream_json(&Graph::from(agent), input);
    let finished = executor.block_on(run.finish());
    assert!(finished.error.is_none(), "{:?}", finished.error);
    let messages = finished.values.to_json()["messages"].clone();
    messages.as_array().unwrap().iter().map(|said| said["content"].as_str().unwrap().to_owned()).collect()
}

fn first(tools: &[Tool], name: &str) -> Vec<Tool> {
    tools.iter().filter(|tool| &*tool.spec().name == name).cloned().collect()
}

#[test]
fn an_agent_calls_tools_of_a_program() {
    let Some(python) = or_skip("client of other protocols", &PYTHON) else { return };
    let script = scripts("others").join("server.py");
    let tools =
        McpServer::command(python.to_str().unwrap(), ["-B", script.to_str().unwrap()]).tools().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| &*tool.spec().name).collect();
    assert_eq!(names, ["add", "weather", "fail", "die"]);
    assert_eq!(tools[1].spec().description, "Tells the weather.");
    assert_eq!(tools[1].spec().parameters["properties"]["city"]["type"], "string");
    let said = asked(first(&tools, "weather"), "SF");
    assert_eq!(said[2..], ["sunny in SF", "weather said: sunny in SF"]);
    let said = asked(first(&tools, "fail"), "no luck");
    assert!(said[2].starts_with("Error: ToolError: Error executing tool fail"), "{said:?}");
    // A server that ends is an error that the model is told, and another is there for the next call.
    let said = asked(first(&tools, "die"), "bye");
    assert!(said[2].starts_with("Error: McpError:"), "{said:?}");
    assert_eq!(asked(first(&tools, "weather"), "NY")[2], "sunny in NY");
}

#[test]
fn an_agent_calls_tools_over_http() {
    let server = Server::start();
    let tools = McpServer::http(&server.url("/mcp")).tools().unwrap();
    let said = asked(first(&tools, "agent"), "rain");
    assert!(said[2].contains("This is a joke about rain and cats"), "{said:?}");
    let gone = server.url("/nothing");
    let error = McpServer::http(&gone).tools().unwrap_err().to_string();
    assert!(error.starts_with(&format!("the MCP server `{gone}` gives no tools: ")), "{error}");
    let error = McpServer::command("no-such-program", [""; 0]).tools().unwrap_err().to_string();
    assert!(error.contains("`no-such-program` gives no tools"), "{error}");
}

#[test]
fn a_graph_file_has_the_tools_of_a_server() {
    let Some(python) = or_skip("client of other protocols", &PYTHON) else { return };
    let file = |tools: &str| {
        json!({
            "state": {"messages": "messages"},
            "mcp": {"tests": {"command": [python, "-B", "server.py"]}},
            "nodes": {"agent": {"agent": {"model": "openai:any", "tools": [tools]}}},
            "edges": ["START -> agent"],
        })
        .to_string()
    };
    let place = scripts("others").join("graph.json");
    let graph = declared::parse(&file("tests.weather"), &place).unwrap();
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let models = eddyline::graphs::models::Providers::from_variables(|_| None).stand_in();
    let run = eddyline::runtime::stream_json(&graph, json!({"messages": "SF"})).models(models);
    let said = executor.block_on(run.finish()).values.to_json();
    assert_eq!(said["messages"][2]["content"], "sunny in SF");
    declared::parse(&file("tests"), &place).unwrap();
    let error = declared::parse(&file("tests.wether"), &place).unwrap_err().to_string();
    assert!(error.contains("there is no tool `tests.wether`"), "{error}");
}
