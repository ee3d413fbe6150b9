//! A node writes to the stream itself: any JSON, at once, for clients that ask for the mode `custom`.

use eddyline_engine::prelude::*;

/// A joke and what it is about.
#[state]
pub struct Joke {
    /// What the joke is about.
    pub topic: String,
    /// The joke, once there is one.
    pub joke: Option<String>,
}

async fn progress(state: Joke, ctx: NodeContext) -> Result<Update<Joke>> {
    for i in 0..3 {
        ctx.write(json!({ "progress": i })).await?;
    }
    ctx.write("plain text").await?;
    Ok(Joke::update().joke(format!("done {}", state.topic)))
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Joke>, CompileError> {
    StateGraph::<Joke>::new().node("progress", progress).edge(START, "progress").compile()
}
