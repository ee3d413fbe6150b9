//! Storage, alone on its arbiter: nobody else lives there, so it may block.
//!
//! A write is only gathered when it comes. Storage says `Flush` to itself, which it hears once its mailbox has
//! drained; then everything that has gathered is stored together and each writer gets its own answer.
//!
//! Writers who were answered together tend to come back together, a little apart. So a batch that is smaller than the
//! one before waits for a moment: much shorter than it takes to sync a batch, and long enough to spare another.

use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler};

use crate::messages::{After, Answer, DrainStorage, Flush, Look, Put};
use crate::storage::{Lineages, Storage, Transaction};

/// How long a batch waits for those who may still come.
const MOMENT: Duration = Duration::from_micros(300);

/// Holds the only connection that writes.
///
/// Its queue is bounded by its writers: each graph level of a run has a handful of unanswered commits at
/// most (the engine's `saver` says how many), a client's order one write.
pub(crate) struct StorageActor {
    storage: Box<dyn Storage>,
    batch: Vec<Transaction>,
    answers: Vec<Answer>,
    limit: usize,
    /// How many were stored together last.
    last: usize,
    /// What was refused, so that nothing is built on it.
    lineages: Lineages,
    /// How long the next batch gathers, when that is not up to the mailbox.
    pace: Option<Pace>,
}

/// Says for each batch how long it gathers.
pub(crate) type Pace = Box<dyn FnMut() -> Duration + Send>;

impl StorageActor {
    /// `limit` transactions are stored together at most.
    pub(crate) fn new(storage: Box<dyn Storage>, limit: usize, pace: Option<Pace>) -> Self {
        Self {
            storage,
            batch: Vec::new(),
            answers: Vec::new(),
            limit: limit.max(1),
            last: 0,
            lineages: Lineages::default(),
            pace,
        }
    }

    /// Has the batch that begins stored soon.
    fn flush_soon(&mut self, ctx: &mut Context<Self>) {
        match &mut self.pace {
            None => ctx.notify(Flush::default()),
            Some(pace) => {
                ctx.notify_later(Flush { has_waited: true }, pace());
            }
        }
    }

    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        self.last = self.batch.len();
        let answers = std::mem::take(&mut self.answers);
        let batch = std::mem::take(&mut self.batch);
        let lineages: Vec<_> = batch.iter().map(Transaction::lineage).collect();
        let results = self.storage.write(batch);
        // A result that is missing leaves its answer to be dropped, which says that the outcome is unknown.
        for ((answer, result), lineage) in answers.into_iter().zip(results).zip(lineages) {
            self.lineages.note(lineage, &result);
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
        if let Err(error) = self.lineages.admit(&transaction) {
            return answer.give(Err(error));
        }
        if self.batch.is_empty() {
            self.flush_soon(ctx);
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

    fn handle(&mut self, Flush { has_waited }: Flush, ctx: &mut Self::Context) {
        if has_waited || self.batch.len() >= self.last {
            return self.flush();
        }
        // Nobody else lives on this arbiter.
        std::thread::sleep(MOMENT);
        // What came meanwhile stands in the mailbox before it.
        ctx.notify(Flush { has_waited: true });
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
        if self.batch.iter().any(|transaction| look.when().waits_for(transaction)) {
            self.flush();
        }
        if let After::Thread(thread_id) = look.when() {
            self.lineages.forget(thread_id);
        }
        look.answer(self.storage.read());
    }
}
