//! The events of a run in the library itself.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::future::BoxFuture;

use super::Plan;
use super::pipe::Pipe;
use crate::driver::Finished;
use crate::error::RunError;
use crate::fact::Interest;
use crate::project::{Classic, Event};

/// A run that goes on as it is polled.
pub(super) struct Running {
    driver: Option<BoxFuture<'static, Finished>>,
    pipe: Arc<Pipe>,
    fold: Classic,
    ready: VecDeque<Event>,
    error: Option<RunError>,
    finished: Option<Finished>,
}

impl Running {
    pub(super) fn begin(plan: &Plan) -> Self {
        let fold = Classic::new(Arc::new(plan.config.clone()), plan.modes.clone(), plan.subgraphs);
        let (driver, pipe) = plan.start(Interest { facts: true, tokens: plan.modes.want_tokens() });
        Self { driver: Some(driver), pipe, fold, ready: VecDeque::new(), error: None, finished: None }
    }

    /// How the run ended, once the stream has.
    pub(super) fn finished(&self) -> Option<&Finished> {
        self.finished.as_ref()
    }

    /// Folds what has arrived; false when nothing had.
    fn take_in(&mut self) -> bool {
        let mut any = false;
        while let Some(fact) = self.pipe.pop() {
            self.ready.extend(self.fold.fold(&fact));
            any = true;
        }
        any
    }
}

impl Stream for Running {
    type Item = Result<Event, RunError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if self.take_in() {
                continue;
            }
            let Some(driver) = &mut self.driver else {
                return Poll::Ready(self.error.take().map(Err));
            };
            match driver.as_mut().poll(cx) {
                Poll::Ready(finished) => {
                    self.driver = None;
                    self.error.clone_from(&finished.error);
                    self.finished = Some(finished);
                    self.take_in();
                }
                Poll::Pending if self.take_in() => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
