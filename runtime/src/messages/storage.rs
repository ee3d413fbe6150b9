//! What storage and its readers are told.

use actix::Message;
use tokio::sync::oneshot;

use super::Answer;
use crate::storage::{Error, Read, Result, Transaction};

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

/// What to look up. Many questions are one call of [`Read`]; each is asked in one place.
type Question<T> = Box<dyn FnOnce(&mut dyn Read) -> Result<T> + Send>;

/// Looks something up. Storage answers after everything that was put before; readers answer from what is stored.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Look<T: Send + 'static> {
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
        (Self { read: Box::new(read), reply }, async move { answer.await.unwrap_or_else(|_| Err(gone())) })
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
