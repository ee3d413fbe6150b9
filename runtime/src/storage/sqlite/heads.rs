//! The checkpoints that were met last: the next one is told as what it adds to one of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use eddyline_engine::Key;
use eddyline_engine::checkpoint::{Checkpoint, Metadata, Saved};
use uuid::Uuid;

/// Bytes of values, as they are stored, that one generation keeps alive.
const GENERATION: usize = 32 << 20;

/// What a checkpoint weighs beside its values.
const OVERHEAD: usize = 2048;

/// A stored checkpoint.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) row: i64,
    pub(super) checkpoint: Arc<Checkpoint>,
    pub(super) metadata: Metadata,
    pub(super) parent: Option<Uuid>,
    /// Where the metadata's `extra` stands.
    pub(super) told: Told,
    /// Where each value stands.
    pub(super) slots: BTreeMap<Key, Slot>,
}

/// Where a value stands, and how much is to be read to have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The row that added it.
    pub(super) row: i64,
    /// Bytes of the last full copy.
    pub(super) full: usize,
    /// Bytes of the tails since then.
    pub(super) tails: usize,
}

/// Where the metadata of a run stands: the run, and what it has in common with others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) run: Option<Uuid>,
    pub(super) shared: i64,
}

impl Head {
    /// The checkpoint as readers get it, but for its writes.
    pub(super) fn saved(&self) -> Saved {
        Saved {
            checkpoint: Arc::clone(&self.checkpoint),
            metadata: self.metadata.clone(),
            parent: self.parent,
            writes: Vec::new(),
        }
    }

    fn weight(&self) -> usize {
        OVERHEAD + self.slots.values().map(|slot| slot.full + slot.tails).sum::<usize>()
    }
}

/// By thread, then by graph level.
type Generation = HashMap<i64, HashMap<Key, Arc<Head>>>;

/// One head for each graph level, in two generations: when the young are many the old are forgotten, and the
/// young become old. Whoever is asked for is young again.
#[derive(Debug, Default)]
pub(super) struct Heads {
    young: Generation,
    old: Generation,
    weight: usize,
}

impl Heads {
    /// The head of a level, whichever it is.
    pub(super) fn get(&mut self, thread: i64, ns: &Key) -> Option<Arc<Head>> {
        if let Some(head) = self.young.get(&thread).and_then(|levels| levels.get(ns)) {
            return Some(Arc::clone(head));
        }
        let head = self.old.get_mut(&thread).and_then(|levels| levels.remove(ns))?;
        self.put(thread, ns.clone(), Arc::clone(&head));
        Some(head)
    }

    /// Remembers the head of a level in the place of an earlier one.
    pub(super) fn put(&mut self, thread: i64, ns: Key, head: Arc<Head>) {
        if self.weight > GENERATION {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += head.weight();
        if let Some(before) = self.young.entry(thread).or_default().insert(ns, head) {
            self.weight = self.weight.saturating_sub(before.weight());
        }
    }

    /// Forgets the levels of a thread.
    pub(super) fn forget(&mut self, thread: i64) {
        let levels = self.young.remove(&thread).unwrap_or_default();
        let weight: usize = levels.values().map(|head| head.weight()).sum();
        self.weight = self.weight.saturating_sub(weight);
        self.old.remove(&thread);
    }
}
