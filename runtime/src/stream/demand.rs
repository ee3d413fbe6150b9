//! What the listeners of a thread want, for runs that ask before they make a fact.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many listen, and how many of them want tokens.
///
/// A thread counts a listener before it starts the run that the listener came for, so no fact is missed;
/// the broker counts it out.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    listeners: AtomicUsize,
    tokens: AtomicUsize,
}

impl Demand {
    pub(crate) fn join(&self, tokens: bool) {
        self.listeners.fetch_add(1, Ordering::Relaxed);
        self.tokens.fetch_add(tokens.into(), Ordering::Relaxed);
    }

    pub(crate) fn leave(&self, tokens: bool) {
        self.listeners.fetch_sub(1, Ordering::Relaxed);
        self.tokens.fetch_sub(tokens.into(), Ordering::Relaxed);
    }

    pub(crate) fn anybody(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn tokens(&self) -> bool {
        self.tokens.load(Ordering::Relaxed) > 0
    }
}
