//! What a run is told.

use actix::Message;
use eddyline_engine::node::{Attempt, AttemptEnd};
use tokio::sync::oneshot;

/// Runs an attempt at a task. Dropping the other end of `reply` cancels it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct StartAttempt {
    pub(crate) attempt: Attempt,
    pub(crate) reply: oneshot::Sender<AttemptEnd>,
}

/// Stops the run where it stands; its commits stay.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct CutOff;
