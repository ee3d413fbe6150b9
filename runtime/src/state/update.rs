//! Works out what a change by hand comes to: the commits, and how the thread stands after them.

use std::sync::Arc;

use eddyline_engine::checkpoint::{Commit, Saved};
use eddyline_engine::ids::Timestamp;
use eddyline_engine::snapshot::{Loader, Snapshot, View};
use eddyline_engine::update::{Base, Stamps};
use eddyline_engine::{Graph, Key, Object, RunError, Which};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::read::Reader;
use super::{CheckpointAddress, UpdateState};
use crate::environment::Environment;
use crate::error::Error;
use crate::threads::Interrupts;

/// What a change by hand comes to.
#[derive(Debug)]
pub(crate) struct Revision {
    /// To be stored, in order.
    pub(crate) commits: Vec<Commit>,
    /// The new checkpoint.
    pub(crate) address: CheckpointAddress,
    pub(crate) values: Object,
    pub(crate) interrupts: Interrupts,
    /// True when tasks follow.
    pub(crate) continues: bool,
}

/// Works it out, with what is stored now.
pub(crate) async fn revise(
    reader: Reader,
    graph: Graph,
    graph_id: String,
    request: UpdateState,
) -> Result<Revision, Error> {
    let ns = request.checkpoint.level();
    let base = base(&reader, &ns, &request.checkpoint).await?;
    let level = graph.at(&ns).ok_or_else(|| Error::InvalidUpdate {
        message: format!("Subgraph {} not found", eddyline_engine::ids::recast_ns(&ns)),
    })?;
    let extra = Arc::new(metadata(&request, graph_id));
    let stamps = Now(&reader.environment);
    let commits = level.update_state(&ns, base, request.supersteps, &extra, &stamps).map_err(refused)?;
    let made = commits.iter().rev().find_map(|commit| commit.checkpoint.clone());
    let made = made.expect("a superstep by hand makes a checkpoint");
    let address = CheckpointAddress::full(&ns, made.checkpoint.id, &made.metadata.parents);
    let saved = Saved {
        checkpoint: made.checkpoint,
        metadata: made.metadata,
        parent: made.parent,
        writes: Vec::new(),
    };
    let root = if ns.is_empty() { Some(saved) } else { reader.load("".into(), Which::Newest).await? };
    let view = |saved: Saved| graph.snapshot("", &saved, View::Live, &mut || stamps.new_id());
    let (values, interrupts, continues) = standing(root.map(view).transpose()?);
    Ok(Revision { commits, address, values, interrupts, continues })
}

/// Where the change begins.
async fn base(reader: &Reader, ns: &Key, address: &CheckpointAddress) -> Result<Base, Error> {
    let newest = reader.load(ns.clone(), Which::Newest).await?;
    let Some(id) = address.id() else {
        return Ok(Base { saved: newest, addressed: false, superseded: false });
    };
    let superseded = newest.as_ref().is_some_and(|newest| newest.checkpoint.id != id);
    let saved = if superseded { reader.load(ns.clone(), Which::Id(id)).await? } else { newest };
    Ok(Base { saved, addressed: true, superseded })
}

/// What is stored with the new checkpoints.
fn metadata(request: &UpdateState, graph_id: String) -> Map<String, Value> {
    let mut metadata = request.metadata.clone();
    metadata.insert("graph_id".to_owned(), Value::String(graph_id));
    if let Some(id) = request.checkpoint.checkpoint_id {
        metadata.insert("checkpoint_id".to_owned(), json!(id));
    }
    metadata.insert("thread_id".to_owned(), json!(request.thread_id));
    metadata
}

/// What the thread's record says of the root.
fn standing(root: Option<Snapshot>) -> (Object, Interrupts, bool) {
    let Some(root) = root else { return (Object::default(), Vec::new(), false) };
    let asking = root.tasks.into_iter().filter(|task| !task.note.interrupts.is_empty());
    let interrupts = asking.map(|task| (task.note.id, task.note.interrupts)).collect();
    (root.values, interrupts, !root.next.is_empty())
}

/// What is wrong with a change is its author's business, in words of the field.
fn refused(error: RunError) -> Error {
    match error {
        RunError::InvalidUpdate { .. } | RunError::Invalid { .. } | RunError::Reducer { .. } => {
            Error::InvalidUpdate { message: error.to_string() }
        }
        RunError::StateTooLarge { bytes, limit } => Error::StateTooLarge { bytes, limit },
        error => error.into(),
    }
}

struct Now<'a>(&'a Environment);

impl Stamps for Now<'_> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn new_id(&self) -> Uuid {
        self.0.ids.random()
    }

    fn new_checkpoint_id(&self, step: i64) -> Uuid {
        self.0.ids.checkpoint(self.now(), step)
    }

    fn max_state_bytes(&self) -> usize {
        self.0.options.max_state_bytes
    }
}
