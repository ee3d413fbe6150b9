//! What is stored of one graph level: checkpoints, and the writes that hang on them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use eddyline_engine::Which;
use eddyline_engine::checkpoint::{Checkpoint, Commit, Metadata, PendingWrite, Saved};
use serde_json::Value;
use uuid::Uuid;

/// What is stored of one graph level.
#[derive(Clone, Debug, Default)]
pub(super) struct Level {
    pub(super) checkpoints: BTreeMap<Uuid, Row>,
    /// By the checkpoint on which they hang: what each commit wrote, and for which run.
    pub(super) writes: HashMap<Uuid, Vec<Written>>,
}

/// What a commit wrote, and for which run.
type Written = (Option<Uuid>, Vec<PendingWrite>);

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) checkpoint: Arc<Checkpoint>,
    pub(super) metadata: Metadata,
    pub(super) parent: Option<Uuid>,
}

impl Level {
    pub(super) fn commit(&mut self, commit: Commit) {
        if let Some((checkpoint, writes)) = commit.writes {
            self.writes.entry(checkpoint).or_default().push((commit.run, writes));
        }
        if let Some(new) = commit.checkpoint {
            let row = Row { metadata: new.metadata, parent: new.parent, checkpoint: new.checkpoint };
            self.checkpoints.insert(row.checkpoint.id, row);
        }
    }

    pub(super) fn find(&self, which: Which) -> Option<Saved> {
        let (id, row) = match which {
            Which::Newest => self.checkpoints.last_key_value(),
            Which::Id(id) => self.checkpoints.get_key_value(&id),
            Which::Before(id) => self.checkpoints.range(..id).next_back(),
        }?;
        Some(self.saved(id, row))
    }

    pub(super) fn history(&self, before: Option<Uuid>, limit: usize) -> Vec<Saved> {
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.checkpoints.range((Bound::Unbounded, end)).rev();
        rows.take(limit).map(|(id, row)| self.saved(id, row)).collect()
    }

    /// Drops the checkpoints of a run, and what it wrote beside others.
    pub(super) fn forget(&mut self, run_id: Uuid) {
        let text = run_id.to_string();
        self.drop_where(|_, row| row.metadata.extra.get("run_id").and_then(Value::as_str) == Some(&text));
        self.writes.values_mut().for_each(|commits| commits.retain(|(run, _)| *run != Some(run_id)));
    }

    /// The writes that hang on a checkpoint: what has finished stays as it was, and the four slots of a task hold
    /// what came last.
    pub(super) fn written(&self, checkpoint: &Uuid) -> BTreeMap<(Uuid, i32), &PendingWrite> {
        let mut found = BTreeMap::new();
        for write in self.writes.get(checkpoint).into_iter().flatten().flat_map(|(_, writes)| writes) {
            let key = (write.task, write.index);
            if write.index < 0 {
                found.insert(key, write);
            } else {
                found.entry(key).or_insert(write);
            }
        }
        found
    }

    /// Drops checkpoints with the writes that hang on them.
    pub(super) fn drop_where(&mut self, goes: impl Fn(&Uuid, &Row) -> bool) {
        for (id, _) in self.checkpoints.extract_if(.., |id, row| goes(id, row)) {
            self.writes.remove(&id);
        }
    }

    pub(super) fn saved(&self, id: &Uuid, row: &Row) -> Saved {
        let mut writes: Vec<PendingWrite> = self.written(id).into_values().cloned().collect();
        // Stable: rows of one path stay ordered by task and index.
        writes.sort_by(|one, other| one.path.cmp(&other.path));
        Saved {
            checkpoint: Arc::clone(&row.checkpoint),
            metadata: row.metadata.clone(),
            parent: row.parent,
            writes,
        }
    }
}
