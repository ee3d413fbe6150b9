//! A reader: looks things up for clients, beside the writer, on an OS thread that may block.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::{Actor, Handler, SyncContext};

use crate::messages::Look;
use crate::storage::{Read, Readers};

/// Holds a connection that only reads, opened with its first use.
///
/// Readers share one queue, which is bounded by those who ask: each waits for its answer.
pub(crate) struct ReaderActor {
    readers: Arc<dyn Readers>,
    open: Option<Box<dyn Read>>,
}

impl ReaderActor {
    pub(crate) fn new(readers: Arc<dyn Readers>) -> Self {
        Self { readers, open: None }
    }
}

impl Actor for ReaderActor {
    type Context = SyncContext<Self>;
}

impl<T: Send + 'static> Handler<Look<T>> for ReaderActor {
    type Result = ();

    fn handle(&mut self, look: Look<T>, _: &mut Self::Context) {
        let open = self.open.take().map_or_else(|| self.readers.open(), Ok);
        let mut reader = match open {
            Ok(reader) => reader,
            Err(error) => return look.fail(error),
        };
        // A panic would end this OS thread for good. What was read by is dropped with it, and who asked hears of it.
        let answered = catch_unwind(AssertUnwindSafe(|| look.answer(&mut *reader)));
        if answered.is_ok() {
            self.open = Some(reader);
        } else {
            tracing::error!("a reader of storage panicked; it is opened again");
        }
    }
}
