//! Time in a simulation: it stands still while anything can be done, and then leaps to the next timer.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use eddyline::ids::Timestamp;
use eddyline::runtime::Clock;
use tokio::time::Instant;

/// Goes on from one process to the next, while Tokio's paused clock begins anew with each.
#[derive(Debug)]
pub(super) struct VirtualClock {
    /// When the process began, in microseconds.
    began_at: AtomicI64,
    /// The same moment by Tokio's clock, while there is a process.
    began: Mutex<Option<Instant>>,
    /// How often it may be read until whoever reads it panics.
    trap: AtomicI64,
}

impl VirtualClock {
    pub(super) fn new() -> Self {
        Self {
            began_at: AtomicI64::new(1_700_000_000_000_000),
            began: Mutex::default(),
            trap: AtomicI64::new(0),
        }
    }

    /// A process begins, on the current Tokio runtime.
    pub(super) fn begin(&self) {
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// The process is over: nothing happens until the next begins.
    pub(super) fn stop(&self) {
        self.began_at.store(self.micros(), Ordering::Relaxed);
        self.trap.store(0, Ordering::Relaxed);
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Kills whoever of the runtime asks for the time as the n-th from now on.
    pub(super) fn set_trap(&self, reads: i64) {
        self.trap.store(reads, Ordering::Relaxed);
    }

    pub(super) fn micros(&self) -> i64 {
        let began = *self.began.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = began.map_or(0, |began| began.elapsed().as_micros());
        self.began_at.load(Ordering::Relaxed) + i64::try_from(passed).expect("a simulation is short")
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        if self.trap.load(Ordering::Relaxed) > 0 && self.trap.fetch_sub(1, Ordering::Relaxed) == 1 {
            // As a panic would, and without a word on stderr.
            resume_unwind(Box::new("the clock is a trap"));
        }
        Timestamp(self.micros())
    }
}
