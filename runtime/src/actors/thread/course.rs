//! The course of a run, from the thread's side: it is launched, it commits, it ends, and what it came to is
//! stored before anybody hears of the end.

use std::sync::{Arc, OnceLock};

use actix::fut::wrap_future;
use actix::{Actor, AsyncContext, Context, Handler};
use eddyline_engine::fact::{Body, Fact};
use serde_json::{Value, json};
use uuid::Uuid;

use super::ending::Ending;
use super::orders::answered;
use super::{Current, ThreadActor, died};
use crate::actors::{Launch, RunActor};
use crate::machine::{Effect, Event};
use crate::messages::{Answer, Attach, CutOff, Look, RunEnd, RunOver, StoreCommit, Stored, WriteFailed};
use crate::runs::{CancelAction, Run, RunStatus};
use crate::storage::{Change, Error};
use crate::stream::feed::feed;

impl ThreadActor {
    pub(super) fn apply(&mut self, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        for effect in effects {
            match effect {
                Effect::Launch { run } => self.launch(run, ctx),
                Effect::Finish { run } => self.finish(run, ctx),
                Effect::Drain { .. } => self.drain_current(),
                // Here they come from a thread that is to go; a client's own cancellation sees to its run.
                Effect::Cancel { .. } => self.stop_current(CancelAction::Rollback, "", None),
                Effect::Dismiss { run } => self.dismiss(run, CancelAction::Rollback, None, ctx),
                Effect::Update { update } => self.revise(update, ctx),
                Effect::DropUpdate { update } => self.drop_revision(update),
                Effect::Rest => self.rest(ctx),
                // Whoever submitted the run has seen to these.
                Effect::Accept { .. } | Effect::RefuseBusy { .. } | Effect::RefuseFull { .. } => {}
            }
        }
    }

    /// Starts the graph in a new epoch. Nobody hears of it before the epoch is stored.
    fn launch(&mut self, run_id: Uuid, ctx: &mut Context<Self>) {
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
        // This is the thread's own arbiter.
        let address = RunActor::new(launch).start();
        self.current = Some(Current { run_id, address, facts, draining, over: None, cancellation: None });
    }

    fn drain_current(&mut self) {
        if let Some(current) = &self.current {
            // Set before, it stays as it was.
            let _ = current.draining.set("shutdown".to_owned());
        }
    }

    /// Stores what the run came to, with the thread as it stands now.
    fn finish(&mut self, run_id: Uuid, ctx: &mut Context<Self>) {
        let thread = ctx.address().downgrade();
        let answer = Answer::new(move |result| {
            if let Some(thread) = thread.upgrade() {
                thread.do_send(Stored { run_id, result });
            }
        });
        let changes = self.final_changes(run_id);
        self.put(changes, answer);
    }

    fn final_changes(&mut self, run_id: Uuid) -> Vec<Change> {
        let (now, more) = (self.environment.now(), self.queue.waiting() > 0);
        let queued = self.runs.remove(&run_id).expect("the queue holds runs that were accepted");
        let current = self.current.as_mut().expect("a run is finished while it has the slot");
        let over = current.over.as_mut().expect("a run is finished after it has ended");
        let cancellation = current.cancellation.as_ref();
        if cancellation.is_some() {
            // Even if it came to its end in the same moment.
            over.end = RunEnd::Cancelled;
        }
        Ending { run: queued.run, over, cancellation, more, now }.changes(&mut self.head)
    }

    /// Tells listeners that the run is over; a run that will go on later just falls silent.
    fn announce_end(&mut self, ctx: &mut Context<Self>) {
        let Some(Current { facts, over: Some(over), .. }) = self.current.take() else { return };
        let failure = match over.end {
            RunEnd::Done | RunEnd::Paused | RunEnd::Cancelled => None,
            RunEnd::Failed(failure) => Some(failure),
            RunEnd::Drained => {
                ctx.spawn(wrap_future(facts.end(None)));
                return;
            }
        };
        let last = Fact { ns: "".into(), at: self.environment.now(), body: Body::RunEnded { failure } };
        ctx.spawn(wrap_future(facts.end(Some(last))));
    }
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

    fn handle(&mut self, StoreCommit { epoch, commit, answer }: StoreCommit, _: &mut Self::Context) {
        if epoch == self.epoch {
            self.put(vec![Change::Commit(commit)], answer);
        } else {
            answer.give(Err(Error::Fenced { epoch }));
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
        if self.queue.current() != Some(run) || self.is_cut_off() {
            return;
        }
        if let Some(current) = &mut self.current
            && current.over.is_none()
        {
            current.over = Some(over);
        }
        let effects = self.queue.on(Event::Ended { run });
        self.apply(effects, ctx);
    }
}

impl Handler<Stored> for ThreadActor {
    type Result = ();

    fn handle(&mut self, Stored { run_id: run, result }: Stored, ctx: &mut Self::Context) {
        let answer = result.clone();
        let cancellation = self.current.as_mut().and_then(|current| current.cancellation.as_mut());
        let waiting =
            cancellation.map(|cancelled| std::mem::take(&mut cancelled.waiting)).unwrap_or_default();
        if let Err(error) = result {
            // The run is over, whatever storage says of it: listeners must not wait for ever.
            if let Some(current) = &mut self.current
                && let Some(over) = &mut current.over
            {
                over.end = died();
            }
            ctx.notify(WriteFailed { error });
        }
        self.announce_end(ctx);
        for reply in waiting {
            reply.send(answered(answer.clone(), ()));
        }
        let effects = self.queue.on(Event::Stored { run });
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
