//! A thread: one owner for its record, its run queue and its epoch.
//!
//! Never runs user code. Every write of the thread passes through here, in order.
//! What storage refuses, the thread must not believe: it ends, and the next order finds a new one that reads
//! what is stored.

mod cancel;
mod copy;
mod course;
mod ending;
mod newest;
mod orders;
mod over;
mod record;
mod recovery;
mod rest;
mod revise;
mod ttl;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use actix::{Actor, Addr, AsyncContext, Context, SpawnHandle, WeakAddr};
use eddyline_engine::Graph;
use eddyline_engine::ids::Timestamp;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use self::newest::Newest;
use crate::actors::{BrokerActor, ReaderPool, RunActor, StorageActor, SupervisorActor};
use crate::environment::Environment;
use crate::machine::{Effect, Event, Queue};
use crate::messages::{
    Answer, CloseStreams, CutOff, Origin, Put, Reply, ReviseState, RunOver, SubmitRun, ThreadGone,
    WriteFailed,
};
use crate::runs::{CancelAction, Run};
use crate::standing::Standing;
use crate::storage::{Change, Transaction, WebhookChange};
use crate::stream::demand::Demand;
use crate::stream::feed::FactSender;
use crate::threads::Thread;

/// One thread that is awake.
pub(crate) struct ThreadActor {
    thread_id: Uuid,
    /// Tells this actor from earlier ones of the same thread.
    life: u64,
    origin: Origin,
    environment: Arc<Environment>,
    storage: Addr<StorageActor>,
    readers: ReaderPool,
    supervisor: WeakAddr<SupervisorActor>,
    broker: Option<Addr<BrokerActor>>,
    demand: Arc<Demand>,
    /// The record, as it will be stored once all writes are; `None` when there is no such thread.
    head: Option<Thread>,
    newest: Newest,
    epoch: u64,
    queue: Queue,
    /// The runs that the queue holds.
    runs: HashMap<Uuid, Queued>,
    current: Option<Current>,
    /// What is to be stored of a run that was just taken in, with what it begins with.
    accepted: Option<(Vec<Change>, Answer)>,
    /// A place among the runs of all threads, on its way to the run that is launched with it.
    place: Option<OwnedSemaphorePermit>,
    /// Rings when the next run that waits is due.
    alarm: Option<SpawnHandle>,
    /// Changes by hand that wait or are worked out.
    revisions: HashMap<Uuid, ReviseState>,
    subscribers: u64,
    /// How many orders came so far.
    seen: u64,
    nap: Option<SpawnHandle>,
    /// True once nothing may start here any more.
    closing: bool,
    /// Who waits for the thread to be deleted, once it is to be.
    deleting: Vec<Reply<()>>,
    /// Its deletion is on its way to storage; the replies above are due when it comes back.
    going: bool,
    /// Runs for the thread that is made anew then. No more than may wait on a thread; those beyond are refused.
    comes_after: Vec<SubmitRun>,
}

/// A run that waits or is under way.
struct Queued {
    run: Run,
    graph: Graph,
    /// How an attempt at it left the thread.
    left: Standing,
}

/// The run that has the slot.
struct Current {
    run_id: Uuid,
    /// When this attempt at it began.
    began: Timestamp,
    address: Addr<RunActor>,
    facts: FactSender,
    /// Set once the run should stop after a superstep, with the reason.
    draining: Arc<OnceLock<String>>,
    /// What it came to, once it has made its last commit or has ended.
    over: Option<RunOver>,
    /// The thread's record as it was before the end of the run was put into it, while storage may still refuse
    /// that.
    before: Option<Thread>,
    /// Set once it is to be stopped.
    stop: Option<Stop>,
    /// Who wanted it stopped when it was over already, and hears so once that is stored.
    too_late: Vec<Reply<()>>,
    /// Ends it when it takes too long.
    limit: Option<SpawnHandle>,
    /// Its place among the runs of all threads.
    place: OwnedSemaphorePermit,
}

/// How a run is stopped.
#[derive(Debug)]
struct Stop {
    cause: StopCause,
    reason: String,
    /// Who waits until what it came to is stored.
    waiting: Vec<Reply<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopCause {
    /// Somebody wants it.
    Cancelled(CancelAction),
    /// It took too long.
    TooLong,
}

impl StopCause {
    /// Whether a run that is stopped for this is stopped as `action` wants it: what is kept is not taken back, and
    /// what is taken back is stopped, too.
    fn covers(self, action: CancelAction) -> bool {
        match self {
            Self::Cancelled(CancelAction::Rollback) => true,
            Self::Cancelled(CancelAction::Interrupt) => action == CancelAction::Interrupt,
            Self::TooLong => false,
        }
    }
}

impl ThreadActor {
    pub(crate) fn new(
        (thread_id, life): (Uuid, u64),
        origin: Origin,
        environment: Arc<Environment>,
        (storage, readers): (Addr<StorageActor>, ReaderPool),
        supervisor: WeakAddr<SupervisorActor>,
    ) -> Self {
        let queue = Queue::new(environment.options.waiting_runs);
        Self {
            thread_id,
            life,
            origin,
            environment,
            storage,
            readers,
            supervisor,
            broker: None,
            demand: Arc::default(),
            head: None,
            newest: Newest::default(),
            epoch: 0,
            queue,
            runs: HashMap::new(),
            current: None,
            accepted: None,
            place: None,
            alarm: None,
            revisions: HashMap::new(),
            subscribers: 0,
            seen: 0,
            nap: None,
            closing: false,
            deleting: Vec::new(),
            going: false,
            comes_after: Vec::new(),
        }
    }

    /// The broker, started with the first need for it.
    fn broker(&mut self, ctx: &mut Context<Self>) -> Addr<BrokerActor> {
        let Self { environment, demand, .. } = self;
        let start =
            || BrokerActor::new(ctx.address().downgrade(), &environment.options, Arc::clone(demand)).start();
        // This is the thread's own arbiter.
        self.broker.get_or_insert_with(start).clone()
    }

    /// Takes in a run that the queue holds.
    fn hold(&mut self, queued: Queued) {
        self.environment.at_work.add(&queued.run);
        self.runs.insert(queued.run.run_id, queued);
    }

    /// Lets go of a run that the queue holds no more.
    fn let_go(&mut self, run_id: Uuid) -> Option<Queued> {
        self.environment.at_work.remove(run_id);
        self.runs.remove(&run_id)
    }

    /// Tells the queue what happened; what follows is for [`apply`](Self::apply).
    fn on(&mut self, event: Event) -> Vec<Effect> {
        self.queue.on(event, self.environment.now())
    }

    /// True once the runtime ends at once: what is stored is what the next one begins with.
    fn is_cut_off(&self) -> bool {
        self.environment.cut_off.load(Ordering::Acquire)
    }

    /// Hands changes to storage, in the thread's epoch. Bounded: each is one step of a run or one order. What there
    /// is of a temporary thread is not stored.
    fn put(&mut self, changes: Vec<Change>, answer: Answer) {
        self.send(false, changes, answer);
    }

    /// The same, with what the thread's epoch begins with: if that is not stored, neither is anything that follows.
    fn put_first(&mut self, changes: Vec<Change>, answer: Answer) {
        self.send(true, changes, answer);
    }

    fn send(&mut self, begins: bool, changes: Vec<Change>, answer: Answer) {
        if self.is_cut_off() {
            return;
        }
        let is_owed = changes.iter().any(|change| matches!(change, Change::Owe(_)));
        if self.origin == Origin::Temporary {
            self.keep_here(changes, answer);
        } else {
            self.newest.see(&changes);
            let transaction =
                Transaction::Thread { thread_id: self.thread_id, epoch: self.epoch, begins, changes };
            self.storage.do_send(Put { transaction, answer });
        }
        // Not before: the courier sees what storage was told by then.
        if let Some(outbox) = self.environment.outbox.as_ref().filter(|_| is_owed) {
            outbox.put();
        }
    }

    /// Keeps what there is of a temporary thread in memory; what is owed of it is stored alone.
    fn keep_here(&self, mut changes: Vec<Change>, answer: Answer) {
        let owed = changes.extract_if(.., |change| matches!(change, Change::Owe(_)));
        let owed = owed.filter_map(|change| match change {
            Change::Owe(delivery) => Some(WebhookChange::Owe(delivery)),
            _ => None,
        });
        let owed: Vec<_> = owed.collect();
        if !owed.is_empty() {
            let unstored = Answer::new(|result| {
                if let Err(error) = result {
                    tracing::error!(%error, "a webhook that is owed is not stored, and will not be sent");
                }
            });
            self.storage.do_send(Put { transaction: Transaction::Webhooks(owed), answer: unstored });
        }
        self.environment.temporaries.keep(self.thread_id, changes);
        answer.give(Ok(()));
    }

    /// An answer after which the thread ends if storage failed.
    fn answer_or_end(
        ctx: &mut Context<Self>,
        act: impl FnOnce(crate::storage::Result<()>) + Send + 'static,
    ) -> Answer {
        let thread = ctx.address().downgrade();
        Answer::new(move |result| {
            if let (Err(error), Some(thread)) = (&result, thread.upgrade()) {
                thread.do_send(WriteFailed { error: error.clone() });
            }
            act(result);
        })
    }
}

impl Actor for ThreadActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.origin == Origin::Stored {
            self.wake(ctx);
        }
    }

    /// Also after a panic: what it owns ends with it.
    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(current) = &self.current {
            current.address.do_send(CutOff);
            // Sent at once if there is room; if there is none, the stream ends with the run.
            drop(current.facts.end(None));
        }
        for run_id in self.runs.keys() {
            self.environment.at_work.remove(*run_id);
        }
        if let Some(broker) = &self.broker {
            broker.do_send(CloseStreams);
        }
        if let Some(supervisor) = self.supervisor.upgrade() {
            supervisor.do_send(ThreadGone {
                thread_id: self.thread_id,
                life: self.life,
                in_disorder: !self.closing,
            });
        }
    }
}
