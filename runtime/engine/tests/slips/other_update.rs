//! expect: it returns `Update<Joke>`
use eddyline_engine::prelude::*;

#[state]
struct Joke {
    topic: String,
}

#[state]
struct Poem {
    verse: String,
}

async fn refine(state: Joke) -> Update<Poem> {
    Poem::update().verse(state.topic)
}

fn main() {
    let _ = StateGraph::<Joke>::new().node("refine", refine);
}
