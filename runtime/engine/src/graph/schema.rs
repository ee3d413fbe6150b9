//! The JSON Schemas that a graph publishes.

use serde_json::Value;

use super::Graph;

/// What a graph takes, gives and holds, as JSON Schema (draft 2020-12); `None` where it is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schemas {
    /// What a run takes.
    pub input: Option<Value>,
    /// What a run gives.
    pub output: Option<Value>,
    /// The whole state.
    pub state: Option<Value>,
    /// The run's context.
    pub context: Option<Value>,
}

impl Graph {
    /// The schemas of the graph.
    pub fn schemas(&self) -> &Schemas {
        &self.0.schemas
    }
}
