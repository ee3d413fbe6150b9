//! What is known of the runs that wait or are under way, once for all who ask.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use uuid::Uuid;

use super::{Derived, Kwargs, Run};

/// What runs were asked, which never changes: whoever reads the record of one shares it with its thread, so that a
/// thousand readers of one run hold it once.
#[derive(Debug, Default)]
pub(crate) struct AtWork {
    // Held for one look-up or one change.
    runs: RwLock<HashMap<Uuid, (Arc<Kwargs>, Derived)>>,
}

impl AtWork {
    pub(crate) fn add(&self, run: &Run) {
        let known = (Arc::clone(&run.kwargs), run.derived.clone());
        self.runs.write().unwrap_or_else(PoisonError::into_inner).insert(run.run_id, known);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.runs.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(crate) fn remove(&self, run_id: Uuid) {
        self.runs.write().unwrap_or_else(PoisonError::into_inner).remove(&run_id);
    }

    /// The record with what is known already in the place of what was read.
    pub(crate) fn share(&self, mut run: Run) -> Run {
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((kwargs, derived)) = runs.get(&run.run_id) {
            run.kwargs = Arc::clone(kwargs);
            run.derived = derived.clone();
        }
        run
    }
}
