//! The long-term store: what one run puts there, another run on another thread finds.

use eddyline_engine::prelude::*;
use eddyline_engine::store::{GetItem, PutItem};
use serde_json::Map;

/// A joke and what it is about.
#[state]
pub struct Joke {
    /// What the joke is about.
    pub topic: String,
    /// The topic before this one.
    pub joke: Option<String>,
}

async fn remember(state: Joke, ctx: NodeContext) -> Result<Update<Joke>> {
    let store = ctx.store()?;
    let user = ctx.configurable("user").and_then(Value::as_str).unwrap_or("anyone");
    let before = store.get(GetItem::new(&["users", user], "topic")).await?;
    let item = Map::from_iter([("topic".to_owned(), state.topic.into())]);
    store.put(PutItem::new(&["users", user], "topic", item)).await?;
    let before = before.as_ref().and_then(|item| item.value.get("topic")?.as_str()).unwrap_or("nothing");
    Ok(Joke::update().joke(format!("before: {before}")))
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Joke>, CompileError> {
    StateGraph::<Joke>::new().node("remember", remember).edge(START, "remember").compile()
}
