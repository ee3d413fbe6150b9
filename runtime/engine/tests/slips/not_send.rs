//! expect: its future must be `Send`: it may not hold an `Rc`
use std::rc::Rc;

use eddyline_engine::prelude::*;

#[state]
struct Joke {
    topic: String,
}

async fn refine(state: Joke, ctx: NodeContext) -> Result<Update<Joke>> {
    let topic = Rc::new(state.topic);
    ctx.write("working").await?;
    Ok(Joke::update().topic(topic.to_string()))
}

fn main() {
    let _ = StateGraph::<Joke>::new().node("refine", refine);
}
