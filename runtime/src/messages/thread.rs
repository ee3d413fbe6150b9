//! What a thread is told.

use std::sync::Arc;

use actix::{Message, WeakAddr};
use eddyline_engine::checkpoint::{Commit, Saved};
use eddyline_engine::fact::Failure;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

use super::{Answer, Origin, Reply, ThreadOrder};
use crate::access::Rows;
use crate::actors::BrokerActor;
use crate::assistants::Assistant;
use crate::error::Error;
use crate::runs::{CancelRun, Listen, Run, StartRun};
use crate::standing::Standing;
use crate::state::{CheckpointAddress, UpdateState};
use crate::storage::{Change, Error as StorageError, Result};
use crate::stream::demand::Demand;
use crate::stream::{Entry, Subscription};
use crate::threads::{IfExists, Thread, Ttl};

/// Makes the thread; answers when it is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct MakeThread {
    pub(crate) origin: Origin,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) if_exists: IfExists,
    pub(crate) reply: Reply<Thread>,
}

/// Takes in a run; answers when it is stored, with a subscription to it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SubmitRun {
    pub(crate) run_id: Uuid,
    pub(crate) assistant: Arc<Assistant>,
    pub(crate) origin: Origin,
    pub(crate) request: Box<StartRun>,
    pub(crate) reply: Reply<(Run, Subscription)>,
}

/// Subscribes to the thread or to one of its runs.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Join {
    pub(crate) request: Listen,
    /// Whether to wait for a thread that does not exist.
    pub(crate) waits: bool,
    /// If the thread comes, and is none of these, nothing of it is told.
    pub(crate) rows: Rows,
    pub(crate) reply: Reply<Subscription>,
}

/// Changes the state by hand; answers when it is stored, with the new checkpoint.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ReviseState {
    pub(crate) update: Uuid,
    pub(crate) request: Box<UpdateState>,
    pub(crate) reply: Reply<CheckpointAddress>,
}

/// Changes what is said about the thread; answers when it is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Describe {
    pub(crate) metadata: Map<String, Value>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) reply: Reply<Thread>,
}

/// Cancels a run; answers when the request says.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Cancel {
    pub(crate) request: CancelRun,
    pub(crate) reply: Reply<()>,
}

/// Deletes a run, which is cancelled first; answers when it is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ForgetRun {
    pub(crate) run_id: Uuid,
    pub(crate) reply: Reply<()>,
}

/// Deletes the thread, whose runs are cancelled first; answers when it is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ForgetThread {
    pub(crate) reply: Reply<()>,
}

/// Makes the thread as a copy of another, as that is stored; answers when it is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct BecomeCopy {
    pub(crate) source: Uuid,
    pub(crate) reply: Reply<Thread>,
}

/// Drops all checkpoints but the newest; answers when they are gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct KeepLatest {
    pub(crate) reply: Reply<()>,
}

/// Does what the time to live says, if it is over; answers when that is done.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Expire {
    pub(crate) reply: Reply<()>,
}

/// Be awake, so that open runs go on; finding them is part of waking.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Resume {
    /// Bounds how many threads wake at once when a runtime starts.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// Refuses orders as if the thread were not there.
macro_rules! not_found {
    ($($order:ty),*) => {$(
        impl ThreadOrder for $order {
            fn refuse(self, thread_id: Uuid) {
                self.reply.send(Err(Error::ThreadNotFound { thread_id }));
            }
        }
    )*};
}

not_found!(BecomeCopy, Describe, Expire, ForgetThread, Join, KeepLatest, ReviseState);

impl ThreadOrder for Cancel {
    fn refuse(self, _: Uuid) {
        self.reply.send(Err(Error::NothingToCancel { run_id: self.request.run_id }));
    }
}

impl ThreadOrder for ForgetRun {
    fn refuse(self, _: Uuid) {
        self.reply.send(Err(Error::RunNotFound { run_id: self.run_id }));
    }
}

impl ThreadOrder for MakeThread {
    fn origin(&self) -> Origin {
        self.origin
    }

    /// That the id is taken cannot be kept from whoever wants it.
    fn refuse(self, thread_id: Uuid) {
        self.reply.send(Err(Error::ThreadExists { thread_id }));
    }
}

impl ThreadOrder for Resume {
    fn refuse(self, _: Uuid) {}
}

impl ThreadOrder for SubmitRun {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn refuse(self, thread_id: Uuid) {
        self.reply.send(Err(Error::ThreadNotFound { thread_id }));
    }
}

/// Stores a commit of a run. Refused when the epoch is not the thread's own.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct StoreCommit {
    pub(crate) epoch: u64,
    pub(crate) commit: Commit,
    /// What happened before it and is not stored yet, and what describes it.
    pub(crate) facts: Vec<Arc<Entry>>,
    /// Set when it is the last one of its run: how the run ends, which is stored with it.
    pub(crate) over: Option<Box<RunOver>>,
    pub(crate) answer: Answer,
}

/// Asks for the newest checkpoint of the root, after everything that was committed before.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ReadNewest {
    pub(crate) reply: oneshot::Sender<Result<Option<Saved>>>,
}

/// Stores what happened in a run while it makes no commit. Refused when the epoch is not the thread's own. One is
/// unanswered at most.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct StoreFacts {
    pub(crate) epoch: u64,
    pub(crate) facts: Vec<Arc<Entry>>,
    pub(crate) answer: Answer,
}

/// Reads what is stored of what happened before, and hands it to the broker. Asked once by each.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ReadPast {
    pub(crate) broker: WeakAddr<BrokerActor>,
}

/// Storage did not store the last commit of a run, and so neither how the run ended; or it does not know.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Unsealed {
    pub(crate) run_id: Uuid,
    pub(crate) error: StorageError,
    /// The run's, who has not heard of it.
    pub(crate) answer: Answer,
}

/// What became of the thread's deletion.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ThreadDeleted {
    pub(crate) result: Result<()>,
}

/// A run has ended. Told once by each run, by a dying one too.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct RunOver {
    pub(crate) run_id: Uuid,
    pub(crate) end: RunEnd,
    pub(crate) standing: Standing,
}

/// A run has ended that did not wait for its last commit; now it is known whether that is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct LastCommitKnown {
    pub(crate) over: RunOver,
    pub(crate) is_stored: bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RunEnd {
    /// No task was left.
    Done,
    /// Something follows: an answer is awaited, or a breakpoint was met.
    Paused,
    /// It failed.
    Failed(Failure),
    /// Somebody stopped it.
    Cancelled,
    /// It took too long.
    TimedOut,
    /// It was asked to stop, and can go on later.
    Drained,
    /// Its actor died, and said nothing.
    Died,
}

/// What a run came to is stored, or not.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Stored {
    pub(crate) run_id: Uuid,
    /// What was to be stored.
    pub(crate) changes: Vec<Change>,
    pub(crate) result: Result<()>,
}

/// Storage did not store what the thread takes for true: it has to begin again from what is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct WriteFailed {
    pub(crate) error: StorageError,
}

/// Nobody listens any more.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Unheard;

/// The broker has ended.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct StreamsClosed {
    /// Which it kept: a thread that was deleted and made again has another broker.
    pub(crate) demand: Arc<Demand>,
}

/// Go to sleep; no more orders will come.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct FallAsleep;

/// Let the run under way reach a commit, start no other, and end.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Drain;
