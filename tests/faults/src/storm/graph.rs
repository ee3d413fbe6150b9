//! A graph that talks: it counts aloud, by turns in its own node and in that of a graph within it.

use std::time::Duration;

use eddyline::prelude::*;

/// The graph's id.
pub(crate) const GRAPH: &str = "talk";

/// How many words are said between two pauses.
const BREATH: u64 = 16;

/// How long a pause is: readers who come back all the time keep up.
const PAUSE: Duration = Duration::from_millis(20);

/// How far it has come, and how far it has to go.
#[state]
pub(crate) struct Talk {
    /// Words that were said.
    said: u64,
    /// Words that are said at a time.
    words: u64,
    /// Words to say in all.
    until: u64,
}

/// `talk → nest → talk → …`, until enough is said.
pub(crate) fn graph() -> Result<CompiledGraph<Talk>, CompileError> {
    let inner = StateGraph::<Talk>::new()
        .node("whisper", speak)
        .node("murmur", speak)
        .edge(START, "whisper")
        .edge("whisper", "murmur")
        .compile()?;
    StateGraph::<Talk>::new()
        .node("talk", speak)
        .node("nest", inner)
        .edge(START, "talk")
        .edge("talk", "nest")
        .conditional_edges("nest", more, ["talk", END])
        .compile()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of a route")]
fn more(state: Talk) -> &'static str {
    if state.said < state.until { "talk" } else { END }
}

async fn speak(state: Talk, ctx: NodeContext) -> Result<Update<Talk>, NodeError> {
    for word in state.said..state.said + state.words {
        if word % BREATH == 0 {
            ctx.sleep(PAUSE).await;
        }
        ctx.write(word).await?;
    }
    Ok(Talk::update().said(state.said + state.words))
}
