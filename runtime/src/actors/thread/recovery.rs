//! How a thread wakes: it reads its record, and takes up the runs that storage has as open.

use std::sync::Arc;

use actix::fut::wrap_future;
use actix::{ActorContext, ActorFutureExt, AsyncContext, Context, Handler};
use eddyline_engine::ids::Timestamp;
use futures_util::future::try_join_all;

use super::course::ATTEMPTS;
use super::ending::Ending;
use super::over::exceeded;
use super::{Queued, ThreadActor};
use crate::assistants::Registry;
use crate::environment::Environment;
use crate::machine::Event;
use crate::messages::{After, Answer, Look, Resume, RunEnd, RunOver};
use crate::pool;
use crate::runs::{CancelAction, Run, RunStatus};
use crate::standing::Standing;
use crate::state::ReadHistory;
use crate::state::read::{Reader, Source};
use crate::storage::StoredThread;
use crate::threads::Thread;

/// The open runs of a thread that wakes.
#[derive(Default)]
struct Open {
    /// These go on, in this order.
    ready: Vec<Queued>,
    /// These end here, so.
    lost: Vec<(Run, RunEnd)>,
}

impl Open {
    /// What a run has begun stands on the newest checkpoint, so it goes before those that have not.
    fn sort(mut open: Vec<Run>, registry: &Registry) -> Self {
        open.sort_by_key(|run| (run.status != RunStatus::Running, run.attempt == 0, run.run_id));
        let mut sorted = Self::default();
        for mut run in open {
            match go_on(&run, registry) {
                Ok(graph) => {
                    run.status = RunStatus::Pending;
                    sorted.ready.push(Queued { run, graph, left: Standing::default() });
                }
                Err(end) => sorted.lost.push((run, end)),
            }
        }
        sorted
    }

    /// Whether the state may be another than the record of the thread says.
    fn has_begun(&self) -> bool {
        !self.lost.is_empty() || self.ready.iter().any(|queued| queued.run.attempt > 0)
    }
}

/// The graph of the run, or how it ends here.
fn go_on(run: &Run, registry: &Registry) -> Result<eddyline_engine::Graph, RunEnd> {
    if matches!(run.status, RunStatus::Cancelling(_)) {
        return Err(RunEnd::Cancelled);
    }
    if run.attempt >= ATTEMPTS {
        return Err(RunEnd::Failed(exceeded(run.run_id)));
    }
    registry.graph(&run.graph_id).map_err(|gone| {
        RunEnd::Failed(eddyline_engine::fact::Failure {
            class: "RuntimeError".into(),
            message: gone.to_string().into(),
            visible: true,
        })
    })
}

/// How the thread stands by what is stored.
async fn stored_standing(reader: Reader, thread: Thread, environment: Arc<Environment>) -> Standing {
    let thread_id = thread.thread_id;
    let Ok(Some((_, graph))) = environment.registry.graph_of(&thread) else { return Standing::default() };
    let newest = reader.history(graph, ReadHistory::new(thread_id, 1));
    match pool::run(environment.node_pool.clone(), newest).await {
        Ok(states) => {
            let snapshot = states.into_iter().next().and_then(|state| state.snapshot);
            snapshot.map(|snapshot| Standing::of_snapshot(&snapshot)).unwrap_or_default()
        }
        Err(error) => {
            tracing::warn!(%thread_id, %error, "the state of a thread does not read; its record stays as it was");
            Standing::default()
        }
    }
}

impl ThreadActor {
    /// Reads the record and takes up open runs before anything else is done. Nothing is under way yet that could
    /// have to be stopped, so the actor may be deaf meanwhile.
    pub(super) fn wake(&mut self, ctx: &mut Context<Self>) {
        let thread_id = self.thread_id;
        let (look, answer) = Look::new(move |storage| {
            let Some(stored) = storage.thread(thread_id)? else { return Ok(None) };
            Ok(Some((stored, storage.open_runs(thread_id)?)))
        });
        self.storage.do_send(look.after(After::Thread(thread_id)));
        let environment = Arc::clone(&self.environment);
        let reader = Reader::new(thread_id, Arc::clone(&environment), Source::Put(self.storage.clone()));
        let woken = async move {
            let Some((stored, open)) = answer.await? else { return Ok(None) };
            let open = Open::sort(open, &environment.registry);
            let standing = if open.has_begun() {
                stored_standing(reader, stored.thread.clone(), environment).await
            } else {
                Standing::default()
            };
            Ok(Some((stored, open, standing)))
        };
        ctx.wait(wrap_future::<_, Self>(woken).map(|woken, thread, ctx| match woken {
            Ok(Some((StoredThread { thread: record, epoch }, open, standing))) => {
                thread.head = Some(record);
                thread.epoch = epoch;
                thread.recover(open, standing, ctx);
            }
            Ok(None) => {}
            Err(error) => thread.end_unread(&error, ctx),
        }));
    }

    /// Ends the runs that cannot go on, and takes up the others once that is stored: until then they are under way for
    /// all that storage knows.
    fn recover(&mut self, open: Open, standing: Standing, ctx: &mut Context<Self>) {
        let Open { lost, ready } = open;
        let more = !ready.is_empty();
        let mut ends = Vec::with_capacity(lost.len());
        for (run, end) in lost {
            tracing::warn!(thread_id = %self.thread_id, run_id = %run.run_id, ?end, "a run does not go on");
            ends.push(self.give_up(run, end, standing.clone(), more));
        }
        if ends.is_empty() {
            return self.take_up(ready, &standing, ctx);
        }
        ctx.wait(wrap_future::<_, Self>(try_join_all(ends)).map(move |stored, thread, ctx| match stored {
            Ok(_) => thread.take_up(ready, &standing, ctx),
            Err(error) => thread.end_unread(&error, ctx),
        }));
    }

    /// What is stored is not known, so the next order finds a new thread that reads it.
    fn end_unread(&mut self, error: &crate::storage::Error, ctx: &mut Context<Self>) {
        tracing::error!(thread_id = %self.thread_id, %error, "cannot read a thread, or store what is over of it");
        self.closing = true;
        ctx.stop();
    }

    /// The run that was under way goes on with its next attempt, and those that waited follow.
    fn take_up(&mut self, ready: Vec<Queued>, standing: &Standing, ctx: &mut Context<Self>) {
        for mut queued in ready {
            let run = queued.run.run_id;
            tracing::info!(thread_id = %self.thread_id, run_id = %run, "takes up a run that was cut off");
            let due = if queued.run.attempt > 0 { Timestamp(0) } else { queued.run.created_at };
            if queued.run.attempt > 0 {
                queued.left = standing.clone();
            }
            self.hold(queued);
            let effects = self.on(Event::Recovered { run, due });
            self.apply(effects, ctx);
        }
        self.be_busy_no_more(ctx);
    }

    fn give_up(
        &mut self,
        run: Run,
        end: RunEnd,
        standing: Standing,
        more: bool,
    ) -> impl Future<Output = crate::storage::Result<()>> + use<> {
        let now = self.environment.now();
        let rolls_back = run.status == RunStatus::Cancelling(CancelAction::Rollback);
        let reason = (end == RunEnd::Cancelled).then_some("interrupt requested");
        let over = RunOver { run_id: run.run_id, end, standing };
        // Who reads it again reads how it ended, by a number of its own.
        self.epoch += 1;
        let last = self.end_without_attempt(&run, &over.end).filter(|_| !rolls_back);
        let (environment, began) = (&self.environment, run.updated_at);
        let ending = Ending { environment, run, over: &over, reason, rolls_back, more, began, now };
        let mut changes = ending.changes(&mut self.head);
        changes.extend(last);
        let (answer, stored) = Answer::awaited();
        self.put_first(changes, answer);
        stored
    }
}

impl Handler<Resume> for ThreadActor {
    type Result = ();

    fn handle(&mut self, Resume { permit }: Resume, ctx: &mut Self::Context) {
        self.seen += 1;
        // It is awake: the next may wake.
        drop(permit);
        self.settle(ctx);
    }
}
