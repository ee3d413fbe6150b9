//! What clients ask of a thread: to be there, to run something, to be listened to.

use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, Context, Handler};
use eddyline_engine::ids::Timestamp;
use eddyline_engine::{Graph, answers_by_id};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Queued, ThreadActor};
use crate::access::Rows;
use crate::actors::BrokerActor;
use crate::assistants::Assistant;
use crate::configuration::{self, Inherited};
use crate::error::Error;
use crate::machine::{Effect, Event};
use crate::messages::{
    Among, Answer, Describe, IsHere, Join, MakeThread, Origin, SubmitRun, Subscribe, ThreadOrder,
};
use crate::runs::{Begin, Derived, IfNotExists, Listen, OnCompletion, Questions, Run, RunStatus, StartRun};
use crate::standing::Standing;
use crate::storage::Change;
use crate::stream::{BATCHES, SubscriberId, Subscription};
use crate::threads::{IfExists, Thread, ThreadStatus};

/// How many open questions a run remembers that answers one of them without its id.
const OPEN: usize = 1_000;

/// Orders about a thread that whoever gives them must not know of are answered as if there were none.
impl<M: ThreadOrder> Handler<Among<M>> for ThreadActor
where
    Self: Handler<M>,
{
    type Result = ();

    fn handle(&mut self, Among { rows, order }: Among<M>, ctx: &mut Self::Context) {
        if self.head.as_ref().is_none_or(|thread| rows.have(&thread.metadata)) {
            <Self as Handler<M>>::handle(self, order, ctx);
            return;
        }
        self.seen += 1;
        order.refuse(self.thread_id);
        self.settle(ctx);
    }
}

impl Handler<MakeThread> for ThreadActor {
    type Result = ();

    fn handle(&mut self, order: MakeThread, ctx: &mut Self::Context) {
        let MakeThread { metadata, ttl, if_exists, reply, .. } = order;
        self.seen += 1;
        let (changes, thread) = match (&self.head, if_exists) {
            (Some(_), IfExists::Raise) => {
                return reply.send(Err(Error::ThreadExists { thread_id: self.thread_id }));
            }
            // Nothing changes; the empty transaction is answered when the thread itself is stored.
            (Some(thread), IfExists::DoNothing) => (Vec::new(), thread.clone()),
            (None, _) => {
                let mut thread = self.new_thread(metadata);
                thread.keep_for(ttl, thread.created_at);
                (vec![Change::PutThread(thread.clone())], thread)
            }
        };
        if self.head.is_none() {
            self.tell_who_waits(&thread);
        }
        self.head = Some(thread.clone());
        let answer = Self::answer_or_end(ctx, move |result| reply.send(answered(result, thread)));
        self.put(changes, answer);
        self.settle(ctx);
    }
}

impl Handler<Describe> for ThreadActor {
    type Result = ();

    fn handle(&mut self, Describe { metadata, ttl, reply }: Describe, ctx: &mut Self::Context) {
        self.seen += 1;
        let now = self.environment.now();
        if let Some(thread) = &mut self.head {
            thread.metadata.extend(metadata);
            thread.updated_at = now;
            thread.keep_for(ttl, now);
            let thread = thread.clone();
            let changes = vec![Change::PutThread(thread.clone())];
            let answer = Self::answer_or_end(ctx, move |result| reply.send(answered(result, thread)));
            self.put(changes, answer);
        } else {
            reply.send(Err(Error::ThreadNotFound { thread_id: self.thread_id }));
        }
        self.settle(ctx);
    }
}

impl Handler<SubmitRun> for ThreadActor {
    type Result = ();

    fn handle(&mut self, order: SubmitRun, ctx: &mut Self::Context) {
        self.seen += 1;
        self.submit(order, ctx);
        self.settle(ctx);
    }
}

impl Handler<Join> for ThreadActor {
    type Result = ();

    fn handle(&mut self, Join { request, waits, rows, reply }: Join, ctx: &mut Self::Context) {
        self.seen += 1;
        if self.head.is_none() && !waits {
            reply.send(Err(Error::ThreadNotFound { thread_id: self.thread_id }));
        } else {
            reply.send(Ok(self.subscribe(request, rows, ctx)));
        }
        self.settle(ctx);
    }
}

impl ThreadActor {
    pub(super) fn submit(&mut self, order: SubmitRun, ctx: &mut Context<Self>) {
        let run = order.run_id;
        let thread_id = self.thread_id;
        let creates = order.request.if_not_exists == IfNotExists::Create;
        let is_going = !self.deleting.is_empty();
        if is_going && creates && self.comes_after.len() < self.environment.options.waiting_runs {
            return self.comes_after.push(order);
        }
        if is_going || (self.head.is_none() && !creates) {
            return order.reply.send(Err(Error::ThreadNotFound { thread_id }));
        }
        if let Some(interrupt_id) = self.not_asked(&order.request.questions) {
            return order.reply.send(Err(Error::NotAsked { interrupt_id }));
        }
        let graph = match self.environment.registry.graph(&order.assistant.graph_id) {
            Ok(graph) => graph,
            Err(error) => return order.reply.send(Err(error)),
        };
        // Near enough: the threads of other arbiters count at the same time.
        let limit = self.environment.options.open_runs;
        if self.environment.at_work.count() >= limit {
            return order.reply.send(Err(Error::TooManyRuns { limit }));
        }
        let strategy = order.request.multitask_strategy;
        let due = self.due(order.request.delay);
        let effects = self.on(Event::Submitted { run, strategy, due });
        match effects.first() {
            Some(Effect::RefuseBusy { .. }) => order.reply.send(Err(Error::ThreadBusy { thread_id })),
            Some(Effect::RefuseFull { .. }) => {
                let limit = self.environment.options.waiting_runs;
                order.reply.send(Err(Error::QueueFull { thread_id, limit }));
            }
            _ => {
                self.accepted = Some(self.accept(order, graph, &effects, ctx));
                let dismissed = |effect: &Effect| matches!(effect, Effect::Dismiss { .. });
                let rest = effects.into_iter().filter(|effect| !dismissed(effect)).collect();
                let reason = format!("superseded by run {run} (multitask_strategy={})", strategy.as_str());
                self.apply_because(&reason, rest, ctx);
                // It has to wait: otherwise it was stored as one that is under way.
                if let Some((changes, answer)) = self.accepted.take() {
                    self.put(changes, answer);
                }
            }
        }
    }

    /// The time after a delay.
    fn due(&self, delay: Duration) -> Timestamp {
        let micros = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.environment.now().0.saturating_add(micros))
    }

    /// Takes the run in. What is to be stored of that: the run as one that waits, the thread as busy, and that those
    /// go which it stops; its client is answered when all is stored.
    fn accept(
        &mut self,
        order: SubmitRun,
        graph: Graph,
        effects: &[Effect],
        ctx: &mut Context<Self>,
    ) -> (Vec<Change>, Answer) {
        let SubmitRun { run_id, assistant, origin, request, reply } = order;
        let temporary = origin != Origin::Stored && request.on_completion == OnCompletion::Delete;
        let request = self.answering(request);
        let (thread, inherited) = self.thread_for(&request, &assistant);
        let run = self.new_run(run_id, &assistant, &inherited, temporary, *request);
        let listen =
            Listen { thread_id: self.thread_id, run_id: Some(run_id), begin: Begin::Now, tokens: false };
        self.hold(Queued { run: run.clone(), graph, left: Standing::default() });
        if self.head.is_none() {
            self.tell_who_waits(&thread);
        }
        let subscription = self.subscribe(listen, Rows::all(), ctx);
        let mut changes = vec![Change::PutThread(thread.clone()), Change::PutRun(run.clone())];
        self.head = Some(thread);
        let mut dismissed = Vec::new();
        for effect in effects {
            match *effect {
                Effect::Cancel { run, action } => changes.push(self.mark_cancelling(run, action)),
                Effect::Dismiss { run, action } => {
                    changes.extend(self.changes_without(run, action));
                    dismissed.push(run);
                }
                _ => {}
            }
        }
        let never_began = self.never_began(dismissed);
        let answer = Self::answer_or_end(ctx, move |result| {
            never_began();
            reply.send(answered(result, (run, subscription)));
        });
        (changes, answer)
    }

    /// The questions that the thread waits for answers to; none while runs are under way.
    fn open_questions(&self) -> impl Iterator<Item = &str> {
        let rests = |thread: &&Thread| thread.status != ThreadStatus::Busy;
        let asked = self.head.iter().filter(rests).flat_map(|thread| &thread.interrupts);
        asked.flat_map(|(_, questions)| questions).map(|question| question.id.as_str())
    }

    /// The first question that must be open and is not.
    fn not_asked(&self, questions: &Questions) -> Option<String> {
        let Questions::MustBeOpen(ids) = questions else { return None };
        ids.iter().find(|id| !self.open_questions().any(|open| open == *id)).cloned()
    }

    /// The request with its input as an answer, if it is one.
    fn answering(&self, mut request: Box<StartRun>) -> Box<StartRun> {
        let answers = request.questions == Questions::AnswerWithInput
            && request.command.is_none()
            && request.checkpoint_id.is_none()
            && self.open_questions().next().is_some();
        if answers && let Some(input) = request.input.take_if(|input| !input.is_null()) {
            request.command = Some(json!({ "resume": input }));
        }
        request
    }

    /// The thread as the run leaves it at its start, and what the run takes over from it.
    fn thread_for(&self, request: &StartRun, assistant: &Assistant) -> (Thread, Inherited) {
        let now = self.environment.now();
        let metadata = || configuration::new_thread_metadata(request, assistant);
        let is_new = self.head.is_none();
        let mut thread = self.head.clone().unwrap_or_else(|| self.new_thread(metadata()));
        if thread.status != ThreadStatus::Busy {
            configuration::mark_thread(&mut thread, request, assistant);
            thread.status = ThreadStatus::Busy;
            thread.updated_at = now;
        }
        // A run that makes its thread takes nothing over from it.
        let metadata = if is_new { serde_json::Map::new() } else { thread.metadata.clone() };
        let inherited = Inherited { config: thread.config.clone(), metadata };
        (thread, inherited)
    }

    fn new_run(
        &self,
        run_id: Uuid,
        assistant: &Assistant,
        inherited: &Inherited,
        temporary: bool,
        request: StartRun,
    ) -> Run {
        let now = self.environment.now();
        let created_at = self.due(request.delay);
        let multitask_strategy = request.multitask_strategy;
        let ids = (self.thread_id, run_id);
        let answers = self.questions(&request);
        let (mut kwargs, metadata) = configuration::derive(request, assistant, inherited, ids, temporary);
        kwargs.answers = answers;
        Run {
            run_id,
            thread_id: self.thread_id,
            assistant_id: assistant.assistant_id,
            graph_id: assistant.graph_id.clone(),
            metadata,
            status: RunStatus::Pending,
            kwargs: Arc::new(kwargs),
            multitask_strategy,
            created_at,
            updated_at: now,
            attempt: 0,
            derived: Derived::default(),
        }
    }

    /// The questions that are open, of those that a resume may answer: those that it names, or [`OPEN`] of all if it
    /// names none.
    fn questions(&self, request: &StartRun) -> Arc<[String]> {
        let resume = request.command.as_ref().map_or(&Value::Null, |command| &command["resume"]);
        // What was open at an earlier checkpoint, that checkpoint knows.
        let is_here = request.checkpoint_id.is_none() && request.checkpoint.is_empty();
        if resume.is_null() || !is_here {
            return Arc::default();
        }
        let open = self.head.iter().flat_map(|thread| &thread.interrupts).flat_map(|(_, asked)| asked);
        let open = open.map(|asked| asked.id.clone());
        match answers_by_id(resume) {
            Some(named) => open.filter(|id| named.contains_key(id)).collect(),
            None => open.take(OPEN).collect(),
        }
    }

    /// The thread is made: whoever waits for it and must not know of it hears nothing.
    pub(super) fn tell_who_waits(&self, thread: &Thread) {
        if let Some(broker) = &self.broker {
            broker.do_send(IsHere { metadata: thread.metadata.clone() });
        }
    }

    fn subscribe(&mut self, request: Listen, rows: Rows, ctx: &mut Context<Self>) -> Subscription {
        let Listen { thread_id, run_id: run, begin, tokens } = request;
        let broker: Addr<BrokerActor> = self.broker(ctx);
        let (batches, receiver) = mpsc::channel(BATCHES);
        self.subscribers += 1;
        let subscriber = SubscriberId(self.subscribers);
        let over = run.is_some_and(|run| !self.queue.holds(run));
        self.demand.join(tokens);
        broker.do_send(Subscribe { subscriber, batches, run, begin, over, tokens, rows });
        Subscription::new(subscriber, thread_id, run, receiver, broker.downgrade())
    }
}

pub(super) fn answered<T>(result: crate::storage::Result<()>, answer: T) -> Result<T, Error> {
    result.map(|()| answer).map_err(Error::from)
}
