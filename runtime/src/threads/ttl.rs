//! For how long a thread is kept when nothing happens to it.

use eddyline_engine::ids::Timestamp;

use super::Thread;

/// Microseconds of a minute.
const MINUTE: f64 = 60e6;

/// How long a thread is kept after its last change, and what becomes of it then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ttl {
    /// What becomes of it.
    pub strategy: PruneStrategy,
    /// So long.
    pub minutes: f64,
}

/// What to take away of threads that nobody needs as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PruneStrategy {
    /// The thread, with everything of it.
    #[default]
    Delete,
    /// All checkpoints but the newest.
    KeepLatest,
}

impl PruneStrategy {
    /// The word that clients read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::KeepLatest => "keep_latest",
        }
    }

    /// The strategy of a word that clients read.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Delete, Self::KeepLatest].into_iter().find(|strategy| strategy.as_str() == name)
    }
}

/// What a thread's record says of how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThreadTtl {
    /// How long, and what then.
    pub ttl: Ttl,
    /// When it was said, or last carried out.
    pub since: Timestamp,
}

impl Thread {
    /// Keeps it for so long from now on, if that changes.
    pub(crate) fn keep_for(&mut self, ttl: Option<Ttl>, now: Timestamp) {
        self.ttl = ttl.map(|ttl| ThreadTtl { ttl, since: now }).or(self.ttl);
    }

    /// When the thread has been left alone for too long; `None` if it is kept for ever.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let ThreadTtl { ttl, since } = self.ttl?;
        let begin = self.updated_at.max(since).0;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a time that is too far away is the last there is"
        )]
        let micros = (ttl.minutes * MINUTE) as i64;
        // At the earliest after that moment, so that what is carried out does not have to be again at once.
        Some(Timestamp(begin.saturating_add(micros.max(1))))
    }
}

/// A request to take away what nobody needs of some threads.
#[derive(Clone, Debug)]
pub struct PruneThreads {
    /// Which; those that are not there are passed over.
    pub thread_ids: Vec<uuid::Uuid>,
    /// What to take away.
    pub strategy: PruneStrategy,
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_thread_expires_when_it_was_left_alone_for_so_long() {
        let mut thread = Thread::new(Uuid::nil(), Map::new(), Timestamp(5));
        assert_eq!(thread.expires_at(), None);
        let check = |thread: &Thread, minutes, since, expected| {
            let ttl = Ttl { strategy: PruneStrategy::Delete, minutes };
            let thread = Thread { ttl: Some(ThreadTtl { ttl, since: Timestamp(since) }), ..thread.clone() };
            assert_eq!(thread.expires_at(), Some(Timestamp(expected)));
        };
        check(&thread, 1.5, 7, 90_000_007);
        thread.updated_at = Timestamp(9);
        check(&thread, 1.0, 7, 60_000_009);
        check(&thread, 1e300, 7, i64::MAX);
        check(&thread, 1e-12, 7, 10);
    }
}
