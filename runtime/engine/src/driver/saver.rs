//! When progress is stored: at once, behind the next supersteps, or when the run ends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};
use uuid::Uuid;

use crate::checkpoint::{Commit, NewCheckpoint, Outcome, PendingWrite};
use crate::config::Durability;
use crate::error::RunError;
use crate::fact::Fact;
use crate::host::{Host, StorageError};
use crate::value::Key;

/// How many commits of a level may be unanswered: storage takes those that come while it is busy together.
const IN_FLIGHT: usize = 8;

/// Stores what one graph level commits, as its durability says.
pub(super) struct Saver {
    host: Arc<dyn Host>,
    run: Uuid,
    ns: Key,
    /// `None` when nothing is kept.
    durability: Option<Durability>,
    /// Commits that are not answered yet, the oldest first. A mutex only so that a level may be shared between
    /// threads; it is never locked.
    in_flight: Mutex<VecDeque<BoxFuture<'static, Result<(), StorageError>>>>,
    /// What durability `exit` holds back.
    held: Option<NewCheckpoint>,
    held_writes: Vec<PendingWrite>,
    /// The checkpoint from which the run started.
    started_from: Option<Uuid>,
}

impl Saver {
    pub(super) fn new(host: Arc<dyn Host>, run: Uuid, ns: Key, durability: Option<Durability>) -> Self {
        let (in_flight, held, held_writes, started_from) = (Mutex::default(), None, Vec::new(), None);
        Self { host, run, ns, durability, in_flight, held, held_writes, started_from }
    }

    pub(super) fn keeps(&self) -> bool {
        self.durability.is_some()
    }

    pub(super) fn start_from(&mut self, checkpoint: Option<Uuid>) {
        self.started_from = checkpoint;
    }

    /// True when nothing is held back to the end.
    pub(super) fn is_prompt(&self) -> bool {
        self.durability.is_some_and(|durability| durability != Durability::Exit)
    }

    /// Stores writes, a checkpoint, or both; `base` is where the writes hang. Listeners are told the facts that
    /// describe them.
    pub(super) async fn save(
        &mut self,
        base: Uuid,
        writes: Vec<PendingWrite>,
        checkpoint: Option<NewCheckpoint>,
        outcome: Outcome,
        facts: Vec<Fact>,
    ) -> Result<(), RunError> {
        let Some(durability) = self.durability.filter(|_| self.is_prompt()) else {
            self.hold(writes, checkpoint);
            self.tell(facts).await;
            return Ok(());
        };
        let writes = (!writes.is_empty()).then_some((base, writes));
        if writes.is_none() && checkpoint.is_none() && outcome == Outcome::Continue {
            self.tell(facts).await;
            return Ok(());
        }
        self.make_room().await?;
        let commit = self.commit(writes, checkpoint, outcome);
        let (stored, facts) = self.host.commit_and_tell(commit, facts);
        match durability {
            Durability::Sync => stored.await?,
            Durability::Async | Durability::Exit => self.in_flight().push_back(stored),
        }
        self.tell(facts).await;
        Ok(())
    }

    async fn tell(&self, facts: Vec<Fact>) {
        for fact in facts {
            self.host.emit(fact).await;
        }
    }

    /// Takes in the answers that have come, and waits for the oldest while too many are missing.
    async fn make_room(&mut self) -> Result<(), RunError> {
        while let Some(mut oldest) = self.in_flight().pop_front() {
            match (&mut oldest).now_or_never() {
                Some(answer) => answer?,
                None if self.in_flight().len() + 1 < IN_FLIGHT => {
                    self.in_flight().push_front(oldest);
                    return Ok(());
                }
                None => oldest.await?,
            }
        }
        Ok(())
    }

    fn hold(&mut self, writes: Vec<PendingWrite>, checkpoint: Option<NewCheckpoint>) {
        if self.durability.is_none() {
            return;
        }
        if let Some(checkpoint) = checkpoint {
            self.held_writes.clear();
            // Listeners hear of it now, as nothing is promised before the end.
            self.held = Some(NewCheckpoint { parent: self.started_from, shown: None, ..checkpoint });
        } else {
            self.held_writes.extend(writes);
        }
    }

    fn in_flight(&mut self) -> &mut VecDeque<BoxFuture<'static, Result<(), StorageError>>> {
        self.in_flight.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the commits under way.
    pub(super) async fn settle(&mut self) -> Result<(), RunError> {
        while let Some(commit) = self.in_flight().pop_front() {
            commit.await?;
        }
        Ok(())
    }

    /// Stores what was held back, and waits until everything is stored; then listeners are told the facts. `head` is
    /// the newest checkpoint.
    pub(super) async fn finish(
        &mut self,
        head: Uuid,
        outcome: Outcome,
        facts: Vec<Fact>,
    ) -> Result<(), RunError> {
        self.settle().await?;
        let facts = self.store_held(head, outcome, facts).await?;
        self.tell(facts).await;
        Ok(())
    }

    async fn store_held(
        &mut self,
        head: Uuid,
        outcome: Outcome,
        facts: Vec<Fact>,
    ) -> Result<Vec<Fact>, RunError> {
        // A nested graph that ended well leaves nothing: its node's writes say it all.
        let nested_and_done = self.ns.contains(':') && outcome == Outcome::Done;
        if self.durability != Some(Durability::Exit) || nested_and_done {
            return Ok(facts);
        }
        let rows = std::mem::take(&mut self.held_writes);
        let writes = (!rows.is_empty()).then_some((head, rows));
        let checkpoint = self.held.take();
        if writes.is_none() && checkpoint.is_none() && !self.ns.is_empty() {
            return Ok(facts);
        }
        let commit = self.commit(writes, checkpoint, outcome);
        let (stored, facts) = self.host.commit_and_tell(commit, facts);
        stored.await?;
        Ok(facts)
    }

    fn commit(
        &self,
        writes: Option<(Uuid, Vec<PendingWrite>)>,
        checkpoint: Option<NewCheckpoint>,
        outcome: Outcome,
    ) -> Commit {
        Commit { run: Some(self.run), ns: self.ns.clone(), writes, checkpoint, outcome }
    }
}
