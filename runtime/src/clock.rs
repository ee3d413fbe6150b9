//! The time. Nothing else in this crate reads it.

use std::fmt;

use eddyline_engine::ids::Timestamp;

/// Tells the time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    // This is the place that the lint sends everybody else to.
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // A clock that stands before 1970 reads 1970: ids still rise, and times are wrong anyway.
        let micros = since_epoch.map_or(0, |duration| duration.as_micros());
        Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}
