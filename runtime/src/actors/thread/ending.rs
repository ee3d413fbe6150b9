//! What the end of a run changes in the records of run and thread.

use eddyline_engine::fact::Failure;
use eddyline_engine::ids::Timestamp;
use serde_json::json;

use crate::environment::Environment;
use crate::messages::{RunEnd, RunOver};
use crate::runs::{Run, RunStatus};
use crate::storage::{Change, RunMark};
use crate::threads::{Thread, ThreadStatus};
use crate::webhooks::{Delivery, EndedRun};

/// A run that has ended, with all that decides what follows.
pub(super) struct Ending<'a> {
    pub(super) environment: &'a Environment,
    pub(super) run: Run,
    pub(super) over: &'a RunOver,
    /// Why it was stopped, if it was.
    pub(super) reason: Option<&'a str>,
    /// Whether a run that was stopped takes back what it did.
    pub(super) rolls_back: bool,
    /// True when other runs wait.
    pub(super) more: bool,
    /// When its last attempt began, as far as that is known.
    pub(super) began: Timestamp,
    pub(super) now: Timestamp,
}

impl Ending<'_> {
    /// What to store, with the thread's record as it stands then.
    pub(super) fn changes(mut self, head: &mut Option<Thread>) -> Vec<Change> {
        let goes_on_stopping =
            self.over.end == RunEnd::Drained && matches!(self.run.status, RunStatus::Cancelling(_));
        if !goes_on_stopping {
            self.run.status = run_status(&self.over.end);
        }
        self.run.updated_at = self.now;
        let mut changes = self.records(head);
        changes.extend(self.owed(head.as_ref()).map(|delivery| Change::Owe(Box::new(delivery))));
        changes
    }

    /// The word that is owed of its end, if somebody asked for it.
    fn owed(&self, thread: Option<&Thread>) -> Option<Delivery> {
        let outbox = self.environment.outbox.as_ref().filter(|_| self.run.status.is_final())?;
        let failure = self.failure();
        let ended = EndedRun {
            run: &self.run,
            outcome: if self.rolls_back { "rollback" } else { self.run.status.as_str() },
            started_at: self.began,
            ended_at: self.now,
            values: thread.and_then(|thread| thread.values.as_ref()).filter(|_| !self.rolls_back),
            error: failure.as_ref(),
        };
        outbox.owe(self.environment.ids.ordered(), &ended)
    }

    /// Why it did not come to its end.
    fn failure(&self) -> Option<Failure> {
        match &self.over.end {
            RunEnd::Failed(failure) => Some(failure.clone()),
            RunEnd::TimedOut => Some(timed_out()),
            _ => self.reason.map(stopped),
        }
    }

    fn records(&self, head: &mut Option<Thread>) -> Vec<Change> {
        let Self { run, over, rolls_back, more, now, .. } = self;
        let (rolls_back, more, now) = (*rolls_back, *more, *now);
        if run.kwargs.temporary && run.status.is_final() {
            *head = None;
            return vec![Change::DeleteThread];
        }
        let Some(thread) = head else { return vec![Change::MarkRun(RunMark::of(run))] };
        thread.updated_at = now;
        if rolls_back {
            thread.status = if more { ThreadStatus::Busy } else { at_rest(thread) };
            return vec![Change::PutThread(thread.clone()), Change::DeleteRun(run.run_id)];
        }
        if run.status.is_final() {
            thread.state_updated_at = now;
            thread.metadata.insert("graph_id".to_owned(), json!(run.graph_id));
            thread.error = self.failure();
            if let Some(values) = &over.standing.values {
                thread.values = Some(values.clone());
                thread.interrupts.clone_from(&over.standing.interrupts);
            }
            thread.status = if more { ThreadStatus::Busy } else { thread_status(over, thread) };
        }
        vec![Change::PutThread(thread.clone()), Change::MarkRun(RunMark::of(run))]
    }
}

/// How a run stands after such an end. A pause is a success.
fn run_status(end: &RunEnd) -> RunStatus {
    match end {
        RunEnd::Done | RunEnd::Paused => RunStatus::Success,
        RunEnd::Failed(_) | RunEnd::Died => RunStatus::Error,
        RunEnd::Cancelled => RunStatus::Interrupted,
        RunEnd::TimedOut => RunStatus::Timeout,
        RunEnd::Drained => RunStatus::Pending,
    }
}

/// How a thread stands after such an end. A run that was cancelled leaves it interrupted if it left anything
/// to do; one that saw no checkpoint left it as it was.
fn thread_status(over: &RunOver, thread: &Thread) -> ThreadStatus {
    match over.end {
        RunEnd::Done => ThreadStatus::Idle,
        RunEnd::Paused => ThreadStatus::Interrupted,
        RunEnd::Failed(_) | RunEnd::TimedOut | RunEnd::Died => ThreadStatus::Error,
        RunEnd::Cancelled if over.standing.continues() => ThreadStatus::Interrupted,
        RunEnd::Cancelled if over.standing.values.is_some() => ThreadStatus::Idle,
        RunEnd::Cancelled => at_rest(thread),
        RunEnd::Drained => ThreadStatus::Busy,
    }
}

/// What the thread's record says of a run that somebody stopped.
fn stopped(reason: &str) -> Failure {
    Failure { class: "UserInterrupt".into(), message: reason.into(), visible: true }
}

/// What is told of a run that took too long.
pub(super) fn timed_out() -> Failure {
    Failure { class: "TimeoutError".into(), message: "".into(), visible: true }
}

/// How a thread stands on which nothing runs any more, as far as its record tells.
pub(super) fn at_rest(thread: &Thread) -> ThreadStatus {
    if thread.interrupts.is_empty() { ThreadStatus::Idle } else { ThreadStatus::Interrupted }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use uuid::Uuid;

    use super::*;
    use crate::standing::Standing;

    #[track_caller]
    fn check(end: RunEnd, standing: Standing, run: RunStatus, thread: ThreadStatus) {
        let over = RunOver { run_id: Uuid::nil(), end, standing };
        let record = Thread::new(Uuid::nil(), Map::new(), Timestamp(0));
        assert_eq!((run_status(&over.end), thread_status(&over, &record)), (run, thread));
    }

    #[test]
    fn a_pause_is_a_success_of_the_run() {
        let failure = Failure { class: "ValueError".into(), message: "boom".into(), visible: true };
        let none = Standing::default;
        check(RunEnd::Done, none(), RunStatus::Success, ThreadStatus::Idle);
        check(RunEnd::Paused, none(), RunStatus::Success, ThreadStatus::Interrupted);
        check(RunEnd::Failed(failure), none(), RunStatus::Error, ThreadStatus::Error);
        check(RunEnd::Drained, none(), RunStatus::Pending, ThreadStatus::Busy);
        check(RunEnd::Cancelled, none(), RunStatus::Interrupted, ThreadStatus::Idle);
        check(RunEnd::TimedOut, none(), RunStatus::Timeout, ThreadStatus::Error);
    }
}
