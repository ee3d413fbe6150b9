//! expect: cannot be set to `{integer}`
use eddyline_engine::prelude::*;

#[state]
struct Joke {
    topic: String,
}

async fn refine(_: Joke) -> Update<Joke> {
    Joke::update().topic(5)
}

fn main() {
    let _ = StateGraph::<Joke>::new().node("refine", refine);
}
