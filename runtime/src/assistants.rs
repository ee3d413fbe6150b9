//! Assistants: a graph under a name with a configuration. So far each graph has one, its default.

use std::collections::BTreeMap;

use eddyline_engine::Graph;
use eddyline_engine::ids::Timestamp;
use serde_json::{Map, Value, json};
use uuid::{Uuid, uuid};

use crate::error::{Error, StartError};
use crate::threads::Thread;

/// The namespace in which ids of default assistants are made; one digit from the RFC's namespace for DNS.
const NAMESPACE: Uuid = uuid!("6ba7b821-9dad-11d1-80b4-00c04fd430c8");

/// The id of the default assistant of a graph.
///
/// ```
/// let id = eddyline_runtime::default_assistant_id("agent");
/// assert_eq!(id.to_string(), "fe096781-5601-53d2-b2f6-0d3403f7e9ca");
/// ```
pub fn default_assistant_id(graph_id: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, graph_id.as_bytes())
}

/// An assistant.
#[derive(Clone, Debug, PartialEq)]
pub struct Assistant {
    /// Who it is.
    pub assistant_id: Uuid,
    /// The graph that it runs.
    pub graph_id: String,
    /// What its runs start from: `{tags?, recursion_limit?, configurable?}`.
    pub config: Map<String, Value>,
    /// The context that its runs start from.
    pub context: Map<String, Value>,
    /// What is said about it; its runs inherit it.
    pub metadata: Map<String, Value>,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Counts from 1.
    pub version: u64,
    /// What it is for.
    pub description: Option<String>,
}

/// The graphs of a runtime and the default assistant of each. Never changes once the runtime is up.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    graphs: BTreeMap<String, (Graph, Assistant)>,
}

impl Registry {
    pub(crate) fn new(graphs: Vec<(String, Graph)>, now: Timestamp) -> Result<Self, StartError> {
        let mut registry = Self::default();
        for (graph_id, graph) in graphs {
            let assistant = default_assistant(&graph_id, &graph, now);
            if registry.graphs.insert(graph_id.clone(), (graph, assistant)).is_some() {
                return Err(StartError::DuplicateGraph { graph_id });
            }
        }
        Ok(registry)
    }

    /// The assistant that `name` means, the id of a graph or of an assistant, with its graph.
    pub(crate) fn find(&self, name: &str) -> Result<&(Graph, Assistant), Error> {
        if let Some(found) = self.graphs.get(name) {
            return Ok(found);
        }
        let assistant_id = Uuid::parse_str(name).map_err(|_| Error::InvalidAssistant {
            assistant: name.to_owned(),
            graphs: self.graphs.keys().cloned().collect(),
        })?;
        let found = self.graphs.values().find(|(_, assistant)| assistant.assistant_id == assistant_id);
        found.ok_or(Error::AssistantNotFound { assistant_id })
    }

    /// The graph that ran last on a thread, by what its metadata says; `None` when it says nothing.
    pub(crate) fn graph_of(&self, thread: &Thread) -> Result<Option<(String, Graph)>, Error> {
        let Some(graph_id) = thread.metadata.get("graph_id").and_then(Value::as_str) else { return Ok(None) };
        let found = self.graphs.get(graph_id).map(|(graph, _)| (graph_id.to_owned(), graph.clone()));
        found.map(Some).ok_or_else(|| Error::GraphNotFound { graph_id: graph_id.to_owned() })
    }

    pub(crate) fn assistants(&self) -> impl Iterator<Item = &Assistant> {
        self.graphs.values().map(|(_, assistant)| assistant)
    }
}

fn default_assistant(graph_id: &str, graph: &Graph, now: Timestamp) -> Assistant {
    let mut metadata = Map::new();
    metadata.insert("created_by".to_owned(), json!("system"));
    Assistant {
        assistant_id: default_assistant_id(graph_id),
        graph_id: graph_id.to_owned(),
        config: Map::new(),
        context: Map::new(),
        metadata,
        name: graph.name().filter(|name| *name != "LangGraph").unwrap_or(graph_id).to_owned(),
        created_at: now,
        updated_at: now,
        version: 1,
        description: None,
    }
}
