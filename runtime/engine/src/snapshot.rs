//! Reading the state of a thread from what is stored (LangGraph's `get_state`).

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::checkpoint::{Metadata, PendingWrite, Saved};
use crate::command::Interrupt;
use crate::driver::note;
use crate::error::RunError;
use crate::fact::{TaskNote, TaskPath};
use crate::graph::Graph;
use crate::host::{StorageError, Which};
use crate::ids::{NS_SEPARATOR, NULL_TASK, Timestamp, recast_ns};
use crate::pregel::{Cells, Planned, Planner, TaskWrites, WriteList, apply, reserved};
use crate::value::{Key, Object, Shared};

/// Finds checkpoints of one thread.
pub trait Loader: Send + Sync {
    /// The newest checkpoint of `ns` that `which` allows, with its writes.
    fn load(&self, ns: Key, which: Which) -> BoxFuture<'static, Result<Option<Saved>, StorageError>>;
}

/// A state as it is, or as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The newest checkpoint with what its finished tasks wrote already in it: only what is left stands
    /// under `next`.
    Live,
    /// A checkpoint as it was when its superstep began: every task that it led to stands under `next`.
    Historic,
}

/// The state of a graph at a checkpoint.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The namespace of the graph.
    pub ns: Key,
    /// The checkpoint.
    pub checkpoint: Uuid,
    /// The checkpoint that it follows.
    pub parent: Option<Uuid>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What is said about it.
    pub metadata: Metadata,
    /// All keys of the state that hold a value.
    pub values: Object,
    /// The nodes that run next, in the order of their definition.
    pub next: Vec<Key>,
    /// The tasks that the checkpoint leads to.
    pub tasks: Vec<TaskSnapshot>,
}

/// A task of a snapshot.
#[derive(Clone, Debug)]
pub struct TaskSnapshot {
    /// The task.
    pub note: TaskNote,
    /// The state of the graph that its node is, when that was asked for and there is one.
    pub state: Option<Box<Snapshot>>,
}

impl Snapshot {
    /// The questions of all tasks.
    pub fn interrupts(&self) -> impl Iterator<Item = &Interrupt> {
        self.tasks.iter().flat_map(|task| &task.note.interrupts)
    }
}

impl Graph {
    /// The graph of a namespace: this one, or one that its nodes are.
    pub fn at(&self, ns: &str) -> Option<Graph> {
        let path = recast_ns(ns);
        let names = path.split(NS_SEPARATOR).filter(|name| !name.is_empty());
        names.into_iter().try_fold(self.clone(), |graph, name| {
            let ix = graph.0.node(name)?;
            graph.0.nodes[ix].graph.clone()
        })
    }

    /// The state of this graph at a stored checkpoint, without those of nested graphs.
    ///
    /// Fails as the run would when what finished tasks wrote cannot be applied.
    /// `new_id` is for messages without an id.
    pub fn snapshot(
        &self,
        ns: &str,
        saved: &Saved,
        view: View,
        new_id: &mut dyn FnMut() -> Uuid,
    ) -> Result<Snapshot, RunError> {
        let program = &self.0;
        let mut cells = Cells::restore(program, &saved.checkpoint);
        let step = saved.metadata.step + 1;
        let checkpoint = saved.checkpoint.id;
        let planner = Planner { program, ns, checkpoint, step, stop: i64::MAX };
        let tasks = planner.plan(&cells, true);
        take_back(program, &mut cells, saved, if view == View::Live { &tasks } else { &[] }, new_id)?;
        let notes: Vec<TaskNote> = tasks
            .iter()
            .map(|task| {
                let mut note = note(program, ns, task, &saved.writes);
                if view == View::Live && note.result.is_some() {
                    note.interrupts.clear();
                }
                note
            })
            .collect();
        let left = notes.iter().filter(|note| view == View::Historic || note.result.is_none());
        Ok(Snapshot {
            ns: ns.into(),
            checkpoint,
            parent: saved.parent,
            created_at: saved.checkpoint.created_at,
            metadata: saved.metadata.clone(),
            values: cells.read(program, &program.state_keys),
            next: left.map(|note| note.name.clone()).collect(),
            tasks: notes.into_iter().map(|note| TaskSnapshot { note, state: None }).collect(),
        })
    }

    /// The state of the graph of `ns`, found by `loader`; with `subgraphs`, those of the graphs that its
    /// tasks are in the midst of too. `None` when nothing is stored there.
    pub fn state(
        &self,
        ns: Key,
        which: Which,
        subgraphs: bool,
        loader: Arc<dyn Loader>,
        ids: Arc<dyn Fn() -> Uuid + Send + Sync>,
    ) -> BoxFuture<'static, Result<Option<Snapshot>, RunError>> {
        let graph = self.clone();
        async move {
            let Some(saved) = loader.load(ns.clone(), which).await? else { return Ok(None) };
            let view = if which == Which::Newest { View::Live } else { View::Historic };
            let mut snapshot = graph.snapshot(&ns, &saved, view, &mut || ids())?;
            for task in snapshot.tasks.iter_mut().filter(|_| subgraphs) {
                let Some(inner_ns) = task.note.subgraph.clone() else { continue };
                let inner = graph.0.node(&task.note.name).and_then(|ix| graph.0.nodes[ix].graph.clone());
                let Some(inner) = inner else { continue };
                let state =
                    inner.state(inner_ns.into(), Which::Newest, true, loader.clone(), ids.clone()).await?;
                task.state = state.map(Box::new);
            }
            Ok(Some(snapshot))
        }
        .boxed()
    }
}

/// Applies what is stored under the null task, and the writes of those of `tasks` that finished.
pub(crate) fn take_back(
    program: &crate::graph::program::Program,
    cells: &mut Cells,
    saved: &Saved,
    tasks: &[Planned],
    new_id: &mut dyn FnMut() -> Uuid,
) -> Result<(), RunError> {
    let rows = |task: Uuid| -> WriteList {
        let rows = saved.writes.iter().filter(|row| row.task == task);
        let settled = |row: &PendingWrite| cells.settle(program, &row.channel, row.value.clone());
        rows.map(|row| (row.channel.clone(), settled(row))).collect()
    };
    let null: Vec<(Key, Shared)> = rows(NULL_TASK);
    let finished: Vec<(&Planned, WriteList)> = tasks
        .iter()
        .map(|task| (task, rows(task.info.id)))
        .filter(|(_, rows)| rows.iter().any(|(channel, _)| !reserved::is_fate(channel)))
        .collect();
    if null.iter().any(|(channel, _)| !reserved::is_reserved(channel)) {
        let input =
            TaskWrites { path: &TaskPath::Input, node: None, triggers: &[], triggered: false, writes: &null };
        apply(program, cells, &mut [input], new_id)?;
    }
    let mut writes: Vec<TaskWrites<'_>> = finished
        .iter()
        .map(|(task, rows)| TaskWrites {
            path: &task.info.path,
            node: Some(task.node),
            triggers: task.triggers(program),
            triggered: true,
            writes: rows,
        })
        .collect();
    if !writes.is_empty() {
        apply(program, cells, &mut writes, new_id)?;
    }
    Ok(())
}
