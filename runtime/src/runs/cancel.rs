//! What a client asks when it wants runs stopped.

use uuid::Uuid;

use super::{Run, RunStatus};
use crate::storage::{self, Read};

/// A request to stop a run.
#[derive(Clone, Debug)]
pub struct CancelRun {
    /// The thread.
    pub thread_id: Uuid,
    /// The run.
    pub run_id: Uuid,
    /// What becomes of what it did.
    pub action: CancelAction,
    /// Why, as the thread's error says it to clients.
    pub reason: String,
    /// Whether to answer when the run has stopped and what it came to is stored, and not as soon as its record
    /// says that it is cancelled.
    pub wait: bool,
}

/// What becomes of what a cancelled run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CancelAction {
    /// Its checkpoints stay, and the run's record.
    #[default]
    Interrupt,
    /// Its checkpoints go, and the run's record. The thread's record stays as it was before the run.
    Rollback,
}

/// A request to stop several runs.
#[derive(Clone, Debug)]
pub struct CancelRuns {
    /// Which.
    pub which: WhichRuns,
    /// What becomes of what they did.
    pub action: CancelAction,
    /// Why, as the error of their threads says it to clients.
    pub reason: String,
}

/// Which runs to stop.
#[derive(Clone, Debug)]
pub enum WhichRuns {
    /// Runs of a thread, by their ids.
    Of(Uuid, Vec<Uuid>),
    /// Every run that waits.
    Pending,
    /// Every run that is under way.
    Running,
    /// Every run that waits or is under way.
    All,
    /// Every run of an assistant that waits or is under way.
    OfAssistant(Uuid),
}

impl WhichRuns {
    /// Whether the run is one of them that are not named by their ids.
    pub(crate) fn wants(&self, run: &Run) -> bool {
        let open = matches!(run.status, RunStatus::Pending | RunStatus::Running);
        match self {
            Self::Of(..) => false,
            Self::Pending => run.status == RunStatus::Pending,
            Self::Running => run.status == RunStatus::Running,
            Self::All => open,
            Self::OfAssistant(assistant_id) => open && run.assistant_id == *assistant_id,
        }
    }

    /// The threads and ids of those that storage knows.
    pub(crate) fn find(&self, storage: &mut dyn Read) -> storage::Result<Vec<(Uuid, Uuid)>> {
        if let Self::Of(thread_id, runs) = self {
            return Ok(runs.iter().map(|run_id| (*thread_id, *run_id)).collect());
        }
        let mut found = Vec::new();
        for thread_id in storage.open_threads()? {
            let runs = storage.open_runs(thread_id)?.into_iter().filter(|run| self.wants(run));
            found.extend(runs.map(|run| (thread_id, run.run_id)));
        }
        Ok(found)
    }
}
