//! What actors say to each other: one type for each order and each fact, with what it asks and answers.
//!
//! Orders of clients carry a [`Reply`] with a permit, so their number is bounded by
//! [`Options::requests`](crate::Options::requests). All other messages are bounded by what they tell of:
//! an attempt, a commit, a run, a batch.

mod assistants;
mod broker;
mod crons;
mod run;
mod storage;
mod supervisor;
mod thread;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::error::Error;
use crate::storage::{Error as StorageError, Result as StorageResult};

pub(crate) use assistants::{ForgetAssistant, MakeAssistant, RestoreVersion, ReviseAssistant, ServeGraph};
pub(crate) use broker::{
    Attach, CloseStreams, IsHere, NeverBegan, Past, PushAll, Ready, Subscribe, Unsubscribe,
};
pub(crate) use crons::{ForgetCron, MakeCron, ReviseCron, SettleTicks, Settled, TakeTicks, Tick, Ticks};
pub(crate) use run::{CancelTasks, CutOff, StartAttempt};
pub(crate) use storage::{After, DrainStorage, Flush, Look, Put};
pub(crate) use supervisor::{Among, Forward, Origin, Sleepy, StopThreads, ThreadGone, ThreadOrder};
pub(crate) use thread::{
    BecomeCopy, Cancel, Describe, Drain, Expire, FallAsleep, ForgetRun, ForgetThread, Join, KeepLatest,
    LastCommitKnown, MakeThread, ReadNewest, ReadPast, Resume, ReviseState, RunEnd, RunOver, StoreCommit,
    StoreFacts, Stored, StreamsClosed, SubmitRun, ThreadDeleted, Unheard, Unsealed, WriteFailed,
};

/// Where a client waits for an answer. Dropped without one, the client reads [`Error::Lost`].
#[derive(Debug)]
pub(crate) struct Reply<T> {
    sender: oneshot::Sender<Result<T, Error>>,
    _permit: OwnedSemaphorePermit,
}

impl<T> Reply<T> {
    pub(crate) fn new(sender: oneshot::Sender<Result<T, Error>>, permit: OwnedSemaphorePermit) -> Self {
        Self { sender, _permit: permit }
    }

    /// Answers; a client that has gone away does not mind.
    pub(crate) fn send(self, answer: Result<T, Error>) {
        let _ = self.sender.send(answer);
    }
}

/// What to do once storage has answered. Dropped without an answer, it is told that the outcome is unknown.
pub(crate) struct Answer(Option<Box<dyn FnOnce(StorageResult<()>) + Send>>);

impl Answer {
    pub(crate) fn new(act: impl FnOnce(StorageResult<()>) + Send + 'static) -> Self {
        Self(Some(Box::new(act)))
    }

    /// An answer that somebody waits for, and where it comes.
    pub(crate) fn awaited() -> (Self, impl Future<Output = StorageResult<()>> + Send + 'static) {
        let (reply, answer) = oneshot::channel();
        // Who waited may have gone.
        let act = Self::new(move |result| drop(reply.send(result)));
        (act, async move { answer.await.expect("an answer is always given") })
    }

    /// Does what the one does, and then what the other does.
    pub(crate) fn both(one: Self, other: Self) -> Self {
        Self::new(move |result| {
            one.give(result.clone());
            other.give(result);
        })
    }

    pub(crate) fn give(mut self, result: StorageResult<()>) {
        if let Some(act) = self.0.take() {
            act(result);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(act) = self.0.take() {
            act(Err(StorageError::Unknown { message: "nobody answered".to_owned() }));
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer")
    }
}
