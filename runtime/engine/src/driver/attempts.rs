//! One task over all of its attempts: retries, waits between them, timeouts.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};

use super::LevelEnv;
use crate::error::NodeError;
use crate::fact::Failure;
use crate::graph::Graph;
use crate::ids::Timestamp;
use crate::node::{Attempt, AttemptEnd, NodeContext, Pulse, Scratch, TaskEnv, lock};
use crate::pregel::{Cells, Ended, Planned, Run, run};
use crate::value::Key;

/// A task that is to be seen through.
pub(super) struct Attempts {
    pub(super) graph: Graph,
    pub(super) level: Arc<LevelEnv>,
    pub(super) cells: Arc<Cells>,
    pub(super) task: Planned,
    pub(super) scratch: Arc<Mutex<Scratch>>,
    pub(super) handles: Option<(Key, Failure)>,
}

impl Attempts {
    /// Runs the task until it succeeds, pauses, or has failed for good; its place goes with the end.
    pub(super) async fn run(self, place: usize) -> (usize, Ended) {
        (place, self.end().await)
    }

    async fn end(&self) -> Ended {
        let spec = &self.graph.0.nodes[self.task.node];
        let host = self.level.host.clone();
        let first_attempt = host.now();
        let listens = spec.timeout.idle.is_some() && !spec.timeout.heartbeat_only;
        let outer = self.level.pulse.clone();
        let pulse = Arc::new(Pulse::new(self.scratch.clone(), listens, outer));
        let mut attempt = 1;
        loop {
            lock(&self.scratch).rewind(host.now());
            let env = TaskEnv {
                info: self.task.info.clone(),
                level: self.level.clone(),
                scratch: self.scratch.clone(),
                attempt,
                first_attempt,
                pulse: pulse.clone(),
                handles: self.handles.clone(),
            };
            let work = run(Run {
                graph: self.graph.clone(),
                node: self.task.node,
                cells: self.cells.clone(),
                ctx: NodeContext::new(env),
            });
            let started = host.start(Attempt {
                task: self.task.info.id,
                node: spec.name.clone(),
                number: attempt,
                placement: spec.placement,
                future: work.map(AttemptEnd).boxed(),
            });
            let limit = self.task.timeout.or(spec.timeout.run);
            let ended = if limit.is_none() && spec.timeout.idle.is_none() {
                started.await.0
            } else {
                self.within(limit, spec.timeout.idle, started.map(|end| end.0)).await
            };
            let Err(error) = &ended.result else { return ended };
            let policy = spec.retry.iter().find(|policy| policy.applies(error));
            let Some(policy) = policy.filter(|policy| attempt < policy.max_attempts) else { return ended };
            host.sleep(policy.wait(attempt, host.random())).await;
            attempt += 1;
        }
    }

    /// Waits for an attempt no longer than its timeouts allow; what it wrote until then is forgotten.
    async fn within(
        &self,
        run: Option<Duration>,
        idle: Option<Duration>,
        attempt: impl Future<Output = Ended> + Unpin,
    ) -> Ended {
        let host = &self.level.host;
        let begun = host.now();
        let mut attempt = attempt;
        loop {
            let now = host.now();
            let silent_since = lock(&self.scratch).progress;
            let left = |limit: Option<Duration>, since: Timestamp| {
                limit.map(|limit| limit.saturating_sub(elapsed(since, now)))
            };
            let (run_left, idle_left) = (left(run, begun), left(idle, silent_since));
            if run_left == Some(Duration::ZERO) {
                return self.timed_out("run timeout", "", run, elapsed(begun, now));
            }
            if idle_left == Some(Duration::ZERO) {
                return self.timed_out(
                    "idle timeout",
                    " without making progress",
                    idle,
                    elapsed(silent_since, now),
                );
            }
            let Some(wait) = run_left.into_iter().chain(idle_left).min() else { return attempt.await };
            match select(attempt, host.sleep(wait)).await {
                Either::Left((ended, _)) => return ended,
                Either::Right(((), unfinished)) => attempt = unfinished,
            }
        }
    }

    fn timed_out(&self, which: &str, how: &str, limit: Option<Duration>, elapsed: Duration) -> Ended {
        let (limit, elapsed) = (limit.unwrap_or_default().as_secs_f64(), elapsed.as_secs_f64());
        let node = &self.task.info.name;
        let text =
            format!("Node '{node}' exceeded its {which} of {limit:.3}s{how} (elapsed: {elapsed:.3}s).");
        Ended::failed(NodeError::visible("NodeTimeoutError", text))
    }
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(now.0 - since.0).unwrap_or_default())
}
