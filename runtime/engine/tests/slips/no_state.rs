//! expect: `Joke` is not a state
//! expect: put `#[state]` above `struct Joke`
use eddyline_engine::prelude::*;

struct Joke;

fn main() {
    let _ = StateGraph::<Joke>::new();
}
