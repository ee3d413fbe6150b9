//! What the end of a run changes in the records of run and thread.

use eddyline_engine::ids::Timestamp;
use serde_json::json;

use super::Cancellation;
use crate::messages::{RunEnd, RunOver};
use crate::runs::{CancelAction, Run, RunStatus};
use crate::storage::Change;
use crate::threads::{Thread, ThreadStatus};

/// A run that has ended, with all that decides what follows.
pub(super) struct Ending<'a> {
    pub(super) run: Run,
    pub(super) over: &'a RunOver,
    /// Set when somebody stopped it.
    pub(super) cancellation: Option<&'a Cancellation>,
    /// True when other runs wait.
    pub(super) more: bool,
    pub(super) now: Timestamp,
}

impl Ending<'_> {
    /// What to store, with the thread's record as it stands then.
    pub(super) fn changes(self, head: &mut Option<Thread>) -> Vec<Change> {
        let Self { mut run, over, cancellation, more, now } = self;
        run.status = run_status(&over.end);
        run.updated_at = now;
        if run.kwargs.temporary && run.status.is_final() {
            *head = None;
            return vec![Change::DeleteThread];
        }
        let Some(thread) = head else { return vec![Change::PutRun(run)] };
        thread.updated_at = now;
        if cancellation.is_some_and(|cancellation| cancellation.action == CancelAction::Rollback) {
            thread.status = if more { ThreadStatus::Busy } else { at_rest(thread) };
            return vec![Change::PutThread(thread.clone()), Change::DeleteRun(run.run_id)];
        }
        if run.status.is_final() {
            thread.state_updated_at = now;
            thread.metadata.insert("graph_id".to_owned(), json!(run.graph_id));
            thread.error = match &over.end {
                RunEnd::Failed(failure) => Some(failure.clone()),
                _ => cancellation.map(Cancellation::failure),
            };
            if let Some(values) = &over.standing.values {
                thread.values = Some(values.clone());
                thread.interrupts.clone_from(&over.standing.interrupts);
            }
            thread.status = if more { ThreadStatus::Busy } else { thread_status(over, thread) };
        }
        vec![Change::PutThread(thread.clone()), Change::PutRun(run)]
    }
}

/// How a run stands after such an end. A pause is a success.
fn run_status(end: &RunEnd) -> RunStatus {
    match end {
        RunEnd::Done | RunEnd::Paused => RunStatus::Success,
        RunEnd::Failed(_) => RunStatus::Error,
        RunEnd::Cancelled => RunStatus::Interrupted,
        RunEnd::Drained => RunStatus::Pending,
    }
}

/// How a thread stands after such an end. A run that was cancelled leaves it interrupted if it left anything
/// to do; one that saw no checkpoint left it as it was.
fn thread_status(over: &RunOver, thread: &Thread) -> ThreadStatus {
    match over.end {
        RunEnd::Done => ThreadStatus::Idle,
        RunEnd::Paused => ThreadStatus::Interrupted,
        RunEnd::Failed(_) => ThreadStatus::Error,
        RunEnd::Cancelled if over.standing.continues() => ThreadStatus::Interrupted,
        RunEnd::Cancelled if over.standing.values.is_some() => ThreadStatus::Idle,
        RunEnd::Cancelled => at_rest(thread),
        RunEnd::Drained => ThreadStatus::Busy,
    }
}

/// How a thread stands on which nothing runs any more, as far as its record tells.
pub(super) fn at_rest(thread: &Thread) -> ThreadStatus {
    if thread.interrupts.is_empty() { ThreadStatus::Idle } else { ThreadStatus::Interrupted }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::fact::Failure;
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
    }
}
