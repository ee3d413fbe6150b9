//! Commits that build on one that was not stored.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Error, Result, Transaction};

/// The threads of which a commit was refused, and in which epoch. The next epoch begins from what is stored.
///
/// Holds one entry for each thread that failed, until it begins again.
#[derive(Debug, Default)]
pub(crate) struct Lineages {
    broken: HashMap<Uuid, u64>,
}

impl Lineages {
    /// Refuses what builds on a commit that is not there.
    pub(crate) fn admit(&mut self, transaction: &Transaction) -> Result<()> {
        if self.broken.is_empty() {
            return Ok(());
        }
        let Some((thread_id, epoch)) = transaction.lineage() else { return Ok(()) };
        match self.broken.get(&thread_id) {
            Some(broken) if *broken == epoch => {
                Err(Error::Failed { message: "the commit before this one was not stored".to_owned() })
            }
            Some(broken) if *broken < epoch => {
                self.broken.remove(&thread_id);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The thread begins again from what is stored.
    pub(crate) fn forget(&mut self, thread_id: Uuid) {
        self.broken.remove(&thread_id);
    }

    /// Takes in what became of a transaction of this lineage.
    pub(crate) fn note(&mut self, lineage: Option<(Uuid, u64)>, answer: &Result<()>) {
        let lost =
            matches!(answer, Err(Error::Failed { .. } | Error::Refused { .. } | Error::Unknown { .. }));
        if let Some((thread_id, epoch)) = lineage
            && lost
        {
            self.broken.insert(thread_id, epoch);
        }
    }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::checkpoint::{Commit, Outcome};

    use super::*;
    use crate::storage::Change;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn commit(thread_id: Uuid, epoch: u64) -> Transaction {
        let commit =
            Commit { run: None, ns: "".into(), writes: None, checkpoint: None, outcome: Outcome::Continue };
        Transaction::Thread { thread_id, epoch, begins: true, changes: vec![Change::Commit(commit)] }
    }

    #[test]
    fn what_builds_on_a_lost_commit_is_refused_until_the_next_epoch() {
        let mut lineages = Lineages::default();
        let lost: Result<()> = Err(Error::Failed { message: "full".to_owned() });
        lineages.note(commit(A, 1).lineage(), &lost);
        assert!(lineages.admit(&commit(A, 1)).is_err());
        let record =
            Transaction::Thread { thread_id: A, epoch: 1, begins: true, changes: vec![Change::DeleteThread] };
        assert!(lineages.admit(&record).is_ok(), "it builds on nothing");
        assert!(lineages.admit(&commit(B, 1)).is_ok());
        assert!(lineages.admit(&commit(A, 2)).is_ok());
        lineages.note(commit(A, 1).lineage(), &Err(Error::Fenced { epoch: 1 }));
        assert!(lineages.admit(&commit(A, 2)).is_ok());
        lineages.note(commit(A, 2).lineage(), &lost);
        lineages.forget(A);
        assert!(lineages.admit(&commit(A, 2)).is_ok());
    }
}
