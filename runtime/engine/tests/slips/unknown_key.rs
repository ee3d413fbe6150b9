//! expect: no method named `topci` found for struct `JokeUpdate`
//! expect: topic
use eddyline_engine::prelude::*;

#[state]
struct Joke {
    topic: String,
}

async fn refine(_: Joke) -> Update<Joke> {
    Joke::update().topci("cats")
}

fn main() {
    let _ = StateGraph::<Joke>::new().node("refine", refine);
}
