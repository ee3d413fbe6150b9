//! What answers in a provider's place when there is no key for it.

use eddyline_engine::NodeError;
use eddyline_engine::message::{Message, MessageChunk, Role, ToolCall};
use eddyline_engine::model::{ChatModel, ModelRequest, ToolSpec};
use futures_util::stream::BoxStream;
use serde_json::{Map, Value};

use super::ScriptedModel;

/// A scripted model for trying out graphs: no key, no network.
///
/// It repeats what it is told. Offered tools, it calls the first one, with the text in every argument that takes a
/// text, and then repeats what the tool said.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandIn;

impl StandIn {
    fn answer(request: &ModelRequest) -> Message {
        let Some(last) = request.messages.last() else { return Message::ai("Nothing was said.") };
        match (last.role(), request.tools.first()) {
            (Role::Tool, _) => {
                Message::ai(format!("{} said: {}", last.name().unwrap_or("The tool"), last.text()))
            }
            (_, Some(tool)) => {
                // As many calls as there were messages have ids of their own.
                let id = format!("call_{}", request.messages.len());
                Message::ai("").with_tool_calls([call(tool, &last.text()).with_id(id)])
            }
            (_, None) => Message::ai(format!("You said: {}", last.text())),
        }
    }
}

fn call(tool: &ToolSpec, text: &str) -> ToolCall {
    let properties = tool.parameters["properties"].as_object();
    let texts = properties.into_iter().flatten().filter(|(_, schema)| schema["type"] == "string");
    let args: Map<String, Value> = texts.map(|(name, _)| (name.clone(), text.into())).collect();
    ToolCall::new(&*tool.name, args)
}

impl ChatModel for StandIn {
    fn name(&self) -> &'static str {
        "StandIn"
    }

    fn stream(&self, request: ModelRequest) -> BoxStream<'static, Result<MessageChunk, NodeError>> {
        ScriptedModel::new([Self::answer(&request)]).stream(request)
    }

    fn metadata(&self) -> Map<String, Value> {
        Map::from_iter([("ls_provider".to_owned(), "scripted".into())])
    }
}
