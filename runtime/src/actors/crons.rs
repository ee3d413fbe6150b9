//! The crons: the one place that changes them, in storage.
//!
//! It hears one order at a time and waits for storage before the next: what an order is measured against is what
//! is stored. Nobody who only reads a cron comes by here.

use std::sync::Arc;

use actix::fut::{ActorFutureExt as _, wrap_future};
use actix::{Actor, Addr, AsyncContext, Context, Handler};
use eddyline_engine::ids::Timestamp;
use tokio::sync::Notify;
use uuid::Uuid;

use super::StorageActor;
use crate::access::Rows;
use crate::crons::Cron;
use crate::environment::Environment;
use crate::error::Error;
use crate::messages::{
    ForgetCron, Look, MakeCron, Put, Reply, ReviseCron, SettleTicks, Settled, TakeTicks, Tick, Ticks,
};
use crate::pool;
use crate::storage::{CronChange, Read, Result, Transaction};

/// How many ticks go in one transaction: others wait for it no longer than for a commit of their own.
const TOGETHER: usize = 64;

/// Changes crons.
///
/// Its queue is bounded by the permits that replies carry.
pub(crate) struct CronsActor {
    keeper: Keeper,
    /// Hears of every change, which may be that another cron is due next.
    changed: Arc<Notify>,
}

/// What it takes to carry out an order.
#[derive(Clone)]
struct Keeper {
    environment: Arc<Environment>,
    storage: Addr<StorageActor>,
}

impl CronsActor {
    pub(crate) fn new(
        environment: Arc<Environment>,
        storage: Addr<StorageActor>,
        changed: Arc<Notify>,
    ) -> Self {
        Self { keeper: Keeper { environment, storage }, changed }
    }

    /// Carries an order out, and hears nothing else until that is done.
    fn carry_out<T: 'static>(
        ctx: &mut Context<Self>,
        reply: Reply<T>,
        work: impl Future<Output = std::result::Result<T, Error>> + 'static,
    ) {
        ctx.wait(wrap_future::<_, Self>(work).map(move |answer, _, _| reply.send(answer)));
    }

    /// The same, for what a client says: another cron may be due next.
    fn change<T: 'static>(
        &self,
        ctx: &mut Context<Self>,
        reply: Reply<T>,
        work: impl Future<Output = std::result::Result<T, Error>> + 'static,
    ) {
        let changed = Arc::clone(&self.changed);
        Self::carry_out(ctx, reply, async move {
            let answer = work.await;
            changed.notify_one();
            answer
        });
    }
}

impl Actor for CronsActor {
    type Context = Context<Self>;
}

impl Handler<MakeCron> for CronsActor {
    type Result = ();

    fn handle(&mut self, order: MakeCron, ctx: &mut Self::Context) {
        let MakeCron { cron_id, assistant_id, request, reply } = order;
        let keeper = self.keeper.clone();
        self.change(ctx, reply, async move {
            let now = keeper.environment.now();
            let cron = keeper.work_out(move || Cron::new((cron_id, assistant_id), request, now)).await?;
            keeper.write(vec![CronChange::Make(Box::new(cron.clone()))]).await?;
            Ok(cron)
        });
    }
}

impl Handler<ReviseCron> for CronsActor {
    type Result = ();

    fn handle(&mut self, order: ReviseCron, ctx: &mut Self::Context) {
        let ReviseCron { cron_id, rows, revision, reply } = order;
        let keeper = self.keeper.clone();
        self.change(ctx, reply, async move {
            let cron = keeper.cron(cron_id, &rows).await?;
            let now = keeper.environment.now();
            let revise = move || {
                let mut terms = cron.terms.clone();
                revision(&mut terms)?;
                cron.revised(terms, now)
            };
            let cron = keeper.work_out(revise).await?;
            keeper.write(vec![CronChange::Revise(Box::new(cron.clone()))]).await?;
            Ok(cron)
        });
    }
}

impl Handler<ForgetCron> for CronsActor {
    type Result = ();

    fn handle(&mut self, ForgetCron { cron_id, rows, reply }: ForgetCron, ctx: &mut Self::Context) {
        let keeper = self.keeper.clone();
        Self::carry_out(ctx, reply, async move {
            keeper.cron(cron_id, &rows).await?;
            Ok(keeper.write(vec![CronChange::Delete(cron_id)]).await?)
        });
    }
}

impl Handler<TakeTicks> for CronsActor {
    type Result = ();

    fn handle(&mut self, TakeTicks { reply }: TakeTicks, ctx: &mut Self::Context) {
        let keeper = self.keeper.clone();
        Self::carry_out(ctx, reply, async move { keeper.take().await });
    }
}

impl Handler<SettleTicks> for CronsActor {
    type Result = ();

    fn handle(&mut self, SettleTicks { settled, reply }: SettleTicks, ctx: &mut Self::Context) {
        let keeper = self.keeper.clone();
        Self::carry_out(ctx, reply, async move { keeper.settle(settled).await });
    }
}

impl Keeper {
    async fn cron(&self, cron_id: Uuid, rows: &Rows) -> std::result::Result<Cron, Error> {
        let found = self.look(move |storage| storage.cron(cron_id)).await?;
        found.filter(|cron| rows.have(&cron.terms.metadata)).ok_or(Error::CronNotFound { cron_id })
    }

    /// Takes what is due; without crons that are, nobody looks at the clock.
    async fn take(&self) -> std::result::Result<Ticks, Error> {
        let first = self.look(|storage| storage.next_crons(1)).await?.pop();
        let Some(first) = first else { return Ok(Ticks::Never) };
        let now = self.environment.now();
        if let Some(due) = first.due().filter(|due| first.owed.is_none() && *due > now) {
            return Ok(Ticks::Later(due));
        }
        let found = self.look(|storage| storage.next_crons(TOGETHER)).await?;
        let environment = Arc::clone(&self.environment);
        let (ticks, changes) = self.work_out(move || Ok(taken(found, &environment, now))).await?;
        if !changes.is_empty() {
            self.write(changes).await?;
        }
        Ok(Ticks::Now(ticks))
    }

    async fn settle(&self, settled: Vec<Settled>) -> std::result::Result<(), Error> {
        let now = self.environment.now();
        let ids: Vec<Uuid> = settled.iter().map(|settled| settled.cron_id).collect();
        let read = move |storage: &mut dyn Read| ids.into_iter().map(|id| storage.cron(id)).collect();
        let found: Vec<Option<Cron>> = self.look(read).await?;
        let settle = move |(cron, settled): (Option<Cron>, Settled)| {
            let mut cron = cron.filter(|cron| cron.owed == Some(settled.run_id))?;
            cron.settle(settled.makes_up, now);
            Some(CronChange::Revise(Box::new(cron)))
        };
        let still = move || Ok(found.into_iter().zip(settled).filter_map(settle).collect());
        Ok(self.write(self.work_out(still).await?).await?)
    }

    /// Works something out on the node pool: a schedule that is met once in a thousand years takes its time.
    async fn work_out<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, Error> + Send + 'static,
    ) -> std::result::Result<T, Error> {
        pool::run(self.environment.node_pool.clone(), async move { work() }).await
    }

    async fn look<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Read) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (look, answer) = Look::new(read);
        self.storage.do_send(look);
        answer.await
    }

    async fn write(&self, changes: Vec<CronChange>) -> Result<()> {
        let (put, result) = Put::new(Transaction::Crons(changes));
        self.storage.do_send(put);
        result.await
    }
}

/// Takes the ticks of those that are due, and says what is to be stored of that.
fn taken(found: Vec<Cron>, environment: &Environment, now: Timestamp) -> (Vec<Tick>, Vec<CronChange>) {
    let (mut ticks, mut changes) = (Vec::new(), Vec::new());
    for mut cron in found {
        let is_old = cron.owed.is_some();
        if !is_old && cron.due().is_some_and(|due| due <= now) {
            cron.tick(environment.ids.ordered(), now);
            changes.push(CronChange::Revise(Box::new(cron.clone())));
        }
        if let Some(run_id) = cron.owed {
            ticks.push(Tick { cron, run_id, is_old });
        }
    }
    (ticks, changes)
}
