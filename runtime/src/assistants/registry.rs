//! What a runtime knows by name: its graphs, and the assistants as they are now.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use eddyline_engine::Graph;
use serde_json::Value;
use uuid::Uuid;

use super::{Assistant, default_assistant_id};
use crate::access::Rows;
use crate::error::{Error, StartError};
use crate::storage::StoredAssistant;
use crate::threads::Thread;

/// The graphs of a runtime and its assistants.
///
/// All assistants are held in memory: they are few, and each run asks for one. Only the assistants' actor
/// changes them, and only to what is stored.
#[derive(Debug)]
pub(crate) struct Registry {
    // Held for one look-up or one change, and never across an await.
    graphs: RwLock<BTreeMap<String, Graph>>,
    // Held for one look-up or one change, and never across an await.
    assistants: RwLock<HashMap<Uuid, Known>>,
}

/// An assistant, and the number of its newest version, which need not be the current one.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) assistant: Arc<Assistant>,
    pub(crate) newest: u64,
}

impl Registry {
    pub(crate) fn new(graphs: Vec<(String, Graph)>) -> Result<Self, StartError> {
        let mut by_id = BTreeMap::new();
        for (graph_id, graph) in graphs {
            if by_id.insert(graph_id.clone(), graph).is_some() {
                return Err(StartError::DuplicateGraph { graph_id });
            }
        }
        Ok(Self { graphs: RwLock::new(by_id), assistants: RwLock::default() })
    }

    /// The graphs as they are now, ordered by id.
    pub(crate) fn graphs(&self) -> BTreeMap<String, Graph> {
        self.with_graphs(BTreeMap::clone)
    }

    /// The graph of this id, as it is now.
    pub(crate) fn graph(&self, graph_id: &str) -> Result<Graph, Error> {
        self.with_graphs(|graphs| {
            graphs.get(graph_id).cloned().ok_or_else(|| Error::GraphNotFound {
                graph_id: graph_id.to_owned(),
                graphs: graphs.keys().cloned().collect(),
            })
        })
    }

    /// Whoever asks from now on gets this graph.
    pub(crate) fn set_graph(&self, graph_id: String, graph: Graph) {
        self.graphs.write().unwrap_or_else(PoisonError::into_inner).insert(graph_id, graph);
    }

    /// Nobody gets the graph any more; true if it was there.
    pub(crate) fn remove_graph(&self, graph_id: &str) -> bool {
        self.graphs.write().unwrap_or_else(PoisonError::into_inner).remove(graph_id).is_some()
    }

    fn with_graphs<T>(&self, read: impl FnOnce(&BTreeMap<String, Graph>) -> T) -> T {
        read(&self.graphs.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn has_graph(&self, graph_id: &str) -> bool {
        self.with_graphs(|graphs| graphs.contains_key(graph_id))
    }

    /// The graph that ran last on a thread, by what its metadata says; `None` when it says nothing.
    pub(crate) fn graph_of(&self, thread: &Thread) -> Result<Option<(String, Graph)>, Error> {
        let Some(graph_id) = thread.metadata.get("graph_id").and_then(Value::as_str) else { return Ok(None) };
        Ok(Some((graph_id.to_owned(), self.graph(graph_id)?)))
    }

    /// The assistant that `name` means, if it is readable: the id of an assistant, or of a graph and so its default.
    pub(crate) fn find(&self, name: &str, rows: &Rows) -> Result<Arc<Assistant>, Error> {
        Ok(self.readable(self.id_of(name)?, rows)?.assistant)
    }

    fn id_of(&self, name: &str) -> Result<Uuid, Error> {
        if self.has_graph(name) {
            return Ok(default_assistant_id(name));
        }
        Uuid::parse_str(name).map_err(|_| Error::InvalidAssistant {
            assistant: name.to_owned(),
            graphs: self.with_graphs(|graphs| graphs.keys().cloned().collect()),
        })
    }

    /// The assistant of this id. One whose graph is not there is as good as none.
    pub(crate) fn served(&self, assistant_id: Uuid) -> Result<Known, Error> {
        let known = self.known(assistant_id).filter(|known| self.serves(&known.assistant));
        known.ok_or(Error::AssistantNotFound { assistant_id })
    }

    /// The same, if it is one of these or the default of a graph, which everybody may read.
    pub(crate) fn readable(&self, assistant_id: Uuid, rows: &Rows) -> Result<Known, Error> {
        let known = self.served(assistant_id)?;
        if rows.have(&known.assistant.metadata) || self.is_default(assistant_id) {
            return Ok(known);
        }
        Err(Error::AssistantNotFound { assistant_id })
    }

    /// The same, to be changed: those may be that are among these. Of the others only defaults of graphs are known to
    /// whoever asks.
    pub(crate) fn changeable(&self, assistant_id: Uuid, rows: &Rows) -> Result<Known, Error> {
        let known = self.readable(assistant_id, rows)?;
        if rows.have(&known.assistant.metadata) {
            return Ok(known);
        }
        Err(Error::forbidden("The default assistant of a graph belongs to the server"))
    }

    /// Whether an assistant of this id is that of a graph. Its metadata does not say so: clients say what stands there.
    pub(crate) fn is_default(&self, assistant_id: Uuid) -> bool {
        self.with_graphs(|graphs| {
            graphs.keys().any(|graph_id| default_assistant_id(graph_id) == assistant_id)
        })
    }

    /// The assistant of this id, whatever its graph.
    pub(crate) fn known(&self, assistant_id: Uuid) -> Option<Known> {
        self.read(|assistants| assistants.get(&assistant_id).cloned())
    }

    /// The assistants whose graphs are there, ordered by graph, age and id.
    pub(crate) fn assistants(&self) -> Vec<Arc<Assistant>> {
        let mut all: Vec<_> =
            self.read(|assistants| assistants.values().map(|known| Arc::clone(&known.assistant)).collect());
        all.retain(|assistant| self.serves(assistant));
        all.sort_by(|a, b| {
            let key = |assistant: &Assistant| (assistant.created_at, assistant.assistant_id);
            a.graph_id.cmp(&b.graph_id).then_with(|| key(a).cmp(&key(b)))
        });
        all
    }

    /// The assistant is new, or changed: storage has it so.
    pub(crate) fn put(&self, assistant: Arc<Assistant>) {
        self.write(|assistants| {
            let newest = assistants.get(&assistant.assistant_id).map_or(0, |known| known.newest);
            let newest = newest.max(assistant.version);
            assistants.insert(assistant.assistant_id, Known { assistant, newest });
        });
    }

    /// The assistant is gone from storage.
    pub(crate) fn remove(&self, assistant_id: Uuid) {
        self.write(|assistants| assistants.remove(&assistant_id));
    }

    /// What is stored takes the place of what was known.
    pub(crate) fn replace(&self, stored: Vec<StoredAssistant>) {
        let known = |StoredAssistant { assistant, newest_version }| {
            (assistant.assistant_id, Known { assistant: Arc::new(assistant), newest: newest_version })
        };
        let replaced: HashMap<_, _> = stored.into_iter().map(known).collect();
        self.write(|assistants| *assistants = replaced);
    }

    fn serves(&self, assistant: &Assistant) -> bool {
        self.has_graph(&assistant.graph_id)
    }

    fn read<T>(&self, read: impl FnOnce(&HashMap<Uuid, Known>) -> T) -> T {
        read(&self.assistants.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, write: impl FnOnce(&mut HashMap<Uuid, Known>) -> T) -> T {
        write(&mut self.assistants.write().unwrap_or_else(PoisonError::into_inner))
    }
}
