//! Runs that were cut off: a thread that wakes takes them up again, from what is stored.

use actix::{Context, Handler};
use eddyline_engine::Graph;
use eddyline_engine::fact::Failure;

use super::ending::Ending;
use super::{Queued, ThreadActor};
use crate::error::Error;
use crate::machine::Event;
use crate::messages::{Resume, RunEnd, RunOver};
use crate::runs::{Run, RunStatus};
use crate::standing::Standing;
use crate::storage::Change;

/// How often a run may be picked up.
const ATTEMPTS: u32 = 3;

impl ThreadActor {
    /// Takes up the runs that storage has as open, oldest first. The one that was under way goes on with its
    /// next attempt; those that waited follow. One that cannot go on ends in an error here.
    pub(super) fn recover(&mut self, mut open: Vec<Run>, ctx: &mut Context<Self>) {
        if open.is_empty() {
            return;
        }
        if open.iter().any(|run| run.kwargs.temporary) {
            // Nobody can know of it, and it kept no checkpoints.
            self.head = None;
            return self.put(vec![Change::DeleteThread], Self::answer_or_end(ctx, |_| ()));
        }
        // What a run has begun stands on the newest checkpoint, so it goes before those that have not.
        open.sort_by_key(|run| (run.status != RunStatus::Running, run.attempt == 0, run.run_id));
        let mut ready = Vec::new();
        let mut lost = Vec::new();
        for mut run in open {
            match self.may_go_on(&run) {
                Ok(graph) => {
                    run.status = RunStatus::Pending;
                    ready.push(Queued { run, graph });
                }
                Err(message) => lost.push((run, message)),
            }
        }
        self.give_up(lost, !ready.is_empty(), ctx);
        for queued in ready {
            let run = queued.run.run_id;
            tracing::info!(thread_id = %self.thread_id, run_id = %run, "takes up a run that was cut off");
            self.runs.insert(run, queued);
            let effects = self.queue.on(Event::Recovered { run });
            self.apply(effects, ctx);
        }
    }

    /// The graph of the run, or why it ends here.
    fn may_go_on(&self, run: &Run) -> Result<Graph, String> {
        if run.attempt >= ATTEMPTS {
            return Err(format!("Run {} exceeded max attempts ({ATTEMPTS}).", run.run_id));
        }
        let found = self.environment.registry.find(&run.graph_id);
        found
            .map(|(graph, _)| graph.clone())
            .map_err(|_| Error::GraphNotFound { graph_id: run.graph_id.clone() }.to_string())
    }

    /// Ends runs in an error; `more` when others go on.
    fn give_up(&mut self, lost: Vec<(Run, String)>, more: bool, ctx: &mut Context<Self>) {
        let now = self.environment.now();
        for (run, message) in lost {
            tracing::warn!(thread_id = %self.thread_id, run_id = %run.run_id, message, "a run cannot go on");
            let failure = Failure { class: "RuntimeError".into(), message: message.into(), visible: true };
            let end = RunEnd::Failed(failure);
            let over = RunOver { run_id: run.run_id, end, standing: Standing::default() };
            let changes = Ending { run, over: &over, cancellation: None, more, now }.changes(&mut self.head);
            self.put(changes, Self::answer_or_end(ctx, |_| ()));
        }
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
