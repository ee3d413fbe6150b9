//! What happens in runs that can be taken up again, from the thread's side: it is stored in the thread's one order of
//! writes, and read back for a broker that knows nothing of the time before it.

use std::sync::Arc;

use actix::fut::wrap_future;
use actix::{AsyncContext, Context, Handler};
use eddyline_engine::fact::{Body, Fact, Failure};
use uuid::Uuid;

use super::ThreadActor;
use super::ending::timed_out;
use crate::messages::{After, Look, Origin, Past, ReadPast, RunEnd, StoreFacts};
use crate::runs::Run;
use crate::storage::{Change, Error};
use crate::stream::acks::Ticket;
use crate::stream::{Entry, first_number};

impl ThreadActor {
    /// Whether the facts of the run are stored.
    pub(super) fn records(&self, run: &Run) -> bool {
        run.kwargs.resumable && self.origin != Origin::Temporary
    }

    /// Facts as a change, if there are any.
    pub(super) fn facts(&self, entries: Vec<Arc<Entry>>) -> Option<Change> {
        let budget = self.environment.options.tape_bytes;
        (!entries.is_empty()).then_some(Change::Facts { entries, budget })
    }

    /// The last fact of the current run, if it is recorded: to be stored with the end of the run.
    pub(super) fn sealed_fact(&self, end: &RunEnd) -> Option<Arc<Entry>> {
        let last = self.last_fact(end)?;
        let recorder = self.current.as_ref()?.facts.recorder()?;
        Some(recorder.seal(last))
    }

    /// Adds to the end of the current run all that happened and is not stored, if it is recorded. Who is told whether
    /// it is stored is the answer.
    pub(super) fn add_last_facts(&self, changes: &mut Vec<Change>, end: &RunEnd) -> Option<Ticket> {
        let last = self.last_fact(end);
        let recorder = self.current.as_ref()?.facts.recorder()?;
        let (facts, ticket) = recorder.finish(last);
        // What is taken back did not happen.
        if !changes.iter().any(|change| matches!(change, Change::DeleteRun(_) | Change::DeleteThread)) {
            changes.extend(self.facts(facts));
        }
        Some(ticket)
    }

    /// The last fact of a run that ends here, without another attempt.
    pub(super) fn end_without_attempt(&self, run: &Run, end: &RunEnd) -> Option<Change> {
        let last = self.last_fact(end).filter(|_| self.records(run))?;
        self.facts(vec![Arc::new(Entry::new(first_number(self.epoch), run.run_id, last))])
    }

    /// How a run is told to have ended, unless it goes on later.
    pub(super) fn last_fact(&self, end: &RunEnd) -> Option<Fact> {
        let failure = match end {
            RunEnd::Done | RunEnd::Paused => None,
            RunEnd::Cancelled => return Some(self.run_ended(None, true)),
            RunEnd::Failed(failure) => Some(failure.clone()),
            RunEnd::TimedOut => Some(timed_out()),
            RunEnd::Drained | RunEnd::Died => return None,
        };
        Some(self.run_ended(failure, false))
    }

    pub(super) fn run_ended(&self, failure: Option<Failure>, cancelled: bool) -> Fact {
        Fact { ns: "".into(), at: self.environment.now(), body: Body::RunEnded { failure, cancelled } }
    }
}

impl Handler<StoreFacts> for ThreadActor {
    type Result = ();

    fn handle(&mut self, order: StoreFacts, _: &mut Self::Context) {
        let StoreFacts { epoch, facts, answer } = order;
        if epoch != self.epoch {
            return answer.give(Err(Error::Fenced { epoch }));
        }
        self.put(self.facts(facts).into_iter().collect(), answer);
    }
}

impl Handler<ReadPast> for ThreadActor {
    type Result = ();

    fn handle(&mut self, ReadPast { broker }: ReadPast, ctx: &mut Context<Self>) {
        let thread_id: Uuid = self.thread_id;
        let readers = self.readers.clone();
        // A thread of the same id that was here before is gone by then.
        let (look, told) = Look::new(|_| Ok(()));
        self.storage.do_send(look.after(After::Checkpoints(thread_id)));
        let read = async move {
            told.await?;
            // It may be much, so the writer is left alone with it. Bounded: one for each broker.
            let (look, facts) = Look::new(move |storage| storage.facts(thread_id));
            readers.do_send(look);
            facts.await
        };
        ctx.spawn(wrap_future(async move {
            let entries = read.await.unwrap_or_else(|error: Error| {
                tracing::error!(%thread_id, %error, "what happened on a thread before does not read");
                Vec::new()
            });
            if let Some(broker) = broker.upgrade() {
                broker.do_send(Past { entries });
            }
        }));
    }
}
