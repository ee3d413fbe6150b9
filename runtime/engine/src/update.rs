//! Changing the state of a thread by hand (LangGraph's `update_state` and `bulk_update_state`).

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::checkpoint::{Commit, Metadata, NewCheckpoint, Outcome, PendingWrite, Saved, Source};
use crate::command::START;
use crate::config::{DEFAULT_MAX_STATE_BYTES, DEFAULT_MAX_TASKS};
use crate::error::{NodeError, RunError};
use crate::fact::TaskPath;
use crate::graph::Graph;
use crate::graph::names::SENDS;
use crate::graph::program::{NodeIx, START_NODE};
use crate::ids::Timestamp;
use crate::node::Output;
use crate::pregel::{Cells, Planned, Planner, TaskWrites, WriteList, apply, choose, follow, write_node};
use crate::snapshot::take_back;
use crate::value::{Key, Object, Shared};

/// One change, as if a node had made it.
#[derive(Clone, Debug, Default)]
pub struct StateUpdate {
    /// What to write; `None` writes nothing.
    pub values: Option<Shared>,
    /// The node that is taken to have written: its edges are followed. Inferred when it is clear which ran
    /// last. `__input__`, `__copy__` and `__end__` have meanings of their own.
    pub as_node: Option<Key>,
    /// The task that is taken to have written.
    pub task_id: Option<Uuid>,
}

/// Where an update begins.
#[derive(Clone, Debug)]
pub struct Base {
    /// The checkpoint; `None` on a thread that has none.
    pub saved: Option<Saved>,
    /// True when the checkpoint was asked for by its id.
    pub addressed: bool,
    /// True when a newer checkpoint exists.
    pub superseded: bool,
}

/// Time, ids and room for new checkpoints.
pub trait Stamps {
    /// The time.
    fn now(&self) -> Timestamp;
    /// A fresh random id, for messages without one.
    fn new_id(&self) -> Uuid;
    /// A fresh checkpoint id for a step.
    fn new_checkpoint_id(&self, step: i64) -> Uuid;
    /// How many bytes the values may have, as [`Host::max_state_bytes`](crate::Host::max_state_bytes) says for runs.
    fn max_state_bytes(&self) -> usize {
        DEFAULT_MAX_STATE_BYTES
    }
}

const AS_INPUT: &str = "__input__";
const AS_COPY: &str = "__copy__";
const AS_END: &str = "__end__";

impl Graph {
    /// What to commit so that each list of updates becomes one checkpoint after `base`.
    ///
    /// `extra` is stored beside source, step and parents. Fails without a commit when an update is
    /// ambiguous, names a node that the graph does not have, or does not fit its channels.
    pub fn update_state(
        &self,
        ns: &str,
        base: Base,
        supersteps: Vec<Vec<StateUpdate>>,
        extra: &Arc<Map<String, Value>>,
        stamps: &dyn Stamps,
    ) -> Result<Vec<Commit>, RunError> {
        if supersteps.is_empty() {
            return Err(RunError::value_error("No supersteps provided"));
        }
        let mut base = base;
        let mut commits = Vec::with_capacity(supersteps.len());
        for updates in supersteps {
            let hand = Hand { graph: self, ns, base: &base, extra, stamps };
            let (writes, checkpoint) = hand.superstep(updates)?;
            let new = Saved {
                checkpoint: checkpoint.checkpoint.clone(),
                metadata: checkpoint.metadata.clone(),
                parent: checkpoint.parent,
                writes: Vec::new(),
            };
            let checkpoint = Some(checkpoint);
            commits.push(Commit { run: None, ns: ns.into(), writes, checkpoint, outcome: Outcome::Continue });
            base = Base { saved: Some(new), addressed: false, superseded: false };
        }
        Ok(commits)
    }
}

type Superstep = (Option<(Uuid, Vec<PendingWrite>)>, NewCheckpoint);

/// One superstep by hand.
struct Hand<'a> {
    graph: &'a Graph,
    ns: &'a str,
    base: &'a Base,
    extra: &'a Arc<Map<String, Value>>,
    stamps: &'a dyn Stamps,
}

impl Hand<'_> {
    fn superstep(&self, updates: Vec<StateUpdate>) -> Result<Superstep, RunError> {
        let many = updates.len() > 1;
        let Some(first) = updates.first() else { return Err(RunError::value_error("No updates provided")) };
        match (first.values.as_ref(), first.as_node.as_deref()) {
            (None, Some(AS_END)) if many => {
                Err(RunError::value_error("Cannot apply multiple updates when clearing state"))
            }
            (None, Some(AS_END)) => self.clear(),
            (None, Some(AS_COPY)) => self.copy(),
            (Some(_), Some(AS_COPY)) => Err(RunError::invalid_update(
                "a copy takes no values: update the copy in a superstep of its own",
            )),
            (None, None) => {
                let cells = self.cells()?;
                Ok((None, self.checkpoint(cells, Source::Update, self.base_id())?))
            }
            (values, Some(AS_INPUT)) => self.input(values.cloned().unwrap_or_default()),
            _ => self.as_nodes(updates),
        }
    }

    fn base_id(&self) -> Option<Uuid> {
        self.base.saved.as_ref().map(|saved| saved.checkpoint.id)
    }

    fn step(&self) -> i64 {
        self.base.saved.as_ref().map_or(0, |saved| saved.metadata.step + 1)
    }

    fn empty_cells(&self) -> Cells {
        match &self.base.saved {
            Some(saved) => Cells::restore(&self.graph.0, &saved.checkpoint),
            None => Cells::empty(&self.graph.0),
        }
    }

    fn tasks(&self, cells: &Cells) -> Vec<Planned> {
        let Some(checkpoint) = self.base_id() else { return Vec::new() };
        let planner =
            Planner { program: &self.graph.0, ns: self.ns, checkpoint, step: self.step(), stop: i64::MAX };
        planner.plan(cells, true)
    }

    /// The base with what its finished tasks wrote, unless it was asked for by its id.
    fn cells(&self) -> Result<Cells, RunError> {
        let mut cells = self.empty_cells();
        if let Some(saved) = self.base.saved.as_ref().filter(|_| !self.base.addressed) {
            let tasks = self.tasks(&cells);
            take_back(&self.graph.0, &mut cells, saved, &tasks, &mut || self.stamps.new_id())?;
        }
        Ok(cells)
    }

    fn checkpoint(
        &self,
        mut cells: Cells,
        source: Source,
        parent: Option<Uuid>,
    ) -> Result<NewCheckpoint, RunError> {
        cells.check(&self.graph.0, DEFAULT_MAX_TASKS, self.stamps.max_state_bytes())?;
        cells.updated = None;
        let fresh_input = source == Source::Input && self.base.saved.is_none();
        let step = if fresh_input { -1 } else { self.step() };
        let id = self.stamps.new_checkpoint_id(step);
        let parents =
            self.base.saved.as_ref().map(|saved| saved.metadata.parents.clone()).unwrap_or_default();
        Ok(NewCheckpoint {
            checkpoint: Arc::new(cells.checkpoint(&self.graph.0, id, self.stamps.now())),
            metadata: Metadata { extra: self.extra.clone(), source, step, parents },
            parent,
            shown: None,
        })
    }

    /// Ends what is still to run: its triggers are consumed, finished outputs are kept.
    fn clear(&self) -> Result<Superstep, RunError> {
        let mut cells = self.empty_cells();
        let tasks = self.tasks(&cells);
        let stored: &[PendingWrite] = self.base.saved.as_ref().map_or(&[], |saved| &saved.writes);
        if let Some(saved) = &self.base.saved {
            take_back(&self.graph.0, &mut cells, saved, &[], &mut || self.stamps.new_id())?;
        }
        let outputs: Vec<WriteList> = tasks
            .iter()
            .map(|task| {
                let rows = stored.iter().filter(|row| row.task == task.info.id);
                rows.map(|row| (row.channel.clone(), row.value.clone())).collect()
            })
            .collect();
        let mut writes: Vec<TaskWrites<'_>> = tasks
            .iter()
            .zip(&outputs)
            .map(|(task, writes)| TaskWrites {
                path: &task.info.path,
                node: Some(task.node),
                triggers: task.triggers(&self.graph.0),
                triggered: true,
                writes,
            })
            .collect();
        apply(&self.graph.0, &mut cells, &mut writes, &mut || self.stamps.new_id())?;
        Ok((None, self.checkpoint(cells, Source::Update, self.base_id())?))
    }

    /// The same state once more, beside the base.
    fn copy(&self) -> Result<Superstep, RunError> {
        let Some(saved) = &self.base.saved else {
            return Err(RunError::invalid_update("Cannot copy a non-existent checkpoint"));
        };
        Ok((None, self.checkpoint(self.empty_cells(), Source::Fork, saved.parent)?))
    }

    /// As if a run had been given this input.
    fn input(&self, values: Shared) -> Result<Superstep, RunError> {
        let mut cells = self.cells()?;
        let writes: WriteList = vec![(START.into(), values)];
        let input = TaskWrites {
            path: &TaskPath::Input,
            node: None,
            triggers: &[],
            triggered: false,
            writes: &writes,
        };
        apply(&self.graph.0, &mut cells, &mut [input], &mut || self.stamps.new_id())?;
        Ok((None, self.checkpoint(cells, Source::Input, self.base_id())?))
    }

    fn as_nodes(&self, updates: Vec<StateUpdate>) -> Result<Superstep, RunError> {
        let many = updates.len() > 1;
        let mut cells = self.cells()?;
        let mut pending = self.tasks(&self.empty_cells());
        let mut rows = Vec::new();
        let mut all: Vec<(TaskPath, NodeIx, WriteList)> = Vec::new();
        for (index, update) in updates.into_iter().enumerate() {
            let node = match &update.as_node {
                Some(name) => self.node(name)?,
                None if many => {
                    let message = "as_node is required when applying multiple updates";
                    return Err(RunError::invalid_update(message));
                }
                None => Self::infer(&cells)?,
            };
            let place = pending.iter().position(|task| task.node == node);
            let known = place.map(|place| pending.remove(place).info.id);
            let task = update.task_id.or(known).or_else(|| self.task_id(index));
            let writes = self.writes(&cells, node, update.values.unwrap_or_default())?;
            let path = TaskPath::Update(index);
            rows.extend(task.map(|task| Self::rows(task, &path, &writes)).unwrap_or_default());
            all.push((path, node, writes));
        }
        let mut tasks: Vec<TaskWrites<'_>> = all
            .iter()
            .map(|(path, node, writes)| TaskWrites {
                path,
                node: Some(*node),
                triggers: &[],
                triggered: true,
                writes,
            })
            .collect();
        apply(&self.graph.0, &mut cells, &mut tasks, &mut || self.stamps.new_id())?;
        let kept = self.base_id().filter(|_| !self.base.superseded && !rows.is_empty());
        let new = self.checkpoint(cells, Source::Update, self.base_id())?;
        Ok((kept.map(|base| (base, rows)), new))
    }

    fn node(&self, name: &str) -> Result<NodeIx, RunError> {
        let found = self.graph.0.node(name);
        found.ok_or_else(|| RunError::invalid_update(format!("Node {name} does not exist")))
    }

    /// The node that ran last, when that is clear.
    fn infer(cells: &Cells) -> Result<NodeIx, RunError> {
        let mut seen: Vec<(u64, NodeIx)> = Vec::new();
        for (node, versions) in cells.seen.iter().enumerate() {
            seen.extend(versions.iter().flatten().map(|(_, version)| (*version, node)));
        }
        seen.sort_unstable();
        match seen.as_slice() {
            [] => Ok(START_NODE),
            [(_, only)] => Ok(*only),
            [.., (before, _), (last, node)] if last > before => Ok(*node),
            _ => Err(RunError::invalid_update("Ambiguous update, specify as_node")),
        }
    }

    fn task_id(&self, index: usize) -> Option<Uuid> {
        let name = if index == 0 { "__interrupt__".to_owned() } else { format!("__interrupt__:{index}") };
        Some(Uuid::new_v5(&self.base_id()?, name.as_bytes()))
    }

    /// What the node writes by returning `values`: keys, edges, joins and routes.
    fn writes(&self, cells: &Cells, node: NodeIx, values: Shared) -> Result<WriteList, RunError> {
        let program = &self.graph.0;
        let spec = &program.nodes[node];
        let refused =
            |error: NodeError| RunError::InvalidUpdate { message: error.failure().message.to_string() };
        let values = known_keys(program, values);
        let mut writes = write_node(program, node, Output::value(values)).map_err(refused)?;
        for branch in &spec.branches {
            let (_, targets) =
                choose(program, branch, cells, &writes, &mut || self.stamps.new_id()).map_err(refused)?;
            follow(program, branch, targets, &mut writes).map_err(refused)?;
        }
        Ok(writes)
    }

    fn rows(task: Uuid, path: &TaskPath, writes: &WriteList) -> Vec<PendingWrite> {
        let path: Key = path.text().into();
        let kept = writes.iter().enumerate().filter(|(_, (channel, _))| &**channel != SENDS);
        kept.map(|(index, (channel, value))| PendingWrite {
            task,
            index: i32::try_from(index).unwrap_or(i32::MAX),
            channel: channel.clone(),
            value: value.clone(),
            path: path.clone(),
        })
        .collect()
    }
}

/// Clients may send keys that the graph does not have; like those of an input, they are left out.
fn known_keys(program: &crate::graph::program::Program, values: Shared) -> Shared {
    let Value::Object(map) = values.json() else { return values };
    let pairs = map.iter().filter(|(key, _)| program.is_key(key));
    pairs
        .map(|(key, value)| (Key::from(key.as_str()), Shared::from(value.clone())))
        .collect::<Object>()
        .into()
}
