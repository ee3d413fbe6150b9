//! expect: a route cannot return
use eddyline_engine::prelude::*;

#[state]
struct Joke {
    topic: String,
}

async fn refine(state: Joke) -> Update<Joke> {
    Joke::update().topic(state.topic)
}

async fn route(_: Joke) -> &'static str {
    END
}

fn main() {
    let _ = StateGraph::<Joke>::new().node("refine", refine).conditional_edges("refine", route, [END]);
}
