//! A node that says where to go next and updates the state on the way.

use eddyline_engine::prelude::*;

/// A joke and what it is about.
#[state]
pub struct Joke {
    /// Goes left when it is `l`.
    pub topic: String,
    /// The way that was taken.
    pub joke: Option<String>,
}

async fn decide(state: Joke) -> Command<Joke> {
    let next = if state.topic == "l" { "left" } else { "right" };
    Command::goto(next).update(Joke::update().joke("decided"))
}

async fn left(state: Joke) -> Update<Joke> {
    Joke::update().joke(state.joke.unwrap_or_default() + " left")
}

async fn right(state: Joke) -> Update<Joke> {
    Joke::update().joke(state.joke.unwrap_or_default() + " right")
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Joke>, CompileError> {
    StateGraph::<Joke>::new()
        .add(Node::new("decide", decide).goes_to(["left", "right"]))
        .node("left", left)
        .node("right", right)
        .edge(START, "decide")
        .compile()
}
