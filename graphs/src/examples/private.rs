//! What a graph takes, what it shows, and a key that is neither.

use eddyline_engine::prelude::*;

/// Everything that the graph knows.
#[state]
pub struct Overall {
    /// Comes in.
    pub question: String,
    /// Goes out.
    #[serde(default)]
    pub answer: String,
    /// Stays inside: callers and streams do not see it.
    #[serde(default)]
    pub notes: String,
}

/// The keys that the graph takes; also all that the first node sees of the state.
#[view]
pub struct Input {
    question: String,
}

/// The keys that the graph shows.
#[view]
pub struct Output {
    /// The answer.
    pub answer: String,
}

async fn take_notes(input: Input) -> Update<Overall> {
    Overall::update().notes(format!("notes on {}", input.question))
}

async fn answer(state: Overall) -> Update<Overall> {
    Overall::update().answer(state.notes + ": 42")
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Overall>, CompileError> {
    StateGraph::<Overall>::new()
        .input::<Input>()
        .output::<Output>()
        .node("take_notes", take_notes)
        .node("answer", answer)
        .edge(START, "take_notes")
        .edge("take_notes", "answer")
        .compile()
}
