//! Changes by hand, from the thread's side: one at a time, and never beside a run. What a change comes to is
//! worked out on the node pool, as it runs code of the graph; from here it is only stored.

use std::sync::Arc;

use actix::fut::wrap_future;
use actix::{ActorFutureExt, AsyncContext, Context, Handler};
use eddyline_engine::fact::{Body, Fact};
use uuid::Uuid;

use super::ThreadActor;
use super::orders::answered;
use crate::error::Error;
use crate::machine::{Effect, Event};
use crate::messages::{Attach, Reply, ReviseState};
use crate::pool;
use crate::state::CheckpointAddress;
use crate::state::read::{Reader, Source};
use crate::state::update::{Revision, revise};
use crate::storage::Change;
use crate::stream::acks::Ticket;
use crate::stream::feed::feed;
use crate::threads::ThreadStatus;

impl Handler<ReviseState> for ThreadActor {
    type Result = ();

    fn handle(&mut self, order: ReviseState, ctx: &mut Self::Context) {
        self.seen += 1;
        self.take_revision(order, ctx);
        self.settle(ctx);
    }
}

impl ThreadActor {
    fn take_revision(&mut self, order: ReviseState, ctx: &mut Context<Self>) {
        let thread_id = self.thread_id;
        if self.head.is_none() || !self.deleting.is_empty() {
            return order.reply.send(Err(Error::ThreadNotFound { thread_id }));
        }
        let effects = self.on(Event::Update { update: order.update });
        match effects.first() {
            Some(Effect::RefuseBusy { .. }) => order.reply.send(Err(Error::ThreadBusy { thread_id })),
            Some(Effect::RefuseFull { .. }) => {
                let limit = self.environment.options.waiting_runs;
                order.reply.send(Err(Error::QueueFull { thread_id, limit }));
            }
            _ => {
                self.revisions.insert(order.update, order);
                self.apply(effects, ctx);
            }
        }
    }

    /// Has it worked out, while no run is under way.
    pub(super) fn revise(&mut self, update: Uuid, ctx: &mut Context<Self>) {
        let thread_id = self.thread_id;
        let order = self.revisions.get(&update).expect("the queue holds updates that were taken in");
        let request = (*order.request).clone();
        let thread = self.head.as_ref().ok_or(Error::ThreadNotFound { thread_id });
        let graph = thread.and_then(|thread| self.environment.registry.graph_of(thread));
        let reader = Reader::new(thread_id, Arc::clone(&self.environment), Source::Put(self.storage.clone()));
        let work = async move {
            let (graph_id, graph) = graph?.ok_or(Error::NoGraph { thread_id })?;
            revise(reader, graph, graph_id, request).await
        };
        let work = pool::run(self.environment.node_pool.clone(), work);
        let done = wrap_future::<_, Self>(work);
        ctx.spawn(done.map(move |result, thread, ctx| thread.revised(update, result, ctx)));
    }

    fn revised(&mut self, update: Uuid, result: Result<Revision, Error>, ctx: &mut Context<Self>) {
        let ReviseState { reply, .. } =
            self.revisions.remove(&update).expect("the queue holds updates that were taken in");
        match result {
            Ok(revision) => self.keep(revision, reply, ctx),
            Err(error) => reply.send(Err(error)),
        }
        // What comes next reads after what was just put.
        let effects = self.on(Event::Updated { update });
        self.apply(effects, ctx);
        self.settle(ctx);
    }

    /// Stores the new checkpoints, with the thread as it stands after them.
    fn keep(&mut self, revision: Revision, reply: Reply<CheckpointAddress>, ctx: &mut Context<Self>) {
        let now = self.environment.now();
        let has_runs = self.queue.has_runs();
        let Some(thread) = &mut self.head else {
            return reply.send(Err(Error::ThreadNotFound { thread_id: self.thread_id }));
        };
        let Revision { commits, address, values, interrupts, continues } = revision;
        thread.status = match continues {
            _ if has_runs => ThreadStatus::Busy,
            true => ThreadStatus::Interrupted,
            false => ThreadStatus::Idle,
        };
        thread.updated_at = now;
        thread.state_updated_at = now;
        thread.values = Some(values);
        thread.interrupts = interrupts;
        thread.error = None;
        let mut changes: Vec<Change> = commits.into_iter().map(Change::Commit).collect();
        changes.push(Change::PutThread(thread.clone()));
        // Listeners are told of it by a number of its own, and an epoch's numbers are given once.
        self.epoch += 1;
        let told = self.tell_updated(&address);
        let answer = Self::answer_or_end(ctx, move |result| {
            if let Some(told) = told {
                told.answer(result.is_ok());
            }
            reply.send(answered(result, address));
        });
        self.put_first(changes, answer);
    }

    /// Tells whoever listens that the state has changed, before everything that follows and once it is stored, which
    /// the ticket says.
    fn tell_updated(&self, address: &CheckpointAddress) -> Option<Ticket> {
        let (broker, checkpoint) = (self.broker.as_ref()?, address.checkpoint_id?);
        let body = Body::StateUpdated { checkpoint };
        let (facts, feed) = feed(Uuid::nil(), 2);
        let stored = facts.begin();
        // There is room for both.
        drop(facts.send(Fact { ns: "".into(), at: self.environment.now(), body }));
        drop(facts.end(None));
        broker.do_send(Attach { epoch: self.epoch, feed });
        Some(stored)
    }
}
