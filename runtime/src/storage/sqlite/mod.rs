//! Storage in a folder, by SQLite: what was answered survives a crash of the process and of the machine.
//!
//! One connection writes and reads. That the readers of the trait share it costs nothing while the storage
//! actor is its only user: the actor does one thing at a time, and what it reads it has just written, so
//! most of it is still in the caches of this connection.
//!
//! The log is written ahead (WAL) and synced at each commit (`synchronous=FULL`), once for all transactions
//! of a batch. Rows are described in `schema`, how values shrink to what they add in `values`.
//! Nothing here knows graphs or runs as they live; it stores records.

mod checkpointer;
mod commits;
mod error;
mod heads;
mod json;
mod load;
mod lock;
mod names;
mod prune;
mod runs;
mod schema;
mod shared;
mod state;
#[cfg(test)]
mod tests;
mod threads;
mod values;
mod writes;

use std::fmt;
use std::path::{Path, PathBuf};

use eddyline_engine::checkpoint::Saved;
use eddyline_engine::{Key, Which};
use rusqlite::Connection;
use uuid::Uuid;

use self::checkpointer::Checkpointer;
use self::commits::Commits;
use self::error::Fault;
use self::heads::Heads;
use self::lock::FolderLock;
use self::names::Names;
use super::{Change, Error, Read, Result, Storage, StoredThread, Transaction};
use crate::runs::{ListRuns, Run};

pub use self::error::OpenError;

/// Keeps everything in a folder.
///
/// ```no_run
/// use eddyline_runtime::Runtime;
/// use eddyline_runtime::storage::SqliteStorage;
///
/// let storage = SqliteStorage::open(".eddyline")?;
/// let runtime = Runtime::builder().storage(Box::new(storage)).start()?;
/// # drop(runtime);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteStorage {
    // Fields are dropped in this order: the lock goes last.
    /// `None` after a commit of which nobody knows the outcome, until the next use.
    connection: Option<Connection>,
    names: Names,
    heads: Heads,
    checkpointer: Option<Checkpointer>,
    folder: PathBuf,
    _lock: FolderLock,
}

/// Why nothing of a batch is known to be stored.
enum Broken {
    /// Nothing is.
    RolledBack(Fault),
    /// All of it or nothing, and nobody knows which.
    Unknown(rusqlite::Error),
}

impl SqliteStorage {
    /// Opens the folder, and makes it if it is not there.
    ///
    /// Fails when another storage works in it ([`OpenError::Locked`]), when a newer program wrote it
    /// ([`OpenError::Newer`]), and when it cannot be read or written.
    /// May take as long as it takes to bring the log of a crashed process home; blocks.
    pub fn open(folder: impl AsRef<Path>) -> std::result::Result<Self, OpenError> {
        let folder = folder.as_ref();
        let mut storage = Self::open_quiet(folder)?;
        let checkpointer = Checkpointer::start(folder);
        let unusable = |source| OpenError::Folder { folder: folder.to_owned(), source };
        let checkpointer = checkpointer.map_err(unusable)?;
        if let Some(connection) = &mut storage.connection {
            let unusable = |source| OpenError::Database { folder: folder.to_owned(), source };
            checkpointer.watch(connection).map_err(unusable)?;
        }
        storage.checkpointer = Some(checkpointer);
        Ok(storage)
    }

    /// As [`open`](Self::open); the log stays as it is written.
    fn open_quiet(folder: &Path) -> std::result::Result<Self, OpenError> {
        let lock = FolderLock::take(folder)?;
        let connection = Some(schema::open(folder)?);
        let (names, heads) = (Names::default(), Heads::default());
        let folder = folder.to_owned();
        Ok(Self { connection, names, heads, checkpointer: None, folder, _lock: lock })
    }

    /// The connection, opened again after one broke.
    fn connect(&mut self) -> error::Result<()> {
        if self.connection.is_none() {
            let mut connection = schema::connect(&self.folder)?;
            if let Some(checkpointer) = &self.checkpointer {
                checkpointer.watch(&mut connection)?;
            }
            self.connection = Some(connection);
        }
        Ok(())
    }

    /// Stores a batch as one transaction of the database. An old epoch leaves the others alone.
    fn together(&mut self, batch: &[Transaction]) -> std::result::Result<Vec<Result<()>>, Broken> {
        self.connect().map_err(Broken::RolledBack)?;
        let answers = self.connection().and_then(|db| {
            db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            Ok(())
        });
        let answers = answers.and_then(|()| self.apply_all(batch));
        let answers = answers.map_err(|fault| {
            self.roll_back();
            Broken::RolledBack(fault)
        })?;
        let db = self.connection.as_ref().expect("the transaction was begun on it");
        if let Err(error) = db.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([])) {
            self.roll_back();
            self.connection = None;
            return Err(Broken::Unknown(error));
        }
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.committed(db);
        }
        Ok(answers)
    }

    fn apply_all(&mut self, batch: &[Transaction]) -> error::Result<Vec<Result<()>>> {
        let mut answers = Vec::with_capacity(batch.len());
        for transaction in batch {
            match self.apply(transaction) {
                Ok(()) => answers.push(Ok(())),
                // Found out before anything was changed.
                Err(fault @ Fault::Fenced { .. }) => answers.push(Err(fault.into())),
                Err(fault) => return Err(fault),
            }
        }
        Ok(answers)
    }

    fn apply(&mut self, transaction: &Transaction) -> error::Result<()> {
        let Transaction { thread_id, epoch, changes } = transaction;
        let (thread_id, epoch) = (*thread_id, *epoch);
        let Self { connection: Some(db), names, heads, .. } = self else { return Ok(()) };
        let found = threads::find(db, thread_id)?;
        if found.is_some_and(|(_, stored)| epoch < stored) {
            return Err(Fault::Fenced { epoch });
        }
        let mut key = match found {
            Some((key, stored)) => {
                if epoch > stored && !changes.is_empty() {
                    threads::set_epoch(db, key, epoch)?;
                }
                Some(key)
            }
            None => None,
        };
        for change in changes {
            if matches!(change, Change::DeleteThread) {
                if let Some(key) = key.take() {
                    prune::thread(db, key)?;
                    heads.forget(key);
                }
                continue;
            }
            let thread = match key {
                Some(key) => key,
                None => *key.insert(threads::create(db, thread_id, epoch)?),
            };
            let mut commits = Commits { db, names, heads, thread };
            match change {
                Change::PutThread(record) => {
                    let head = if record.values.is_some() { commits.newest(&"".into())? } else { None };
                    threads::put(db, names, thread, record, head.as_deref())?;
                }
                Change::PutRun(run) => runs::put(db, thread, run)?,
                Change::Commit(commit) => commits.store(commit)?,
                Change::DeleteRun(run_id) => {
                    prune::run(db, thread, *run_id)?;
                    heads.forget(thread);
                }
                Change::DeleteThread => {}
            }
        }
        Ok(())
    }

    /// Takes back what a transaction did, and forgets what was remembered of it.
    fn roll_back(&mut self) {
        self.names = Names::default();
        self.heads = Heads::default();
        if let Some(db) = &self.connection
            && !db.is_autocommit()
            && let Err(error) = db.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction is not taken back; the database is opened again");
            self.connection = None;
        }
    }

    fn connection(&self) -> error::Result<&Connection> {
        self.connection.as_ref().ok_or_else(|| error::corrupt("there is no connection"))
    }

    /// Reads something of a thread, if it is there.
    fn read<T>(
        &mut self,
        thread_id: Uuid,
        read: impl FnOnce(Commits<'_>) -> error::Result<T>,
    ) -> Result<Option<T>> {
        self.connect()?;
        let Self { connection: Some(db), names, heads, .. } = self else { return Ok(None) };
        let Some((thread, _)) = threads::find(db, thread_id)? else { return Ok(None) };
        Ok(Some(read(Commits { db, names, heads, thread })?))
    }
}

impl Read for SqliteStorage {
    fn thread(&mut self, thread_id: Uuid) -> Result<Option<StoredThread>> {
        let found = self.read(thread_id, |commits| threads::get(commits.db, commits.names, thread_id))?;
        Ok(found.flatten())
    }

    fn run(&mut self, thread_id: Uuid, run_id: Uuid) -> Result<Option<Run>> {
        let found =
            self.read(thread_id, |commits| runs::get(commits.db, commits.thread, thread_id, run_id))?;
        Ok(found.flatten())
    }

    fn runs(&mut self, request: ListRuns) -> Result<Option<Vec<Run>>> {
        self.read(request.thread_id, |commits| runs::list(commits.db, commits.thread, request))
    }

    fn open_threads(&mut self) -> Result<Vec<Uuid>> {
        self.connect()?;
        Ok(runs::open_threads(self.connection()?)?)
    }

    fn open_runs(&mut self, thread_id: Uuid) -> Result<Vec<Run>> {
        let found = self.read(thread_id, |commits| runs::open(commits.db, commits.thread, thread_id))?;
        Ok(found.unwrap_or_default())
    }

    fn checkpoint(&mut self, thread_id: Uuid, ns: &Key, which: Which) -> Result<Option<Saved>> {
        let found = self.read(thread_id, |mut commits| match which {
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
        let found = self.read(thread_id, |mut commits| commits.history(ns, before, limit))?;
        Ok(found.unwrap_or_default())
    }
}

impl Storage for SqliteStorage {
    /// One transaction of the database for the whole batch; when a part of it fails, one for each.
    fn write(&mut self, batch: Vec<Transaction>) -> Vec<Result<()>> {
        let unknown = |error: &rusqlite::Error| Error::Unknown { message: error.to_string() };
        match self.together(&batch) {
            Ok(answers) => answers,
            Err(Broken::Unknown(error)) => batch.iter().map(|_| Err(unknown(&error))).collect(),
            Err(Broken::RolledBack(fault)) if batch.len() == 1 => vec![Err(fault.into())],
            Err(Broken::RolledBack(_)) => {
                let mut alone = |transaction| match self.together(std::slice::from_ref(transaction)) {
                    Ok(answers) => answers.into_iter().next().unwrap_or(Ok(())),
                    Err(Broken::Unknown(error)) => Err(unknown(&error)),
                    Err(Broken::RolledBack(fault)) => Err(fault.into()),
                };
                batch.iter().map(&mut alone).collect()
            }
        }
    }
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage").field("folder", &self.folder).finish_non_exhaustive()
    }
}
