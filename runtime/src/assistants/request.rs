//! What clients ask of assistants.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::threads::IfExists;

/// A request for a new assistant.
///
/// ```
/// use eddyline_runtime::CreateAssistant;
/// use serde_json::json;
///
/// let mut request = CreateAssistant::new("agent");
/// request.name = Some("dry".to_owned());
/// request.context.insert("tone".to_owned(), json!("dry"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct CreateAssistant {
    /// Its id; a fresh one if there is none.
    pub assistant_id: Option<Uuid>,
    /// The graph that it runs.
    pub graph_id: String,
    /// What its runs start from: `{tags?, recursion_limit?, configurable?}`.
    pub config: Map<String, Value>,
    /// The context that its runs start from; must be empty when `config.configurable` is not. What one of the
    /// two says, the other says too.
    pub context: Map<String, Value>,
    /// What to say about it.
    pub metadata: Map<String, Value>,
    /// What to do when the id is taken.
    pub if_exists: IfExists,
    /// Its name; `Untitled` if there is none.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

impl CreateAssistant {
    /// An assistant that runs this graph as it is.
    pub fn new(graph_id: impl Into<String>) -> Self {
        Self { graph_id: graph_id.into(), ..Self::default() }
    }
}

/// A change of an assistant, which makes a new version of it even when nothing is different.
#[derive(Clone, Debug, Default)]
pub struct UpdateAssistant {
    /// The assistant.
    pub assistant_id: Uuid,
    /// Another graph to run.
    pub graph_id: Option<String>,
    /// Takes the place of the configuration, unless it is empty.
    pub config: Map<String, Value>,
    /// Takes the place of the context; must be empty when `config.configurable` is not. What one of the two
    /// says, the other says too.
    pub context: Option<Map<String, Value>>,
    /// Each entry takes the place of the one that there is, whole.
    pub metadata: Map<String, Value>,
    /// Another name.
    pub name: Option<String>,
    /// Another description.
    pub description: Option<String>,
}

/// A request to delete an assistant with its versions.
#[derive(Clone, Copy, Debug)]
pub struct DeleteAssistant {
    /// The assistant.
    pub assistant_id: Uuid,
    /// Whether the threads on which it ran last go too.
    pub threads: bool,
}

/// Which versions of an assistant to list, newest first.
#[derive(Clone, Debug)]
pub struct ListVersions {
    /// The assistant.
    pub assistant_id: Uuid,
    /// Only those whose metadata contains this.
    pub metadata: Map<String, Value>,
    /// At most so many.
    pub limit: usize,
    /// So many of the newest are left out.
    pub offset: usize,
}
