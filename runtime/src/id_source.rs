//! Ids and chance. Nothing else in this crate draws a random number.

use std::fmt;

use eddyline_engine::ids::{CheckpointIds, Timestamp};
use uuid::Uuid;

/// Draws ids.
pub trait IdSource: fmt::Debug + Send + Sync + 'static {
    /// An id that nobody can guess (UUID version 4).
    fn random(&self) -> Uuid;

    /// An id that sorts by creation (UUID version 7).
    fn ordered(&self) -> Uuid;

    /// An id for a checkpoint of `step`, greater than every one before it (UUID version 6).
    fn checkpoint(&self, now: Timestamp, step: i64) -> Uuid;

    /// A number in `0.0..1.0`.
    fn fraction(&self) -> f64;
}

/// Ids that nobody can guess, from generators that the operating system seeds, one for each OS thread.
#[derive(Debug, Default)]
pub struct RandomIds {
    checkpoints: CheckpointIds,
}

// This is the place that the lint sends everybody else to.
#[allow(clippy::disallowed_methods)]
impl IdSource for RandomIds {
    fn random(&self) -> Uuid {
        Uuid::new_v4()
    }

    fn ordered(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn checkpoint(&self, now: Timestamp, step: i64) -> Uuid {
        self.checkpoints.next(now, step, Uuid::new_v4().as_u64_pair().1)
    }

    fn fraction(&self) -> f64 {
        /// As many bits as a double holds exactly, and none of those that mark a UUID.
        const BITS: u32 = 53;
        let bits = Uuid::new_v4().as_u64_pair().1 & ((1 << BITS) - 1);
        // Both numbers are at most 2^53, which a double holds exactly.
        #[allow(clippy::cast_precision_loss)]
        let fraction = bits as f64 / (1_u64 << BITS) as f64;
        fraction
    }
}

/// Ids that count from 1, so that a test that runs twice sees the same ones.
#[cfg(any(test, feature = "test-util"))]
#[derive(Debug, Default)]
pub struct CountingIds {
    drawn: std::sync::atomic::AtomicU64,
    checkpoints: CheckpointIds,
}

#[cfg(any(test, feature = "test-util"))]
impl CountingIds {
    fn next(&self) -> u64 {
        self.drawn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1
    }
}

#[cfg(any(test, feature = "test-util"))]
impl IdSource for CountingIds {
    fn random(&self) -> Uuid {
        Uuid::from_u64_pair(0x4000, 0x8000_0000_0000_0000 | self.next())
    }

    fn ordered(&self) -> Uuid {
        Uuid::from_u64_pair(0x7000, 0x8000_0000_0000_0000 | self.next())
    }

    fn checkpoint(&self, now: Timestamp, step: i64) -> Uuid {
        self.checkpoints.next(now, step, 0)
    }

    fn fraction(&self) -> f64 {
        0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_versions_and_fractions_their_range() {
        let ids = RandomIds::default();
        assert_eq!(ids.random().get_version_num(), 4);
        assert_eq!(ids.ordered().get_version_num(), 7);
        assert_eq!(ids.checkpoint(Timestamp(0), 1).get_version_num(), 6);
        assert!((0..100).map(|_| ids.fraction()).all(|fraction| (0.0..1.0).contains(&fraction)));
    }
}
