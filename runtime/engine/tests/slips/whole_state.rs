//! expect: is not a node of a graph with state `Joke`
//! expect: a whole state is not an update
use eddyline_engine::prelude::*;

#[state]
struct Joke {
    topic: String,
}

async fn refine(state: Joke) -> Joke {
    state
}

fn main() {
    let _ = StateGraph::<Joke>::new().node("refine", refine);
}
