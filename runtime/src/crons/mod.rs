//! Crons: runs that start by themselves at the times that a schedule says.
//!
//! Data and rules only: what a cron is, when it is due, and what run it starts. Who keeps crons and changes them is
//! the crons' actor; who looks at the clock and starts the runs is the `ticker`.

mod schedule;
mod search;
mod ticker;

use eddyline_engine::ids::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::Error;
use crate::runs::{IfNotExists, OnCompletion, StartRun};

pub(crate) use schedule::Schedule;
pub use search::{CronFilter, CronPage, SearchCrons, SortCrons};
pub(crate) use ticker::tick_for_ever;

/// A tick that comes so much later than it was due, in microseconds, was missed: the end of its cron counts then.
const LATE: i64 = 60_000_000;

/// A request for a cron.
///
/// ```
/// use eddyline_runtime::{CreateCron, CronTerms, StartRun};
///
/// let terms = CronTerms {
///     timezone: Some("Europe/Berlin".to_owned()),
///     ..CronTerms::new("0 9 * * MON-FRI", StartRun::new("agent"))
/// };
/// let request = CreateCron { thread_id: None, terms };
/// # let _ = request;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CreateCron {
    /// The thread on which its runs work; `None` for a new one each time.
    pub thread_id: Option<Uuid>,
    /// When it runs what.
    pub terms: CronTerms,
}

/// What can be said about a cron, and said anew.
#[derive(Clone, Debug, PartialEq)]
pub struct CronTerms {
    /// When it runs: `minute hour day month weekday`, and if need be `second` and `year` after them; or an alias
    /// such as `@daily`. A cron with a day and a weekday runs on both.
    pub schedule: String,
    /// In which time zone the schedule is read, by its IANA name; `None` for UTC.
    pub timezone: Option<String>,
    /// After that it runs no more.
    pub end_time: Option<Timestamp>,
    /// Whether it runs at all.
    pub enabled: bool,
    /// What becomes of the threads that its runs make for themselves; says nothing of a cron of a thread.
    pub on_completion: OnCompletion,
    /// What clients say about it; its runs have it too.
    pub metadata: Map<String, Value>,
    /// What it runs. Thread, metadata and completion are those of the cron.
    pub run: StartRun,
    /// How a client said all this, to be told again; nothing here reads it.
    pub payload: Map<String, Value>,
}

impl CronTerms {
    /// A cron that runs `run` by a schedule in UTC, for good.
    pub fn new(schedule: impl Into<String>, run: StartRun) -> Self {
        Self {
            schedule: schedule.into(),
            timezone: None,
            end_time: None,
            enabled: true,
            on_completion: OnCompletion::default(),
            metadata: Map::new(),
            run,
            payload: Map::new(),
        }
    }

    /// Its times. Fails with [`Error::Invalid`].
    pub(crate) fn times(&self) -> Result<Schedule, Error> {
        Schedule::new(&self.schedule, self.timezone.as_deref())
    }
}

/// A cron, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    /// Who it is; sorts by creation.
    pub cron_id: Uuid,
    /// The assistant that its runs work for.
    pub assistant_id: Uuid,
    /// The thread on which its runs work; `None` for a new one each time.
    pub thread_id: Option<Uuid>,
    /// When it runs what.
    pub terms: CronTerms,
    /// When its schedule is met next, whether it is enabled or not; `None` when it never is again.
    pub next_run_date: Option<Timestamp>,
    /// The run of a tick that was taken, until it is known that the run is stored or refused.
    pub owed: Option<Uuid>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a client changed it last.
    pub updated_at: Timestamp,
}

impl Cron {
    /// A new one. Fails with [`Error::Invalid`] when the schedule is none, or never met.
    pub(crate) fn new(
        (cron_id, assistant_id): (Uuid, Uuid),
        request: CreateCron,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let CreateCron { thread_id, terms } = request;
        let next_run_date = Some(terms.times()?.first(now)?);
        Ok(Self {
            cron_id,
            assistant_id,
            thread_id,
            terms,
            next_run_date,
            owed: None,
            created_at: now,
            updated_at: now,
        })
    }

    /// When it has to run next; `None` when it is not enabled, or over.
    pub fn due(&self) -> Option<Timestamp> {
        let in_time = |next: &Timestamp| self.terms.end_time.is_none_or(|end| *next <= end);
        self.next_run_date.filter(in_time).filter(|_| self.terms.enabled)
    }

    /// The cron under other terms. One whose times are others, or that is enabled anew, begins now: what it missed
    /// before is not made up for. Fails as [`new`](Self::new) does.
    pub(crate) fn revised(&self, terms: CronTerms, now: Timestamp) -> Result<Self, Error> {
        let begins = terms.schedule != self.terms.schedule
            || terms.timezone != self.terms.timezone
            || (terms.enabled && !self.terms.enabled);
        let next_run_date = if begins { Some(terms.times()?.first(now)?) } else { self.next_run_date };
        Ok(Self { terms, next_run_date, updated_at: now, ..self.clone() })
    }

    /// Takes the tick that is due, if one is: its run is owed from then on, and the cron waits for its next time after
    /// now. However many times have passed, there is one run; and none when they passed unseen, as those of a server
    /// that was down, and the end of the cron did too.
    pub(crate) fn tick(&mut self, run_id: Uuid, now: Timestamp) {
        let Some(due) = self.due().filter(|due| *due <= now) else { return };
        let is_over = self.terms.end_time.is_some_and(|end| end < now);
        if !(is_over && now.0 - due.0 >= LATE) {
            self.owed = Some(run_id);
        }
        self.advance(now);
    }

    /// The run that was owed is stored or refused. One that stands for ticks that were missed since has them pass.
    pub(crate) fn settle(&mut self, makes_up: bool, now: Timestamp) {
        self.owed = None;
        if makes_up && self.due().is_some_and(|due| due <= now) {
            self.advance(now);
        }
    }

    fn advance(&mut self, now: Timestamp) {
        // It was a schedule when it was taken in; a time zone may be gone with the machine's data.
        self.next_run_date = self.terms.times().ok().and_then(|times| times.after(now));
    }

    /// The run that it starts.
    pub(crate) fn request(&self) -> StartRun {
        let CronTerms { on_completion, metadata, run, .. } = &self.terms;
        StartRun {
            thread_id: self.thread_id,
            assistant: self.assistant_id.to_string(),
            metadata: metadata.clone(),
            on_completion: *on_completion,
            if_not_exists: IfNotExists::Reject,
            attended: false,
            cron_id: Some(self.cron_id),
            ..run.clone()
        }
    }
}

#[cfg(test)]
mod tests;
