//! A model asks for a tool in pieces, as providers stream it; the tool answers, and the model goes on.

use eddyline_engine::message::{Role, ToolCallChunk};
use eddyline_engine::prelude::*;

use crate::models::ScriptedModel;

/// First asks for the weather, then tells it.
fn model(told: bool) -> ScriptedModel {
    if told {
        let piece = |text: &str| MessageChunk::text(text).with_id("ai-2");
        return ScriptedModel::pieces([piece("It is "), piece("sunny"), piece(".").last()]);
    }
    let piece = |args: &str| ToolCallChunk::args(0, args);
    let pieces =
        [piece("").with_name_and_id("get_weather", "call_1"), piece("{\"city\": "), piece("\"SF\"}")];
    let [name, city, value] = pieces.map(|piece| MessageChunk::tool_call(piece).with_id("ai-1"));
    ScriptedModel::pieces([name, city, value.last()])
}

async fn agent(state: MessagesState, ctx: NodeContext) -> Result<Update<MessagesState>> {
    let told = state.messages.last().is_some_and(|message| message.role() == Role::Tool);
    let reply = ctx.chat(model(told)).invoke(&state.messages).await?;
    Ok(MessagesState::update().messages([reply]))
}

async fn action(state: MessagesState) -> Update<MessagesState> {
    MessagesState::update().messages(state.messages.asked_tools().iter().map(get_weather))
}

fn get_weather(call: &ToolCall) -> Message {
    let city = call.args.get("city").and_then(Value::as_str).unwrap_or_default();
    Message::answer(call, format!("sunny in {city}")).with_id("tool-1")
}

fn asks_for_a_tool(state: MessagesState) -> &'static str {
    if state.messages.asked_tools().is_empty() { END } else { "action" }
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<MessagesState>, CompileError> {
    StateGraph::<MessagesState>::new()
        .node("agent", agent)
        .node("action", action)
        .edge(START, "agent")
        .conditional_edges("agent", asks_for_a_tool, ["action", END])
        .edge("action", "agent")
        .compile()
}
