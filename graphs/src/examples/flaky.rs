//! A node fails twice before it works; its retry policy tries again, and streams show no trace of it.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eddyline_engine::prelude::*;

/// A joke and what it is about.
#[state]
pub struct Joke {
    /// What the joke is about. Each topic works at its third attempt and from then on.
    pub topic: String,
    /// The joke, once there is one.
    pub joke: Option<String>,
}

/// How often each topic was tried. The graph owns it: it lasts as long as the process and not as a run.
#[derive(Clone, Default)]
struct Attempts(Arc<Mutex<HashMap<String, u32>>>);

impl Attempts {
    fn count(&self, topic: String) -> u32 {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = attempts.entry(topic).or_default();
        *count += 1;
        *count
    }
}

fn attempt(number: u32) -> Result<Update<Joke>> {
    if number < 3 {
        return Err(NodeError::masked("ConnectionError", format!("attempt {number}")));
    }
    Ok(Joke::update().joke(format!("worked at attempt {number}")))
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Joke>, CompileError> {
    let attempts = Attempts::default();
    let flaky_node = move |state: Joke| ready(attempt(attempts.count(state.topic)));
    let retry = RetryPolicy::attempts(3).initial_interval(Duration::from_millis(10)).no_jitter();
    StateGraph::<Joke>::new()
        .add(Node::new("flaky_node", flaky_node).retry(retry))
        .edge(START, "flaky_node")
        .compile()
}
