//! Threads in number: those that are looked for, a copy, what is cleared away, and what there is of one.

use std::collections::HashSet;
use std::sync::Arc;

use eddyline_engine::Key;
use eddyline_engine::ids::Timestamp;
use uuid::Uuid;

use super::{Row, Rows, Tables};
use crate::storage::belongs_to;
use crate::threads::{
    SearchThreads, Thread, ThreadFilter, ThreadPage, ThreadStatus, ThreadTtl, ThreadUsage, moved,
};

impl Tables {
    /// A page of the threads that a filter means.
    pub(super) fn search(&self, request: &SearchThreads) -> ThreadPage {
        let SearchThreads { filter, sort_by, descending, limit, offset } = request;
        let mut found: Vec<(&Thread, u64)> = self.found(filter).collect();
        found.sort_by(|(one, first), (other, second)| {
            let ordering = sort_by.compare(one, other).then(first.cmp(second));
            if *descending { ordering.reverse() } else { ordering }
        });
        let more = found.len() > offset.saturating_add(*limit);
        let page = found.into_iter().skip(*offset).take(*limit);
        ThreadPage { threads: page.map(|(thread, _)| thread.clone()).collect(), more }
    }

    /// The threads that a filter means, with their numbers.
    pub(super) fn found(&self, filter: &ThreadFilter) -> impl Iterator<Item = (&Thread, u64)> {
        let threads = self.threads.values().filter_map(|rows| Some((rows.thread.as_ref()?, rows.number)));
        threads.filter(|(thread, _)| filter.fits(thread))
    }

    /// The threads that expired before `now` and are not busy, those first that did so first.
    pub(super) fn expired(&self, now: Timestamp, limit: usize) -> Vec<Uuid> {
        let threads = self.threads.values().filter_map(|rows| rows.thread.as_ref());
        let idle = threads.filter(|thread| thread.status != ThreadStatus::Busy);
        let expired = idle.filter_map(|thread| Some((thread.expires_at()?, thread.thread_id)));
        let mut expired: Vec<_> = expired.filter(|(time, _)| *time <= now).collect();
        expired.sort_unstable();
        expired.into_iter().take(limit).map(|(_, thread_id)| thread_id).collect()
    }

    /// Makes a thread as a copy of another, if that is there.
    pub(super) fn copy(&mut self, source: Uuid, thread_id: Uuid, now: Timestamp, ttl: Option<ThreadTtl>) {
        let Some(rows) = self.threads.get(&source) else { return };
        let Some(thread) = &rows.thread else { return };
        let thread = thread.copied(thread_id, now, ttl);
        let mut levels = rows.levels.clone();
        for row in levels.values_mut().flat_map(|level| level.checkpoints.values_mut()) {
            moved(Arc::make_mut(&mut row.metadata.extra), source, thread_id);
        }
        self.made += 1;
        let copy = Rows { thread: Some(thread), levels, number: self.made, ..Rows::default() };
        self.threads.insert(thread_id, copy);
    }
}

impl Rows {
    /// Drops all checkpoints but the newest of the root and those that nested graphs made beside it.
    pub(super) fn keep_latest(&mut self) {
        let root =
            self.levels.get(&Key::from("")).and_then(|level| level.checkpoints.keys().next_back().copied());
        let Some(root) = root else { return };
        for (ns, level) in &mut self.levels {
            let newest = level.checkpoints.iter().next_back();
            let kept = newest.filter(|(_, row)| ns.is_empty() || belongs_to(root, &row.metadata.parents));
            let kept = kept.map(|(id, _)| *id);
            level.drop_where(|id, _| Some(*id) != kept);
        }
    }

    pub(super) fn usage(&self) -> ThreadUsage {
        let mut usage = ThreadUsage::default();
        for level in self.levels.values() {
            let mut seen = HashSet::new();
            for Row { checkpoint, .. } in level.checkpoints.values() {
                // Here its values are all that it holds.
                usage.checkpoints.add(0);
                for (name, value) in &checkpoint.values {
                    if seen.insert((name.clone(), checkpoint.versions.get(name).copied())) {
                        usage.channels.entry(name.clone()).or_default().add(value.to_string().len());
                    }
                }
            }
            for write in level.writes.keys().flat_map(|checkpoint| level.written(checkpoint).into_values()) {
                usage.writes.add(write.value.to_string().len());
            }
        }
        usage
    }
}
