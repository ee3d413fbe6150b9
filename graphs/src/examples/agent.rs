//! Two nodes in a row: one refines the topic, the other makes a joke of it.

use eddyline_engine::prelude::*;

/// A joke and what it is about.
#[state]
pub struct Joke {
    /// What the joke is about.
    pub topic: String,
    /// The joke, once there is one.
    pub joke: Option<String>,
}

async fn refine_topic(state: Joke) -> Update<Joke> {
    Joke::update().topic(state.topic + " and cats")
}

async fn generate_joke(state: Joke) -> Update<Joke> {
    Joke::update().joke(format!("This is a joke about {}", state.topic))
}

/// The graph. Its nodes only put texts together, which takes less than the way to the node pool.
pub fn graph() -> Result<CompiledGraph<Joke>, CompileError> {
    StateGraph::<Joke>::new()
        .add(Node::new("refine_topic", refine_topic).inline())
        .add(Node::new("generate_joke", generate_joke).inline())
        .edge(START, "refine_topic")
        .edge("refine_topic", "generate_joke")
        .edge("generate_joke", END)
        .compile()
}
