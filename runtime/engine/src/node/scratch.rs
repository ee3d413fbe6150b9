//! What a task remembers between its attempts, what keeps it alive, and the answer that waits for it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::host::Host;
use crate::ids::Timestamp;
use crate::value::{Key, Shared};

/// What a task remembers between its attempts and its calls.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Questions asked in this attempt.
    pub(super) asked: usize,
    /// Answers, in the order of the questions.
    pub(crate) answers: Vec<Shared>,
    /// Answers given in this run, each as the list that it made: to be stored with the task's writes.
    pub(crate) recorded: Vec<Vec<Shared>>,
    /// Nested runs begun in this attempt.
    pub(crate) nested: usize,
    /// Messages pushed to state keys.
    pub(crate) pushed: Vec<(Key, Shared)>,
    /// The last sign of progress, in microseconds since 1970.
    pub(crate) progress: Timestamp,
}

impl Scratch {
    pub(crate) fn answered(answers: Vec<Shared>) -> Self {
        Self { answers, ..Self::default() }
    }

    /// Starts an attempt: questions are asked, and nested graphs called, from the first again.
    pub(crate) fn rewind(&mut self, now: Timestamp) {
        self.asked = 0;
        self.nested = 0;
        self.pushed.clear();
        self.progress = now;
    }
}

/// A task and those around it, innermost first: what moves inside is a sign of life of each.
pub(crate) struct Pulse {
    scratch: Arc<Mutex<Scratch>>,
    /// Whether this task has an idle timeout that output refreshes.
    listens: bool,
    outer: Option<Arc<Pulse>>,
}

impl Pulse {
    pub(crate) fn new(scratch: Arc<Mutex<Scratch>>, listens: bool, outer: Option<Arc<Self>>) -> Self {
        Self { scratch, listens, outer }
    }

    /// Refreshes the idle timeouts that listen; the clock is read only when one does.
    pub(crate) fn beat(&self, host: &dyn Host) {
        let mut level = Some(self);
        while let Some(pulse) = level {
            if pulse.listens {
                lock(&pulse.scratch).progress = host.now();
            }
            level = pulse.outer.as_deref();
        }
    }
}

/// The answer to whichever question is asked first; at most one question of a run gets it.
#[derive(Debug, Default)]
pub(crate) struct ResumeOnce {
    own: Mutex<Option<Shared>>,
    /// The questions that may have it; empty for all.
    answers: Vec<String>,
    parent: Option<Arc<ResumeOnce>>,
}

impl ResumeOnce {
    pub(crate) fn new(own: Option<Shared>, answers: Vec<String>, parent: Option<Arc<Self>>) -> Self {
        Self { own: Mutex::new(own), answers, parent }
    }

    /// The answer, if it is for the question of that id; a question whose id is another each time has `None`.
    pub(crate) fn take(&self, id: Option<&str>) -> Option<Shared> {
        let is_for = |id| self.answers.is_empty() || self.answers.iter().any(|answered| answered == id);
        let own = if id.is_none_or(is_for) { lock(&self.own).take() } else { None };
        own.or_else(|| self.parent.as_ref()?.take(id))
    }
}

/// Locks what is shared between the tasks of a run.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // The data is plain and each change is one assignment: a panic elsewhere leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
