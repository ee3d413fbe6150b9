//! A transaction of one thread, as changes of its rows.

use eddyline_engine::ids::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

use super::commits::Commits;
use super::error::{Fault, Result};
use super::memory::Memory;
use super::{copy, crons, facts, prune, runs, threads, webhooks};
use crate::storage::{Change, Transaction};
use crate::threads::{Thread, ThreadTtl};

/// Who changes the rows of one thread.
pub(super) struct Writer<'a> {
    pub(super) db: &'a Connection,
    pub(super) memory: &'a mut Memory,
    pub(super) thread_id: Uuid,
    pub(super) epoch: u64,
    /// Whether the epoch begins with what is written.
    pub(super) begins: bool,
}

impl Writer<'_> {
    /// Makes the changes. An epoch that is over is found out before anything is changed.
    pub(super) fn apply(mut self, changes: &[Change]) -> Result<()> {
        let found = self.find(self.thread_id)?;
        let stored = found.map_or(0, |(_, stored)| stored);
        let epoch = self.epoch;
        Transaction::fence(epoch, self.begins, stored).map_err(|_| Fault::Fenced { epoch })?;
        let mut key = found.map(|(key, _)| key);
        if let Some(key) = key
            && epoch > stored
            && !changes.is_empty()
        {
            threads::set_epoch(self.db, key, epoch)?;
            self.memory.rows.found(self.thread_id, key, epoch);
        }
        for change in changes {
            key = match change {
                Change::DeleteThread => {
                    crons::forget_thread(self.db, self.thread_id)?;
                    key.map(|thread| self.delete(thread)).transpose()?;
                    None
                }
                Change::Owe(delivery) => {
                    webhooks::owe(self.db, delivery)?;
                    key
                }
                Change::CopyThread { source, now, ttl } => self.copy(*source, *now, *ttl)?.or(key),
                change => {
                    let thread = key.map_or_else(|| self.create(), Ok)?;
                    self.change(thread, change)?;
                    Some(thread)
                }
            };
        }
        Ok(())
    }

    /// The key of a thread and its epoch, remembered or read.
    fn find(&mut self, thread_id: Uuid) -> Result<Option<(i64, u64)>> {
        if let Some(found) = self.memory.rows.find(thread_id) {
            return Ok(Some(found));
        }
        let found = threads::find(self.db, thread_id)?;
        if let Some((key, epoch)) = found {
            self.memory.rows.found(thread_id, key, epoch);
        }
        Ok(found)
    }

    fn create(&mut self) -> Result<i64> {
        let key = threads::create(self.db, self.thread_id, self.epoch)?;
        self.memory.rows.found(self.thread_id, key, self.epoch);
        Ok(key)
    }

    fn delete(&mut self, thread: i64) -> Result<()> {
        prune::thread(self.db, thread)?;
        self.memory.heads.forget(thread);
        self.memory.rows.forget(self.thread_id);
        Ok(())
    }

    /// Makes the thread as a copy of another, if that is there.
    fn copy(&mut self, source: Uuid, now: Timestamp, ttl: Option<ThreadTtl>) -> Result<Option<i64>> {
        let Some((from, _)) = self.find(source)? else { return Ok(None) };
        let Some(stored) = threads::at(self.db, &mut self.memory.names, from)? else { return Ok(None) };
        let thread = self.create()?;
        let record = stored.thread.copied(self.thread_id, now, ttl);
        copy::thread(self.commits(thread), (from, source), &record)?;
        Ok(Some(thread))
    }

    fn change(&mut self, thread: i64, change: &Change) -> Result<()> {
        match change {
            Change::PutThread(record) => self.put_thread(thread, record),
            Change::PutRun(run) => runs::put(self.db, &mut self.memory.rows, thread, run),
            Change::MarkRun(mark) => {
                if !runs::mark(self.db, mark)? && self.begins {
                    return Err(Fault::NoRun { run_id: mark.run_id });
                }
                Ok(())
            }
            Change::Commit(commit) => self.commits(thread).store(commit),
            Change::Facts { entries, budget } => facts::append(self.db, thread, entries, *budget),
            Change::DeleteRun(run_id) => {
                prune::run(self.db, thread, *run_id)?;
                self.memory.heads.forget(thread);
                Ok(())
            }
            Change::KeepLatest => {
                prune::all_but_latest(self.db, thread)?;
                self.memory.heads.forget(thread);
                Ok(())
            }
            // These are about the thread as a whole, or about none.
            Change::Owe(_) | Change::CopyThread { .. } | Change::DeleteThread => Ok(()),
        }
    }

    /// Values of the record that a checkpoint of its root has too are pointed at there; any checkpoint will do.
    fn put_thread(&mut self, thread: i64, record: &Thread) -> Result<()> {
        let head = match (&record.values, self.memory.heads.get(thread, &"".into())) {
            (None, _) => None,
            (Some(_), Some(known)) => Some(known),
            (Some(_), None) => self.commits(thread).newest(&"".into())?,
        };
        threads::put(self.db, self.memory, thread, record, head.as_deref())
    }

    fn commits(&mut self, thread: i64) -> Commits<'_> {
        Commits { db: self.db, memory: self.memory, thread }
    }
}
