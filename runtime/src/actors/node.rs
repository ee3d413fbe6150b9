//! A node at work: one attempt at one task.
//!
//! The attempt's future runs on the node pool, or on an OS thread that may block; this shell waits for it, and
//! cancels it when nobody waits for the answer any more.

use actix::fut::wrap_future;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context};
use eddyline_engine::node::{Attempt, AttemptEnd, Placement};
use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinError, JoinHandle};

use crate::actors::tasks::Guard;
use crate::messages::StartAttempt;

/// Owns one attempt. Touches no channels.
pub(crate) struct NodeActor {
    /// Until it starts.
    order: Option<StartAttempt>,
    /// Dropped with the actor: until then the attempt may still do something.
    _guard: Guard,
    pool: Handle,
}

impl NodeActor {
    pub(crate) fn new(order: StartAttempt, guard: Guard, pool: Handle) -> Self {
        Self { order: Some(order), _guard: guard, pool }
    }
}

impl Actor for NodeActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let StartAttempt { attempt, reply } = self.order.take().expect("an actor starts once");
        if reply.is_closed() {
            return ctx.stop();
        }
        let (work, handle) = Work::start(attempt, &self.pool);
        let course = answer(handle, work, reply);
        ctx.spawn(wrap_future::<_, Self>(course).map(|(), _, ctx| ctx.stop()));
    }
}

/// Passes the attempt's end on, or cancels it when nobody waits for it any more. Ends when the attempt has.
async fn answer(handle: JoinHandle<AttemptEnd>, work: Work, mut reply: oneshot::Sender<AttemptEnd>) {
    let end = match select(handle, Box::pin(reply.closed())).await {
        Either::Left((end, _)) => end.unwrap_or_else(|error| lost(&error)),
        Either::Right(((), handle)) => {
            drop(work);
            // It may be in the midst of something until its next await.
            let _ = handle.await;
            return;
        }
    };
    // The driver may have gone in this very moment.
    let _ = reply.send(end);
}

fn lost(error: &JoinError) -> AttemptEnd {
    Attempt::lost(if error.is_panic() { "it panicked" } else { "it was cancelled" })
}

/// An attempt under way; dropping it cancels the attempt at its next await.
struct Work {
    task: AbortHandle,
    /// Ends a future that runs on a blocking thread, which an abort does not reach.
    _stop: oneshot::Sender<()>,
}

impl Work {
    fn start(attempt: Attempt, pool: &Handle) -> (Self, JoinHandle<AttemptEnd>) {
        let (stop, stopped) = oneshot::channel();
        let placement = attempt.placement;
        let future = attempt.into_future();
        let handle = match placement {
            Placement::Blocking => {
                let inside = pool.clone();
                pool.spawn_blocking(move || inside.block_on(unless(stopped, future)))
            }
            Placement::Pool | Placement::Inline => pool.spawn(future),
        };
        (Self { task: handle.abort_handle(), _stop: stop }, handle)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The future, or a lost attempt once the other end of `stopped` is gone.
async fn unless(
    stopped: oneshot::Receiver<()>,
    future: impl Future<Output = AttemptEnd> + Unpin,
) -> AttemptEnd {
    match select(future, stopped).await {
        Either::Left((end, _)) => end,
        Either::Right(_) => Attempt::lost("it was cancelled"),
    }
}
