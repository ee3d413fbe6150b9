//! A broker: tells whoever listens to a thread what happens in its runs.
//!
//! Never awaits anybody. Runs wait for room in their channel, listeners for the next batch; the broker only
//! moves facts from the one to the tape and from the tape to the other.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, StreamHandler, WeakAddr};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::actors::ThreadActor;
use crate::messages::{
    Attach, CloseStreams, NeverBegan, PushAll, Ready, StreamsClosed, Subscribe, Tell, Unheard, Unsubscribe,
};
use crate::options::Options;
use crate::stream::cursor::Cursor;
use crate::stream::demand::Demand;
use crate::stream::feed::Released;
use crate::stream::tape::Tape;
use crate::stream::{Batch, SubscriberId};

/// The tape of one thread and the cursors of its listeners.
pub(crate) struct BrokerActor {
    thread: WeakAddr<ThreadActor>,
    tape: Tape,
    demand: Arc<Demand>,
    batch_facts: usize,
    /// In an order, so that what happens can happen again.
    listeners: BTreeMap<SubscriberId, Listener>,
    /// Runs that were attached while another was told of. A thread has one run at a time, and attaches the
    /// next when the last has told all; so one waits at most.
    waiting: VecDeque<Attach>,
    telling: bool,
    /// Listeners are about to be handed what they have not seen.
    pushing: bool,
    closing: bool,
}

struct Listener {
    cursor: Cursor,
    batches: mpsc::Sender<Batch>,
    tokens: bool,
}

impl BrokerActor {
    pub(crate) fn new(thread: WeakAddr<ThreadActor>, options: &Options, demand: Arc<Demand>) -> Self {
        Self {
            thread,
            tape: Tape::new(options.tape_bytes),
            demand,
            batch_facts: options.batch_facts,
            listeners: BTreeMap::new(),
            waiting: VecDeque::new(),
            telling: false,
            pushing: false,
            closing: false,
        }
    }

    fn tell(&mut self, Attach { epoch, feed }: Attach, ctx: &mut Context<Self>) {
        self.telling = true;
        self.tape.enter(epoch);
        ctx.add_stream(feed.into_stream());
    }

    /// Facts come several at a time, and listeners are handed them together: each time costs every listener.
    fn push_soon(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.pushing, true) {
            ctx.notify(PushAll);
        }
    }

    /// Hands every listener that is ready what it has not seen yet.
    fn push_all(&mut self) {
        let Self { tape, listeners, batch_facts, .. } = self;
        let gone: Vec<SubscriberId> = listeners
            .iter_mut()
            .filter_map(|(id, listener)| (!listener.push(tape, *batch_facts)).then_some(*id))
            .collect();
        for subscriber in gone {
            self.remove(subscriber);
        }
    }

    fn push(&mut self, subscriber: SubscriberId) {
        let Self { tape, listeners, batch_facts, .. } = self;
        if let Some(listener) = listeners.get_mut(&subscriber)
            && !listener.push(tape, *batch_facts)
        {
            self.remove(subscriber);
        }
    }

    fn remove(&mut self, subscriber: SubscriberId) {
        let Some(listener) = self.listeners.remove(&subscriber) else { return };
        self.demand.leave(listener.tokens);
        if self.listeners.is_empty()
            && let Some(thread) = self.thread.upgrade()
        {
            // Bounded: one for a listener that goes.
            thread.do_send(Unheard);
        }
    }

    /// Once every run has told all, hands over what is left and ends.
    fn close_if_told(&mut self, ctx: &mut Context<Self>) {
        if !self.closing || self.telling || !self.waiting.is_empty() {
            return;
        }
        for listener in self.listeners.values_mut() {
            if let Some(batch) = listener.cursor.rest(&self.tape) {
                // There is room for one beside the one on its way; a listener that has gone needs nothing.
                let _ = listener.batches.try_send(batch);
            }
        }
        ctx.stop();
    }
}

impl Listener {
    /// False when it is served, or gone.
    fn push(&mut self, tape: &Tape, limit: usize) -> bool {
        match self.cursor.batch(tape, limit) {
            // There is room: the batch before it was taken.
            Some(batch) => self.batches.try_send(batch).is_ok() && !self.cursor.is_done(tape),
            None => !self.cursor.is_done(tape),
        }
    }
}

impl Actor for BrokerActor {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Self::Context) {
        for listener in self.listeners.values() {
            self.demand.leave(listener.tokens);
        }
        if let Some(thread) = self.thread.upgrade() {
            thread.do_send(StreamsClosed { demand: Arc::clone(&self.demand) });
        }
    }
}

impl StreamHandler<Released> for BrokerActor {
    fn handle(&mut self, Released { run_id, fact, last }: Released, ctx: &mut Self::Context) {
        self.tape.append(run_id, fact);
        if last {
            for listener in self.listeners.values_mut() {
                listener.cursor.run_is_over(run_id);
            }
        }
        self.push_soon(ctx);
    }

    /// One run has told all; the actor goes on with the next.
    fn finished(&mut self, ctx: &mut Self::Context) {
        self.telling = false;
        if let Some(next) = self.waiting.pop_front() {
            self.tell(next, ctx);
        }
        self.close_if_told(ctx);
    }
}

impl Handler<Attach> for BrokerActor {
    type Result = ();

    fn handle(&mut self, attach: Attach, ctx: &mut Self::Context) {
        if self.telling {
            self.waiting.push_back(attach);
        } else {
            self.tell(attach, ctx);
        }
    }
}

impl Handler<Tell> for BrokerActor {
    type Result = ();

    fn handle(&mut self, Tell { epoch, fact }: Tell, _: &mut Self::Context) {
        self.tape.enter(epoch);
        self.tape.append(Uuid::nil(), fact);
        self.push_all();
    }
}

impl Handler<Subscribe> for BrokerActor {
    type Result = ();

    fn handle(&mut self, subscribe: Subscribe, _: &mut Self::Context) {
        let Subscribe { subscriber, batches, run, begin, over, tokens } = subscribe;
        let cursor = Cursor::new(&self.tape, run, begin, over);
        self.listeners.insert(subscriber, Listener { cursor, batches, tokens });
        self.push(subscriber);
    }
}

impl Handler<PushAll> for BrokerActor {
    type Result = ();

    fn handle(&mut self, _: PushAll, _: &mut Self::Context) {
        self.pushing = false;
        self.push_all();
    }
}

impl Handler<Ready> for BrokerActor {
    type Result = ();

    fn handle(&mut self, Ready { subscriber }: Ready, _: &mut Self::Context) {
        if let Some(listener) = self.listeners.get_mut(&subscriber) {
            listener.cursor.is_ready();
        }
        self.push(subscriber);
    }
}

impl Handler<Unsubscribe> for BrokerActor {
    type Result = ();

    fn handle(&mut self, Unsubscribe { subscriber }: Unsubscribe, _: &mut Self::Context) {
        self.remove(subscriber);
    }
}

impl Handler<NeverBegan> for BrokerActor {
    type Result = ();

    fn handle(&mut self, NeverBegan { run_id }: NeverBegan, _: &mut Self::Context) {
        for listener in self.listeners.values_mut() {
            listener.cursor.run_is_over(run_id);
        }
        self.push_all();
    }
}

impl Handler<CloseStreams> for BrokerActor {
    type Result = ();

    fn handle(&mut self, _: CloseStreams, ctx: &mut Self::Context) {
        self.closing = true;
        self.close_if_told(ctx);
    }
}
