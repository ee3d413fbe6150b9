//! Storage, alone on its arbiter: nobody else lives there, so it may block.
//!
//! A write is only gathered when it comes. Storage says `Flush` to itself, which it hears once its mailbox has
//! drained; then everything that has gathered is stored together and each writer gets its own answer.

use actix::{Actor, AsyncContext, Context, Handler};

use crate::messages::{Answer, DrainStorage, Flush, Look, Put};
use crate::storage::{Storage, Transaction};

/// Holds the only connection that writes.
///
/// Its queue is bounded by its writers: a run has two unanswered commits at most, a client's order one write.
pub(crate) struct StorageActor {
    storage: Box<dyn Storage>,
    batch: Vec<Transaction>,
    answers: Vec<Answer>,
    limit: usize,
}

impl StorageActor {
    /// `limit` transactions are stored together at most.
    pub(crate) fn new(storage: Box<dyn Storage>, limit: usize) -> Self {
        Self { storage, batch: Vec::new(), answers: Vec::new(), limit: limit.max(1) }
    }

    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let answers = std::mem::take(&mut self.answers);
        let results = self.storage.write(std::mem::take(&mut self.batch));
        // A result that is missing leaves its answer to be dropped, which says that the outcome is unknown.
        for (answer, result) in answers.into_iter().zip(results) {
            answer.give(result);
        }
    }
}

impl Actor for StorageActor {
    type Context = Context<Self>;
}

impl Handler<Put> for StorageActor {
    type Result = ();

    fn handle(&mut self, Put { transaction, answer }: Put, ctx: &mut Self::Context) {
        if self.batch.is_empty() {
            ctx.notify(Flush);
        }
        self.batch.push(transaction);
        self.answers.push(answer);
        if self.batch.len() >= self.limit {
            self.flush();
        }
    }
}

impl Handler<Flush> for StorageActor {
    type Result = ();

    fn handle(&mut self, _: Flush, _: &mut Self::Context) {
        self.flush();
    }
}

impl Handler<DrainStorage> for StorageActor {
    type Result = ();

    fn handle(&mut self, DrainStorage { reply }: DrainStorage, _: &mut Self::Context) {
        self.flush();
        // Who asked may have given up waiting.
        let _ = reply.send(());
    }
}

/// For those who write: what was put before is stored first, if they have to see it. The batch is not cut short for
/// anybody else.
impl<T: Send + 'static> Handler<Look<T>> for StorageActor {
    type Result = ();

    fn handle(&mut self, look: Look<T>, _: &mut Self::Context) {
        if self.batch.iter().any(|transaction| look.waits_for(transaction)) {
            self.flush();
        }
        look.answer(self.storage.read());
    }
}
