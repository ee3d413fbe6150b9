//! The host of a run in the library itself.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use uuid::Uuid;

use super::pipe::{Pipe, Push};
use super::{Memory, Surroundings};
use crate::checkpoint::{Commit, Saved};
use crate::fact::{Fact, Interest};
use crate::host::{CacheKey, Host, StorageError, Which};
use crate::ids::{CheckpointIds, Timestamp};
use crate::model::{ChatModel, Models};
use crate::node::{Attempt, AttemptEnd};
use crate::store::Store;
use crate::value::{Key, Shared};

/// Runs tasks where it is polled and keeps what it keeps in memory.
pub(super) struct Local {
    surroundings: Arc<dyn Surroundings>,
    checkpoint_ids: CheckpointIds,
    pipe: Arc<Pipe>,
    interest: Interest,
    memory: Option<Memory>,
    models: Models,
    store: Option<Arc<dyn Store>>,
}

impl Local {
    pub(super) fn new(
        surroundings: Arc<dyn Surroundings>,
        pipe: Arc<Pipe>,
        interest: Interest,
        memory: Option<Memory>,
        models: Models,
        store: Option<Arc<dyn Store>>,
    ) -> Self {
        let checkpoint_ids = CheckpointIds::default();
        Self { surroundings, checkpoint_ids, pipe, interest, memory, models, store }
    }
}

impl Host for Local {
    fn now(&self) -> Timestamp {
        self.surroundings.now()
    }

    fn new_id(&self) -> Uuid {
        self.surroundings.new_id()
    }

    fn new_checkpoint_id(&self, step: i64) -> Uuid {
        let ids = self.memory.as_ref().map_or(&self.checkpoint_ids, Memory::checkpoint_ids);
        let chance = self.memory.as_ref().map_or(0, |_| self.surroundings.new_id().as_u64_pair().1);
        ids.next(self.surroundings.now(), step, chance)
    }

    fn random(&self) -> f64 {
        self.surroundings.random()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.surroundings.sleep(duration)
    }

    fn start(&self, attempt: Attempt) -> BoxFuture<'static, AttemptEnd> {
        attempt.into_future()
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<(), StorageError>> {
        if let Some(memory) = &self.memory {
            memory.commit(commit);
        }
        ready(Ok(())).boxed()
    }

    fn load(&self, ns: Key, which: Which) -> BoxFuture<'static, Result<Option<Saved>, StorageError>> {
        ready(Ok(self.memory.as_ref().and_then(|memory| memory.load(&ns, which)))).boxed()
    }

    fn interest(&self) -> Interest {
        self.interest
    }

    fn emit(&self, fact: Fact) -> BoxFuture<'static, ()> {
        Push { pipe: self.pipe.clone(), fact: Some(fact) }.boxed()
    }

    fn store(&self) -> Option<Arc<dyn Store>> {
        self.store.clone()
    }

    fn model(&self, name: &str) -> Option<Arc<dyn ChatModel>> {
        self.models.find(name)
    }

    fn cached(&self, key: CacheKey) -> BoxFuture<'static, Option<Shared>> {
        let found = self.memory.as_ref().and_then(|memory| memory.cached(&key, self.now()));
        ready(found).boxed()
    }

    fn cache(&self, key: CacheKey, writes: Shared, keep: Option<Duration>) {
        if let Some(memory) = &self.memory {
            memory.cache(key, writes, keep, self.now());
        }
    }
}
