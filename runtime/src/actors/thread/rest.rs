//! How a thread rests and ends: it naps when it has nothing to do, and closes its streams before it goes.

use std::sync::Arc;
use std::time::Duration;

use actix::{ActorContext, AsyncContext, Context, Handler};

use super::ThreadActor;
use super::ending::at_rest;
use crate::machine::Event;
use crate::messages::{CloseStreams, Drain, FallAsleep, Sleepy, StreamsClosed, Unheard, WriteFailed};
use crate::storage::Change;
use crate::threads::{Thread, ThreadStatus};

impl ThreadActor {
    /// Nothing is under way and nothing may start, or nothing waits.
    pub(super) fn rest(&mut self, ctx: &mut Context<Self>) {
        if !self.deleting.is_empty() && !self.going {
            self.delete(ctx);
        }
        self.be_busy_no_more(ctx);
        // Who has the thread deleted is answered here.
        if self.queue.is_draining() && self.deleting.is_empty() {
            self.close(ctx);
        }
    }

    /// When the end of the last run was put, another waited that was cancelled since, or was never stored: then the
    /// record still says that the thread is busy.
    pub(super) fn be_busy_no_more(&mut self, ctx: &mut Context<Self>) {
        let now = self.environment.now();
        let is_busy = |thread: &&mut Thread| thread.status == ThreadStatus::Busy;
        let Some(thread) = self.head.as_mut().filter(is_busy) else { return };
        if self.queue.has_runs() {
            return;
        }
        thread.status = at_rest(thread);
        thread.updated_at = now;
        let changes = vec![Change::PutThread(thread.clone())];
        self.put(changes, Self::answer_or_end(ctx, |_| ()));
    }

    /// Sets the clock for a nap, or stops it: after every message that may have changed whether there is
    /// something to do.
    pub(super) fn settle(&mut self, ctx: &mut Context<Self>) {
        if let Some(nap) = self.nap.take() {
            ctx.cancel_future(nap);
        }
        if self.may_sleep() {
            let there = self.environment.options.thread_sleep;
            let delay = if self.head.is_some() { there } else { Duration::ZERO };
            self.nap = Some(ctx.run_later(delay, |thread, _| thread.ask_to_sleep()));
        }
    }

    /// Nothing to do and nobody to tell; a thread that does not exist has nothing to be awake for.
    fn may_sleep(&self) -> bool {
        // Whoever listens to a thread that does not exist waits for it here.
        let needed = self.demand.anybody();
        !self.queue.is_busy() && !self.closing && !needed && self.deleting.is_empty()
    }

    fn ask_to_sleep(&mut self) {
        self.nap = None;
        // A timer that is cancelled in the moment in which it fires still fires.
        if self.may_sleep()
            && let Some(supervisor) = self.supervisor.upgrade()
        {
            supervisor.do_send(Sleepy { thread_id: self.thread_id, life: self.life, seen: self.seen });
        }
    }

    /// Ends once the broker has told everything that there is to tell.
    fn close(&mut self, ctx: &mut Context<Self>) {
        self.closing = true;
        match &self.broker {
            Some(broker) => broker.do_send(CloseStreams),
            None => ctx.stop(),
        }
    }
}

impl Handler<Unheard> for ThreadActor {
    type Result = ();

    fn handle(&mut self, _: Unheard, ctx: &mut Self::Context) {
        self.settle(ctx);
    }
}

impl Handler<FallAsleep> for ThreadActor {
    type Result = ();

    fn handle(&mut self, _: FallAsleep, ctx: &mut Self::Context) {
        self.close(ctx);
    }
}

impl Handler<Drain> for ThreadActor {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) {
        let effects = self.on(Event::Draining);
        self.apply(effects, ctx);
    }
}

impl Handler<StreamsClosed> for ThreadActor {
    type Result = ();

    fn handle(&mut self, StreamsClosed { demand }: StreamsClosed, ctx: &mut Self::Context) {
        if !Arc::ptr_eq(&demand, &self.demand) {
            // The thread was deleted, and this was the broker of the one before.
            return;
        }
        // One that ended without being asked to is made anew when it is needed.
        self.broker = None;
        self.demand = Arc::default();
        if self.closing {
            ctx.stop();
        }
    }
}

impl Handler<WriteFailed> for ThreadActor {
    type Result = ();

    fn handle(&mut self, WriteFailed { error }: WriteFailed, ctx: &mut Self::Context) {
        tracing::error!(thread_id = %self.thread_id, %error, "a write failed; the thread begins again from what is stored");
        ctx.stop();
    }
}
