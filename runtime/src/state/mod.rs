//! The state of a thread: what to ask about it, how to change it by hand, and what comes back.
//!
//! Data only. How a state is read stands in `read`, how a change is worked out in `update`; both run code of
//! the graph, and so on the node pool.

pub(crate) mod read;
pub(crate) mod update;

use eddyline_engine::snapshot::Snapshot;
use eddyline_engine::update::StateUpdate;
use eddyline_engine::{Key, Shared};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Which checkpoint of a thread. The default is the newest of the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointAddress {
    /// The checkpoint; `None` for the one that `map` has for the level, or else the newest.
    pub checkpoint_id: Option<Uuid>,
    /// The graph level: empty for the root, `node:task` and so on for a nested graph. `None` was not said, and
    /// means the root.
    pub ns: Option<Key>,
    /// Checkpoints by level, outermost first.
    pub map: Vec<(Key, Uuid)>,
}

impl CheckpointAddress {
    /// The checkpoint of this id, on the root.
    pub fn of_id(checkpoint_id: Uuid) -> Self {
        Self { checkpoint_id: Some(checkpoint_id), ..Self::default() }
    }

    /// The checkpoint of a snapshot. A nested one knows those of the graphs around it.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self::full(&snapshot.ns, snapshot.checkpoint, &snapshot.metadata.parents)
    }

    /// The checkpoint that a snapshot follows.
    pub fn of_parent(snapshot: &Snapshot) -> Option<Self> {
        snapshot.parent.map(|parent| Self::full(&snapshot.ns, parent, &snapshot.metadata.parents))
    }

    /// `parents` are the checkpoints of the graphs around that of `ns`.
    pub(crate) fn full(ns: &Key, checkpoint_id: Uuid, parents: &[(Key, Uuid)]) -> Self {
        let mut map = parents.to_vec();
        if !map.is_empty() {
            map.push((ns.clone(), checkpoint_id));
        }
        Self { checkpoint_id: Some(checkpoint_id), ns: Some(ns.clone()), map }
    }

    /// The graph level.
    pub fn level(&self) -> Key {
        self.ns.clone().unwrap_or_else(|| "".into())
    }

    /// The id of the checkpoint, if any was named.
    pub fn id(&self) -> Option<Uuid> {
        let level = self.level();
        let mapped = || self.map.iter().find(|(ns, _)| *ns == level).map(|(_, id)| *id);
        self.checkpoint_id.or_else(mapped)
    }
}

/// A request for the state of a thread.
#[derive(Clone, Debug)]
pub struct ReadState {
    /// The thread.
    pub thread_id: Uuid,
    /// At which checkpoint. The newest is shown as it is, with what finished tasks wrote already in it; one that is
    /// named by its id as it was when its superstep began.
    pub checkpoint: CheckpointAddress,
    /// Whether to show the states of the nested graphs that its tasks are in the midst of.
    pub subgraphs: bool,
}

impl ReadState {
    /// The newest state of a thread.
    pub fn new(thread_id: Uuid) -> Self {
        Self { thread_id, checkpoint: CheckpointAddress::default(), subgraphs: false }
    }
}

/// The state of a thread at a checkpoint.
#[derive(Clone, Debug)]
pub struct ThreadState {
    /// The thread.
    pub thread_id: Uuid,
    /// What the read was addressed with; clients get it repeated.
    pub asked: CheckpointAddress,
    /// The state; `None` when there is no such checkpoint, or no graph ran here yet.
    pub snapshot: Option<Snapshot>,
}

impl ThreadState {
    /// Where the state was found: what is known of its checkpoint, and of the graph level no more than was said
    /// when it was asked for by its id.
    pub fn address(&self) -> CheckpointAddress {
        match &self.snapshot {
            None => self.asked.clone(),
            Some(snapshot) => {
                let found = CheckpointAddress::of(snapshot);
                match self.asked.checkpoint_id {
                    Some(_) => CheckpointAddress { ns: self.asked.ns.clone(), ..found },
                    None => found,
                }
            }
        }
    }
}

/// A request for former states of a thread, newest first.
#[derive(Clone, Debug)]
pub struct ReadHistory {
    /// The thread.
    pub thread_id: Uuid,
    /// The graph level; with a checkpoint named, only that one.
    pub checkpoint: CheckpointAddress,
    /// Only checkpoints that are older than this one, which need not exist.
    pub before: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
    /// Only checkpoints whose metadata has each of these entries; null means that it has none.
    pub metadata: Map<String, Value>,
}

impl ReadHistory {
    /// The newest `limit` states of a thread.
    pub fn new(thread_id: Uuid, limit: usize) -> Self {
        let checkpoint = CheckpointAddress::default();
        Self { thread_id, checkpoint, before: None, limit, metadata: Map::new() }
    }
}

/// A change of the state by hand.
#[derive(Clone, Debug)]
pub struct UpdateState {
    /// The thread.
    pub thread_id: Uuid,
    /// The checkpoint to go on from.
    pub checkpoint: CheckpointAddress,
    /// Each becomes a checkpoint, made of its updates.
    pub supersteps: Vec<Vec<StateUpdate>>,
    /// What is stored with the checkpoints beside graph and thread, such as `user_id`.
    pub metadata: Map<String, Value>,
}

impl UpdateState {
    /// One checkpoint more, with `values` as the node `as_node` would write them.
    pub fn new(thread_id: Uuid, values: Option<Shared>, as_node: Option<Key>) -> Self {
        Self {
            thread_id,
            checkpoint: CheckpointAddress::default(),
            supersteps: vec![vec![StateUpdate { values, as_node, task_id: None }]],
            metadata: Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_named_by_its_id_or_by_the_map() {
        let [one, two] = [1, 2].map(Uuid::from_u128);
        let check = |address: CheckpointAddress, id| assert_eq!(address.id(), id);
        check(CheckpointAddress::default(), None);
        check(CheckpointAddress::of_id(one), Some(one));
        let map = vec![("".into(), one), ("sub:1".into(), two)];
        let mapped = CheckpointAddress { map, ..CheckpointAddress::default() };
        check(mapped.clone(), Some(one));
        check(CheckpointAddress { ns: Some("sub:1".into()), ..mapped.clone() }, Some(two));
        check(CheckpointAddress { ns: Some("sub:2".into()), ..mapped.clone() }, None);
        check(CheckpointAddress { checkpoint_id: Some(two), ..mapped }, Some(two));
    }

    #[test]
    fn a_nested_checkpoint_knows_those_around_it() {
        let [root, nested] = [1, 2].map(Uuid::from_u128);
        assert_eq!(CheckpointAddress::full(&"".into(), root, &[]).map, []);
        let address = CheckpointAddress::full(&"sub:1".into(), nested, &[("".into(), root)]);
        assert_eq!(address.map, [("".into(), root), ("sub:1".into(), nested)]);
    }
}
