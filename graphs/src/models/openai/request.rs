//! A request in OpenAI's dialect.

use eddyline_engine::message::{Content, Message, Role};
use eddyline_engine::model::{ModelRequest, ToolSpec};
use serde_json::{Map, Value, json};

use super::super::image::Image;
use super::super::strict::strict;
use super::super::with_options;

/// The body: model and conversation, then the model's own options, then those of the call.
pub(super) fn body(model: &str, options: &Map<String, Value>, request: &ModelRequest) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), model.into());
    body.insert("messages".into(), request.messages.iter().filter_map(message).collect());
    if !request.tools.is_empty() {
        body.insert("tools".into(), request.tools.iter().map(tool).collect());
    }
    if let Some(format) = &request.format {
        let schema = json!({"name": &*format.name, "schema": strict(&format.schema), "strict": true});
        body.insert("response_format".into(), json!({"type": "json_schema", "json_schema": schema}));
    }
    with_options(body, [options, &request.options])
}

fn tool(tool: &ToolSpec) -> Value {
    let function =
        json!({"name": &*tool.name, "description": tool.description, "parameters": tool.parameters});
    json!({"type": "function", "function": function})
}

fn message(message: &Message) -> Option<Value> {
    let value = match message.role() {
        Role::System => json!({"role": "system", "content": content(message)}),
        Role::Human => {
            let mut user = json!({"role": "user", "content": content(message)});
            if let Some(name) = message.name() {
                user["name"] = name.into();
            }
            user
        }
        Role::Ai => assistant(message),
        Role::Tool => {
            json!({"role": "tool", "tool_call_id": message.tool_call_id(), "content": content(message)})
        }
        Role::Function => json!({"role": "function", "name": message.name(), "content": content(message)}),
        // An order to the list of messages, and nothing that was said.
        Role::Remove => return None,
    };
    Some(value)
}

/// What the model said before. Its reasoning is not sent back.
fn assistant(message: &Message) -> Value {
    let calls = message.tool_calls().iter().map(|call| {
        let args = Value::Object(call.args.clone()).to_string();
        (call.id.as_deref(), &*call.name, args)
    });
    // The provider wants to see each call that was answered, also one that nobody could read.
    let unreadable = message.invalid_tool_calls().iter().map(|call| {
        let args = call.args.clone().unwrap_or_default();
        (call.id.as_deref(), call.name.as_deref().unwrap_or_default(), args)
    });
    let calls: Vec<Value> = calls
        .chain(unreadable)
        .map(|(id, name, args)| {
            json!({"id": id, "type": "function", "function": {"name": name, "arguments": args}})
        })
        .collect();
    let text = message.text();
    if calls.is_empty() {
        return json!({"role": "assistant", "content": text});
    }
    let content = if text.is_empty() { Value::Null } else { text.into() };
    json!({"role": "assistant", "content": content, "tool_calls": calls})
}

fn content(message: &Message) -> Value {
    match message.content() {
        Content::Text(text) => text.as_str().into(),
        Content::Blocks(blocks) => blocks.iter().filter_map(part).collect(),
    }
}

/// A content block as a part of a message.
fn part(block: &Value) -> Option<Value> {
    if let Some(text) = block.as_str() {
        return Some(json!({"type": "text", "text": text}));
    }
    match (block.get("type")?.as_str()?, Image::of(block)) {
        ("text", _) => Some(json!({"type": "text", "text": block.get("text")?})),
        ("reasoning" | "thinking", _) => None,
        ("image", Some(Image::Url(url))) => Some(json!({"type": "image_url", "image_url": {"url": url}})),
        ("image", Some(Image::Inline { media_type, data })) => {
            let url = format!("data:{media_type};base64,{data}");
            Some(json!({"type": "image_url", "image_url": {"url": url}}))
        }
        // In the provider's own words: `image_url` with a detail, sound, files.
        _ => Some(block.clone()),
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
        let call = ToolCall::new("search", options(json!({"query": "rain"}))).with_id("call_1");
        let image = json!({"type": "image", "base64": "AA==", "mime_type": "image/png"});
        let request = ModelRequest {
            messages: [
                Message::system("Be brief."),
                Message::human(vec![json!("what is this?"), image]),
                Message::ai("").with_tool_calls([call.clone()]),
                Message::answer(&call, "wet"),
                Message::ai(vec![
                    json!({"type": "reasoning", "reasoning": "hm"}),
                    json!({"type": "text", "text": "Rain."}),
                ]),
                Message::human("thanks").with_name("ann"),
            ]
            .into(),
            tools: vec![ToolSpec {
                name: "search".into(),
                description: "Looks up.".into(),
                parameters: json!({}),
            }],
            format: Some(ResponseFormat { name: "answer".into(), schema: json!({"type": "string"}) }),
            options: options(json!({"temperature": 0, "stream_options": null})),
        };
        let own = options(json!({"stream": true, "stream_options": {}, "temperature": 1}));
        let expected = json!({
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "text", "text": "what is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                ]},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "search", "arguments": "{\"query\":\"rain\"}"}},
                ]},
                {"role": "tool", "tool_call_id": "call_1", "content": "wet"},
                {"role": "assistant", "content": "Rain."},
                {"role": "user", "content": "thanks", "name": "ann"},
            ],
            "tools": [{"type": "function", "function": {"name": "search", "description": "Looks up.", "parameters": {}}}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": {"type": "string"}, "strict": true},
            },
            "stream": true,
            "temperature": 0,
        });
        assert_eq!(body("m", &own, &request), expected);
    }
}
