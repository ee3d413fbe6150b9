//! What a broker is told.

use actix::Message;
use eddyline_engine::fact::Fact;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::runs::Begin;
use crate::stream::feed::Feed;
use crate::stream::{Batch, SubscriberId};

/// Takes in the facts of a run, after those of every run attached before.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Attach {
    /// The thread's epoch, which owns the numbers of the facts.
    pub(crate) epoch: u64,
    pub(crate) feed: Feed,
}

/// Takes in a fact that belongs to no run. What it describes is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Tell {
    /// The thread's epoch, which owns the number of the fact.
    pub(crate) epoch: u64,
    pub(crate) fact: Fact,
}

/// Adds a listener. It was counted in the demand already.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Subscribe {
    pub(crate) subscriber: SubscriberId,
    pub(crate) batches: mpsc::Sender<Batch>,
    pub(crate) run: Option<Uuid>,
    pub(crate) begin: Begin,
    /// True when nothing more will happen in that run.
    pub(crate) over: bool,
    pub(crate) tokens: bool,
}

/// Hands listeners what they have not seen. The broker says it to itself.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct PushAll;

/// The listener has taken a batch and is ready for the next. One for each batch.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Ready {
    pub(crate) subscriber: SubscriberId,
}

/// The listener has gone.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Unsubscribe {
    pub(crate) subscriber: SubscriberId,
}

/// Nothing happens any more in a run that never began.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct NeverBegan {
    pub(crate) run_id: Uuid,
}

/// Ends every stream once the attached runs have told all, hands over what is left, and stops the broker.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct CloseStreams;
