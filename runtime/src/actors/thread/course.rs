//! The course of a run, from the thread's side: it is admitted and launched, and it commits. How it ends stands in
//! `over`.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler};
use eddyline_engine::ids::Timestamp;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::{Current, StopCause, ThreadActor};
use crate::actors::{Launch, RunActor};
use crate::machine::{Effect, Event};
use crate::messages::{
    Answer, Attach, CutOff, LastCommitKnown, Look, Origin, RunEnd, RunOver, StoreCommit, StoreFacts,
};
use crate::runs::{Run, RunStatus};
use crate::standing::Standing;
use crate::storage::{Change, Error, RunMark};
use crate::stream::feed::{FactSender, Feed, feed, recorded_feed};
use crate::stream::first_number;

/// How often a run may be picked up.
pub(super) const ATTEMPTS: u32 = 3;

impl ThreadActor {
    pub(super) fn apply(&mut self, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        self.apply_because("", effects, ctx);
    }

    /// Does what follows; `reason` is why runs are stopped, if any are.
    pub(super) fn apply_because(&mut self, reason: &str, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        for effect in effects {
            match effect {
                Effect::Admit { run } => self.admit(run, ctx),
                Effect::Launch { run } => self.launch(run, ctx),
                Effect::Finish { run } => self.finish(run, ctx),
                Effect::Announce { run } => {
                    self.let_go(run);
                    self.announce_end(ctx);
                }
                Effect::Drain { .. } => self.drain_current(),
                Effect::Cancel { action, .. } => {
                    self.stop_current(StopCause::Cancelled(action), reason, None);
                }
                Effect::Dismiss { run, action } => self.dismiss(run, action, None, ctx),
                Effect::Update { update } => self.revise(update, ctx),
                Effect::DropUpdate { update } => self.drop_revision(update),
                Effect::WaitUntil { due } => self.wait_until(due, ctx),
                Effect::Rest => self.rest(ctx),
                // Whoever submitted the run has seen to these.
                Effect::Accept { .. } | Effect::RefuseBusy { .. } | Effect::RefuseFull { .. } => {}
            }
        }
    }

    /// Gets the run a place among those of all threads, now or when there is one.
    fn admit(&mut self, run: Uuid, ctx: &mut Context<Self>) {
        let places = Arc::clone(&self.environment.places);
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            return self.admitted(run, place, ctx);
        }
        let waits = wrap_future::<_, Self>(places.acquire_owned());
        ctx.spawn(waits.map(move |place, thread, ctx| {
            // Places are never closed.
            if let Ok(place) = place {
                thread.admitted(run, place, ctx);
                thread.settle(ctx);
            }
        }));
    }

    fn admitted(&mut self, run: Uuid, place: OwnedSemaphorePermit, ctx: &mut Context<Self>) {
        // Left here, it is given back: the run was stopped meanwhile.
        self.place = Some(place);
        let effects = self.on(Event::Admitted { run });
        self.apply(effects, ctx);
        self.place = None;
    }

    fn wait_until(&mut self, due: Timestamp, ctx: &mut Context<Self>) {
        if let Some(alarm) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        let micros = due.0.saturating_sub(self.environment.now().0);
        let delay = Duration::from_micros(u64::try_from(micros).unwrap_or_default());
        self.alarm = Some(ctx.run_later(delay, |thread, ctx| {
            thread.alarm = None;
            let effects = thread.on(Event::Due);
            thread.apply(effects, ctx);
        }));
    }

    /// Starts the graph in a new epoch. Nobody hears of it before the epoch is stored.
    fn launch(&mut self, run_id: Uuid, ctx: &mut Context<Self>) {
        let place = self.place.take().expect("a run is launched when there is a place for it");
        self.epoch += 1;
        let now = self.environment.now();
        let queued = self.runs.get_mut(&run_id).expect("the queue holds runs that were accepted");
        queued.run.status = RunStatus::Running;
        queued.run.attempt += 1;
        queued.run.updated_at = now;
        let config = queued.run.config();
        let (graph, run, left) = (queued.graph.clone(), queued.run.clone(), queued.left.clone());

        let (facts, feed) = self.feed(&run, ctx);
        let begun = facts.begin();
        let answer = Self::answer_or_end(ctx, move |result| begun.answer(result.is_ok()));
        self.put_begun(&run, answer);
        let epoch = self.epoch;
        self.broker(ctx).do_send(Attach { epoch, feed });

        let draining = Arc::new(OnceLock::new());
        let launch = Launch {
            environment: Arc::clone(&self.environment),
            thread: ctx.address().downgrade(),
            graph,
            config,
            epoch,
            facts: facts.clone(),
            demand: Arc::clone(&self.demand),
            draining: Arc::clone(&draining),
            run,
            left,
        };
        let limit = ctx.run_later(self.environment.options.run_timeout, move |thread, _| {
            thread.time_out(run_id);
        });
        self.current = Some(Current {
            run_id,
            began: now,
            // This is the thread's own arbiter.
            address: RunActor::new(launch).start(),
            facts,
            draining,
            over: None,
            before: None,
            stop: None,
            too_late: Vec::new(),
            limit: Some(limit),
            place,
        });
    }

    /// The way of the facts of an attempt that begins; they are stored if the run can be taken up again.
    fn feed(&self, run: &Run, ctx: &Context<Self>) -> (FactSender, Feed) {
        let (run_id, capacity) = (run.run_id, self.environment.options.run_channel);
        if !self.records(run) {
            return feed(run_id, capacity);
        }
        let (epoch, thread) = (self.epoch, ctx.address().downgrade());
        let put = move |facts, answer| {
            if let Some(thread) = thread.upgrade() {
                // Bounded: one is unanswered at most.
                thread.do_send(StoreFacts { epoch, facts, answer });
            }
        };
        recorded_feed(run_id, first_number(epoch), capacity, Box::new(put))
    }

    /// Stores that the run is under way: together with that it was taken in, if that is not stored yet.
    fn put_begun(&mut self, run: &Run, begun: Answer) {
        let Some((mut changes, accepted)) = self.accepted.take() else {
            return self.put_first(vec![Change::MarkRun(RunMark::of(run))], begun);
        };
        for change in &mut changes {
            if let Change::PutRun(new) = change
                && new.run_id == run.run_id
            {
                RunMark::of(run).on(new);
            }
        }
        self.put_first(changes, Answer::both(accepted, begun));
    }

    fn time_out(&mut self, run_id: Uuid) {
        if let Some(current) = &mut self.current
            && current.run_id == run_id
        {
            current.limit = None;
            if current.over.is_none() {
                self.stop_current(StopCause::TooLong, "", None);
            }
        }
    }

    fn drain_current(&mut self) {
        let keeps = |current: &&Current| {
            self.runs.get(&current.run_id).is_some_and(|queued| !queued.run.kwargs.temporary)
        };
        // What keeps no checkpoints would begin anew, so it goes to its end while there is time.
        if let Some(current) = self.current.as_ref().filter(keeps) {
            // Set before, it stays as it was.
            let _ = current.draining.set("shutdown".to_owned());
        }
    }

    /// Begins the next attempt at a run whose actor died, from its last commit.
    fn begin_again(&mut self, run_id: Uuid, left: Standing, ctx: &mut Context<Self>) {
        let Some(current) = self.current.take() else { return };
        self.newest.forget();
        tracing::error!(thread_id = %self.thread_id, %run_id, "the actor of a run died; the run goes on from its last commit");
        if let Some(limit) = current.limit {
            ctx.cancel_future(limit);
        }
        ctx.spawn(wrap_future(current.facts.end(None)));
        self.place = Some(current.place);
        if let Some(queued) = self.runs.get_mut(&run_id) {
            queued.left = left;
        }
        self.launch(run_id, ctx);
    }

    /// True when a run whose actor died may be picked up once more.
    fn may_begin_again(&self, run_id: Uuid) -> bool {
        let is_stopped = self.current.as_ref().is_none_or(|current| current.stop.is_some());
        let attempts = self.runs.get(&run_id).map_or(ATTEMPTS, |queued| queued.run.attempt);
        !is_stopped && attempts < ATTEMPTS && !self.queue.is_draining()
    }
}

impl Handler<StoreCommit> for ThreadActor {
    type Result = ();

    fn handle(&mut self, order: StoreCommit, ctx: &mut Self::Context) {
        let StoreCommit { epoch, commit, facts, over, answer } = order;
        if epoch != self.epoch {
            return answer.give(Err(Error::Fenced { epoch }));
        }
        // How a run ends that is being stopped, the stop says.
        let is_stopped = self.current.as_ref().is_none_or(|current| current.stop.is_some());
        match over {
            Some(over) if !is_stopped => self.seal(commit, facts, *over, answer, ctx),
            _ => {
                let mut changes = vec![Change::Commit(commit)];
                changes.extend(self.facts(facts));
                self.put(changes, answer);
            }
        }
    }
}

/// For a run: after everything that it committed before.
impl<T: Send + 'static> Handler<Look<T>> for ThreadActor {
    type Result = ();

    fn handle(&mut self, look: Look<T>, _: &mut Self::Context) {
        self.storage.do_send(look);
    }
}

impl Handler<RunOver> for ThreadActor {
    type Result = ();

    fn handle(&mut self, over: RunOver, ctx: &mut Self::Context) {
        let run = over.run_id;
        let Some(current) = self.current.as_ref().filter(|current| current.run_id == run) else { return };
        if self.is_cut_off() {
            return;
        }
        if current.over.as_ref().is_some_and(|sealed| sealed.end != over.end) {
            // It did not wait for its last commit, or failed by one before that.
            return self.hear_when_stored(over, ctx);
        }
        self.over(over, ctx);
    }
}

impl Handler<LastCommitKnown> for ThreadActor {
    type Result = ();

    fn handle(&mut self, LastCommitKnown { over, is_stored }: LastCommitKnown, ctx: &mut Self::Context) {
        if !is_stored {
            self.unseal(over.run_id);
        }
        self.over(over, ctx);
    }
}

impl ThreadActor {
    /// Asks storage whether the run has ended as it was sealed. What is temporary always has.
    fn hear_when_stored(&self, over: RunOver, ctx: &mut Context<Self>) {
        if self.origin == Origin::Temporary {
            return ctx.notify(LastCommitKnown { over, is_stored: true });
        }
        let (thread_id, run_id) = (self.thread_id, over.run_id);
        let (look, run) = Look::new(move |storage| storage.run(thread_id, run_id));
        self.storage.do_send(look);
        ctx.spawn(wrap_future::<_, Self>(run).map(move |run, _, ctx: &mut Context<Self>| {
            let is_stored = matches!(run, Ok(Some(run)) if run.status.is_final());
            ctx.notify(LastCommitKnown { over, is_stored });
        }));
    }

    fn over(&mut self, over: RunOver, ctx: &mut Context<Self>) {
        let run = over.run_id;
        let Some(current) = self.current.as_ref().filter(|current| current.run_id == run) else { return };
        let is_sealed = current.over.is_some();
        if over.end == RunEnd::Died && !is_sealed && self.may_begin_again(run) {
            return self.begin_again(run, over.standing, ctx);
        }
        if let Some(current) = &mut self.current {
            current.over.get_or_insert(over);
        }
        let effects = self.on(Event::Ended { run });
        self.apply(effects, ctx);
        self.settle(ctx);
    }
}

impl Handler<CutOff> for ThreadActor {
    type Result = ();

    fn handle(&mut self, order: CutOff, _: &mut Self::Context) {
        if let Some(current) = &self.current {
            current.address.do_send(order);
        }
    }
}
