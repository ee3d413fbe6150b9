//! Reads states from storage, past the thread's actor: a busy thread does not notice.

use std::sync::Arc;

use actix::Addr;
use eddyline_engine::checkpoint::{Metadata, Saved};
use eddyline_engine::snapshot::{Loader, View};
use eddyline_engine::{Graph, Key, StorageError, Which};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{CheckpointAddress, ReadHistory, ReadState, ThreadState};
use crate::actors::{ReaderPool, StorageActor};
use crate::environment::Environment;
use crate::error::Error;
use crate::messages::{After, Look};

/// How many checkpoints are read at once when most of them may be filtered out.
const PAGE: usize = 64;

/// Who is asked for checkpoints.
#[derive(Clone)]
pub(crate) enum Source {
    /// Readers of storage, by those who want what is stored.
    Stored(ReaderPool),
    /// Storage itself, by a thread that wants what it has put too.
    Put(Addr<StorageActor>),
}

impl Source {
    fn look<T: Send + 'static>(&self, thread_id: Uuid, look: Look<T>) {
        // Bounded: each who asks waits for the answer.
        match self {
            Self::Stored(readers) => readers.do_send(look),
            Self::Put(storage) => storage.do_send(look.after(After::Checkpoints(thread_id))),
        }
    }
}

/// Finds the checkpoints of one thread.
#[derive(Clone)]
pub(crate) struct Reader {
    thread_id: Uuid,
    pub(super) environment: Arc<Environment>,
    source: Source,
}

impl Reader {
    pub(crate) fn new(thread_id: Uuid, environment: Arc<Environment>, source: Source) -> Self {
        Self { thread_id, environment, source }
    }

    /// What the graph of the thread sees at a checkpoint.
    pub(crate) async fn state(self, graph: Graph, request: ReadState) -> Result<ThreadState, Error> {
        let ReadState { thread_id, checkpoint: asked, subgraphs } = request;
        let ns = asked.level();
        let which = asked.id().map_or(Which::Newest, Which::Id);
        let environment = Arc::clone(&self.environment);
        let ids = Arc::new(move || environment.ids.random());
        let snapshot = level(&graph, &ns).state(ns, which, subgraphs, Arc::new(self), ids).await?;
        Ok(ThreadState { thread_id, asked, snapshot })
    }

    /// What the graph of the thread saw at its checkpoints.
    pub(crate) async fn history(self, graph: Graph, request: ReadHistory) -> Result<Vec<ThreadState>, Error> {
        let ns = request.checkpoint.level();
        let graph = level(&graph, &ns);
        let view = |saved: Saved| {
            let snapshot =
                graph.snapshot(&ns, &saved, View::Historic, &mut || self.environment.ids.random())?;
            let asked = CheckpointAddress { ns: Some(ns.clone()), ..CheckpointAddress::default() };
            Ok(ThreadState { thread_id: request.thread_id, asked, snapshot: Some(snapshot) })
        };
        self.find(&ns, &request).await?.into_iter().map(view).collect()
    }

    /// The checkpoints that the request means, newest first.
    async fn find(&self, ns: &Key, request: &ReadHistory) -> Result<Vec<Saved>, Error> {
        let ReadHistory { limit, ref metadata, mut before, .. } = *request;
        if let Some(id) = request.checkpoint.id() {
            let found = Loader::load(self, ns.clone(), Which::Id(id)).await?;
            let wanted = |saved: &Saved| {
                before.is_none_or(|before| id < before) && says(&saved.metadata, metadata) && limit > 0
            };
            return Ok(found.into_iter().filter(wanted).collect());
        }
        let mut found: Vec<Saved> = Vec::new();
        while found.len() < limit {
            let size = if metadata.is_empty() { limit } else { PAGE };
            let page = self.page(ns.clone(), before, size).await?;
            let end = page.len() < size;
            before = page.last().map(|saved| saved.checkpoint.id);
            let wanted = page.into_iter().filter(|saved| says(&saved.metadata, metadata));
            found.extend(wanted.take(limit - found.len()));
            if end {
                break;
            }
        }
        Ok(found)
    }

    async fn page(&self, ns: Key, before: Option<Uuid>, limit: usize) -> Result<Vec<Saved>, StorageError> {
        let thread_id = self.thread_id;
        let (look, answer) = Look::new(move |storage| storage.history(thread_id, &ns, before, limit));
        self.source.look(thread_id, look);
        answer.await
    }
}

impl Loader for Reader {
    fn load(&self, ns: Key, which: Which) -> BoxFuture<'static, Result<Option<Saved>, StorageError>> {
        let thread_id = self.thread_id;
        let (look, answer) = Look::new(move |storage| storage.checkpoint(thread_id, &ns, which));
        self.source.look(thread_id, look);
        answer.boxed()
    }
}

/// The graph of a level. A level whose graph is none of the nodes' is read with the channels of the root.
fn level(graph: &Graph, ns: &Key) -> Graph {
    graph.at(ns).unwrap_or_else(|| graph.clone())
}

/// True when the metadata has each of the entries.
fn says(metadata: &Metadata, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(key, wanted)| match key.as_str() {
        "source" => json!(metadata.source) == *wanted,
        "step" => json!(metadata.step) == *wanted,
        "parents" => {
            let parents = metadata.parents.iter().map(|(ns, id)| (ns.to_string(), json!(id)));
            Value::Object(parents.collect()) == *wanted
        }
        key => metadata.extra.get(key).unwrap_or(&Value::Null) == wanted,
    })
}

#[cfg(test)]
mod tests {
    use eddyline_engine::checkpoint::Source;

    use super::*;

    #[track_caller]
    fn check(filter: Value, expected: bool) {
        let Value::Object(extra) = json!({"run_id": "r", "list": [1]}) else { unreachable!() };
        let parents = Arc::new(vec![("".into(), Uuid::nil())]);
        let metadata = Metadata { extra: Arc::new(extra), source: Source::Loop, step: 2, parents };
        let Value::Object(filter) = filter else { unreachable!() };
        assert_eq!(says(&metadata, &filter), expected, "{filter:?}");
    }

    #[test]
    fn metadata_is_compared_entry_by_entry() {
        check(json!({}), true);
        check(json!({"run_id": "r", "step": 2}), true);
        check(json!({"run_id": "r", "step": 1}), false);
        check(json!({"source": "loop", "list": [1]}), true);
        check(json!({"source": "input"}), false);
        check(json!({"parents": {"": Uuid::nil()}}), true);
        check(json!({"nobody": null}), true);
        check(json!({"nobody": 1}), false);
    }
}
