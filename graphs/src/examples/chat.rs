//! A chat model: its words reach whoever listens while the node still waits for the whole answer.

use eddyline_engine::prelude::*;

use crate::models::ScriptedModel;

async fn call_model(state: MessagesState, ctx: NodeContext) -> Result<Update<MessagesState>> {
    let question = state.messages.last().map(Message::text).unwrap_or_default();
    let answer = Message::ai(format!("You said: {question}")).with_id("ai-1");
    let reply = ctx.chat(ScriptedModel::new([answer])).invoke(&state.messages).await?;
    Ok(MessagesState::update().messages([reply]))
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<MessagesState>, CompileError> {
    StateGraph::<MessagesState>::new().node("agent", call_model).edge(START, "agent").compile()
}
