//! What a supervisor is told.

use actix::Message;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::access::Rows;

/// An order of a client to a thread.
pub(crate) trait ThreadOrder: Message<Result = ()> + Send + 'static {
    /// Where the thread is from, if it is not awake.
    fn origin(&self) -> Origin {
        Origin::Stored
    }

    /// Answers as if there were no such thread: it is one that whoever orders this must not know of.
    fn refuse(self, thread_id: Uuid);
}

/// Where a thread is from that has to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From storage, if there is such a thread.
    Stored,
    /// From nowhere: its id was just drawn.
    New,
    /// The same, and it is there for one run only, and not stored.
    Temporary,
}

/// Passes an order on to its thread, which is woken or made first.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Forward<M: ThreadOrder> {
    pub(crate) thread_id: Uuid,
    /// The thread carries the order out if it is one of these.
    pub(crate) rows: Rows,
    pub(crate) message: M,
}

/// An order as it comes to its thread.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Among<M: ThreadOrder> {
    pub(crate) rows: Rows,
    pub(crate) order: M,
}

/// A thread has nothing to do and would like to go to sleep.
///
/// The supervisor lets it, unless it has sent it an order that the thread had not seen when it asked.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Sleepy {
    pub(crate) thread_id: Uuid,
    /// Which of the actors that this thread had: it may have asked twice, and its successor be awake.
    pub(crate) life: u64,
    /// How many orders it has seen in its life.
    pub(crate) seen: u64,
}

/// A thread has ended, in whatever way.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ThreadGone {
    pub(crate) thread_id: Uuid,
    /// Which of the actors that this thread had.
    pub(crate) life: u64,
    /// True when it panicked, or storage did not take what it had to store: there may be runs that nobody goes on with.
    pub(crate) in_disorder: bool,
}

/// Ends all threads in order; answers when the last is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct StopThreads {
    pub(crate) reply: oneshot::Sender<()>,
}
