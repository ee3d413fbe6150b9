//! The facts of a thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use eddyline_engine::ids::Timestamp;
use uuid::Uuid;

use super::{Rows, Tables};
use crate::stream::Entry;

/// The facts that are kept of one thread.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// By their numbers.
    entries: BTreeMap<u64, Arc<Entry>>,
    bytes: usize,
}

impl Facts {
    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        self.entries.values().cloned().collect()
    }

    /// Takes in facts, and drops the oldest beyond the budget.
    pub(super) fn append(&mut self, entries: Vec<Arc<Entry>>, budget: usize) {
        let newest = entries.last().map(|entry| entry.seq);
        for entry in entries {
            self.bytes += entry.weight();
            if let Some(same) = self.entries.insert(entry.seq, entry) {
                self.bytes -= same.weight();
            }
        }
        while self.bytes > budget
            && let Some(oldest) = self.entries.first_entry().filter(|oldest| Some(*oldest.key()) != newest)
        {
            self.bytes -= oldest.remove().weight();
        }
    }

    /// Drops those of a run.
    pub(super) fn forget(&mut self, run_id: Uuid) {
        let gone = self.entries.extract_if(.., |_, entry| entry.run_id == run_id);
        self.bytes -= gone.map(|(_, entry)| entry.weight()).sum::<usize>();
    }
}

impl Rows {
    /// The runs of which there are facts, and that are over since before then.
    fn with_old_facts(&self, before: Timestamp) -> impl Iterator<Item = Uuid> {
        let is_old = move |run_id: &Uuid| {
            self.runs.get(run_id).is_none_or(|run| run.status.is_final() && run.updated_at < before)
        };
        self.facts.entries.values().map(|entry| entry.run_id).filter(is_old)
    }
}

impl Tables {
    pub(super) fn has_old_facts(&self, before: Timestamp) -> bool {
        self.threads.values().any(|rows| rows.with_old_facts(before).next().is_some())
    }

    /// Drops the facts of runs that are over since before then, at most of so many runs.
    pub(super) fn sweep_facts(&mut self, before: Timestamp, limit: usize) {
        for rows in self.threads.values_mut() {
            let mut old: Vec<Uuid> = rows.with_old_facts(before).take(limit).collect();
            old.dedup();
            for run_id in old {
                rows.facts.forget(run_id);
            }
        }
    }
}
