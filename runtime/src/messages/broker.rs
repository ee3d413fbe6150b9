//! What a broker is told.

use std::sync::Arc;

use actix::Message;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::access::Rows;
use crate::runs::Begin;
use crate::stream::feed::Feed;
use crate::stream::{Batch, Entry, SubscriberId};

/// Takes in the facts of a run, or of no run, after those of everything attached before.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Attach {
    /// The thread's epoch, which owns the numbers of the facts.
    pub(crate) epoch: u64,
    pub(crate) feed: Feed,
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
    /// Nothing is told of a thread that is none of these.
    pub(crate) rows: Rows,
}

/// The thread, for which listeners may have waited, is made, and this is said of it: some of them must not know of it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct IsHere {
    pub(crate) metadata: Map<String, Value>,
}

/// Hands listeners what they have not seen. The broker says it to itself.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct PushAll;

/// What is stored of what happened on the thread before.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Past {
    pub(crate) entries: Vec<Arc<Entry>>,
}

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
