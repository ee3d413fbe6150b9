//! Several model calls in one run: tags tell them apart, and `nostream` keeps one off the stream.

use eddyline_engine::prelude::*;

use crate::models::ScriptedModel;

/// A joke and what it is about.
#[state]
pub struct Joke {
    /// What the joke is about; in the end a poem on it.
    pub topic: String,
    /// The joke, once there is one.
    pub joke: Option<String>,
}

async fn write_joke(state: Joke, ctx: NodeContext) -> Result<Update<Joke>> {
    let model = ScriptedModel::new([Message::ai(format!("joke on {}", state.topic)).with_id("joke-1")]);
    let joke = ctx.chat(model).tags(["joke"]).invoke("joke").await?;
    Ok(Joke::update().joke(joke.text().into_owned()))
}

async fn write_poem(state: Joke, ctx: NodeContext) -> Result<Update<Joke>> {
    let model = ScriptedModel::new([Message::ai(format!("poem on {}", state.topic)).with_id("poem-1")]);
    let poem = ctx.chat(model).tags(["poem"]).invoke("poem").await?;
    let silent = ScriptedModel::new([Message::ai("never streamed").with_id("silent-1")]);
    ctx.chat(silent).tags(["nostream"]).invoke("x").await?;
    Ok(Joke::update().topic(poem.text().into_owned()))
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Joke>, CompileError> {
    StateGraph::<Joke>::new()
        .node("write_joke", write_joke)
        .node("write_poem", write_poem)
        .edge(START, "write_joke")
        .edge("write_joke", "write_poem")
        .compile()
}
