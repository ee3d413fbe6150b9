//! Which tasks follow from a state (LangGraph's `prepare_next_tasks`).

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::Cells;
use super::reserved::PUSH;
use crate::channel::Managed;
use crate::command::SendTo;
use crate::fact::{TaskInfo, TaskPath};
use crate::graph::program::{ChannelIx, NodeIx, Program, START_NODE};
use crate::ids::{Hasher, task_ns};
use crate::value::{Key, Object, Shared};

/// A task that is to run.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) node: NodeIx,
    pub(crate) info: Arc<TaskInfo>,
    /// Overrides the node's own run timeout.
    pub(crate) timeout: Option<Duration>,
}

impl Planned {
    /// The channels that it consumes: none for a packet.
    pub(crate) fn triggers<'a>(&self, program: &'a Program) -> &'a [ChannelIx] {
        match self.info.path {
            TaskPath::Pull(_) => &program.nodes[self.node].triggers,
            _ => &[],
        }
    }
}

/// What planning needs to know beside the state.
pub(crate) struct Planner<'a> {
    pub(crate) program: &'a Program,
    /// The namespace of the graph.
    pub(crate) ns: &'a str,
    /// The checkpoint that the tasks start from.
    pub(crate) checkpoint: Uuid,
    pub(crate) step: i64,
    /// The step after which the recursion limit is reached.
    pub(crate) stop: i64,
}

/// What a node sees of a state: its keys that hold a value, and what is computed for it.
pub(crate) fn view(program: &Program, cells: &Cells, node: NodeIx, step: i64, stop: i64) -> Shared {
    let node = &program.nodes[node];
    let values = cells.read(program, &node.reads);
    if node.managed.is_empty() {
        return values.into();
    }
    let managed = node.managed.iter().map(|(key, managed)| {
        let value = match managed {
            Managed::IsLastStep => (step == stop - 1).into(),
            Managed::RemainingSteps => serde_json::Value::from(stop - step),
        };
        (key.clone(), Shared::from(value))
    });
    values.iter().cloned().chain(managed).collect::<Object>().into()
}

impl Planner<'_> {
    /// The tasks that follow: packets by index, then nodes by name; nodes in the order of their
    /// definition when it is not known what changed, or when `defined_order` asks for it.
    pub(crate) fn plan(&self, cells: &Cells, defined_order: bool) -> Vec<Planned> {
        let mut tasks: Vec<Planned> = Vec::new();
        for (index, packet) in cells.cells[self.program.sends].items().unwrap_or_default().iter().enumerate()
        {
            tasks.extend(self.push(index, packet));
        }
        let candidates: Vec<NodeIx> = match cells.updated.as_ref().filter(|updated| !updated.is_empty()) {
            Some(updated) if !defined_order => {
                let subscribed = updated.iter().flat_map(|channel| &self.program.subscribers[*channel]);
                let mut nodes: Vec<NodeIx> = subscribed.copied().collect();
                if nodes.len() > 1 {
                    nodes.sort_by(|a, b| self.program.nodes[*a].name.cmp(&self.program.nodes[*b].name));
                    nodes.dedup();
                }
                nodes
            }
            _ => (0..self.program.nodes.len()).collect(),
        };
        let triggered = candidates.into_iter().filter(|node| cells.triggers(self.program, *node));
        tasks.extend(triggered.map(|node| self.pull(cells, node)));
        tasks
    }

    fn pull(&self, cells: &Cells, node: NodeIx) -> Planned {
        let spec = &self.program.nodes[node];
        let mut hash = self.hash(&spec.name).part("__pregel_pull");
        for trigger in &*spec.trigger_names {
            hash = hash.part(trigger);
        }
        let input = if node == START_NODE {
            cells.cells[self.program.input].get().unwrap_or_default()
        } else {
            view(self.program, cells, node, self.step, self.stop)
        };
        let path = TaskPath::Pull(spec.name.clone());
        self.task(node, hash.finish(), path, spec.trigger_names.clone(), input, None)
    }

    fn push(&self, index: usize, packet: &Shared) -> Option<Planned> {
        let send = match packet.send() {
            Some(send) => send.clone(),
            None => SendTo::from_json(packet.json())?,
        };
        // A packet to a node that the graph does not have goes nowhere, as in LangGraph.
        let node = self.program.node(&send.node)?;
        let id = self.hash(&send.node).part(PUSH).part(&index.to_string()).finish();
        let triggers: Arc<[Key]> = Arc::from([Key::from(PUSH)]);
        Some(self.task(node, id, TaskPath::Push(index), triggers, send.args, send.timeout))
    }

    /// The task that handles the failure of another.
    pub(crate) fn handler(&self, handler: NodeIx, failed: &TaskInfo) -> Planned {
        let name = &self.program.nodes[handler].name;
        let hash = Hasher::after(self.checkpoint).part(&failed.ns).part("|").part(name);
        let hash = hash.step(self.step).part(name).part(PUSH).part("node_error_handler");
        let id = hash.part(&failed.id.to_string()).finish();
        let triggers: Arc<[Key]> = Arc::from([Key::from(PUSH)]);
        let path = TaskPath::Handler(Box::new(failed.path.clone()));
        let nested = Planner { ns: &failed.ns, ..*self };
        nested.task(handler, id, path, triggers, failed.input.clone(), None)
    }

    fn hash(&self, node: &str) -> Hasher {
        let hash = Hasher::after(self.checkpoint);
        let hash = if self.ns.is_empty() { hash } else { hash.part(self.ns).part("|") };
        hash.part(node).step(self.step).part(node)
    }

    fn task(
        &self,
        node: NodeIx,
        id: Uuid,
        path: TaskPath,
        triggers: Arc<[Key]>,
        input: Shared,
        timeout: Option<Duration>,
    ) -> Planned {
        let spec = &self.program.nodes[node];
        let info = TaskInfo {
            id,
            name: spec.name.clone(),
            step: self.step,
            ns: task_ns(self.ns, &spec.name, id).into(),
            path,
            triggers,
            input,
            metadata: spec.metadata.clone(),
            tags: spec.tags.clone(),
            hidden: spec.hidden,
        };
        Planned { node, info: Arc::new(info), timeout }
    }
}
