//! What storage and its readers are told.

use actix::Message;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Answer;
use crate::storage::{Change, Error, Read, Result, Transaction};

/// Stores a transaction with those that wait, soon.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Put {
    pub(crate) transaction: Transaction,
    pub(crate) answer: Answer,
}

impl Put {
    /// The message, and where its answer comes.
    pub(crate) fn new(transaction: Transaction) -> (Self, impl Future<Output = Result<()>> + Send + 'static) {
        let (answer, stored) = Answer::awaited();
        (Self { transaction, answer }, stored)
    }
}

/// Stores what was gathered. Storage says it to itself.
#[derive(Clone, Copy, Debug, Default, Message)]
#[rtype(result = "()")]
pub(crate) struct Flush {
    /// True when what was gathered has waited for more.
    pub(crate) has_waited: bool,
}

/// Answers once everything that was put before is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct DrainStorage {
    pub(crate) reply: oneshot::Sender<()>,
}

/// What to look up. Many questions are one call of [`Read`]; each is asked in one place.
type Question<T> = Box<dyn FnOnce(&mut dyn Read) -> Result<T> + Send>;

/// What storage has to have stored before it looks something up, of that which was put before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// All of it.
    Everything,
    /// What changes this thread, which begins with what is found.
    Thread(Uuid),
    /// What changes the checkpoints of this thread.
    Checkpoints(Uuid),
}

impl After {
    /// True when the transaction has to be stored before.
    pub(crate) fn waits_for(self, transaction: &Transaction) -> bool {
        let (After::Thread(wanted) | After::Checkpoints(wanted)) = self else { return true };
        let Transaction::Thread { thread_id, changes, .. } = transaction else { return false };
        // What is said of thread and run, and what happened, is no checkpoint.
        let is_aside = |change: &Change| {
            use Change::{Facts, MarkRun, PutRun, PutThread};
            matches!(change, PutThread(_) | PutRun(_) | MarkRun(_) | Facts { .. })
        };
        let only_aside = matches!(self, After::Checkpoints(_)) && changes.iter().all(is_aside);
        *thread_id == wanted && !only_aside
    }
}

/// Looks something up. Storage answers after what was put before; readers answer from what is stored.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Look<T: Send + 'static> {
    after: After,
    read: Question<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send + 'static> Look<T> {
    /// The message, and where its answer comes.
    pub(crate) fn new(
        read: impl FnOnce(&mut dyn Read) -> Result<T> + Send + 'static,
    ) -> (Self, impl Future<Output = Result<T>> + Send + 'static) {
        let (reply, answer) = oneshot::channel();
        let gone = || Error::Failed { message: "storage ended before it answered".to_owned() };
        (Self { after: After::Everything, read: Box::new(read), reply }, async move {
            answer.await.unwrap_or_else(|_| Err(gone()))
        })
    }

    /// The same, when not everything that was put before matters.
    pub(crate) fn after(self, after: After) -> Self {
        Self { after, ..self }
    }

    /// What has to be stored before.
    pub(crate) fn when(&self) -> After {
        self.after
    }

    pub(crate) fn fail(self, error: Error) {
        // As below.
        let _ = self.reply.send(Err(error));
    }

    pub(crate) fn answer(self, storage: &mut dyn Read) {
        // Who asked may have ended meanwhile.
        let _ = self.reply.send((self.read)(storage));
    }
}

impl<T: Send + 'static> std::fmt::Debug for Look<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Look")
    }
}
