//! A reader: looks things up for clients, beside the writer, on an OS thread that may block.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::{Actor, Addr, Handler, SyncArbiter, SyncContext};

use crate::messages::Look;
use crate::storage::{Read, Readers};

/// Where readers are asked.
#[derive(Clone)]
pub(crate) enum ReaderPool {
    /// On OS threads of their own.
    Beside(Addr<ReaderActor>),
    /// Where one is asked, for a runtime that has no OS thread of its own.
    #[cfg(any(test, feature = "test-util"))]
    Here(Arc<dyn Readers>),
}

impl ReaderPool {
    /// Readers on so many OS threads, which end when nobody holds the pool any more.
    pub(crate) fn start(count: usize, readers: Arc<dyn Readers>) -> Self {
        Self::Beside(SyncArbiter::start(count.max(1), move || ReaderActor::new(Arc::clone(&readers))))
    }

    /// Has one of them look something up.
    pub(crate) fn do_send<T: Send + 'static>(&self, look: Look<T>) {
        match self {
            Self::Beside(readers) => readers.do_send(look),
            #[cfg(any(test, feature = "test-util"))]
            Self::Here(readers) => match readers.open() {
                Ok(mut reader) => look.answer(&mut *reader),
                Err(error) => look.fail(error),
            },
        }
    }
}

/// Holds a connection that only reads, opened with its first use.
///
/// Readers share one queue, which is bounded by those who ask: each waits for its answer.
pub(crate) struct ReaderActor {
    readers: Arc<dyn Readers>,
    open: Option<Box<dyn Read>>,
}

impl ReaderActor {
    fn new(readers: Arc<dyn Readers>) -> Self {
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
