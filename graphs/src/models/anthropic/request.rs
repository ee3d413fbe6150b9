//! A request in Anthropic's dialect.

use eddyline_engine::message::{Content, Message, Role, ToolStatus};
use eddyline_engine::model::{ModelRequest, ToolSpec};
use serde_json::{Map, Value, json};

use super::super::image::Image;
use super::super::strict::strict;
use super::super::with_options;

/// The body: model and conversation, then the model's own options, then those of the call.
pub(super) fn body(model: &str, options: &Map<String, Value>, request: &ModelRequest) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), model.into());
    let system: Vec<Value> =
        said_by(request, Role::System).flat_map(|message| blocks(message.content())).collect();
    if !system.is_empty() {
        body.insert("system".into(), system.into());
    }
    body.insert("messages".into(), turns(request));
    if !request.tools.is_empty() {
        body.insert("tools".into(), request.tools.iter().map(tool).collect());
    }
    if let Some(format) = &request.format {
        let format = json!({"type": "json_schema", "schema": strict(&format.schema)});
        body.insert("output_config".into(), json!({ "format": format }));
    }
    with_options(body, [options, &request.options])
}

fn said_by(request: &ModelRequest, role: Role) -> impl Iterator<Item = &Message> {
    request.messages.iter().filter(move |message| message.role() == role)
}

fn tool(tool: &ToolSpec) -> Value {
    json!({"name": &*tool.name, "description": tool.description, "input_schema": tool.parameters})
}

/// The turns of user and assistant. What one side says in a row is one turn: the answers to all calls of a turn have
/// to stand in the next.
fn turns(request: &ModelRequest) -> Value {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in &request.messages {
        let (role, blocks) = match message.role() {
            Role::Human => ("user", blocks(message.content())),
            Role::Tool | Role::Function => ("user", vec![result(message)]),
            Role::Ai => ("assistant", assistant(message)),
            Role::System | Role::Remove => continue,
        };
        match turns.last_mut() {
            Some((last, said)) if *last == role => said.extend(blocks),
            _ if blocks.is_empty() => {}
            _ => turns.push((role, blocks)),
        }
    }
    turns.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
}

fn assistant(message: &Message) -> Vec<Value> {
    let calls = message
        .tool_calls()
        .iter()
        .map(|call| json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.args}));
    // The provider wants to see each call that was answered, also one that nobody could read.
    let unreadable = message.invalid_tool_calls().iter().map(|call| {
        json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {"unreadable": call.args}})
    });
    blocks(message.content()).into_iter().chain(calls).chain(unreadable).collect()
}

fn result(message: &Message) -> Value {
    let mut result = json!({
        "type": "tool_result",
        "tool_use_id": message.tool_call_id(),
        "content": blocks(message.content()),
    });
    if message.status() == Some(ToolStatus::Error) {
        result["is_error"] = true.into();
    }
    result
}

/// The blocks that can be said again. An empty text is refused, and is none.
fn blocks(content: &Content) -> Vec<Value> {
    let text = |text: &str| (!text.is_empty()).then(|| json!({"type": "text", "text": text}));
    match content {
        Content::Text(whole) => text(whole).into_iter().collect(),
        Content::Blocks(blocks) => blocks
            .iter()
            .filter_map(|block| match (block.as_str(), block["text"].as_str(), block["type"].as_str()) {
                (Some(whole), ..) | (None, Some(whole), Some("text")) => text(whole),
                _ => other_block(block),
            })
            .collect(),
    }
}

fn other_block(block: &Value) -> Option<Value> {
    match (block["type"].as_str()?, Image::of(block)) {
        ("image" | "image_url", Some(Image::Url(url))) => {
            Some(json!({"type": "image", "source": {"type": "url", "url": url}}))
        }
        ("image" | "image_url", Some(Image::Inline { media_type, data })) => Some(
            json!({"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}),
        ),
        // A thought without its signature is refused, as is somebody else's.
        ("reasoning", _) => {
            let signature = block["extras"]["signature"].as_str()?;
            let thought = block["reasoning"].as_str().unwrap_or_default();
            Some(json!({"type": "thinking", "thinking": thought, "signature": signature}))
        }
        ("redacted_thinking", _) => Some(json!({"type": "redacted_thinking", "data": block["data"]})),
        ("document" | "search_result", _) => Some(block.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::message::ToolCall;
    use eddyline_engine::model::ResponseFormat;

    use super::*;

    fn options(options: Value) -> Map<String, Value> {
        serde_json::from_value(options).unwrap()
    }

    #[test]
    fn a_conversation_is_told_in_the_dialect() {
        let call = |id: &str| ToolCall::new("search", options(json!({"query": "rain"}))).with_id(id);
        let thought =
            json!({"type": "reasoning", "reasoning": "hm", "extras": {"signature": "s"}, "index": 0});
        let request = ModelRequest {
            messages: [
                Message::system("Be brief."),
                Message::human(vec![
                    json!({"type": "text", "text": "what is this?"}),
                    json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}),
                ]),
                Message::ai(vec![thought, json!({"type": "reasoning", "reasoning": "of another provider"})])
                    .with_tool_calls([call("1"), call("2")]),
                Message::answer(&call("1"), "wet"),
                Message::answer(&call("2"), "broken").with_status(ToolStatus::Error),
                Message::human("so?"),
                Message::ai(""),
            ]
            .into(),
            tools: vec![ToolSpec {
                name: "search".into(),
                description: "Looks up.".into(),
                parameters: json!({"type": "object"}),
            }],
            format: Some(ResponseFormat { name: "answer".into(), schema: json!({"type": "string"}) }),
            options: options(json!({"max_tokens": 5})),
        };
        let call =
            |id: &str| json!({"type": "tool_use", "id": id, "name": "search", "input": {"query": "rain"}});
        let text = |text: &str| json!({"type": "text", "text": text});
        let expected = json!({
            "model": "m",
            "system": [text("Be brief.")],
            "messages": [
                {"role": "user", "content": [
                    text("what is this?"),
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                ]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"}, call("1"), call("2"),
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "1", "content": [text("wet")]},
                    {"type": "tool_result", "tool_use_id": "2", "content": [text("broken")], "is_error": true},
                    text("so?"),
                ]},
            ],
            "tools": [{"name": "search", "description": "Looks up.", "input_schema": {"type": "object"}}],
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "string"}}},
            "stream": true,
            "max_tokens": 5,
        });
        let own = options(json!({"stream": true, "max_tokens": 8192}));
        assert_eq!(body("m", &own, &request), expected);
    }
}
