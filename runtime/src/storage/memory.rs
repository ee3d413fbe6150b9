//! Storage that ends with its process: maps.

mod assistants;
mod crons;
mod facts;
mod level;
mod threads;
mod webhooks;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use eddyline_engine::checkpoint::Saved;
use eddyline_engine::ids::Timestamp;
use eddyline_engine::store::{FindItems, ListNamespaces, Place, Shelf, StoredItem};
use eddyline_engine::{Key, Which};
use serde_json::Value;
use uuid::Uuid;

use self::assistants::Assistants;
use self::crons::Crons;
use self::facts::Facts;
use self::level::{Level, Row};
use self::webhooks::Webhooks;
use super::{
    AssistantChange, Change, Error, ItemChange, Read, Readers, Result, RunMark, Storage, StoredAssistant,
    StoredThread, Transaction, WebhookChange,
};
use crate::assistants::{AssistantVersion, ListVersions};
use crate::runs::{ListRuns, Run};
use crate::stream::Entry;
use crate::threads::{SearchThreads, Thread, ThreadFilter, ThreadPage, ThreadStatus, ThreadUsage};

/// Keeps everything in memory, for as long as it or one of its readers lives.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    // Held for one look-up or one transaction, whole.
    tables: Arc<RwLock<Tables>>,
}

#[derive(Debug, Default)]
struct Tables {
    /// In an order, so that what is found is found in it again.
    threads: BTreeMap<Uuid, Rows>,
    items: Shelf,
    assistants: Assistants,
    crons: Crons,
    webhooks: Webhooks,
    /// How many threads there ever were.
    made: u64,
}

/// What is stored of one thread.
#[derive(Debug, Default)]
struct Rows {
    thread: Option<Thread>,
    epoch: u64,
    /// Which of all threads it is, in the order in which they came.
    number: u64,
    /// By id, which sorts by creation.
    runs: BTreeMap<Uuid, Run>,
    levels: HashMap<Key, Level>,
    facts: Facts,
}

impl Read for MemoryStorage {
    fn thread(&mut self, thread_id: Uuid) -> Result<Option<StoredThread>> {
        let tables = self.tables();
        let rows = tables.threads.get(&thread_id);
        Ok(rows.and_then(|rows| Some(StoredThread { thread: rows.thread.clone()?, epoch: rows.epoch })))
    }

    fn search_threads(&mut self, request: &SearchThreads) -> Result<ThreadPage> {
        Ok(self.tables().search(request))
    }

    fn count_threads(&mut self, filter: &ThreadFilter) -> Result<usize> {
        Ok(self.tables().found(filter).count())
    }

    fn expired_threads(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Uuid>> {
        Ok(self.tables().expired(now, limit))
    }

    fn usage(&mut self, thread_id: Uuid) -> Result<Option<ThreadUsage>> {
        Ok(self.tables().threads.get(&thread_id).map(Rows::usage))
    }

    fn run(&mut self, thread_id: Uuid, run_id: Uuid) -> Result<Option<Run>> {
        let tables = self.tables();
        Ok(tables.threads.get(&thread_id).and_then(|rows| rows.runs.get(&run_id)).cloned())
    }

    fn runs(&mut self, request: ListRuns) -> Result<Option<Vec<Run>>> {
        let tables = self.tables();
        let ListRuns { thread_id, status, limit, offset } = request;
        let Some(rows) = tables.threads.get(&thread_id) else { return Ok(None) };
        let wanted = rows
            .runs
            .values()
            .rev()
            .filter(|run| status.is_none_or(|status| run.status.as_str() == status.as_str()));
        Ok(Some(wanted.skip(offset).take(limit).cloned().collect()))
    }

    fn open_threads(&mut self) -> Result<Vec<Uuid>> {
        let tables = self.tables();
        let open = |rows: &Rows| {
            rows.thread.as_ref().is_some_and(|thread| thread.status == ThreadStatus::Busy)
                || rows.runs.values().any(|run| !run.status.is_final())
        };
        Ok(tables.threads.iter().filter(|(_, rows)| open(rows)).map(|(thread_id, _)| *thread_id).collect())
    }

    fn thread_of(&mut self, run_id: Uuid) -> Result<Option<Uuid>> {
        let tables = self.tables();
        let found = tables.threads.iter().find(|(_, rows)| rows.runs.contains_key(&run_id));
        Ok(found.map(|(thread_id, _)| *thread_id))
    }

    fn open_runs(&mut self, thread_id: Uuid) -> Result<Vec<Run>> {
        let tables = self.tables();
        let runs = tables.threads.get(&thread_id).into_iter().flat_map(|rows| rows.runs.values());
        Ok(runs.filter(|run| !run.status.is_final()).cloned().collect())
    }

    fn threads_of_assistant(&mut self, assistant_id: Uuid) -> Result<Vec<Uuid>> {
        let tables = self.tables();
        let named = Value::from(assistant_id.to_string());
        let threads = tables.threads.values().filter_map(|rows| rows.thread.as_ref());
        let threads = threads.filter(|thread| thread.metadata.get("assistant_id") == Some(&named));
        Ok(threads.map(|thread| thread.thread_id).collect())
    }

    fn assistants(&mut self) -> Result<Vec<StoredAssistant>> {
        Ok(self.tables().assistants.all())
    }

    fn assistant_version(&mut self, assistant_id: Uuid, version: u64) -> Result<Option<AssistantVersion>> {
        Ok(self.tables().assistants.version(assistant_id, version).cloned())
    }

    fn assistant_versions(&mut self, request: &ListVersions) -> Result<Vec<AssistantVersion>> {
        Ok(self.tables().assistants.versions(request))
    }

    fn checkpoint(&mut self, thread_id: Uuid, ns: &Key, which: Which) -> Result<Option<Saved>> {
        let tables = self.tables();
        let level = tables.threads.get(&thread_id).and_then(|rows| rows.levels.get(ns));
        Ok(level.and_then(|level| level.find(which)))
    }

    fn history(
        &mut self,
        thread_id: Uuid,
        ns: &Key,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Saved>> {
        let tables = self.tables();
        let level = tables.threads.get(&thread_id).and_then(|rows| rows.levels.get(ns));
        Ok(level.map(|level| level.history(before, limit)).unwrap_or_default())
    }

    fn facts(&mut self, thread_id: Uuid) -> Result<Vec<Arc<Entry>>> {
        Ok(self.tables().threads.get(&thread_id).map(|rows| rows.facts.all()).unwrap_or_default())
    }

    fn has_old_facts(&mut self, before: Timestamp) -> Result<bool> {
        Ok(self.tables().has_old_facts(before))
    }

    fn item(&mut self, place: &Place, at: Timestamp) -> Result<Option<StoredItem>> {
        Ok(self.tables().items.get(place, at))
    }

    fn items(&mut self, find: &FindItems) -> Result<Vec<StoredItem>> {
        Ok(self.tables().items.search(find))
    }

    fn namespaces(&mut self, list: &ListNamespaces, at: Timestamp) -> Result<Vec<Vec<String>>> {
        Ok(self.tables().items.namespaces(list, at))
    }

    fn items_ended(&mut self, at: Timestamp) -> Result<bool> {
        Ok(self.tables().items.has_ended(at))
    }
}

impl Storage for MemoryStorage {
    fn read(&mut self) -> &mut dyn Read {
        self
    }

    fn readers(&self) -> Arc<dyn Readers> {
        Arc::new(self.clone())
    }

    fn write(&mut self, batch: Vec<Transaction>) -> Vec<Result<()>> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        batch.into_iter().map(|transaction| tables.apply(transaction)).collect()
    }
}

impl Readers for MemoryStorage {
    fn open(&self) -> Result<Box<dyn Read>> {
        Ok(Box::new(self.clone()))
    }
}

impl MemoryStorage {
    fn tables(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// Keeps all of it: once the epoch is accepted, and what it begins with is there, nothing can fail.
    fn apply(&mut self, transaction: Transaction) -> Result<()> {
        let (thread_id, epoch, begins, changes) = match transaction {
            Transaction::Thread { thread_id, epoch, begins, changes } => (thread_id, epoch, begins, changes),
            Transaction::Items(changes) => {
                for change in changes {
                    self.change_item(change);
                }
                return Ok(());
            }
            Transaction::Assistant(change) => {
                if let AssistantChange::Delete(assistant_id) = change {
                    self.crons.forget_assistant(assistant_id);
                }
                self.assistants.change(change);
                return Ok(());
            }
            Transaction::SweepFacts(before, limit) => {
                self.sweep_facts(before, limit);
                return Ok(());
            }
            Transaction::Webhooks(changes) => {
                for change in changes {
                    self.webhooks.change(change);
                }
                return Ok(());
            }
            Transaction::Crons(changes) => {
                for change in changes {
                    self.crons.change(change);
                }
                return Ok(());
            }
        };
        let stored = self.threads.get(&thread_id).map_or(0, |rows| rows.epoch);
        Transaction::fence(epoch, begins, stored)?;
        if begins {
            self.check_marks(thread_id, &changes)?;
        }
        for change in changes {
            match change {
                Change::DeleteThread => {
                    self.threads.remove(&thread_id);
                    self.crons.forget_thread(thread_id);
                    continue;
                }
                Change::Owe(delivery) => {
                    self.webhooks.change(WebhookChange::Owe(delivery));
                    continue;
                }
                Change::CopyThread { source, now, ttl } => {
                    self.copy(source, thread_id, now, ttl);
                    continue;
                }
                _ => {}
            }
            let rows = self.threads.entry(thread_id).or_insert_with(|| {
                self.made += 1;
                Rows { number: self.made, ..Rows::default() }
            });
            rows.epoch = epoch;
            rows.change(change);
        }
        Ok(())
    }

    /// Refuses marks of runs that are neither there nor put by the same changes.
    fn check_marks(&self, thread_id: Uuid, changes: &[Change]) -> Result<()> {
        let stored = self.threads.get(&thread_id);
        for change in changes {
            let Change::MarkRun(RunMark { run_id, .. }) = change else { continue };
            let is_put = |change: &Change| matches!(change, Change::PutRun(run) if run.run_id == *run_id);
            if !stored.is_some_and(|rows| rows.runs.contains_key(run_id)) && !changes.iter().any(is_put) {
                let message = format!("run {run_id} is not stored, so nothing begins with it");
                return Err(Error::Failed { message });
            }
        }
        Ok(())
    }

    fn change_item(&mut self, change: ItemChange) {
        match change {
            ItemChange::Put(new) => self.items.put(*new),
            ItemChange::Delete(place) => self.items.delete(&place),
            ItemChange::Refresh(place, at) => self.items.refresh(&place, at),
            ItemChange::Sweep(at, limit) => self.items.sweep(at, limit),
        }
    }
}

impl Rows {
    fn change(&mut self, change: Change) {
        match change {
            Change::PutThread(thread) => self.thread = Some(thread),
            Change::PutRun(run) => {
                self.runs.insert(run.run_id, run);
            }
            Change::MarkRun(mark) => {
                if let Some(run) = self.runs.get_mut(&mark.run_id) {
                    mark.on(run);
                }
            }
            Change::Commit(commit) => self.levels.entry(commit.ns.clone()).or_default().commit(commit),
            Change::DeleteRun(run_id) => {
                self.runs.remove(&run_id);
                self.facts.forget(run_id);
                self.levels.values_mut().for_each(|level| level.forget(run_id));
            }
            Change::Facts { entries, budget } => self.facts.append(entries, budget),
            Change::KeepLatest => self.keep_latest(),
            // Those of the whole table.
            Change::Owe(_) | Change::CopyThread { .. } | Change::DeleteThread => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_conforms() {
        crate::storage::conformance::check(|| Box::new(MemoryStorage::default()));
    }
}
