//! The default assistants of graphs: there is one for each graph whenever a runtime starts.

use std::sync::Arc;

use eddyline_engine::Graph;
use eddyline_engine::ids::Timestamp;
use serde_json::{Map, json};

use super::{Assistant, CreateAssistant, Registry, UpdateAssistant, default_assistant_id};
use crate::storage::{AssistantChange, Result, Storage, Transaction};

/// The name that the compiler of the reference gives to graphs that have none.
const NAMELESS: &str = "LangGraph";

/// Stores the default assistants that are missing, and new versions of those whose graph has another name by
/// now; then the registry knows what is stored.
///
/// Writes by itself and blocks: nobody else has the storage yet.
pub(crate) fn upsert_defaults(registry: &Registry, storage: &mut dyn Storage, now: Timestamp) -> Result<()> {
    registry.replace(storage.read().assistants()?);
    let graphs = registry.graphs();
    let changed = graphs.iter().filter_map(|(graph_id, graph)| default(registry, graph_id, graph, now));
    let changed: Vec<_> = changed.map(Arc::new).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let puts = changed.iter().cloned().map(AssistantChange::Put).map(Transaction::Assistant);
    for (assistant, stored) in changed.iter().zip(storage.write(puts.collect())) {
        stored?;
        registry.put(Arc::clone(assistant));
    }
    Ok(())
}

/// The default assistant of a graph, if it is not stored as it should be.
pub(crate) fn default(
    registry: &Registry,
    graph_id: &str,
    graph: &Graph,
    now: Timestamp,
) -> Option<Assistant> {
    let assistant_id = default_assistant_id(graph_id);
    let name = graph.name().filter(|name| *name != NAMELESS).unwrap_or(graph_id).to_owned();
    let Some(known) = registry.known(assistant_id) else {
        let metadata = Map::from_iter([("created_by".to_owned(), json!("system"))]);
        let request = CreateAssistant { metadata, name: Some(name), ..CreateAssistant::new(graph_id) };
        return Some(Assistant::new(assistant_id, request, now));
    };
    let renames = known.assistant.name != name;
    let request = UpdateAssistant { name: Some(name), ..UpdateAssistant::default() };
    renames.then(|| known.assistant.revised(request, known.newest + 1, now))
}
