//! An agent by hand: a model that may ask for tools, the tools, and a way back to the model.

use eddyline_engine::message::{Role, ToolCall};
use eddyline_engine::model::ToolSpec;
use eddyline_engine::prelude::*;

use crate::models::ScriptedModel;

/// What `search` takes.
#[derive(Deserialize, JsonSchema)]
struct Search {
    /// What to look for.
    query: String,
}

/// What the model is told of `search`.
fn search_spec() -> ToolSpec {
    ToolSpec {
        name: "search".into(),
        description: "Looks something up.".to_owned(),
        parameters: schemars::schema_for!(Search).to_value(),
    }
}

async fn search(call: &ToolCall) -> Result<Message> {
    let Search { query } = serde_json::from_value(call.args.clone().into())?;
    let id = call.id.as_deref().unwrap_or_default();
    Ok(Message::tool(format!("found {query}"), id).with_name(&call.name))
}

/// Asks for one search, and is done once it has the result.
fn scripted(messages: &[Message]) -> ScriptedModel {
    if messages.last().is_some_and(|message| message.role() == Role::Tool) {
        return ScriptedModel::new([Message::ai("done.").with_id("ai-2")]);
    }
    let args = [("query".to_owned(), "v3".into())].into_iter().collect();
    let call = ToolCall::new("search", args).with_id("call_1");
    ScriptedModel::new([Message::ai("").with_tool_calls([call]).with_id("ai-1")])
}

async fn model(state: MessagesState, ctx: NodeContext) -> Result<Update<MessagesState>> {
    let chat = ctx.chat(scripted(&state.messages)).tools([search_spec()]);
    Ok(MessagesState::update().messages([chat.invoke(&state.messages).await?]))
}

async fn tools(state: MessagesState, ctx: NodeContext) -> Result<Update<MessagesState>> {
    let mut results = Vec::new();
    for call in state.messages.last().map(Message::tool_calls).unwrap_or_default() {
        results.push(ctx.tool(call, |_| search(call)).await?);
    }
    Ok(MessagesState::update().messages(results))
}

fn next(state: MessagesState) -> &'static str {
    let asks = state.messages.last().is_some_and(|message| !message.tool_calls().is_empty());
    if asks { "tools" } else { END }
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<MessagesState>, CompileError> {
    StateGraph::<MessagesState>::new()
        .node("model", model)
        .node("tools", tools)
        .edge(START, "model")
        .conditional_edges("model", next, ["tools", END])
        .edge("tools", "model")
        .compile()
}
