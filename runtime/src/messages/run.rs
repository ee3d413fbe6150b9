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

/// Cancels the tasks of the run, and ends it once the last of them has let go; its commits stay.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct CancelTasks;

/// Stops the run where it stands, without waiting for its tasks; its commits stay.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct CutOff;
