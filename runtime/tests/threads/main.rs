//! Threads whose states are read and changed by hand, and that are copied, pruned and left alone, as a program
//! that embeds the runtime sees them.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

mod states;
mod upkeep;

use std::time::Duration;

use eddyline_engine::prelude::*;
use serde_json::json;

#[state]
struct Joke {
    topic: String,
    joke: Option<String>,
    #[state(reduce = append)]
    log: Vec<String>,
}

async fn refine(state: Joke) -> Update<Joke> {
    Joke::update().topic(state.topic + " and cats").log(["refine".to_owned()])
}

async fn ask(_: Joke, ctx: NodeContext) -> Result<Update<Joke>> {
    let answer: String = ctx.interrupt(json!("ok?"))?;
    Ok(Joke::update().joke(answer))
}

async fn nap(_: Joke) -> Update<Joke> {
    tokio::time::sleep(Duration::from_millis(200)).await;
    Joke::update().joke("slept")
}

/// `refine`, then `second`.
fn pair<M>(second: impl eddyline_engine::node::IntoNode<Joke, M>) -> CompiledGraph<Joke> {
    StateGraph::<Joke>::new()
        .node("refine", refine)
        .node("second", second)
        .edge(START, "refine")
        .edge("refine", "second")
        .compile()
        .unwrap()
}
