//! An agent by hand: a model that may ask for tools, the tools, and a way back to the model.

use eddyline_engine::message::Role;
use eddyline_engine::prelude::*;

use crate::models::ScriptedModel;

/// What `search` takes.
#[view]
struct Search {
    /// What to look for.
    query: String,
}

async fn search(call: &ToolCall) -> Result<Message> {
    let Search { query } = call.read()?;
    Ok(Message::answer(call, format!("found {query}")))
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
    let search = ToolSpec::of::<Search>("search", "Looks something up.");
    let chat = ctx.chat(scripted(&state.messages)).tools([search]);
    Ok(MessagesState::update().messages([chat.invoke(&state.messages).await?]))
}

async fn tools(state: MessagesState, ctx: NodeContext) -> Result<Update<MessagesState>> {
    let mut results = Vec::new();
    for call in state.messages.asked_tools() {
        results.push(ctx.tool(call, |_| search(call)).await?);
    }
    Ok(MessagesState::update().messages(results))
}

fn next(state: MessagesState) -> &'static str {
    if state.messages.asked_tools().is_empty() { END } else { "tools" }
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
