//! How runs are stopped and deleted, and the thread itself. What is under way stops first; what is asked for
//! is answered when it is stored.

use actix::{Context, Handler};
use eddyline_engine::fact::Failure;
use uuid::Uuid;

use super::ending::at_rest;
use super::orders::answered;
use super::{Cancellation, Current, Queued, ThreadActor};
use crate::error::Error;
use crate::machine::{Effect, Event};
use crate::messages::{
    Cancel, CancelTasks, CloseStreams, ForgetRun, ForgetThread, NeverBegan, Reply, ReviseState,
};
use crate::runs::{CancelAction, CancelRun, RunStatus};
use crate::storage::Change;

impl Cancellation {
    /// What the thread's record says of it.
    pub(super) fn failure(&self) -> Failure {
        Failure { class: "UserInterrupt".into(), message: self.reason.as_str().into(), visible: true }
    }
}

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
        let effects = self.queue.on(Event::Cancel { run: run_id });
        match effects.first() {
            _ if self.head.is_none() => reply.send(Err(Error::RunNotFound { run_id })),
            Some(Effect::Cancel { .. }) => self.stop_current(CancelAction::Rollback, "", Some(reply)),
            Some(Effect::Dismiss { .. }) => self.dismiss(run_id, CancelAction::Rollback, Some(reply), ctx),
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
            let effects = self.queue.on(Event::Clear);
            self.apply(effects, ctx);
        }
        self.settle(ctx);
    }
}

impl ThreadActor {
    fn cancel(&mut self, request: CancelRun, reply: Reply<()>, ctx: &mut Context<Self>) {
        let CancelRun { run_id, action, reason, wait, .. } = request;
        let effects = self.queue.on(Event::Cancel { run: run_id });
        match effects.first() {
            Some(Effect::Cancel { .. }) if wait => self.stop_current(action, &reason, Some(reply)),
            Some(Effect::Cancel { .. }) => {
                self.stop_current(action, &reason, None);
                self.show_cancelled(run_id, reply, ctx);
            }
            Some(Effect::Dismiss { .. }) => self.dismiss(run_id, action, Some(reply), ctx),
            _ => match &mut self.current {
                // It has let go, and what it came to is on its way to storage.
                Some(Current { run_id: current, cancellation: Some(cancellation), .. })
                    if *current == run_id =>
                {
                    cancellation.waiting.push(reply);
                }
                _ => reply.send(Err(Error::NothingToCancel { run_id })),
            },
        }
    }

    /// Stops the run that has the slot. Who waits is answered once what it came to is stored.
    pub(super) fn stop_current(&mut self, action: CancelAction, reason: &str, reply: Option<Reply<()>>) {
        let Some(current) = &mut self.current else { return };
        current.address.do_send(CancelTasks);
        let cancellation = current.cancellation.get_or_insert_with(|| Cancellation {
            action,
            reason: reason.to_owned(),
            waiting: Vec::new(),
        });
        if action == CancelAction::Rollback {
            cancellation.action = action;
        }
        cancellation.waiting.extend(reply);
    }

    /// The record says at once that the run is cancelled, while its tasks still let go.
    fn show_cancelled(&mut self, run_id: Uuid, reply: Reply<()>, ctx: &mut Context<Self>) {
        let now = self.environment.now();
        let Queued { run, .. } = self.runs.get_mut(&run_id).expect("the queue holds runs that were accepted");
        run.status = RunStatus::Interrupted;
        run.updated_at = now;
        let changes = vec![Change::PutRun(run.clone())];
        let answer = Self::answer_or_end(ctx, move |result| reply.send(answered(result, ())));
        self.put(changes, answer);
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
        let broker = self.broker.as_ref().map(actix::Addr::downgrade);
        let answer = Self::answer_or_end(ctx, move |result| {
            if let Some(broker) = broker.and_then(|broker| broker.upgrade()) {
                broker.do_send(NeverBegan { run_id });
            }
            if let Some(reply) = reply {
                reply.send(answered(result, ()));
            }
        });
        self.put(changes, answer);
    }

    fn changes_without(&mut self, run_id: Uuid, action: CancelAction) -> Vec<Change> {
        let now = self.environment.now();
        let has_runs = self.queue.has_runs();
        let queued = self.runs.remove(&run_id).expect("the queue holds runs that were accepted");
        let mut run = queued.run;
        if run.kwargs.temporary {
            self.head = None;
            return vec![Change::DeleteThread];
        }
        run.status = RunStatus::Interrupted;
        run.updated_at = now;
        let mut changes = vec![match action {
            CancelAction::Interrupt => Change::PutRun(run),
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

    /// Nothing is under way any more: the thread goes, and its listeners are sent away.
    pub(super) fn delete(&mut self, ctx: &mut Context<Self>) {
        self.head = None;
        let waiting = std::mem::take(&mut self.deleting);
        let answer = Self::answer_or_end(ctx, move |result| {
            for reply in waiting {
                reply.send(answered(result.clone(), ()));
            }
        });
        self.put(vec![Change::DeleteThread], answer);
        if let Some(broker) = &self.broker {
            broker.do_send(CloseStreams);
        }
    }
}
