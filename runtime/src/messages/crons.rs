//! What the crons' actor is told.

use std::fmt;

use actix::Message;
use eddyline_engine::ids::Timestamp;
use uuid::Uuid;

use super::Reply;
use crate::access::Rows;
use crate::crons::{CreateCron, Cron, CronTerms};
use crate::error::Error;

/// Makes a cron; answers when it is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct MakeCron {
    pub(crate) cron_id: Uuid,
    pub(crate) assistant_id: Uuid,
    pub(crate) request: CreateCron,
    pub(crate) reply: Reply<Cron>,
}

/// How the terms of a cron become others.
pub(crate) type Revision = Box<dyn FnOnce(&mut CronTerms) -> Result<(), Error> + Send>;

/// Changes a cron; answers when it is stored.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ReviseCron {
    pub(crate) cron_id: Uuid,
    /// It is not there if it is none of these.
    pub(crate) rows: Rows,
    pub(crate) revision: Revision,
    pub(crate) reply: Reply<Cron>,
}

impl fmt::Debug for ReviseCron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReviseCron").field("cron_id", &self.cron_id).finish_non_exhaustive()
    }
}

/// Deletes a cron; answers when it is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ForgetCron {
    pub(crate) cron_id: Uuid,
    /// It is not there if it is none of these.
    pub(crate) rows: Rows,
    pub(crate) reply: Reply<()>,
}

/// Takes the ticks that are due; answers when they are stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct TakeTicks {
    pub(crate) reply: Reply<Ticks>,
}

/// What is due.
#[derive(Debug)]
pub(crate) enum Ticks {
    /// These were taken; there may be more.
    Now(Vec<Tick>),
    /// Nothing before then, if nothing changes.
    Later(Timestamp),
    /// Nothing, if nothing changes.
    Never,
}

/// A cron and the run that it owes.
#[derive(Clone, Debug)]
pub(crate) struct Tick {
    pub(crate) cron: Cron,
    pub(crate) run_id: Uuid,
    /// Whether the tick was taken before, so that its run may be there.
    pub(crate) is_old: bool,
}

/// What these crons owed is stored or refused; answers when that is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SettleTicks {
    pub(crate) settled: Vec<Settled>,
    pub(crate) reply: Reply<()>,
}

/// A tick that is settled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    pub(crate) cron_id: Uuid,
    pub(crate) run_id: Uuid,
    /// Whether its run was started long after it was taken, and stands for the ticks since.
    pub(crate) makes_up: bool,
}
