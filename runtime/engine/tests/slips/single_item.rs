//! expect: cannot take `&str`
use eddyline_engine::prelude::*;

#[state]
struct Log {
    #[state(reduce = append)]
    lines: Vec<String>,
}

async fn note(_: Log) -> Update<Log> {
    Log::update().lines("one")
}

fn main() {
    let _ = StateGraph::<Log>::new().node("note", note);
}
