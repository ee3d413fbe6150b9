//! Storage, alone on its arbiter: nobody else lives there, so it may block.
//!
//! A write is only gathered when it comes. Storage says `Flush` to itself, which it hears once its mailbox has
//! drained; then everything that has gathered is stored together and each writer gets its own answer.

use actix::{Actor, AsyncContext, Context, Handler};

use crate::error::Error;
use crate::messages::{
    Answer, DrainStorage, Flush, Put, ReadCheckpoint, ReadCheckpoints, ReadOpenThreads, ReadRun, ReadRuns,
    ReadThread, WakeThread, Woken,
};
use crate::storage::{self, Storage, Transaction};

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

    /// Reads after everything that was put before.
    fn read<T>(&mut self, read: impl FnOnce(&mut dyn Storage) -> storage::Result<T>) -> storage::Result<T> {
        self.flush();
        read(&mut *self.storage)
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

impl Handler<WakeThread> for StorageActor {
    type Result = ();

    fn handle(&mut self, WakeThread { thread_id, reply }: WakeThread, _: &mut Self::Context) {
        // The thread may have ended meanwhile.
        let _ = reply.send(self.read(|storage| {
            let Some(stored) = storage.thread(thread_id)? else { return Ok(None) };
            Ok(Some(Woken { stored, open: storage.open_runs(thread_id)? }))
        }));
    }
}

impl Handler<ReadOpenThreads> for StorageActor {
    type Result = ();

    fn handle(&mut self, ReadOpenThreads { reply }: ReadOpenThreads, _: &mut Self::Context) {
        // The runtime may be ending.
        let _ = reply.send(self.read(|storage| storage.open_threads()));
    }
}

impl Handler<ReadThread> for StorageActor {
    type Result = ();

    fn handle(&mut self, ReadThread { thread_id, reply }: ReadThread, _: &mut Self::Context) {
        let found = self.read(|storage| storage.thread(thread_id));
        reply.send(found.map(|found| found.map(|stored| stored.thread)).map_err(Error::from));
    }
}

impl Handler<ReadRun> for StorageActor {
    type Result = ();

    fn handle(&mut self, ReadRun { thread_id, run_id, reply }: ReadRun, _: &mut Self::Context) {
        reply.send(self.read(|storage| storage.run(thread_id, run_id)).map_err(Error::from));
    }
}

impl Handler<ReadRuns> for StorageActor {
    type Result = ();

    fn handle(&mut self, ReadRuns { request, reply }: ReadRuns, _: &mut Self::Context) {
        reply.send(self.read(|storage| storage.runs(request)).map_err(Error::from));
    }
}

impl Handler<ReadCheckpoint> for StorageActor {
    type Result = ();

    fn handle(&mut self, read: ReadCheckpoint, _: &mut Self::Context) {
        let ReadCheckpoint { thread_id, ns, which, reply } = read;
        // The run may have ended meanwhile.
        let _ = reply.send(self.read(|storage| storage.checkpoint(thread_id, &ns, which)));
    }
}

impl Handler<ReadCheckpoints> for StorageActor {
    type Result = ();

    fn handle(&mut self, read: ReadCheckpoints, _: &mut Self::Context) {
        let ReadCheckpoints { thread_id, ns, before, limit, reply } = read;
        // Who asked may have ended meanwhile.
        let _ = reply.send(self.read(|storage| storage.history(thread_id, &ns, before, limit)));
    }
}
