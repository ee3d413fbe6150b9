//! A broker: tells whoever listens to a thread what happens in its runs.
//!
//! Never awaits anybody. Runs wait for room in their channel, listeners for the next batch; the broker only
//! moves facts from the one to the tape and from the tape to the other.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, StreamHandler, WeakAddr};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::access::Rows;
use crate::actors::ThreadActor;
use crate::messages::{
    self, Attach, CloseStreams, IsHere, NeverBegan, PushAll, ReadPast, Ready, StreamsClosed, Subscribe,
    Unheard, Unsubscribe,
};
use crate::options::Options;
use crate::runs::Begin;
use crate::stream::cursor::Cursor;
use crate::stream::demand::Demand;
use crate::stream::feed::{Released, Told};
use crate::stream::tape::Tape;
use crate::stream::{Batch, SubscriberId, first_number};

/// The tape of one thread and the cursors of its listeners.
pub(crate) struct BrokerActor {
    thread: WeakAddr<ThreadActor>,
    tape: Tape,
    demand: Arc<Demand>,
    batch_facts: usize,
    /// In an order, so that what happens can happen again.
    listeners: BTreeMap<SubscriberId, Listener>,
    /// What was attached while another was told of. A thread has one run at a time, and attaches the next when the
    /// last has told all; so one run waits at most, and changes by hand, which clients wait for.
    waiting: VecDeque<Attach>,
    telling: Option<Uuid>,
    /// Listeners are about to be handed what they have not seen.
    pushing: bool,
    past: Past,
    /// The first number that the tape was told of; what is older lies in storage.
    since: Option<u64>,
    closing: bool,
}

struct Listener {
    cursor: Cursor,
    batches: mpsc::Sender<Batch>,
    tokens: bool,
    rows: Rows,
    /// The run that is over when the last of its facts was told, if it is over.
    over: Option<Uuid>,
}

/// What happened before this broker was there. It is read for the first listener who wants to hear of it.
enum Past {
    Unread,
    /// It comes; these wait for it, each with the place at which everything before had happened.
    Awaited(Vec<(Subscribe, u64)>),
    Read,
}

impl BrokerActor {
    pub(crate) fn new(thread: WeakAddr<ThreadActor>, options: &Options, demand: Arc<Demand>) -> Self {
        Self {
            thread,
            tape: Tape::new(options.tape_bytes, options.run_channel),
            demand,
            batch_facts: options.batch_facts,
            listeners: BTreeMap::new(),
            waiting: VecDeque::new(),
            telling: None,
            pushing: false,
            past: Past::Unread,
            since: None,
            closing: false,
        }
    }

    fn tell(&mut self, Attach { epoch, feed }: Attach, ctx: &mut Context<Self>) {
        self.telling = Some(feed.run_id());
        self.since.get_or_insert(first_number(epoch));
        self.tape.enter(epoch);
        ctx.add_stream(feed.into_stream());
    }

    /// Facts come several at a time, and listeners are handed them together: each time costs every listener.
    fn push_soon(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.pushing, true) {
            ctx.notify(PushAll);
        }
    }

    /// Nothing more will be told of the run.
    fn run_is_over(&mut self, run_id: Uuid) {
        for listener in self.listeners.values_mut() {
            listener.cursor.run_is_over(run_id);
        }
        if let Past::Awaited(waiting) = &mut self.past {
            for (subscribe, _) in waiting.iter_mut().filter(|(waiting, _)| waiting.run == Some(run_id)) {
                subscribe.over = true;
            }
        }
    }

    /// True while facts of the run may be on their way.
    fn is_told(&self, run_id: Uuid) -> bool {
        self.telling == Some(run_id) || self.waiting.iter().any(|attach| attach.feed.run_id() == run_id)
    }

    /// Adds a listener, for whom everything before the place `now` is past.
    fn add(&mut self, subscribe: Subscribe, now: u64) {
        let Subscribe { subscriber, batches, run, begin, over, tokens, rows } = subscribe;
        let over = run.filter(|_| over);
        let is_over = over.is_some_and(|run| !self.is_told(run));
        let cursor = Cursor::new(&self.tape, run, begin, now, is_over);
        self.listeners.insert(subscriber, Listener { cursor, batches, tokens, rows, over });
        self.push(subscriber);
    }

    /// Has the past read, for a listener who waits for it.
    fn read_past(&mut self, waiting: (Subscribe, u64), ctx: &mut Context<Self>) {
        self.past = Past::Awaited(vec![waiting]);
        // Without its thread, the broker ends with all who wait.
        if let Some(thread) = self.thread.upgrade() {
            // Bounded: one for each broker.
            thread.do_send(ReadPast { broker: ctx.address().downgrade() });
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
        let waiting = match &mut self.past {
            Past::Awaited(waiting) => waiting.extract_if(.., |(one, _)| one.subscriber == subscriber).next(),
            Past::Unread | Past::Read => None,
        };
        let listener = self.listeners.remove(&subscriber).map(|listener| listener.tokens);
        let Some(tokens) = listener.or(waiting.map(|(one, _)| one.tokens)) else { return };
        self.demand.leave(tokens);
        if !self.demand.anybody()
            && let Some(thread) = self.thread.upgrade()
        {
            // Bounded: one for a listener that goes.
            thread.do_send(Unheard);
        }
    }

    /// Once every run has told all, hands over what is left and ends.
    fn close_if_told(&mut self, ctx: &mut Context<Self>) {
        if !self.closing || self.telling.is_some() || !self.waiting.is_empty() {
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
        if let Past::Awaited(waiting) = &self.past {
            for (subscribe, _) in waiting {
                self.demand.leave(subscribe.tokens);
            }
        }
        if let Some(thread) = self.thread.upgrade() {
            thread.do_send(StreamsClosed { demand: Arc::clone(&self.demand) });
        }
    }
}

impl StreamHandler<Released> for BrokerActor {
    fn handle(&mut self, Released { run_id, fact, last }: Released, ctx: &mut Self::Context) {
        match fact {
            Told::New(fact) => self.tape.append(run_id, fact),
            Told::Recorded(entry) => self.tape.put(entry),
        }
        if last {
            self.run_is_over(run_id);
        }
        self.push_soon(ctx);
    }

    /// One run has told all; the actor goes on with the next.
    fn finished(&mut self, ctx: &mut Self::Context) {
        if let Some(told) = self.telling.take() {
            for listener in self.listeners.values_mut().filter(|listener| listener.over == Some(told)) {
                listener.cursor.run_is_over(told);
            }
            self.push_all();
        }
        if let Some(next) = self.waiting.pop_front() {
            self.tell(next, ctx);
        }
        self.close_if_told(ctx);
    }
}

impl Handler<Attach> for BrokerActor {
    type Result = ();

    fn handle(&mut self, attach: Attach, ctx: &mut Self::Context) {
        if self.telling.is_some() {
            self.waiting.push_back(attach);
        } else {
            self.tell(attach, ctx);
        }
    }
}

impl Handler<Subscribe> for BrokerActor {
    type Result = ();

    fn handle(&mut self, subscribe: Subscribe, ctx: &mut Self::Context) {
        let now = self.tape.end();
        match &mut self.past {
            _ if subscribe.begin == Begin::Now => self.add(subscribe, now),
            Past::Read => self.add(subscribe, now),
            Past::Awaited(waiting) => waiting.push((subscribe, now)),
            Past::Unread => self.read_past((subscribe, now), ctx),
        }
    }
}

impl Handler<messages::Past> for BrokerActor {
    type Result = ();

    /// What this broker tells by itself is no past, though it may be stored already.
    fn handle(&mut self, messages::Past { mut entries }: messages::Past, _: &mut Self::Context) {
        entries.retain(|entry| self.since.is_none_or(|since| entry.seq < since));
        self.tape.put_before(entries);
        if let Past::Awaited(waiting) = std::mem::replace(&mut self.past, Past::Read) {
            for (subscribe, now) in waiting {
                self.add(subscribe, now);
            }
        }
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

impl Handler<IsHere> for BrokerActor {
    type Result = ();

    fn handle(&mut self, IsHere { metadata }: IsHere, _: &mut Self::Context) {
        let listeners = self.listeners.iter().map(|(subscriber, listener)| (*subscriber, &listener.rows));
        let waiting = match &self.past {
            Past::Awaited(waiting) => &waiting[..],
            Past::Unread | Past::Read => &[],
        };
        let waiting = waiting.iter().map(|(subscribe, _)| (subscribe.subscriber, &subscribe.rows));
        let strangers = listeners.chain(waiting).filter(|(_, rows)| !rows.have(&metadata));
        for subscriber in strangers.map(|(subscriber, _)| subscriber).collect::<Vec<_>>() {
            self.remove(subscriber);
        }
    }
}

impl Handler<NeverBegan> for BrokerActor {
    type Result = ();

    fn handle(&mut self, NeverBegan { run_id }: NeverBegan, _: &mut Self::Context) {
        self.run_is_over(run_id);
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
