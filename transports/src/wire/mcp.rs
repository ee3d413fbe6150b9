//! The Model Context Protocol, as far as assistants are tools: JSON-RPC in, JSON-RPC out.

use std::sync::Arc;

use eddyline_engine::Shared;
use eddyline_engine::graph::Graph;
use eddyline_runtime::{Assistant, StartRun, StreamMode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::rpc::RpcError;

/// Versions of the protocol that are spoken, the newest last.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
/// How many tools stand on a page.
const PAGE: usize = 100;
/// How long the name of a tool may be.
const NAME: usize = 128;

/// Something that wants an answer.
pub(crate) struct Request {
    pub(crate) id: Value,
    pub(crate) call: Call,
}

/// What is asked for.
pub(crate) enum Call {
    /// What can be said without looking anything up.
    Known(Result<Value, RpcError>),
    /// A page of the tools, from this place on.
    Tools(usize),
    /// A call of a tool.
    Tool(ToolCall),
}

/// A call of a tool.
#[derive(Deserialize)]
pub(crate) struct ToolCall {
    pub(crate) name: String,
    #[serde(default)]
    arguments: Option<Map<String, Value>>,
    #[serde(default)]
    context: Option<Map<String, Value>>,
}

/// Reads a body, which may want no answer; else what is wrong with it.
pub(crate) fn read(body: &[u8]) -> Result<Option<Request>, &'static str> {
    let body: Value = serde_json::from_slice(body).map_err(|_| "Invalid JSON")?;
    let Value::Object(mut message) = body else { return Err("Invalid message format") };
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err("Invalid JSON-RPC message. Missing jsonrpc version");
    }
    let method = message.remove("method");
    let (Some(Value::String(method)), Some(id)) = (method, message.remove("id")) else {
        return Ok(None);
    };
    let params = message.remove("params").unwrap_or_default();
    Ok(Some(Request { id, call: Call::of(&method, params) }))
}

impl Call {
    fn of(method: &str, params: Value) -> Self {
        match method {
            "initialize" => Self::Known(Ok(initialized(&params))),
            "ping" => Self::Known(Ok(json!({}))),
            "tools/list" => match cursor(&params) {
                Ok(place) => Self::Tools(place),
                Err(error) => Self::Known(Err(error)),
            },
            "tools/call" => match serde_json::from_value(params) {
                Ok(call) => Self::Tool(call),
                Err(error) => Self::Known(Err(RpcError::params(format!("Invalid params: {error}")))),
            },
            _ => Self::Known(Err(RpcError::no_method(method))),
        }
    }
}

fn initialized(params: &Value) -> Value {
    let asked = params["protocolVersion"].as_str();
    let spoken =
        VERSIONS.iter().find(|version| asked == Some(version)).unwrap_or(&VERSIONS[VERSIONS.len() - 1]);
    json!({
        "protocolVersion": spoken,
        "capabilities": {"tools": {"listChanged": false}},
        "serverInfo": {"name": "eddyline", "version": env!("CARGO_PKG_VERSION")},
    })
}

fn cursor(params: &Value) -> Result<usize, RpcError> {
    match &params["cursor"] {
        Value::Null => Ok(0),
        Value::String(place) => place.parse().map_err(|_| RpcError::params("Invalid cursor")),
        _ => Err(RpcError::params("Invalid cursor")),
    }
}

/// The name under which an assistant is a tool.
fn tool_name(assistant: &Assistant) -> String {
    let name = assistant.name.split_whitespace().collect::<Vec<_>>().join("_");
    let allowed = |character: &char| character.is_ascii_alphanumeric() || "_.-".contains(*character);
    name.chars().filter(allowed).take(NAME).collect()
}

/// A page of the tools that assistants are whose graphs say what they take. Of two with one name the first is one.
pub(crate) fn tools(assistants: &[(Arc<Assistant>, Graph)], place: usize) -> Value {
    let mut names = Vec::new();
    let mut tools: Vec<Value> = Vec::new();
    for (assistant, graph) in assistants {
        let (name, Some(schema)) = (tool_name(assistant), &graph.schemas().input) else { continue };
        if name.is_empty() || names.contains(&name) {
            continue;
        }
        names.push(name);
        tools.push(tool(assistant, schema));
    }
    let more = place + PAGE < tools.len();
    let page: Vec<Value> = tools.into_iter().skip(place).take(PAGE).collect();
    let mut listed = json!({ "tools": page });
    if more {
        listed["nextCursor"] = (place + PAGE).to_string().into();
    }
    listed
}

fn tool(assistant: &Assistant, schema: &Value) -> Value {
    let fallback = || format!("Runs the graph `{}`.", assistant.graph_id);
    let description = assistant.description.clone().filter(|text| !text.is_empty()).unwrap_or_else(fallback);
    json!({
        "name": tool_name(assistant),
        "title": assistant.name,
        "description": description,
        "inputSchema": arguments(schema),
        "annotations": {
            "readOnlyHint": false,
            "destructiveHint": false,
            "idempotentHint": false,
            "openWorldHint": true,
        },
    })
}

/// What a graph takes, as a model fills it in: a conversation is a text.
fn arguments(schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema["type"] = "object".into();
    for (name, property) in schema["properties"].as_object_mut().into_iter().flatten() {
        if name == "messages" && property["type"] == "array" {
            *property = json!({"type": "string", "description": "What is said to the agent."});
        }
    }
    schema
}

/// The assistant that a tool is.
pub(crate) fn named(assistants: &[(Arc<Assistant>, Graph)], name: &str) -> Result<Arc<Assistant>, RpcError> {
    let mut found = assistants.iter().filter(|(assistant, _)| tool_name(assistant) == name);
    match (found.next(), found.next()) {
        (Some((assistant, _)), None) => Ok(Arc::clone(assistant)),
        (Some(_), Some(_)) => Err(RpcError::params(format!("Several assistants go by the name {name}"))),
        (None, _) => Err(RpcError::params(format!("Unknown tool: {name}"))),
    }
}

impl ToolCall {
    /// The run that it is.
    pub(crate) fn request(self, assistant: &Assistant) -> StartRun {
        StartRun {
            input: Some(Shared::from(Value::Object(self.arguments.unwrap_or_default()))),
            context: self.context.unwrap_or_default(),
            stream_modes: vec![StreamMode::Values],
            ..StartRun::new(assistant.assistant_id.to_string())
        }
    }
}

/// What a tool says, of what its run came to.
pub(crate) fn said(result: Option<Value>) -> Value {
    let result = result.unwrap_or_else(|| json!({}));
    let text = |words: String| json!([{"type": "text", "text": words}]);
    match result.get("__error__") {
        Some(error) => {
            let word = |key: &str| error[key].as_str().unwrap_or_default();
            json!({"isError": true, "content": text(format!("{}: {}", word("error"), word("message")))})
        }
        None => json!({ "content": text(result.to_string()) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_refused() {
        for (body, expected) in [
            ("{", "Invalid JSON"),
            ("[]", "Invalid message format"),
            ("{}", "Invalid JSON-RPC message. Missing jsonrpc version"),
            (
                r#"{"jsonrpc": "1.0", "id": 1, "method": "ping"}"#,
                "Invalid JSON-RPC message. Missing jsonrpc version",
            ),
        ] {
            assert_eq!(read(body.as_bytes()).err(), Some(expected), "{body}");
        }
        for notice in [
            r#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#,
            r#"{"jsonrpc": "2.0", "id": 1, "result": {}}"#,
        ] {
            assert!(matches!(read(notice.as_bytes()), Ok(None)), "{notice}");
        }
    }

    #[test]
    fn versions_are_those_that_are_asked_for_and_known() {
        for (asked, spoken) in [("2025-03-26", "2025-03-26"), ("1999-01-01", "2025-11-25")] {
            assert_eq!(initialized(&json!({ "protocolVersion": asked }))["protocolVersion"], spoken);
        }
    }

    #[test]
    fn a_conversation_is_a_text_to_a_model() {
        let schema = json!({"properties": {"messages": {"type": "array"}, "list": {"type": "array"}}});
        let taken = arguments(&schema);
        assert_eq!(taken["properties"]["messages"]["type"], "string");
        assert_eq!(taken["properties"]["list"]["type"], "array");
        assert_eq!(taken["type"], "object");
    }

    #[test]
    fn errors_are_told_as_what_a_tool_says() {
        let failed = json!({"__error__": {"error": "ValueError", "message": "bad topic"}});
        let said = said(Some(failed));
        assert_eq!(
            (&said["isError"], &said["content"][0]["text"]),
            (&json!(true), &json!("ValueError: bad topic"))
        );
    }
}
