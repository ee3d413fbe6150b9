//! What becomes of a run when its reader goes away before it is told all.

use actix_web::rt;
use eddyline_runtime::{CancelAction, CancelRun, Handle, Run};
use futures_util::{Stream, StreamExt as _, stream};

use super::request::Served;
use crate::Shutdown;

/// Cancels a run when it is dropped, unless the run was told to its end or the server is ending.
///
/// Held by the body of an answer: a connection that breaks takes its body with it.
pub(super) struct Leaving {
    cancels: Option<(Handle, CancelRun)>,
    stop: Shutdown,
}

impl Leaving {
    /// What a reader of `run` asked for; without somebody who `cancels` it, its leaving changes nothing.
    pub(super) fn new(run: &Run, cancels: Option<Handle>, served: &Served) -> Self {
        let request = || CancelRun {
            thread_id: run.thread_id,
            run_id: run.run_id,
            action: CancelAction::Interrupt,
            reason: "client disconnected from the run stream (on_disconnect=cancel)".to_owned(),
            wait: false,
        };
        Self { cancels: cancels.map(|runtime| (runtime, request())), stop: served.stop.clone() }
    }

    /// All was told: there is nothing to cancel any more.
    pub(super) fn told(&mut self) {
        self.cancels = None;
    }

    /// Watches a stream that tells a run.
    pub(super) fn watch<T>(mut self, told: impl Stream<Item = T>) -> impl Stream<Item = T> {
        told.chain(stream::poll_fn(move |_| {
            self.told();
            std::task::Poll::Ready(None)
        }))
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some((runtime, request)) = self.cancels.take().filter(|_| !self.stop.has_begun()) {
            rt::spawn(async move {
                // A run that is over meanwhile needs no cancelling.
                if let Err(error) = runtime.cancel(request).await {
                    tracing::debug!(code = error.code(), "a run was not cancelled when its reader left");
                }
            });
        }
    }
}
