//! A node asks a person. The run pauses; an answer, tomorrow perhaps, lets it go on.

use eddyline_engine::prelude::*;

use crate::text::spoken;

/// A joke and what it is about.
#[state]
pub struct Joke {
    /// What the joke is about.
    pub topic: String,
    /// The joke, once there is one.
    pub joke: Option<String>,
}

async fn refine_topic(state: Joke) -> Update<Joke> {
    Joke::update().topic(state.topic + " and cats")
}

async fn ask(state: Joke, ctx: NodeContext) -> Result<Update<Joke>> {
    let answer: Value = ctx.interrupt(json!({ "question": "ok?", "topic": state.topic }))?;
    Ok(Joke::update().joke(format!("answer={}", spoken(&answer))))
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Joke>, CompileError> {
    StateGraph::<Joke>::new()
        .node("refine_topic", refine_topic)
        .node("ask", ask)
        .edge(START, "refine_topic")
        .edge("refine_topic", "ask")
        .compile()
}
