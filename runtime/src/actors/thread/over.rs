//! The end of a run, from the thread's side. What it came to is stored before anybody hears of it: with its last
//! commit, when that is known to be the last, and else by itself.

use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{ActorFutureExt, AsyncContext, Context, Handler};
use eddyline_engine::RunError;
use eddyline_engine::checkpoint::Commit;
use eddyline_engine::fact::Failure;
use uuid::Uuid;

use super::course::ATTEMPTS;
use super::ending::Ending;
use super::orders::answered;
use super::{StopCause, ThreadActor};
use crate::error::Error as RequestError;
use crate::machine::Event;
use crate::messages::{Answer, Look, RunEnd, RunOver, Stored, Unsealed, WriteFailed};
use crate::runs::CancelAction;
use crate::storage::{Change, Error};
use crate::stream::Entry;
use crate::stream::acks::Ticket;
use crate::threads::Thread;

/// How long to wait before storage is asked again to store what a run came to.
const AGAIN: Duration = Duration::from_secs(1);

impl ThreadActor {
    /// Stores the last commit of a run together with how the run ended.
    pub(super) fn seal(
        &mut self,
        commit: Commit,
        mut facts: Vec<Arc<Entry>>,
        over: RunOver,
        answer: Answer,
        ctx: &mut Context<Self>,
    ) {
        let run_id = over.run_id;
        let before = self.head.clone();
        let mut changes = vec![Change::Commit(commit)];
        changes.extend(self.final_changes(&over));
        facts.extend(self.sealed_fact(&over.end));
        changes.extend(self.facts(facts));
        let current = self.current.as_mut().expect("a run that commits has the slot");
        current.over = Some(over);
        current.before = before;
        self.on(Event::Sealed { run: run_id });
        let thread = ctx.address().downgrade();
        let answer = Answer::new(move |result| match (result, thread.upgrade()) {
            (Err(error), Some(thread)) => thread.do_send(Unsealed { run_id, error, answer }),
            (result, _) => answer.give(result),
        });
        self.put(changes, answer);
    }

    /// The thread's record is what it was, and the run fails.
    pub(super) fn unseal(&mut self, run_id: Uuid) {
        let Some(current) = self.current.as_mut().filter(|current| current.run_id == run_id) else { return };
        current.over = None;
        if let Some(recorder) = current.facts.recorder() {
            recorder.unseal();
        }
        if let (Some(before), Some(head)) = (current.before.take(), &mut self.head) {
            // What clients said about the thread meanwhile stays.
            let (metadata, config) = (std::mem::take(&mut head.metadata), std::mem::take(&mut head.config));
            *head = Thread { metadata, config, ttl: head.ttl, ..before };
        }
        self.on(Event::Unsealed { run: run_id });
    }

    /// Stores what the run came to, with the thread as it stands now.
    pub(super) fn finish(&mut self, run_id: Uuid, ctx: &mut Context<Self>) {
        let current = self.current.as_mut().expect("a run is finished while it has the slot");
        let mut over = current.over.take().expect("a run is finished after it has ended");
        match current.stop.as_ref().map(|stop| stop.cause) {
            // Cut off while its tasks let go and its commits were on their way: the next start finds out how it leaves
            // the thread.
            Some(StopCause::Cancelled(action)) if over.end == RunEnd::Drained => {
                self.mark_cancelling(run_id, action);
            }
            Some(StopCause::TooLong) if over.end == RunEnd::Drained => {}
            // Even if it came to its end in the same moment.
            Some(StopCause::Cancelled(_)) => over.end = RunEnd::Cancelled,
            Some(StopCause::TooLong) => over.end = RunEnd::TimedOut,
            None if over.end == RunEnd::Died => over.end = RunEnd::Failed(exceeded(run_id)),
            None => {}
        }
        let mut changes = self.final_changes(&over);
        let told = self.add_last_facts(&mut changes, &over.end);
        self.let_go(run_id);
        if let Some(current) = &mut self.current {
            current.over = Some(over);
        }
        self.put_end(run_id, changes, told, ctx);
    }

    fn put_end(&mut self, run_id: Uuid, changes: Vec<Change>, told: Option<Ticket>, ctx: &mut Context<Self>) {
        let thread = ctx.address().downgrade();
        let stored = changes.clone();
        let answer = Answer::new(move |result| {
            if let Some(told) = told {
                told.answer(result.is_ok());
            }
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
        let rolls_back = over.end != RunEnd::Drained
            && stop.is_some_and(|stop| stop.cause == StopCause::Cancelled(CancelAction::Rollback));
        let reason = stop.map(|stop| stop.reason.as_str());
        let run = queued.run.clone();
        let began = self.current.as_ref().map_or(run.updated_at, |current| current.began);
        let environment = &self.environment;
        Ending { environment, run, over, reason, rolls_back, more, began, now }.changes(&mut self.head)
    }

    /// Tells listeners that the run is over; a run that will go on later just falls silent.
    pub(super) fn announce_end(&mut self, ctx: &mut Context<Self>) {
        let Some(current) = self.current.take() else { return };
        let ends_well = |over: &RunOver| matches!(over.end, RunEnd::Done | RunEnd::Paused);
        if !current.over.as_ref().is_some_and(ends_well) {
            // Some of its commits may not be stored.
            self.newest.forget();
        }
        if let Some(limit) = current.limit {
            ctx.cancel_future(limit);
        }
        for reply in current.too_late {
            reply.send(Err(RequestError::NothingToCancel { run_id: current.run_id }));
        }
        let is_cut_off = current.over.as_ref().is_some_and(|over| over.end == RunEnd::Drained);
        for reply in current.stop.into_iter().flat_map(|stop| stop.waiting) {
            reply.send(if is_cut_off { Err(RequestError::Stopping) } else { Ok(()) });
        }
        let last = current.over.and_then(|over| self.last_fact(&over.end));
        ctx.spawn(wrap_future(current.facts.end(last)));
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
        let stopping = current.stop.iter_mut().flat_map(|stop| std::mem::take(&mut stop.waiting));
        for reply in stopping.chain(std::mem::take(&mut current.too_late)) {
            reply.send(answered(Err(error.clone()), ()));
        }
        let failure = match current.over.as_ref().map(|over| &over.end) {
            Some(RunEnd::Failed(failure)) => failure.clone(),
            _ => RunError::from(error.clone()).failure(),
        };
        let facts = current.facts.clone();
        if let Some(recorder) = facts.recorder() {
            recorder.unseal();
        }
        ctx.spawn(wrap_future(facts.end(Some(self.run_ended(Some(failure), false)))));
        if matches!(error, Error::Fenced { .. }) {
            return ctx.notify(WriteFailed { error });
        }
        ctx.run_later(AGAIN, move |thread, ctx| thread.put_end(run_id, changes, None, ctx));
    }
}

/// A run that was picked up as often as it may be.
pub(super) fn exceeded(run_id: Uuid) -> Failure {
    let message = format!("Run {run_id} exceeded max attempts ({ATTEMPTS}).");
    Failure { class: "RuntimeError".into(), message: message.into(), visible: true }
}

/// If it is not known whether the end is stored, storage knows: a run that has ended does not end in another way.
impl Handler<Unsealed> for ThreadActor {
    type Result = ();

    fn handle(&mut self, Unsealed { run_id, error, answer }: Unsealed, ctx: &mut Self::Context) {
        if !matches!(error, Error::Unknown { .. }) {
            self.unseal(run_id);
            return answer.give(Err(error));
        }
        let thread_id = self.thread_id;
        let (look, run) = Look::new(move |storage| storage.run(thread_id, run_id));
        self.storage.do_send(look);
        ctx.spawn(wrap_future::<_, Self>(run).map(move |run, thread, _| {
            if matches!(run, Ok(Some(run)) if run.status.is_final()) {
                return answer.give(Ok(()));
            }
            thread.unseal(run_id);
            answer.give(Err(error));
        }));
    }
}

impl Handler<Stored> for ThreadActor {
    type Result = ();

    fn handle(&mut self, Stored { run_id: run, changes, result }: Stored, ctx: &mut Self::Context) {
        if let Err(error) = result {
            return self.end_is_not_stored(run, changes, error, ctx);
        }
        self.announce_end(ctx);
        self.begin_anew_if_gone();
        let effects = self.on(Event::Stored { run });
        self.apply(effects, ctx);
        self.settle(ctx);
    }
}
