//! A chat model: its words reach whoever listens while the node still waits for the whole answer.
//!
//! With `pause_seconds` among the configurable values it thinks for so long before each word.

use std::time::Duration;

use eddyline_engine::prelude::*;

use crate::models::ScriptedModel;

async fn call_model(state: MessagesState, ctx: NodeContext) -> Result<Update<MessagesState>> {
    let question = state.messages.last().map(Message::text).unwrap_or_default();
    let answer = Message::ai(format!("You said: {question}")).with_id("ai-1");
    let pause = ctx.configurable("pause_seconds").and_then(Value::as_f64).unwrap_or_default();
    let model = ScriptedModel::new([answer]).pause(Duration::try_from_secs_f64(pause)?);
    let reply = ctx.chat(model).invoke(&state.messages).await?;
    Ok(MessagesState::update().messages([reply]))
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<MessagesState>, CompileError> {
    StateGraph::<MessagesState>::new().node("agent", call_model).edge(START, "agent").compile()
}
