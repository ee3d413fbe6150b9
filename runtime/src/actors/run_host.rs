//! What the engine's driver sees of the world: the actors, behind the trait that it knows.
//!
//! Lives in the run's future and in every node's context, on any OS thread; so it holds addresses and shared
//! counters, and no actor's state.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use actix::WeakAddr;
use eddyline_engine::checkpoint::{Commit, Outcome, Saved};
use eddyline_engine::fact::{Fact, Interest};
use eddyline_engine::ids::Timestamp;
use eddyline_engine::model::ChatModel;
use eddyline_engine::node::{Attempt, AttemptEnd, Placement};
use eddyline_engine::store::Store;
use eddyline_engine::{CacheKey, Host, Key, RunError, Shared, StorageError, Which};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::actors::tasks::WeakGuard;
use crate::actors::{Launch, RunActor, ThreadActor};
use crate::environment::Environment;
use crate::messages::{After, Answer, Look, ReadNewest, RunEnd, RunOver, StartAttempt, StoreCommit};
use crate::runs::StreamMode;
use crate::standing::Standings;
use crate::stream::demand::Demand;
use crate::stream::feed::FactSender;

/// The host of one attempt at a run.
pub(crate) struct RunHost {
    environment: Arc<Environment>,
    thread_id: Uuid,
    run: WeakAddr<RunActor>,
    thread: WeakAddr<ThreadActor>,
    facts: FactSender,
    demand: Arc<Demand>,
    /// What the run wants told, whoever listens.
    own: Interest,
    /// True when checkpoints are kept.
    keeps: bool,
    epoch: u64,
    draining: Arc<OnceLock<String>>,
    /// Nested graphs tell facts on the node pool while the root tells its own, so this one is behind a lock;
    /// it is held for a few assignments.
    standings: Arc<Mutex<Standings>>,
    /// A run has not let go before its commits are answered: until then nobody knows how it leaves the thread.
    guards: Option<WeakGuard>,
    run_id: Uuid,
    recursion_limit: u64,
}

impl RunHost {
    pub(crate) fn new(
        launch: &Launch,
        run: WeakAddr<RunActor>,
        standings: Arc<Mutex<Standings>>,
        guards: Option<WeakGuard>,
    ) -> Self {
        let kwargs = &launch.run.kwargs;
        let tokens = kwargs.stream_modes.iter().copied().any(StreamMode::shows_tokens);
        // The state of a thread is read off the facts, so a run on a lasting thread tells them all.
        let facts = !kwargs.temporary || kwargs.resumable;
        Self {
            environment: Arc::clone(&launch.environment),
            thread_id: launch.run.thread_id,
            run,
            thread: launch.thread.clone(),
            facts: launch.facts.clone(),
            demand: Arc::clone(&launch.demand),
            own: Interest { facts, tokens },
            keeps: launch.config.checkpoints,
            epoch: launch.epoch,
            draining: Arc::clone(&launch.draining),
            standings,
            guards,
            run_id: launch.run.run_id,
            recursion_limit: launch.config.recursion_limit,
        }
    }

    /// How the run ends with a commit of the root, if it does.
    fn end_of(&self, commit: &Commit) -> Option<RunEnd> {
        match &commit.outcome {
            Outcome::Continue => None,
            Outcome::Done => Some(RunEnd::Done),
            Outcome::Interrupted => Some(RunEnd::Paused),
            Outcome::Failed(failure) => Some(RunEnd::Failed(failure.clone())),
            Outcome::OutOfSteps => {
                Some(RunEnd::Failed(RunError::Recursion { limit: self.recursion_limit }.failure()))
            }
        }
    }

    /// Sends the commit to the thread, with the facts that are recorded; answers with the wait for its answer, and
    /// with those that are not.
    fn order(
        &self,
        commit: Commit,
        facts: Vec<Fact>,
    ) -> (oneshot::Receiver<Result<(), StorageError>>, Vec<Fact>) {
        let (reply, stored) = oneshot::channel();
        // Only the root knows how the thread stands.
        let after = commit.ns.is_empty().then(|| lock(&self.standings).after(&commit));
        let over = after.as_ref().and_then(|standing| {
            let (end, standing) = (self.end_of(&commit)?, standing.clone());
            Some(Box::new(RunOver { run_id: self.run_id, end, standing }))
        });
        let standings = Arc::clone(&self.standings);
        let guard = self.guards.as_ref().and_then(WeakGuard::upgrade);
        if self.facts.recorder().is_some() {
            for fact in &facts {
                lock(&self.standings).see(fact);
            }
        }
        let left = self.facts.commit(facts, |ticket, facts| {
            let answer = Answer::new(move |result| {
                let _until_it_is_answered = guard;
                if let (Ok(()), Some(standing)) = (&result, after) {
                    lock(&standings).is_stored(standing);
                }
                ticket.answer(result.is_ok());
                // The driver may have stopped waiting; the facts have heard.
                let _ = reply.send(result);
            });
            if let Some(thread) = self.thread.upgrade() {
                // Bounded: each graph level has a handful of unanswered commits at most.
                thread.do_send(StoreCommit { epoch: self.epoch, commit, facts, over, answer });
            }
        });
        (stored, left)
    }

    fn load_newest(&self) -> BoxFuture<'static, Result<Option<Saved>, StorageError>> {
        let (reply, newest) = oneshot::channel();
        if let Some(thread) = self.thread.upgrade() {
            // Bounded: a run asks at its beginning.
            thread.do_send(ReadNewest { reply });
        }
        newest.map(|newest| newest.unwrap_or_else(|_| Err(unanswered()))).boxed()
    }

    /// The run is gone, so the attempt goes nowhere; dropping the answer's sender says so.
    fn send_attempt(&self, attempt: Attempt, reply: oneshot::Sender<AttemptEnd>) {
        if let Some(run) = self.run.upgrade() {
            // Bounded: one for each attempt under way.
            run.do_send(StartAttempt { attempt, reply });
        }
    }
}

impl Host for RunHost {
    fn now(&self) -> Timestamp {
        self.environment.now()
    }

    fn new_id(&self) -> Uuid {
        self.environment.ids.random()
    }

    fn new_checkpoint_id(&self, step: i64) -> Uuid {
        self.environment.ids.checkpoint(self.now(), step)
    }

    fn random(&self) -> f64 {
        self.environment.ids.fraction()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let _inside = self.environment.node_pool.enter();
        tokio::time::sleep(duration).boxed()
    }

    fn start(&self, attempt: Attempt) -> BoxFuture<'static, AttemptEnd> {
        if attempt.placement == Placement::Inline {
            // It ends at its first poll, by its promise: there is nothing to own.
            return attempt.into_future();
        }
        let (reply, end) = oneshot::channel();
        self.send_attempt(attempt, reply);
        end.map(|end| end.unwrap_or_else(|_| Attempt::lost("its actor is gone"))).boxed()
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<(), StorageError>> {
        self.commit_and_tell(commit, Vec::new()).0
    }

    fn commit_and_tell(
        &self,
        commit: Commit,
        facts: Vec<Fact>,
    ) -> (BoxFuture<'static, Result<(), StorageError>>, Vec<Fact>) {
        if !self.keeps {
            return (ready(Ok(())).boxed(), facts);
        }
        let (stored, facts) = self.order(commit, facts);
        (stored.map(|stored| stored.unwrap_or_else(|_| Err(unanswered()))).boxed(), facts)
    }

    fn load(&self, ns: Key, which: Which) -> BoxFuture<'static, Result<Option<Saved>, StorageError>> {
        if !self.keeps {
            return ready(Ok(None)).boxed();
        }
        if ns.is_empty() && which == Which::Newest {
            return self.load_newest();
        }
        let thread_id = self.thread_id;
        let (look, loaded) = Look::new(move |storage| storage.checkpoint(thread_id, &ns, which));
        if let Some(thread) = self.thread.upgrade() {
            // Bounded: each graph level waits for its answer.
            thread.do_send(look.after(After::Checkpoints(thread_id)));
        }
        loaded.boxed()
    }

    fn interest(&self) -> Interest {
        Interest {
            facts: self.own.facts || self.demand.anybody(),
            tokens: self.own.tokens || self.demand.tokens(),
        }
    }

    fn emit(&self, fact: Fact) -> BoxFuture<'static, ()> {
        lock(&self.standings).see(&fact);
        self.facts.send(fact)
    }

    fn max_tasks(&self) -> usize {
        self.environment.options.max_tasks
    }

    fn max_state_bytes(&self) -> usize {
        self.environment.options.max_state_bytes
    }

    fn draining(&self) -> Option<String> {
        self.draining.get().cloned()
    }

    fn store(&self) -> Option<Arc<dyn Store>> {
        self.environment.store.clone()
    }

    fn model(&self, name: &str) -> Option<Arc<dyn ChatModel>> {
        self.environment.models.find(name)
    }

    fn cached(&self, key: CacheKey) -> BoxFuture<'static, Option<Shared>> {
        ready(self.environment.cache.get(&key, self.now())).boxed()
    }

    fn cache(&self, key: CacheKey, writes: Shared, keep: Option<Duration>) {
        self.environment.cache.put(key, writes, keep, self.now());
    }
}

/// What it guards is whole at every moment, so a panic elsewhere spoils nothing.
pub(super) fn lock(standings: &Mutex<Standings>) -> MutexGuard<'_, Standings> {
    standings.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unanswered() -> StorageError {
    StorageError::Unknown { message: "the thread ended before storage answered".to_owned() }
}
