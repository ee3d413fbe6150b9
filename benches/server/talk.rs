//! The server of this project with a graph whose state grows: every turn leaves its words.

use eddyline::prelude::*;
use eddyline::{Server, Settings};

pub(crate) const ROLE: &str = "serve-talk";

async fn listen(_: MessagesState) -> Update<MessagesState> {
    MessagesState::update()
}

fn graph() -> CompiledGraph<MessagesState> {
    let graph = StateGraph::<MessagesState>::new().node("listen", listen).edge(START, "listen");
    graph.compile().expect("the graph has no mistakes")
}

/// Serves until it is told to end; the environment says where.
pub(crate) fn serve() {
    let settings = Settings::loader().environment().load().expect("the settings make sense");
    Server::new(settings).graph("talk", graph()).run().expect("it serves");
}
