//! A connection with what it remembers, and everything that is read by it.

use std::sync::Arc;

use eddyline_engine::checkpoint::Saved;
use eddyline_engine::ids::Timestamp;
use eddyline_engine::store::{FindItems, ListNamespaces, Place, StoredItem};
use eddyline_engine::{Key, Which};
use rusqlite::Connection;
use uuid::Uuid;

use super::commits::Commits;
use super::error::{self, Fault};
use super::heads::Heads;
use super::memory::Memory;
use super::{assistants, facts, items, namespaces, runs, search, threads, usage};
use crate::assistants::{AssistantVersion, ListVersions};
use crate::runs::{ListRuns, Run};
use crate::storage::{Read, Result, StoredAssistant, StoredThread};
use crate::stream::Entry;
use crate::threads::{SearchThreads, ThreadFilter, ThreadPage, ThreadUsage};

/// How a connection is opened, the first time and after one broke.
type Open = Box<dyn Fn() -> rusqlite::Result<Connection> + Send>;

/// Who else uses the database beside a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Company {
    /// Nobody writes but this session: what it remembers stays true.
    Alone,
    /// Another writes: each read sees one moment, and remembers no heads of it.
    Beside,
}

/// A connection to the database.
pub(super) struct Session {
    open: Open,
    /// `None` until the first use, and after a failure that leaves open what state it is in.
    connection: Option<Connection>,
    company: Company,
    memory: Memory,
}

impl Session {
    /// That of the only writer.
    pub(super) fn writer(
        connection: Connection,
        open: impl Fn() -> rusqlite::Result<Connection> + Send + 'static,
    ) -> Self {
        Self { connection: Some(connection), ..Self::new(Box::new(open), Company::Alone) }
    }

    /// One that reads beside the writer.
    pub(super) fn reader(open: impl Fn() -> rusqlite::Result<Connection> + Send + 'static) -> Self {
        Self::new(Box::new(open), Company::Beside)
    }

    fn new(open: Open, company: Company) -> Self {
        Self { open, connection: None, company, memory: Memory::default() }
    }

    /// The connection, which is opened if need be, and what it remembers.
    pub(super) fn parts(&mut self) -> rusqlite::Result<(&Connection, &mut Memory)> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => (self.open)()?,
        };
        Ok((self.connection.insert(connection), &mut self.memory))
    }

    /// Closes the connection, and forgets what was remembered.
    pub(super) fn close(&mut self) {
        self.connection = None;
        self.forget();
    }

    /// Forgets what was remembered: it may never have been stored.
    pub(super) fn forget(&mut self) {
        self.memory = Memory::default();
    }

    /// The connection, if one is open.
    pub(super) fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Asks before each commit of the open connection; `true` takes it back.
    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn hook_commits(&mut self, veto: impl FnMut() -> bool + Send + 'static) -> error::Result<()> {
        self.parts()?;
        let connection = self.connection.as_mut().expect("it was opened just now");
        Ok(connection.commit_hook(Some(veto))?)
    }

    /// Reads something at one moment.
    pub(super) fn look<T>(
        &mut self,
        read: impl FnOnce(&Connection, &mut Memory) -> error::Result<T>,
    ) -> Result<T> {
        let company = self.company;
        let (db, memory) = self.parts().map_err(Fault::from)?;
        if company == Company::Alone {
            return Ok(read(db, memory)?);
        }
        memory.heads = Heads::default();
        // It ends when it is dropped, after the read.
        let moment = db.unchecked_transaction().map_err(Fault::from)?;
        Ok(read(&moment, memory)?)
    }

    /// Reads something of a thread, if it is there.
    fn look_at<T>(
        &mut self,
        thread_id: Uuid,
        read: impl FnOnce(Commits<'_>) -> error::Result<T>,
    ) -> Result<Option<T>> {
        self.look(|db, memory| {
            let Some((thread, _)) = threads::find(db, thread_id)? else { return Ok(None) };
            Ok(Some(read(Commits { db, memory, thread })?))
        })
    }
}

impl Read for Session {
    fn thread(&mut self, thread_id: Uuid) -> Result<Option<StoredThread>> {
        self.look(|db, memory| threads::get(db, &mut memory.names, thread_id))
    }

    fn search_threads(&mut self, request: &SearchThreads) -> Result<ThreadPage> {
        self.look(|db, memory| search::page(db, &mut memory.names, request))
    }

    fn count_threads(&mut self, filter: &ThreadFilter) -> Result<usize> {
        self.look(|db, memory| search::count(db, &mut memory.names, filter))
    }

    fn expired_threads(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Uuid>> {
        self.look(|db, _| threads::expired(db, now, limit))
    }

    fn usage(&mut self, thread_id: Uuid) -> Result<Option<ThreadUsage>> {
        self.look_at(thread_id, |commits| usage::of(commits.db, &mut commits.memory.names, commits.thread))
    }

    fn run(&mut self, thread_id: Uuid, run_id: Uuid) -> Result<Option<Run>> {
        let found =
            self.look_at(thread_id, |commits| runs::get(commits.db, commits.thread, thread_id, run_id))?;
        Ok(found.flatten())
    }

    fn runs(&mut self, request: ListRuns) -> Result<Option<Vec<Run>>> {
        self.look_at(request.thread_id, |commits| runs::list(commits.db, commits.thread, request))
    }

    fn open_threads(&mut self) -> Result<Vec<Uuid>> {
        self.look(|db, _| runs::open_threads(db))
    }

    fn thread_of(&mut self, run_id: Uuid) -> Result<Option<Uuid>> {
        self.look(|db, _| runs::thread_of(db, run_id))
    }

    fn open_runs(&mut self, thread_id: Uuid) -> Result<Vec<Run>> {
        let found = self.look_at(thread_id, |commits| runs::open(commits.db, commits.thread, thread_id))?;
        Ok(found.unwrap_or_default())
    }

    fn threads_of_assistant(&mut self, assistant_id: Uuid) -> Result<Vec<Uuid>> {
        self.look(|db, _| threads::of_assistant(db, assistant_id))
    }

    fn assistants(&mut self) -> Result<Vec<StoredAssistant>> {
        self.look(|db, _| assistants::all(db))
    }

    fn assistant_version(&mut self, assistant_id: Uuid, version: u64) -> Result<Option<AssistantVersion>> {
        self.look(|db, _| assistants::version(db, assistant_id, version))
    }

    fn assistant_versions(&mut self, request: &ListVersions) -> Result<Vec<AssistantVersion>> {
        self.look(|db, _| assistants::versions(db, request))
    }

    fn checkpoint(&mut self, thread_id: Uuid, ns: &Key, which: Which) -> Result<Option<Saved>> {
        let found = self.look_at(thread_id, |mut commits| match which {
            Which::Newest => {
                let head = commits.newest(ns)?;
                head.map(|head| commits.with_writes(&head)).transpose()
            }
            Which::Id(id) => commits.saved(ns, id),
            Which::Before(id) => Ok(commits.history(ns, Some(id), 1)?.pop()),
        })?;
        Ok(found.flatten())
    }

    fn history(
        &mut self,
        thread_id: Uuid,
        ns: &Key,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Saved>> {
        let found = self.look_at(thread_id, |mut commits| commits.history(ns, before, limit))?;
        Ok(found.unwrap_or_default())
    }

    fn facts(&mut self, thread_id: Uuid) -> Result<Vec<Arc<Entry>>> {
        let found = self.look_at(thread_id, |commits| facts::of(commits.db, commits.thread))?;
        Ok(found.unwrap_or_default())
    }

    fn has_old_facts(&mut self, before: Timestamp) -> Result<bool> {
        self.look(|db, _| facts::has_old(db, before))
    }

    fn item(&mut self, place: &Place, at: Timestamp) -> Result<Option<StoredItem>> {
        self.look(|db, _| items::get(db, place, at))
    }

    fn items(&mut self, find: &FindItems) -> Result<Vec<StoredItem>> {
        self.look(|db, _| items::search(db, find))
    }

    fn namespaces(&mut self, list: &ListNamespaces, at: Timestamp) -> Result<Vec<Vec<String>>> {
        self.look(|db, _| namespaces::list(db, list, at))
    }

    fn items_ended(&mut self, at: Timestamp) -> Result<bool> {
        self.look(|db, _| items::ended(db, at))
    }
}
