//! What storage is told.

use actix::Message;
use eddyline_engine::checkpoint::Saved;
use eddyline_engine::{Key, Which};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Answer, Reply};
use crate::runs::{ListRuns, Run};
use crate::storage::{Result, StoredThread, Transaction};
use crate::threads::Thread;

/// Stores a transaction with those that wait, soon.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Put {
    pub(crate) transaction: Transaction,
    pub(crate) answer: Answer,
}

/// Stores what was gathered. Storage says it to itself.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Flush;

/// Answers once everything that was put before is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct DrainStorage {
    pub(crate) reply: oneshot::Sender<()>,
}

/// Reads the threads that have open runs.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ReadOpenThreads {
    pub(crate) reply: oneshot::Sender<Result<Vec<Uuid>>>,
}

/// What a thread's actor begins with.
#[derive(Debug)]
pub(crate) struct Woken {
    pub(crate) stored: StoredThread,
    /// Runs that wait or were under way when the thread's actor ended, oldest first.
    pub(crate) open: Vec<Run>,
}

/// Reads a thread for its actor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct WakeThread {
    pub(crate) thread_id: Uuid,
    pub(crate) reply: oneshot::Sender<Result<Option<Woken>>>,
}

/// Reads a thread for a client.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ReadThread {
    pub(crate) thread_id: Uuid,
    pub(crate) reply: Reply<Option<Thread>>,
}

/// Reads a run for a client.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ReadRun {
    pub(crate) thread_id: Uuid,
    pub(crate) run_id: Uuid,
    pub(crate) reply: Reply<Option<Run>>,
}

/// Reads the runs of a thread for a client; answers `None` if there is no such thread.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ReadRuns {
    pub(crate) request: ListRuns,
    pub(crate) reply: Reply<Option<Vec<Run>>>,
}

/// Reads a checkpoint with its writes, for a run or a reader of states.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ReadCheckpoint {
    pub(crate) thread_id: Uuid,
    pub(crate) ns: Key,
    pub(crate) which: Which,
    pub(crate) reply: oneshot::Sender<Result<Option<Saved>>>,
}

/// Reads checkpoints of a graph level with their writes for a reader of states, newest first.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ReadCheckpoints {
    pub(crate) thread_id: Uuid,
    pub(crate) ns: Key,
    /// Only older ones.
    pub(crate) before: Option<Uuid>,
    pub(crate) limit: usize,
    pub(crate) reply: oneshot::Sender<Result<Vec<Saved>>>,
}
