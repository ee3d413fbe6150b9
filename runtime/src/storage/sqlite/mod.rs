//! Storage in a folder, by SQLite: what was answered survives a crash of the process and of the machine.
//!
//! One connection writes, and reads for those who write: what they need was just written, so most of it is
//! still remembered. Others only read, each by a connection of its own.
//!
//! The log is written ahead (WAL) and synced at each commit (`synchronous=FULL`), once for all transactions
//! of a batch. Rows are described in `schema`, how values shrink to what they add in `values`.
//! Nothing here knows graphs or runs as they live; it stores records.

mod assistants;
mod backup;
mod checkpointer;
mod commits;
mod copy;
mod crons;
mod error;
mod facts;
mod filter;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod heads;
mod items;
mod json;
mod keys;
mod load;
mod lock;
mod memory;
mod names;
mod namespaces;
mod prune;
mod runs;
mod schema;
mod search;
mod session;
mod shared;
mod short;
mod state;
mod terms;
#[cfg(test)]
mod tests;
mod thread_order;
mod threads;
mod usage;
mod values;
mod webhooks;
mod writer;
mod writes;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::checkpointer::Checkpointer;
use self::error::Fault;
use self::lock::FolderLock;
use self::session::Session;
use self::writer::Writer;
use super::{Error, Lineages, Read, Readers, Result, Storage, Transaction};

pub use self::backup::{BackupError, backup};
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
    session: Session,
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
        let lock = FolderLock::take(folder)?;
        let mut connection = schema::open(folder)?;
        let unusable = |source| OpenError::Folder { folder: folder.to_owned(), source };
        let checkpointer = Checkpointer::start(folder).map_err(unusable)?;
        let unusable = |source| OpenError::Database { folder: folder.to_owned(), source };
        let (watch, again) = (checkpointer.watch(), folder.to_owned());
        watch(&mut connection).map_err(unusable)?;
        let open = move || {
            let mut connection = schema::connect(&again)?;
            watch(&mut connection)?;
            Ok(connection)
        };
        let session = Session::writer(connection, open);
        Ok(Self { session, checkpointer: Some(checkpointer), folder: folder.to_owned(), _lock: lock })
    }

    /// As [`open`](Self::open); the log stays as it is written.
    #[cfg(test)]
    fn open_quiet(folder: &Path) -> std::result::Result<Self, OpenError> {
        let lock = FolderLock::take(folder)?;
        let again = folder.to_owned();
        let session = Session::writer(schema::open(folder)?, move || schema::connect(&again));
        Ok(Self { session, checkpointer: None, folder: folder.to_owned(), _lock: lock })
    }

    /// Asks when a transaction of the database is written and about to be committed; `true` takes it back, as
    /// if the process had died there. For tests of what such a death leaves behind.
    ///
    /// Holds until the database is opened again, which it is after a commit that failed.
    #[cfg(any(test, feature = "test-util"))]
    pub fn before_commit(&mut self, veto: impl FnMut() -> bool + Send + 'static) -> Result<()> {
        self.session.hook_commits(veto).map_err(Error::from)
    }

    /// Stores a batch as one transaction of the database. An old epoch leaves the others alone.
    fn together(&mut self, batch: &[Transaction]) -> std::result::Result<Vec<Result<()>>, Broken> {
        let answers = self.begin().and_then(|()| self.apply_all(batch));
        let answers = answers.map_err(|fault| {
            self.roll_back();
            Broken::RolledBack(fault)
        })?;
        let db = self.session.connection().expect("the transaction was begun on it");
        if let Err(error) = db.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([])) {
            self.session.close();
            return Err(Broken::Unknown(error));
        }
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.committed(db);
        }
        Ok(answers)
    }

    fn begin(&mut self) -> error::Result<()> {
        let (db, ..) = self.session.parts()?;
        db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
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
        let (db, memory) = self.session.parts()?;
        match transaction {
            Transaction::Thread { thread_id, epoch, begins, changes } => {
                let writer = Writer { db, memory, thread_id: *thread_id, epoch: *epoch, begins: *begins };
                writer.apply(changes)
            }
            Transaction::Items(changes) => changes.iter().try_for_each(|change| items::change(db, change)),
            Transaction::Assistant(change) => assistants::change(db, change),
            Transaction::SweepFacts(before, limit) => facts::sweep(db, *before, *limit),
            Transaction::Webhooks(changes) => {
                changes.iter().try_for_each(|change| webhooks::change(db, change))
            }
            Transaction::Crons(changes) => changes.iter().try_for_each(|change| crons::change(db, change)),
        }
    }

    /// Takes back what a transaction did, and forgets what was remembered of it.
    fn roll_back(&mut self) {
        self.session.forget();
        if let Some(db) = self.session.connection()
            && !db.is_autocommit()
            && let Err(error) = db.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction is not taken back; the database is opened again");
            self.session.close();
        }
    }
}

impl Storage for SqliteStorage {
    fn read(&mut self) -> &mut dyn Read {
        &mut self.session
    }

    fn readers(&self) -> Arc<dyn Readers> {
        Arc::new(Folder(self.folder.clone()))
    }

    /// One transaction of the database for the whole batch; when a part of it fails, one for each.
    fn write(&mut self, batch: Vec<Transaction>) -> Vec<Result<()>> {
        let unknown = |error: &rusqlite::Error| Error::Unknown { message: error.to_string() };
        match self.together(&batch) {
            Ok(answers) => answers,
            Err(Broken::Unknown(error)) => batch.iter().map(|_| Err(unknown(&error))).collect(),
            Err(Broken::RolledBack(fault)) if batch.len() == 1 => vec![Err(fault.into())],
            Err(Broken::RolledBack(_)) => {
                let mut lineages = Lineages::default();
                let alone = |transaction| {
                    lineages.admit(transaction)?;
                    let answer = match self.together(std::slice::from_ref(transaction)) {
                        Ok(answers) => answers.into_iter().next().unwrap_or(Ok(())),
                        Err(Broken::Unknown(error)) => Err(unknown(&error)),
                        Err(Broken::RolledBack(fault)) => Err(fault.into()),
                    };
                    lineages.note(transaction.lineage(), &answer);
                    answer
                };
                batch.iter().map(alone).collect()
            }
        }
    }
}

/// Opens readers of the database in a folder.
struct Folder(PathBuf);

impl Readers for Folder {
    fn open(&self) -> Result<Box<dyn Read>> {
        let folder = self.0.clone();
        Ok(Box::new(Session::reader(move || schema::look(&folder))))
    }
}

/// Readers may still have the database open, and then nobody brings the log home who closes it.
impl Drop for SqliteStorage {
    fn drop(&mut self) {
        if let (Some(_), Some(connection)) = (self.checkpointer.take(), self.session.connection()) {
            checkpointer::bring_home(connection, "TRUNCATE");
        }
    }
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage").field("folder", &self.folder).finish_non_exhaustive()
    }
}
