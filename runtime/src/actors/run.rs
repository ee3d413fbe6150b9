//! A run: hosts the engine's driver for one attempt.
//!
//! Reducers and routes are user code and run here, so a panic that the driver does not catch ends this actor and
//! nothing else: the thread still has the last commit, and hears of the death.

use std::sync::{Arc, Mutex, OnceLock};

use actix::fut::wrap_future;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, SpawnHandle, WeakAddr};
use eddyline_engine::checkpoint::Outcome;
use eddyline_engine::fact::{Body, Fact};
use eddyline_engine::{Finished, Graph, Host, RunConfig, RunError, drive};

use crate::actors::run_host::lock;
use crate::actors::tasks::Tasks;
use crate::actors::{NodeActor, RunHost, ThreadActor};
use crate::configuration;
use crate::environment::Environment;
use crate::messages::{CancelTasks, CutOff, RunEnd, RunOver, StartAttempt};
use crate::runs::Run;
use crate::standing::{Standing, Standings};
use crate::stream::demand::Demand;
use crate::stream::feed::FactSender;

/// Everything that a run needs to begin.
pub(crate) struct Launch {
    pub(crate) environment: Arc<Environment>,
    pub(crate) thread: WeakAddr<ThreadActor>,
    pub(crate) run: Run,
    /// How an attempt before it left the thread.
    pub(crate) left: Standing,
    pub(crate) graph: Graph,
    pub(crate) config: Arc<RunConfig>,
    /// The epoch in which it commits.
    pub(crate) epoch: u64,
    pub(crate) facts: FactSender,
    pub(crate) demand: Arc<Demand>,
    /// Says why the run should stop after a superstep, once it should.
    pub(crate) draining: Arc<OnceLock<String>>,
}

/// One attempt at a run.
pub(crate) struct RunActor {
    launch: Launch,
    standings: Arc<Mutex<Standings>>,
    /// The driver, until it has ended or is cancelled.
    course: Option<SpawnHandle>,
    tasks: Tasks,
    /// How it ended, as the thread will be told.
    end: RunEnd,
}

impl RunActor {
    pub(crate) fn new(mut launch: Launch) -> Self {
        // Until the driver says better, any end of this actor is a death.
        let standings = Arc::new(Mutex::new(Standings::new(std::mem::take(&mut launch.left))));
        Self { launch, standings, course: None, tasks: Tasks::new(), end: RunEnd::Died }
    }

    fn host(&self, ctx: &mut Context<Self>) -> Arc<dyn Host> {
        let address = ctx.address().downgrade();
        Arc::new(RunHost::new(&self.launch, address, Arc::clone(&self.standings), self.tasks.weak_guard()))
    }

    /// Drives the graph to its end, in this actor's context.
    fn drive(&mut self, ctx: &mut Context<Self>) {
        let host = self.host(ctx);
        let Launch { run, graph, config, facts, .. } = &self.launch;
        let started = Body::RunStarted {
            attempt: run.attempt,
            graph: run.graph_id.as_str().into(),
            answers: run.kwargs.answered(),
        };
        let told = facts.send(Fact { ns: "".into(), at: host.now(), body: started });
        let input = configuration::run_input(&run.kwargs);
        let driver = drive(graph.clone(), input, Arc::clone(config), host);
        let guard = self.tasks.guard();
        let course = async move {
            let _until_it_is_dropped = guard;
            told.await;
            driver.await
        };
        let course = ctx.spawn(wrap_future::<_, Self>(course).map(|finished, run, ctx| {
            // Stopped now, it lets go as it does already.
            run.course = None;
            run.end = end_of(&finished);
            run.note(&finished);
            match &finished.error {
                // The driver has not seen all of its tasks and commits to their ends.
                Some(RunError::Panicked { .. }) => run.let_go(ctx),
                _ => ctx.stop(),
            }
        }));
        self.course = Some(course);
    }

    /// Why it failed is for the log, where clients may not read it.
    fn note(&self, finished: &Finished) {
        let RunEnd::Failed(failure) = &self.end else { return };
        let Run { thread_id, run_id, .. } = self.launch.run;
        let code = finished.error.as_ref().map_or("NODE_FAILED", RunError::code);
        tracing::warn!(%thread_id, %run_id, code, class = &*failure.class, cause = &*failure.message, "a run failed");
    }

    /// Ends once the last task has let go and the last commit is answered.
    fn let_go(&mut self, ctx: &mut Context<Self>) {
        let gone = wrap_future::<_, Self>(self.tasks.cancelled());
        ctx.spawn(gone.map(|(), _, ctx| ctx.stop()));
    }
}

fn end_of(finished: &Finished) -> RunEnd {
    if let Some(RunError::Drained { .. }) = &finished.error {
        return RunEnd::Drained;
    }
    match (&finished.outcome, &finished.error) {
        (_, Some(error)) => RunEnd::Failed(error.failure()),
        (Outcome::Failed(failure), None) => RunEnd::Failed(failure.clone()),
        (Outcome::Interrupted, None) => RunEnd::Paused,
        (Outcome::Done | Outcome::Continue | Outcome::OutOfSteps, None) => RunEnd::Done,
    }
}

impl Actor for RunActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.drive(ctx);
    }

    /// Also after a panic, so that the thread always hears how it ended.
    fn stopped(&mut self, _: &mut Self::Context) {
        let standing = lock(&self.standings).stored().clone();
        let over = RunOver { run_id: self.launch.run.run_id, end: self.end.clone(), standing };
        if let Some(thread) = self.launch.thread.upgrade() {
            thread.do_send(over);
        }
    }
}

impl Handler<StartAttempt> for RunActor {
    type Result = ();

    fn handle(&mut self, order: StartAttempt, _: &mut Self::Context) {
        // Once the run is cancelled, nothing begins any more; the dropped order says so.
        if let Some(guard) = self.tasks.guard() {
            // This is the run's own arbiter.
            NodeActor::new(order, guard, self.launch.environment.node_pool.clone()).start();
        }
    }
}

impl Handler<CancelTasks> for RunActor {
    type Result = ();

    fn handle(&mut self, _: CancelTasks, ctx: &mut Self::Context) {
        let Some(course) = self.course.take() else { return };
        self.end = RunEnd::Cancelled;
        // Dropping the driver cancels the attempts that it waits for.
        ctx.cancel_future(course);
        self.let_go(ctx);
    }
}

impl Handler<CutOff> for RunActor {
    type Result = ();

    fn handle(&mut self, _: CutOff, ctx: &mut Self::Context) {
        self.end = RunEnd::Drained;
        ctx.stop();
    }
}
