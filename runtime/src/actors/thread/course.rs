//! The course of a run, from the thread's side: it is admitted and launched, it commits, it ends. What it came to
//! is stored before anybody hears of the end: with its last commit, when that is known to be the last.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler};
use eddyline_engine::RunError;
use eddyline_engine::checkpoint::Commit;
use eddyline_engine::fact::{Body, Fact, Failure};
use eddyline_engine::ids::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::ending::{Ending, timed_out};
use super::orders::answered;
use super::{Current, StopCause, ThreadActor};
use crate::actors::{Launch, RunActor};
use crate::error::Error as RequestError;
use crate::machine::{Effect, Event};
use crate::messages::{
    Answer, Attach, CutOff, Look, RunEnd, RunOver, StoreCommit, Stored, Unsealed, WriteFailed,
};
use crate::runs::{CancelAction, Run, RunStatus};
use crate::storage::{Change, Error};
use crate::stream::feed::feed;
use crate::threads::Thread;

/// How often a run may be picked up.
pub(super) const ATTEMPTS: u32 = 3;

/// How long to wait before storage is asked again to store what a run came to.
const AGAIN: Duration = Duration::from_secs(1);

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
                    self.runs.remove(&run);
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
        pick_up(&mut queued.run);
        queued.run.updated_at = now;
        let config = queued.run.config();
        let (graph, run) = (queued.graph.clone(), queued.run.clone());

        let (facts, feed) = feed(run_id, self.environment.options.run_channel);
        let begun = facts.commit();
        let answer = Self::answer_or_end(ctx, move |result| begun.answer(result.is_ok()));
        self.put(vec![Change::PutRun(run.clone())], answer);
        let epoch = self.epoch;
        self.broker(ctx).do_send(Attach { epoch, feed });

        let draining = Arc::new(OnceLock::new());
        let launch = Launch {
            environment: Arc::clone(&self.environment),
            thread: ctx.address().downgrade(),
            graph,
            config: Arc::new(config),
            epoch,
            facts: facts.clone(),
            demand: Arc::clone(&self.demand),
            draining: Arc::clone(&draining),
            run,
        };
        let limit = ctx.run_later(self.environment.options.run_timeout, move |thread, _| {
            thread.time_out(run_id);
        });
        self.current = Some(Current {
            run_id,
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
        if let Some(current) = &self.current {
            // Set before, it stays as it was.
            let _ = current.draining.set("shutdown".to_owned());
        }
    }

    /// Stores the last commit of a run together with how the run ended.
    fn seal(&mut self, commit: Commit, over: RunOver, answer: Answer, ctx: &mut Context<Self>) {
        let run_id = over.run_id;
        let before = self.head.clone();
        let mut changes = vec![Change::Commit(commit)];
        changes.extend(self.final_changes(&over));
        let current = self.current.as_mut().expect("a run that commits has the slot");
        current.over = Some(over);
        current.before = before;
        self.on(Event::Sealed { run: run_id });
        let thread = ctx.address().downgrade();
        let answer = Answer::new(move |result| {
            if result.is_err()
                && let Some(thread) = thread.upgrade()
            {
                thread.do_send(Unsealed { run_id });
            }
            answer.give(result);
        });
        self.put(changes, answer);
    }

    /// Stores what the run came to, with the thread as it stands now.
    fn finish(&mut self, run_id: Uuid, ctx: &mut Context<Self>) {
        let current = self.current.as_mut().expect("a run is finished while it has the slot");
        let mut over = current.over.take().expect("a run is finished after it has ended");
        match current.stop.as_ref().map(|stop| stop.cause) {
            // Even if it came to its end in the same moment.
            Some(StopCause::Cancelled(_)) => over.end = RunEnd::Cancelled,
            Some(StopCause::TooLong) => over.end = RunEnd::TimedOut,
            None if over.end == RunEnd::Died => over.end = RunEnd::Failed(exceeded(run_id)),
            None => {}
        }
        let changes = self.final_changes(&over);
        self.runs.remove(&run_id);
        if let Some(current) = &mut self.current {
            current.over = Some(over);
        }
        self.put_end(run_id, changes, ctx);
    }

    fn put_end(&self, run_id: Uuid, changes: Vec<Change>, ctx: &mut Context<Self>) {
        let thread = ctx.address().downgrade();
        let stored = changes.clone();
        let answer = Answer::new(move |result| {
            if let Some(thread) = thread.upgrade() {
                thread.do_send(Stored { run_id, changes, result });
            }
        });
        self.put(stored, answer);
    }

    fn final_changes(&mut self, over: &RunOver) -> Vec<Change> {
        let (now, more) = (self.environment.now(), self.queue.has_waiting());
        let queued = self.runs.get(&over.run_id).expect("the queue holds runs that were accepted");
        let stop = self.current.as_ref().and_then(|current| current.stop.as_ref());
        let rolls_back = stop.is_some_and(|stop| stop.cause == StopCause::Cancelled(CancelAction::Rollback));
        let reason = stop.map(|stop| stop.reason.as_str());
        Ending { run: queued.run.clone(), over, reason, rolls_back, more, now }.changes(&mut self.head)
    }

    /// Tells listeners that the run is over; a run that will go on later just falls silent.
    fn announce_end(&mut self, ctx: &mut Context<Self>) {
        let Some(current) = self.current.take() else { return };
        if let Some(limit) = current.limit {
            ctx.cancel_future(limit);
        }
        for reply in current.too_late {
            reply.send(Err(RequestError::NothingToCancel { run_id: current.run_id }));
        }
        for reply in current.stop.into_iter().flat_map(|stop| stop.waiting) {
            reply.send(Ok(()));
        }
        let last = current.over.and_then(|over| match over.end {
            RunEnd::Done | RunEnd::Paused | RunEnd::Cancelled => Some(None),
            RunEnd::Failed(failure) => Some(Some(failure)),
            RunEnd::TimedOut => Some(Some(timed_out())),
            RunEnd::Drained | RunEnd::Died => None,
        });
        let last = last.map(|failure| self.run_ended(failure));
        ctx.spawn(wrap_future(current.facts.end(last)));
    }

    fn run_ended(&self, failure: Option<Failure>) -> Fact {
        Fact { ns: "".into(), at: self.environment.now(), body: Body::RunEnded { failure } }
    }

    /// What the run came to could not be stored. Listeners do not wait for ever, and hear of it; storage is asked
    /// again until it takes it, and until then the run keeps its slot.
    fn end_is_not_stored(
        &mut self,
        run_id: Uuid,
        changes: Vec<Change>,
        error: Error,
        ctx: &mut Context<Self>,
    ) {
        tracing::error!(thread_id = %self.thread_id, %run_id, %error, "the end of a run is not stored; storage is asked again");
        let Some(current) = &mut self.current else { return };
        for reply in current.stop.iter_mut().flat_map(|stop| std::mem::take(&mut stop.waiting)) {
            reply.send(answered(Err(error.clone()), ()));
        }
        let failure = match current.over.as_ref().map(|over| &over.end) {
            Some(RunEnd::Failed(failure)) => failure.clone(),
            _ => RunError::from(error.clone()).failure(),
        };
        let facts = current.facts.clone();
        ctx.spawn(wrap_future(facts.end(Some(self.run_ended(Some(failure))))));
        if matches!(error, Error::Fenced { .. }) {
            return ctx.notify(WriteFailed { error });
        }
        ctx.run_later(AGAIN, move |thread, ctx| thread.put_end(run_id, changes, ctx));
    }

    /// Begins the next attempt at a run whose actor died, from its last commit.
    fn begin_again(&mut self, run_id: Uuid, ctx: &mut Context<Self>) {
        let Some(current) = self.current.take() else { return };
        tracing::error!(thread_id = %self.thread_id, %run_id, "the actor of a run died; the run goes on from its last commit");
        if let Some(limit) = current.limit {
            ctx.cancel_future(limit);
        }
        ctx.spawn(wrap_future(current.facts.end(None)));
        self.place = Some(current.place);
        self.launch(run_id, ctx);
    }

    /// True when a run whose actor died may be picked up once more.
    fn may_begin_again(&self, run_id: Uuid) -> bool {
        let is_stopped = self.current.as_ref().is_none_or(|current| current.stop.is_some());
        let attempts = self.runs.get(&run_id).map_or(ATTEMPTS, |queued| queued.run.attempt);
        !is_stopped && attempts < ATTEMPTS && !self.queue.is_draining()
    }
}

/// A run that was picked up as often as it may be.
pub(super) fn exceeded(run_id: Uuid) -> Failure {
    let message = format!("Run {run_id} exceeded max attempts ({ATTEMPTS}).");
    Failure { class: "RuntimeError".into(), message: message.into(), visible: true }
}

/// The run is running, for one more time; what clients see of it says so.
fn pick_up(run: &mut Run) {
    run.status = RunStatus::Running;
    run.attempt += 1;
    let kwargs = Arc::make_mut(&mut run.kwargs);
    if let Some(Value::Object(metadata)) = kwargs.config.get_mut("metadata") {
        metadata.insert("run_attempt".to_owned(), json!(run.attempt));
    }
}

impl Handler<StoreCommit> for ThreadActor {
    type Result = ();

    fn handle(&mut self, order: StoreCommit, ctx: &mut Self::Context) {
        let StoreCommit { epoch, commit, over, answer } = order;
        if epoch != self.epoch {
            return answer.give(Err(Error::Fenced { epoch }));
        }
        // How a run ends that is being stopped, the stop says.
        let is_stopped = self.current.as_ref().is_none_or(|current| current.stop.is_some());
        match over {
            Some(over) if !is_stopped => self.seal(commit, *over, answer, ctx),
            _ => self.put(vec![Change::Commit(commit)], answer),
        }
    }
}

/// The thread's record is what it was, and the run fails.
impl Handler<Unsealed> for ThreadActor {
    type Result = ();

    fn handle(&mut self, Unsealed { run_id }: Unsealed, _: &mut Self::Context) {
        let Some(current) = self.current.as_mut().filter(|current| current.run_id == run_id) else { return };
        current.over = None;
        if let (Some(before), Some(head)) = (current.before.take(), &mut self.head) {
            // What clients said about the thread meanwhile stays.
            let (metadata, config) = (std::mem::take(&mut head.metadata), std::mem::take(&mut head.config));
            *head = Thread { metadata, config, ..before };
        }
        self.on(Event::Unsealed { run: run_id });
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
        let Some(current) = self.current.as_mut().filter(|current| current.run_id == run) else { return };
        if self.environment.cut_off.load(std::sync::atomic::Ordering::Acquire) {
            return;
        }
        if current.over.is_none() {
            if over.end == RunEnd::Died && self.may_begin_again(run) {
                return self.begin_again(run, ctx);
            }
            if let Some(current) = &mut self.current {
                current.over = Some(over);
            }
        }
        let effects = self.on(Event::Ended { run });
        self.apply(effects, ctx);
        self.settle(ctx);
    }
}

impl Handler<Stored> for ThreadActor {
    type Result = ();

    fn handle(&mut self, Stored { run_id: run, changes, result }: Stored, ctx: &mut Self::Context) {
        if let Err(error) = result {
            return self.end_is_not_stored(run, changes, error, ctx);
        }
        self.announce_end(ctx);
        let effects = self.on(Event::Stored { run });
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
