//! The listener's end of a tape.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix::{Handler, Message, WeakAddr};
use futures_util::Stream;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::actors::BrokerActor;
use crate::messages::{Ready, Unsubscribe};
use crate::stream::tape::Entry;

/// The facts of a thread, or of one of its runs, as they come: a stream of [`Delivery`].
///
/// Works on any executor. The broker sends the next batch when this end says that it is ready for it, so a
/// slow reader costs nobody anything; it loses its place only when the tape's budget passes it, and
/// then reads a [`Delivery::Gap`].
///
/// The stream of a run ends after its `RunEnded`; that of a thread when the thread's listeners are sent
/// away. Both end when the runtime shuts down.
///
/// Dropping it unsubscribes, and cancels nothing.
#[derive(Debug)]
#[must_use = "dropping a subscription unsubscribes"]
pub struct Subscription {
    id: SubscriberId,
    thread_id: Uuid,
    run_id: Option<Uuid>,
    batches: mpsc::Receiver<Batch>,
    batch: VecDeque<Delivery>,
    broker: WeakAddr<BrokerActor>,
}

/// Names a listener of one broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubscriberId(pub(crate) u64);

/// What the broker hands over at once.
pub(crate) type Batch = Vec<Delivery>;

/// How many batches fit between a broker and a listener: the one on its way, and the last of all, which a
/// broker that closes hands over without waiting. So there is always room.
pub(crate) const BATCHES: usize = 2;

/// What a listener gets.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// Something happened.
    Fact(Arc<Entry>),
    /// The listener was too slow and lost some of it.
    Gap(Gap),
    /// Everything before this had happened when the subscription began. Only for those who asked to begin
    /// [`OldestToPresent`](crate::Begin::OldestToPresent).
    Present,
}

/// A hole in what a listener sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The sequence number at which it goes on: that of the oldest fact still on the tape.
    pub resumes_at: u64,
}

impl Subscription {
    pub(crate) fn new(
        id: SubscriberId,
        thread_id: Uuid,
        run_id: Option<Uuid>,
        batches: mpsc::Receiver<Batch>,
        broker: WeakAddr<BrokerActor>,
    ) -> Self {
        Self { id, thread_id, run_id, batches, batch: VecDeque::new(), broker }
    }

    /// The thread.
    pub fn thread_id(&self) -> Uuid {
        self.thread_id
    }

    /// The run, if it is one run's events.
    pub fn run_id(&self) -> Option<Uuid> {
        self.run_id
    }

    /// The next delivery; `None` at the end. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Delivery> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        loop {
            if let Some(delivery) = self.batch.pop_front() {
                return Poll::Ready(Some(delivery));
            }
            match ready!(self.batches.poll_recv(context)) {
                Some(batch) => {
                    self.batch = batch.into();
                    // Bounded: one for each batch, and the next batch waits for it.
                    self.tell_broker(Ready { subscriber: self.id });
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Subscription {
    /// Unless the broker has handed over everything, and knows nothing of this subscription any more.
    fn tell_broker<M>(&self, message: M)
    where
        M: Message<Result = ()> + Send + 'static,
        BrokerActor: Handler<M>,
    {
        if !self.batches.is_closed()
            && let Some(broker) = self.broker.upgrade()
        {
            broker.do_send(message);
        }
    }
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.poll(context)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.tell_broker(Unsubscribe { subscriber: self.id });
    }
}
