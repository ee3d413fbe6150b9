//! expect: is not a node of a graph with state `Joke`
//! expect: for a plain `fn`, put `async` in front of it
use eddyline_engine::prelude::*;

#[state]
struct Joke {
    topic: String,
}

fn refine(state: Joke) -> Update<Joke> {
    Joke::update().topic(state.topic)
}

fn main() {
    let _ = StateGraph::<Joke>::new().node("refine", refine);
}
