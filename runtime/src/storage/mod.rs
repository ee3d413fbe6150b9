//! What must outlive a process: threads, runs, checkpoints and writes, behind traits that know no database.
//!
//! Everything here may block: the storage actor writes, alone on its arbiter, and readers look things up for
//! clients on OS threads of their own. The rules that an implementation must keep are in [`Storage`] and tested
//! by `conformance`.

#[cfg(any(test, feature = "test-util"))]
pub mod conformance;
mod crons;
mod lineage;
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;
mod webhooks;

use std::sync::Arc;

use eddyline_engine::checkpoint::{Commit, Saved};
use eddyline_engine::ids::Timestamp;
use eddyline_engine::store::{FindItems, ListNamespaces, NewItem, Place, StoredItem};
use eddyline_engine::{Key, Which};
use uuid::Uuid;

use crate::assistants::{Assistant, AssistantVersion, ListVersions};
use crate::runs::{ListRuns, Run, RunStatus};
use crate::stream::Entry;
use crate::threads::{SearchThreads, Thread, ThreadFilter, ThreadPage, ThreadTtl, ThreadUsage};
use crate::webhooks::Delivery;

pub use crons::{CronChange, ReadCrons};
pub use eddyline_engine::StorageError as Error;
pub(crate) use lineage::Lineages;
pub use memory::MemoryStorage;
#[cfg(all(feature = "sqlite", any(test, feature = "fuzz")))]
#[doc(hidden)]
pub use sqlite::fuzz;
#[cfg(feature = "sqlite")]
pub use sqlite::{BackupError, OpenError, SqliteStorage, backup};
pub use webhooks::{ReadWebhooks, WebhookChange};

/// A result of storage.
pub type Result<T> = std::result::Result<T, Error>;

/// Reads what is stored.
///
/// Each call sees one moment: everything whose write was answered before, and nothing of a transaction that
/// is not.
pub trait Read: ReadCrons + ReadWebhooks + Send {
    /// The thread and its epoch, if it exists.
    fn thread(&mut self, thread_id: Uuid) -> Result<Option<StoredThread>>;

    /// A page of the threads that a filter means.
    fn search_threads(&mut self, request: &SearchThreads) -> Result<ThreadPage>;

    /// How many threads a filter means.
    fn count_threads(&mut self, filter: &ThreadFilter) -> Result<usize>;

    /// At most `limit` threads that expired before `now` and are not busy, those first that did so first.
    fn expired_threads(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Uuid>>;

    /// How much room a thread takes; `None` when there is no such thread.
    fn usage(&mut self, thread_id: Uuid) -> Result<Option<ThreadUsage>>;

    /// A run of a thread, if it exists.
    fn run(&mut self, thread_id: Uuid, run_id: Uuid) -> Result<Option<Run>>;

    /// The runs of a thread, newest first; `None` when there is no such thread.
    fn runs(&mut self, request: ListRuns) -> Result<Option<Vec<Run>>>;

    /// The threads that have open runs, or whose record says that they are `busy`, each once: those that a runtime
    /// takes up when it starts.
    fn open_threads(&mut self) -> Result<Vec<Uuid>>;

    /// The thread of a run, if there is such a run.
    fn thread_of(&mut self, run_id: Uuid) -> Result<Option<Uuid>>;

    /// The open runs of a thread, oldest first.
    fn open_runs(&mut self, thread_id: Uuid) -> Result<Vec<Run>>;

    /// The threads whose metadata names the assistant as `assistant_id`; in no order.
    fn threads_of_assistant(&mut self, assistant_id: Uuid) -> Result<Vec<Uuid>>;

    /// All assistants, in no order.
    fn assistants(&mut self) -> Result<Vec<StoredAssistant>>;

    /// A version of an assistant, if both exist.
    fn assistant_version(&mut self, assistant_id: Uuid, version: u64) -> Result<Option<AssistantVersion>>;

    /// The versions of an assistant, newest first; none when there is no such assistant.
    fn assistant_versions(&mut self, request: &ListVersions) -> Result<Vec<AssistantVersion>>;

    /// The newest checkpoint of the graph level `ns` that `which` allows, with its writes ordered by path,
    /// task and index.
    fn checkpoint(&mut self, thread_id: Uuid, ns: &Key, which: Which) -> Result<Option<Saved>>;

    /// The checkpoints of a graph level, newest first, each with its writes as [`checkpoint`](Self::checkpoint)
    /// gives them: at most `limit`, and only those that are older than `before`.
    fn history(
        &mut self,
        thread_id: Uuid,
        ns: &Key,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Saved>>;

    /// The facts of a thread that are kept, in their order.
    fn facts(&mut self, thread_id: Uuid) -> Result<Vec<Arc<Entry>>>;

    /// Whether there are facts of runs that are over since before then.
    fn has_old_facts(&mut self, before: Timestamp) -> Result<bool>;

    /// An item of the long-term store, if it exists at that time.
    fn item(&mut self, place: &Place, at: Timestamp) -> Result<Option<StoredItem>>;

    /// Items of the long-term store, best first as [`best_first`](eddyline_engine::store::best_first) has it.
    fn items(&mut self, find: &FindItems) -> Result<Vec<StoredItem>>;

    /// The namespaces of the items that exist at that time.
    fn namespaces(&mut self, list: &ListNamespaces, at: Timestamp) -> Result<Vec<Vec<String>>>;

    /// Whether there are items whose time is over.
    fn items_ended(&mut self, at: Timestamp) -> Result<bool>;
}

/// Writes, and reads what it wrote.
pub trait Storage: Send {
    /// Reads with the eyes of the writer.
    fn read(&mut self) -> &mut dyn Read;

    /// Opens readers that stand beside the writer and do not hold it up.
    fn readers(&self) -> Arc<dyn Readers>;

    /// Stores transactions in order, and answers each of them in that order.
    ///
    /// What is answered with `Ok` is durable. All changes of one transaction are kept, or none. One that fails
    /// leaves those of other threads alone, unless the storage itself is broken: then each unanswered one gets
    /// [`Error::Unknown`]. Later ones of the same [lineage](Transaction::lineage) fail with it, for they build on what
    /// is not there.
    ///
    /// A transaction whose epoch is older than that of its thread is refused with [`Error::Fenced`]. A newer epoch
    /// becomes that of the thread with the transaction that begins it; any other transaction of it is refused too, as
    /// what it builds on is not stored. A thread that is not there has the epoch 0.
    fn write(&mut self, batch: Vec<Transaction>) -> Vec<Result<()>>;
}

/// Opens readers.
pub trait Readers: Send + Sync {
    /// One more reader. It may be used on another OS thread than that of the writer, while the writer lives.
    fn open(&self) -> Result<Box<dyn Read>>;
}

/// A thread with the fence that keeps its former owners out.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredThread {
    /// The record.
    pub thread: Thread,
    /// Grows at every start of a run; 0 before the first.
    pub epoch: u64,
}

/// An assistant with the number of its newest version, which need not be the current one.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAssistant {
    /// The record.
    pub assistant: Assistant,
    /// No version has a greater number.
    pub newest_version: u64,
}

/// Changes that belong together.
#[derive(Clone, Debug)]
pub enum Transaction {
    /// Changes of one thread.
    Thread {
        /// Whose.
        thread_id: Uuid,
        /// In which epoch of its life.
        epoch: u64,
        /// Whether the epoch begins with it.
        begins: bool,
        /// What, in order.
        changes: Vec<Change>,
    },
    /// Changes of the long-term store, in order.
    Items(Vec<ItemChange>),
    /// A change of one assistant.
    Assistant(AssistantChange),
    /// Facts go of runs that are over since before a time. At most so many rows, of one or more facts each.
    SweepFacts(Timestamp, usize),
    /// Changes of crons, in order.
    Crons(Vec<CronChange>),
    /// Changes of what webhooks are owed, in order.
    Webhooks(Vec<WebhookChange>),
}

/// A change of an assistant.
#[derive(Clone, Debug)]
pub enum AssistantChange {
    /// The assistant is new, or takes the place of what there was; its former versions stay. Its version is
    /// made if it is not there, and otherwise stays as it was: it is what the assistant is from now on.
    Put(Arc<Assistant>),
    /// The assistant goes with all its versions and its crons, if it is there.
    Delete(Uuid),
}

impl Transaction {
    /// The thread and the epoch, if it holds commits, or facts and nothing else: later ones of these build on it.
    pub fn lineage(&self) -> Option<(Uuid, u64)> {
        let Self::Thread { thread_id, epoch, changes, .. } = self else { return None };
        let commits = changes.iter().any(|change| matches!(change, Change::Commit(_)));
        let only_facts =
            !changes.is_empty() && changes.iter().all(|change| matches!(change, Change::Facts { .. }));
        (commits || only_facts).then_some((*thread_id, *epoch))
    }
}

/// How a run stands now. Everything else of its record is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunMark {
    /// The run.
    pub run_id: Uuid,
    /// How it stands.
    pub status: RunStatus,
    /// How often it was picked up.
    pub attempt: u32,
    /// Since when.
    pub updated_at: Timestamp,
}

impl Transaction {
    /// Refuses an epoch that is not the one that is stored, and does not begin either.
    fn fence(epoch: u64, begins: bool, stored: u64) -> Result<()> {
        let fits = if begins { epoch >= stored } else { epoch == stored };
        if fits { Ok(()) } else { Err(Error::Fenced { epoch }) }
    }
}

impl RunMark {
    /// How `run` stands.
    pub fn of(run: &Run) -> Self {
        let Run { run_id, status, attempt, updated_at, .. } = *run;
        Self { run_id, status, attempt, updated_at }
    }

    /// Puts it on the record.
    pub fn on(self, run: &mut Run) {
        let Self { status, attempt, updated_at, .. } = self;
        run.status = status;
        run.attempt = attempt;
        run.updated_at = updated_at;
    }
}

/// One change of a thread.
#[derive(Clone, Debug)]
pub enum Change {
    /// The thread's record is new, or takes the place of what there was.
    PutThread(Thread),
    /// The run's record is new, or takes the place of what there was.
    PutRun(Run),
    /// How a run stands whose record is there. Of one that is not there it says nothing, and no epoch begins with it:
    /// then the transaction fails.
    MarkRun(RunMark),
    /// A moment of a run; how writes meet those that there are says [`Commit`].
    Commit(Commit),
    /// Something happened, in this order and after all that happened on the thread before. The oldest facts of the
    /// thread go when all of them weigh more than `budget`; the newest stay, whatever they weigh. The same facts again
    /// change nothing.
    Facts {
        /// What happened, in one run.
        entries: Vec<Arc<Entry>>,
        /// In bytes, as [`Entry::weight`] counts them.
        budget: usize,
    },
    /// The run's record goes, its facts, and on every graph level the checkpoints whose metadata has its id as
    /// `run_id`, with the writes that hang on them, and what it wrote beside checkpoints of others.
    DeleteRun(Uuid),
    /// The thread, which is new, becomes a copy of another as that is stored: it has its metadata, values,
    /// questions, checkpoints and writes, but no runs and no facts. What checkpoints say of their thread is said of this one. When
    /// the other is not there, neither is this one afterwards.
    CopyThread {
        /// The other.
        source: Uuid,
        /// When the copy is made.
        now: Timestamp,
        /// How long it is kept; what was said of the other holds for that alone.
        ttl: Option<ThreadTtl>,
    },
    /// Word of the end of a run is owed, as [`WebhookChange::Owe`] says; it stays when the thread goes.
    Owe(Box<Delivery>),
    /// All checkpoints go but the newest of the root and those that nested graphs made beside it, with the writes
    /// that hang on them.
    KeepLatest,
    /// Everything of the thread goes, its epoch and its crons included.
    DeleteThread,
}

/// One change of the long-term store.
#[derive(Clone, Debug)]
pub enum ItemChange {
    /// The item is new, or takes the place of what there was; it keeps the time at which that was made.
    Put(Box<NewItem>),
    /// The item goes, if it is there.
    Delete(Place),
    /// The item, if it exists and lives for a time, does so from then.
    Refresh(Place, Timestamp),
    /// Items go whose time was over then, at most so many.
    Sweep(Timestamp, usize),
}

/// Whether the newest checkpoint of a nested graph is one of the root's newest moment: it has the root's checkpoint
/// among its `parents`.
fn belongs_to(root: Uuid, parents: &[(Key, Uuid)]) -> bool {
    parents.iter().any(|(ns, id)| ns.is_empty() && *id == root)
}
