//! How runs are stopped and deleted, and the thread itself. What is under way stops first; what is asked for
//! is answered when it is stored.

use std::sync::Arc;

use actix::{Addr, AsyncContext as _, Context, Handler};
use uuid::Uuid;

use super::ending::{Ending, at_rest};
use super::orders::answered;
use super::{Current, Queued, Stop, StopCause, ThreadActor};
use crate::error::Error;
use crate::machine::{Effect, Event};
use crate::messages::{
    Answer, Cancel, CancelTasks, CloseStreams, ForgetRun, ForgetThread, Look, NeverBegan, Reply, ReviseState,
    RunEnd, RunOver, ThreadDeleted, WriteFailed,
};
use crate::runs::{CancelAction, CancelRun, RunStatus};
use crate::storage::{Change, RunMark};

impl Handler<Cancel> for ThreadActor {
    type Result = ();

    fn handle(&mut self, Cancel { request, reply }: Cancel, ctx: &mut Self::Context) {
        self.seen += 1;
        self.cancel(request, reply, ctx);
        self.settle(ctx);
    }
}

impl Handler<ForgetRun> for ThreadActor {
    type Result = ();

    fn handle(&mut self, ForgetRun { run_id, reply }: ForgetRun, ctx: &mut Self::Context) {
        self.seen += 1;
        let action = CancelAction::Rollback;
        let mut effects = self.on(Event::Cancel { run: run_id, action });
        match effects.first() {
            _ if self.head.is_none() => reply.send(Err(Error::RunNotFound { run_id })),
            Some(Effect::Cancel { .. }) => self.stop_current(StopCause::Cancelled(action), "", Some(reply)),
            Some(Effect::Dismiss { .. }) => {
                self.dismiss(run_id, action, Some(reply), ctx);
                self.apply(effects.split_off(1), ctx);
            }
            // It is over; if its end is still on its way to storage, this comes behind it.
            _ => {
                let answer = Self::answer_or_end(ctx, move |result| reply.send(answered(result, ())));
                self.put(vec![Change::DeleteRun(run_id)], answer);
            }
        }
        self.settle(ctx);
    }
}

impl Handler<ForgetThread> for ThreadActor {
    type Result = ();

    fn handle(&mut self, ForgetThread { reply }: ForgetThread, ctx: &mut Self::Context) {
        self.seen += 1;
        if self.head.is_none() {
            reply.send(Err(Error::ThreadNotFound { thread_id: self.thread_id }));
        } else {
            self.deleting.push(reply);
            let effects = self.on(Event::Clear);
            self.apply(effects, ctx);
        }
        self.settle(ctx);
    }
}

impl Current {
    /// It has let go, and what it came to is on its way to storage: stopped it is only if that is how it ended, and
    /// what it did is taken back only if that was asked for by then.
    fn wait_for_end(&mut self, action: CancelAction, reply: Reply<()>) {
        match &mut self.stop {
            Some(stop) if stop.cause.covers(action) => stop.waiting.push(reply),
            _ => self.too_late.push(reply),
        }
    }
}

impl ThreadActor {
    fn cancel(&mut self, request: CancelRun, reply: Reply<()>, ctx: &mut Context<Self>) {
        let CancelRun { run_id, action, reason, wait, .. } = request;
        let cause = StopCause::Cancelled(action);
        let mut effects = self.on(Event::Cancel { run: run_id, action });
        match effects.first() {
            Some(Effect::Cancel { .. }) if wait => self.stop_current(cause, &reason, Some(reply)),
            Some(Effect::Cancel { .. }) => {
                self.stop_current(cause, &reason, None);
                let changes = vec![self.mark_cancelling(run_id, action)];
                let answer = Self::answer_or_end(ctx, move |result| reply.send(answered(result, ())));
                self.put(changes, answer);
            }
            Some(Effect::Dismiss { .. }) => {
                self.dismiss(run_id, action, Some(reply), ctx);
                self.apply(effects.split_off(1), ctx);
            }
            _ => match &mut self.current {
                Some(current) if current.run_id == run_id => current.wait_for_end(action, reply),
                _ => self.nothing_to_cancel(run_id, reply),
            },
        }
    }

    /// It is over, or unknown; if its end is still on its way to storage, or that of the thread, the answer comes
    /// behind it.
    fn nothing_to_cancel(&self, run_id: Uuid, reply: Reply<()>) {
        let thread_id = self.thread_id;
        // Who waits hears of it by the reply alone.
        let (look, _) = Look::new(move |storage| {
            // What was to end it may not have been stored: then the thread takes it up once more.
            let goes_on = storage.run(thread_id, run_id)?.is_some_and(|run| !run.status.is_final());
            reply.send(Err(if goes_on { Error::Lost } else { Error::NothingToCancel { run_id } }));
            Ok(())
        });
        self.storage.do_send(look);
    }

    /// Stops the run that has the slot. Who waits is answered once what it came to is stored.
    pub(super) fn stop_current(&mut self, cause: StopCause, reason: &str, reply: Option<Reply<()>>) {
        let Some(current) = &mut self.current else { return };
        current.address.do_send(CancelTasks);
        let stop = current.stop.get_or_insert_with(|| Stop {
            cause,
            reason: reason.to_owned(),
            waiting: Vec::new(),
        });
        if let StopCause::Cancelled(action) = cause
            && !stop.cause.covers(action)
        {
            *stop = Stop { cause, reason: reason.to_owned(), waiting: std::mem::take(&mut stop.waiting) };
        }
        stop.waiting.extend(reply);
    }

    /// The record says at once that the run is being stopped, while its tasks still let go: it will not go on even
    /// if the process ends before they have.
    pub(super) fn mark_cancelling(&mut self, run_id: Uuid, action: CancelAction) -> Change {
        let now = self.environment.now();
        // One that is being rolled back stays so, whatever is asked later.
        let stop = self.current.as_ref().and_then(|current| current.stop.as_ref());
        let rolls_back = stop.is_some_and(|stop| stop.cause.covers(CancelAction::Rollback));
        let action = if rolls_back { CancelAction::Rollback } else { action };
        let Queued { run, .. } = self.runs.get_mut(&run_id).expect("the queue holds runs that were accepted");
        run.status = RunStatus::Cancelling(action);
        run.updated_at = now;
        Change::MarkRun(RunMark::of(run))
    }

    /// Ends a run that waited, and has left the queue.
    pub(super) fn dismiss(
        &mut self,
        run_id: Uuid,
        action: CancelAction,
        reply: Option<Reply<()>>,
        ctx: &mut Context<Self>,
    ) {
        let changes = self.changes_without(run_id, action);
        let never_began = self.never_began(vec![run_id]);
        let answer = Self::answer_or_end(ctx, move |result| {
            never_began();
            if let Some(reply) = reply {
                reply.send(answered(result, ()));
            }
        });
        self.put(changes, answer);
        self.begin_anew_if_gone();
    }

    /// A thread of this id that is made when this one is gone has nothing to do with it.
    pub(super) fn begin_anew_if_gone(&mut self) {
        if self.head.is_none() {
            self.epoch = 0;
        }
    }

    /// Tells listeners that nothing will happen in these runs.
    pub(super) fn never_began(&self, runs: Vec<Uuid>) -> impl FnOnce() + Send + 'static {
        let broker = self.broker.as_ref().map(Addr::downgrade);
        move || {
            if let Some(broker) = broker.and_then(|broker| broker.upgrade()) {
                for run_id in runs {
                    broker.do_send(NeverBegan { run_id });
                }
            }
        }
    }

    /// What it changes that a run leaves the queue and never begins.
    pub(super) fn changes_without(&mut self, run_id: Uuid, action: CancelAction) -> Vec<Change> {
        let now = self.environment.now();
        let has_runs = self.queue.has_runs();
        let queued = self.let_go(run_id).expect("the queue holds runs that were accepted");
        let mut run = queued.run;
        if run.attempt > 0 {
            // It was cut off, and leaves what it had done by then.
            let over = RunOver { run_id, end: RunEnd::Cancelled, standing: queued.left };
            let rolls_back = action == CancelAction::Rollback;
            let (environment, began) = (&self.environment, run.updated_at);
            let more = has_runs;
            let ending = Ending { environment, run, over: &over, reason: None, rolls_back, more, began, now };
            return ending.changes(&mut self.head);
        }
        if run.kwargs.temporary {
            self.head = None;
            return vec![Change::DeleteThread];
        }
        run.status = RunStatus::Interrupted;
        run.updated_at = now;
        let mut changes = vec![match action {
            CancelAction::Interrupt => Change::MarkRun(RunMark::of(&run)),
            CancelAction::Rollback => Change::DeleteRun(run_id),
        }];
        if let Some(thread) = self.head.as_mut().filter(|_| !has_runs) {
            thread.status = at_rest(thread);
            thread.updated_at = now;
            changes.push(Change::PutThread(thread.clone()));
        }
        changes
    }

    /// The thread goes: the change will not be made.
    pub(super) fn drop_revision(&mut self, update: Uuid) {
        if let Some(ReviseState { reply, .. }) = self.revisions.remove(&update) {
            reply.send(Err(Error::ThreadNotFound { thread_id: self.thread_id }));
        }
    }

    /// Nothing is under way any more: the thread goes, and then its listeners are sent away.
    pub(super) fn delete(&mut self, ctx: &mut Context<Self>) {
        self.head = None;
        self.going = true;
        // One that is made anew has nothing to do with the listeners of this one.
        let broker = self.broker.take();
        self.demand = Arc::default();
        let thread = ctx.address().downgrade();
        let answer = Answer::new(move |result| {
            if let Some(broker) = broker {
                broker.do_send(CloseStreams);
            }
            if let Some(thread) = thread.upgrade() {
                thread.do_send(ThreadDeleted { result });
            }
        });
        self.put(vec![Change::DeleteThread], answer);
        self.begin_anew_if_gone();
    }
}

impl Handler<ThreadDeleted> for ThreadActor {
    type Result = ();

    fn handle(&mut self, ThreadDeleted { result }: ThreadDeleted, ctx: &mut Self::Context) {
        self.going = false;
        for reply in std::mem::take(&mut self.deleting) {
            reply.send(answered(result.clone(), ()));
        }
        let orders = std::mem::take(&mut self.comes_after);
        if let Err(error) = result {
            for order in orders {
                order.reply.send(Err(error.clone().into()));
            }
            return ctx.notify(WriteFailed { error });
        }
        for order in orders {
            self.submit(order, ctx);
        }
        if self.queue.is_draining() {
            self.rest(ctx);
        }
        self.settle(ctx);
    }
}
