//! The supervisor of one graph arbiter: which of its threads are awake, and where.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::{Actor, Addr, AsyncContext, Context, Handler};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::access::Rows;
use crate::actors::{ReaderPool, StorageActor, ThreadActor};
use crate::environment::Environment;
use crate::messages::{
    Among, CutOff, Drain, FallAsleep, Forward, Origin, Resume, Sleepy, StopThreads, ThreadGone, ThreadOrder,
};

/// How long a thread rests that ended in disorder.
const RESTART: Duration = Duration::from_secs(1);

/// Owns the addresses of the threads of its arbiter; sees their orders pass and none of their events.
///
/// All orders of a thread come by here, so it knows whether a thread that wants to sleep has seen them all.
pub(crate) struct SupervisorActor {
    environment: Arc<Environment>,
    storage: Addr<StorageActor>,
    readers: ReaderPool,
    /// In an order, so that what happens can happen again.
    awake: BTreeMap<Uuid, Awake>,
    /// Threads, by their lives, that were let go to sleep and still close their streams. An actor ends when
    /// nobody holds its address, so it is held.
    falling_asleep: HashMap<u64, Addr<ThreadActor>>,
    lives: u64,
    /// Who waits for the last thread to end, once no thread may start any more.
    stopping: Option<oneshot::Sender<()>>,
}

struct Awake {
    address: Addr<ThreadActor>,
    life: u64,
    /// How many orders were sent there.
    sent: u64,
}

impl SupervisorActor {
    pub(crate) fn new(
        environment: Arc<Environment>,
        (storage, readers): (Addr<StorageActor>, ReaderPool),
    ) -> Self {
        Self {
            environment,
            storage,
            readers,
            awake: BTreeMap::new(),
            falling_asleep: HashMap::new(),
            lives: 0,
            stopping: None,
        }
    }

    fn get_or_start(&mut self, thread_id: Uuid, origin: Origin, ctx: &mut Context<Self>) -> &mut Awake {
        let Self { environment, storage, readers, lives, .. } = self;
        self.awake.entry(thread_id).or_insert_with(|| {
            *lives += 1;
            let thread = ThreadActor::new(
                (thread_id, *lives),
                origin,
                Arc::clone(environment),
                (storage.clone(), readers.clone()),
                ctx.address().downgrade(),
            );
            // This is the thread's own arbiter.
            Awake { address: thread.start(), life: *lives, sent: 0 }
        })
    }

    fn answer_if_empty(&mut self) {
        if self.awake.is_empty()
            && self.falling_asleep.is_empty()
            && let Some(stopped) = self.stopping.take()
        {
            // Who asked may have given up waiting.
            let _ = stopped.send(());
        }
    }
}

impl Actor for SupervisorActor {
    type Context = Context<Self>;
}

impl<M: ThreadOrder> Handler<Forward<M>> for SupervisorActor
where
    ThreadActor: Handler<Among<M>>,
{
    type Result = ();

    fn handle(&mut self, order: Forward<M>, ctx: &mut Self::Context) {
        if self.stopping.is_some() && !self.awake.contains_key(&order.thread_id) {
            return;
        }
        let awake = self.get_or_start(order.thread_id, order.message.origin(), ctx);
        awake.sent += 1;
        awake.address.do_send(Among { rows: order.rows, order: order.message });
    }
}

impl Handler<Sleepy> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, Sleepy { thread_id, life, seen }: Sleepy, _: &mut Self::Context) {
        if self.awake.get(&thread_id).is_some_and(|awake| awake.life == life && awake.sent == seen)
            && let Some(awake) = self.awake.remove(&thread_id)
        {
            awake.address.do_send(FallAsleep);
            self.falling_asleep.insert(awake.life, awake.address);
        }
    }
}

impl Handler<ThreadGone> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, gone: ThreadGone, ctx: &mut Self::Context) {
        let ThreadGone { thread_id, life, in_disorder } = gone;
        self.falling_asleep.remove(&life);
        if self.awake.get(&thread_id).is_some_and(|awake| awake.life == life) {
            self.awake.remove(&thread_id);
        }
        if in_disorder && self.stopping.is_none() && !self.environment.cut_off.load(Ordering::Acquire) {
            // Its successor takes the runs up. Not at once: what was wrong may still be.
            ctx.run_later(RESTART, move |supervisor, ctx| {
                if supervisor.stopping.is_none() {
                    ctx.notify(Forward { thread_id, rows: Rows::all(), message: Resume { permit: None } });
                }
            });
        }
        self.answer_if_empty();
    }
}

impl Handler<StopThreads> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, StopThreads { reply }: StopThreads, ctx: &mut Self::Context) {
        self.stopping = Some(reply);
        for awake in self.awake.values() {
            awake.address.do_send(Drain);
        }
        ctx.run_later(self.environment.options.shutdown_grace, |supervisor, _| {
            for awake in supervisor.awake.values() {
                awake.address.do_send(CutOff);
            }
        });
        self.answer_if_empty();
    }
}
