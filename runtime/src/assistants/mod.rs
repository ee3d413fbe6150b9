//! Assistants: a graph under a name with a configuration. Each graph has one from the start, its default.
//!
//! What an assistant becomes when it is made or changed is worked out here, in plain code; storage and actors
//! are elsewhere.

mod defaults;
mod registry;
mod request;
#[cfg(test)]
mod tests;

use eddyline_engine::ids::Timestamp;
use serde_json::{Map, Value};
use uuid::{Uuid, uuid};

pub(crate) use defaults::{default, upsert_defaults};
pub(crate) use registry::Registry;
pub use request::{CreateAssistant, DeleteAssistant, ListVersions, UpdateAssistant};

/// The namespace in which ids of default assistants are made; one digit from the RFC's namespace for DNS.
const NAMESPACE: Uuid = uuid!("6ba7b821-9dad-11d1-80b4-00c04fd430c8");

/// The name of an assistant that was given none.
const UNTITLED: &str = "Untitled";

/// The key of a configuration under which the values stand that a context mirrors.
const CONFIGURABLE: &str = "configurable";

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
    /// The version that it is now; versions count from 1.
    pub version: u64,
    /// What it is for.
    pub description: Option<String>,
}

/// What an assistant was at one time. Versions never change; they go with their assistant.
#[derive(Clone, Debug, PartialEq)]
pub struct AssistantVersion {
    /// The assistant.
    pub assistant_id: Uuid,
    /// Which of its versions this is.
    pub version: u64,
    /// The graph that it ran.
    pub graph_id: String,
    /// What its runs started from.
    pub config: Map<String, Value>,
    /// The context that its runs started from.
    pub context: Map<String, Value>,
    /// What was said about it.
    pub metadata: Map<String, Value>,
    /// When the version was made.
    pub created_at: Timestamp,
    /// Its name.
    pub name: String,
    /// What it was for.
    pub description: Option<String>,
}

impl Assistant {
    /// A new one, at its first version.
    pub(crate) fn new(assistant_id: Uuid, request: CreateAssistant, now: Timestamp) -> Self {
        let CreateAssistant { graph_id, config, context, metadata, name, description, .. } = request;
        let mut assistant = Self {
            assistant_id,
            graph_id,
            config: Map::new(),
            context: Map::new(),
            metadata,
            name: name.unwrap_or_else(|| UNTITLED.to_owned()),
            created_at: now,
            updated_at: now,
            version: 1,
            description,
        };
        assistant.configure(config, Some(context));
        assistant
    }

    /// The assistant as `request` wants it, which is its version `version`.
    pub(crate) fn revised(&self, request: UpdateAssistant, version: u64, now: Timestamp) -> Self {
        let UpdateAssistant { graph_id, config, context, metadata, name, description, .. } = request;
        let mut revised = Self { version, updated_at: now, ..self.clone() };
        revised.configure(config, context);
        revised.metadata.extend(metadata);
        revised.graph_id = graph_id.unwrap_or(revised.graph_id);
        revised.name = name.unwrap_or(revised.name);
        revised.description = description.or(revised.description);
        revised
    }

    /// Takes a configuration that says something, and a context that was given. Configurable values and context
    /// are one and the same to a graph, so what is said by the one is said by the other.
    fn configure(&mut self, config: Map<String, Value>, context: Option<Map<String, Value>>) {
        let configurable = config.get(CONFIGURABLE).and_then(Value::as_object);
        let configurable = configurable.filter(|values| !values.is_empty()).cloned();
        if !config.is_empty() {
            self.config = config;
        }
        match (configurable, context) {
            (Some(values), _) => self.context = values,
            (None, Some(context)) => {
                if !context.is_empty() {
                    self.config.insert(CONFIGURABLE.to_owned(), Value::Object(context.clone()));
                }
                self.context = context;
            }
            (None, None) => {}
        }
    }
}

impl AssistantVersion {
    /// What the assistant is now, made into a version when it changed last.
    pub(crate) fn of(assistant: &Assistant) -> Self {
        let Assistant { assistant_id, version, updated_at, .. } = *assistant;
        Self {
            assistant_id,
            version,
            graph_id: assistant.graph_id.clone(),
            config: assistant.config.clone(),
            context: assistant.context.clone(),
            metadata: assistant.metadata.clone(),
            created_at: updated_at,
            name: assistant.name.clone(),
            description: assistant.description.clone(),
        }
    }

    /// The assistant whose current version this is.
    pub(crate) fn current(self, created_at: Timestamp, updated_at: Timestamp) -> Assistant {
        let Self { assistant_id, version, graph_id, config, context, metadata, name, description, .. } = self;
        Assistant {
            assistant_id,
            graph_id,
            config,
            context,
            metadata,
            name,
            created_at,
            updated_at,
            version,
            description,
        }
    }
}
