//! The course of a run, from the thread's side: it is launched, it commits, it ends, and what it came to is
//! stored before anybody hears of the end.

use std::sync::{Arc, OnceLock};

use actix::fut::wrap_future;
use actix::{Actor, AsyncContext, Context, Handler};
use eddyline_engine::fact::{Body, Fact, Failure};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Current, ThreadActor, died};
use crate::actors::{Launch, RunActor};
use crate::machine::{Effect, Event};
use crate::messages::{
    Answer, Attach, CutOff, LoadCheckpoint, ReadCheckpoint, RunEnd, RunOver, StoreCommit, Stored, WriteFailed,
};
use crate::runs::{Run, RunStatus};
use crate::storage::{Change, Error};
use crate::stream::feed::feed;
use crate::threads::ThreadStatus;

impl ThreadActor {
    pub(super) fn apply(&mut self, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        for effect in effects {
            match effect {
                Effect::Launch { run } => self.launch(run, ctx),
                Effect::Finish { run } => self.finish(run, ctx),
                Effect::Drain { .. } => self.drain_current(),
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
        self.current = Some(Current { address, facts, draining, over: None });
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
        let now = self.environment.now();
        let more = self.queue.waiting() > 0;
        let queued = self.runs.remove(&run_id).expect("the queue holds runs that were accepted");
        let over = self.current.as_ref().and_then(|current| current.over.as_ref());
        let over = over.expect("a run is finished after it has ended");
        let (run_status, thread_status, failure) = statuses(&over.end);
        let mut run = queued.run;
        run.status = run_status;
        run.updated_at = now;
        if run.kwargs.temporary && run_status.is_final() {
            self.head = None;
            return vec![Change::DeleteThread];
        }
        let Some(thread) = &mut self.head else { return vec![Change::PutRun(run)] };
        thread.updated_at = now;
        if run_status.is_final() {
            thread.state_updated_at = now;
            thread.status = if more { ThreadStatus::Busy } else { thread_status };
            thread.error = failure;
            thread.metadata.insert("graph_id".to_owned(), json!(run.graph_id));
            if let Some(values) = &over.standing.values {
                thread.values = Some(values.clone());
                thread.interrupts.clone_from(&over.standing.interrupts);
            }
        }
        vec![Change::PutThread(thread.clone()), Change::PutRun(run)]
    }

    /// Tells listeners that the run is over; a run that will go on later just falls silent.
    fn announce_end(&mut self, ctx: &mut Context<Self>) {
        let Some(Current { facts, over: Some(over), .. }) = self.current.take() else { return };
        let failure = match over.end {
            RunEnd::Done | RunEnd::Paused => None,
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

/// How run and thread stand after such an end. A pause is a success of the run.
fn statuses(end: &RunEnd) -> (RunStatus, ThreadStatus, Option<Failure>) {
    match end {
        RunEnd::Done => (RunStatus::Success, ThreadStatus::Idle, None),
        RunEnd::Paused => (RunStatus::Success, ThreadStatus::Interrupted, None),
        RunEnd::Failed(failure) => (RunStatus::Error, ThreadStatus::Error, Some(failure.clone())),
        RunEnd::Drained => (RunStatus::Pending, ThreadStatus::Busy, None),
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

impl Handler<LoadCheckpoint> for ThreadActor {
    type Result = ();

    fn handle(&mut self, LoadCheckpoint { ns, which, reply }: LoadCheckpoint, _: &mut Self::Context) {
        let thread_id = self.thread_id;
        self.storage.do_send(ReadCheckpoint { thread_id, ns, which, reply });
    }
}

impl Handler<RunOver> for ThreadActor {
    type Result = ();

    fn handle(&mut self, over: RunOver, ctx: &mut Self::Context) {
        let run = over.run_id;
        if self.queue.current() != Some(run) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_a_success_of_the_run() {
        let failure = Failure { class: "ValueError".into(), message: "boom".into(), visible: true };
        for (end, run, thread) in [
            (RunEnd::Done, RunStatus::Success, ThreadStatus::Idle),
            (RunEnd::Paused, RunStatus::Success, ThreadStatus::Interrupted),
            (RunEnd::Failed(failure), RunStatus::Error, ThreadStatus::Error),
            (RunEnd::Drained, RunStatus::Pending, ThreadStatus::Busy),
        ] {
            let (run_status, thread_status, error) = statuses(&end);
            assert_eq!((run_status, thread_status), (run, thread));
            assert_eq!(error.is_some(), matches!(end, RunEnd::Failed(_)));
        }
    }
}
