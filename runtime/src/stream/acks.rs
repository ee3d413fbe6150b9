//! Which commits of a run are stored, and so which facts may leave.
//!
//! A fact is stamped with the number of commits that were made before it, and leaves when all of these are
//! stored. So a fact that describes a commit never reaches anybody before that commit, and those that follow
//! keep their place behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// Numbers the commits of one run and keeps the score of their answers. Clones share the score.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    made: AtomicU64,
    score: watch::Sender<Score>,
}

/// The answers so far.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// Every commit up to this number is stored.
    stored: u64,
    /// Commits beyond that which were answered before their elders: graphs that nest commit side by side.
    early: Vec<u64>,
    /// The first commit that was not stored, as far as that is known.
    failed: Option<u64>,
}

/// One commit that waits for its answer. Dropped without one it counts as not stored.
#[derive(Debug)]
pub(crate) struct Ticket {
    ledger: Ledger,
    number: u64,
    answered: bool,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner { made: AtomicU64::new(0), score: watch::Sender::new(Score::default()) }))
    }

    /// A commit is made now.
    pub(crate) fn commit(&self) -> Ticket {
        let number = self.0.made.fetch_add(1, Ordering::SeqCst) + 1;
        Ticket { ledger: self.clone(), number, answered: false }
    }

    /// How many commits were made so far: what a fact of this moment has to wait for.
    pub(crate) fn made(&self) -> u64 {
        self.0.made.load(Ordering::SeqCst)
    }

    /// True once a commit is known not to be stored.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.score.borrow().failed.is_some()
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch(self.0.score.subscribe())
    }
}

impl Ticket {
    pub(crate) fn answer(mut self, stored: bool) {
        self.answered = true;
        self.ledger.0.score.send_modify(|score| score.enter(self.number, stored));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.answered {
            self.ledger.0.score.send_modify(|score| score.enter(self.number, false));
        }
    }
}

impl Score {
    fn enter(&mut self, number: u64, stored: bool) {
        if !stored {
            self.failed = Some(self.failed.map_or(number, |failed| failed.min(number)));
            return;
        }
        self.early.push(number);
        while let Some(place) = self.early.iter().position(|early| *early == self.stored + 1) {
            self.early.swap_remove(place);
            self.stored += 1;
        }
    }

    /// `Some(true)` once all commits up to `number` are stored, `Some(false)` once one of them is not.
    fn verdict(&self, number: u64) -> Option<bool> {
        if self.stored >= number {
            return Some(true);
        }
        self.failed.is_some_and(|failed| failed <= number).then_some(false)
    }
}

/// Waits for answers.
#[derive(Debug)]
pub(crate) struct Watch(watch::Receiver<Score>);

impl Watch {
    /// True once all commits up to `number` are stored; false when one of them is not.
    pub(crate) async fn stored(&mut self, number: u64) -> bool {
        let score = self.0.wait_for(|score| score.verdict(number).is_some()).await;
        score.is_ok_and(|score| score.verdict(number) == Some(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enters the answers and reads the verdict on each number.
    fn check(answers: &[(u64, bool)], verdicts: &[Option<bool>]) {
        let mut score = Score::default();
        for (number, stored) in answers {
            score.enter(*number, *stored);
        }
        let read: Vec<_> = (0..).take(verdicts.len()).map(|number| score.verdict(number)).collect();
        assert_eq!(read, verdicts, "{answers:?}");
    }

    #[test]
    fn a_number_is_settled_when_all_before_it_are() {
        check(&[], &[Some(true), None]);
        check(&[(1, true)], &[Some(true), Some(true), None]);
        check(&[(2, true)], &[Some(true), None, None]);
        check(&[(2, true), (1, true)], &[Some(true), Some(true), Some(true), None]);
        check(&[(3, true), (1, true)], &[Some(true), Some(true), None, None]);
    }

    #[test]
    fn a_lost_commit_holds_back_all_that_follows() {
        check(&[(1, true), (2, false), (3, true)], &[Some(true), Some(true), Some(false), Some(false)]);
        check(&[(2, false)], &[Some(true), None, Some(false)]);
    }

    #[test]
    fn a_dropped_ticket_is_a_lost_commit() {
        let ledger = Ledger::new();
        ledger.commit().answer(true);
        drop(ledger.commit());
        let score = ledger.0.score.borrow();
        assert_eq!((score.verdict(1), score.verdict(2)), (Some(true), Some(false)));
    }
}
