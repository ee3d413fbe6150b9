//! A run that is cut off at a planned point, and the one that follows it over the same folder.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use eddyline::config::Durability;
use eddyline::fact::Body;
use eddyline::runtime::storage::{OpenError, SqliteStorage, Storage as _};
use eddyline::runtime::{
    Begin, Builder, CreateThread, Delivery, Handle, ListRuns, Listen, Run, StartError, StartRun, Subscription,
};
use eddyline::{Runtime, Shared};
use futures_util::FutureExt as _;
use serde_json::json;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::plan::{FaultPlan, Faulty, Outside, Point, Stored};
use crate::journey::{self, Entry, GRAPH, World};

/// What the run is given.
pub(super) const INPUT: &str = "in";

/// How long a node takes at least: long enough that nodes side by side end one after the other.
const PACE: Duration = Duration::from_micros(200);

/// What there was of a run when its process died, as its client and the world outside know it.
pub(super) struct FirstLife {
    pub(super) thread_id: Uuid,
    pub(super) seen: Seen,
    pub(super) stored: Stored,
    pub(super) entries: Vec<Entry>,
}

/// What a client was told.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// That there is such a run.
    pub(super) run: Option<Uuid>,
    /// That there are such checkpoints.
    pub(super) checkpoints: BTreeSet<Uuid>,
    /// That the run has ended.
    pub(super) ended: bool,
    /// That it failed, which it does not.
    pub(super) failed: bool,
}

impl Seen {
    fn see(&mut self, delivery: &Delivery, durability: Durability) {
        let Delivery::Fact(entry) = delivery else { return };
        match &entry.fact.body {
            // Under `exit` nothing is promised before the end.
            Body::Checkpoint(checkpoint) if durability != Durability::Exit => {
                self.checkpoints.insert(checkpoint.id);
            }
            Body::RunEnded { failure, .. } => (self.ended, self.failed) = (true, failure.is_some()),
            _ => {}
        }
    }
}

/// Runs until the process dies; `None` when the run comes to its end before that.
pub(super) async fn first(
    folder: &Path,
    durability: Durability,
    point: Point,
    place: u32,
) -> Result<Option<FirstLife>> {
    let (plan, mut death, burial) = FaultPlan::new(point, place);
    let outside = Arc::new(Outside::new(Arc::clone(&plan)));
    let storage = Faulty::new(SqliteStorage::open(folder)?, Arc::clone(&plan))?;
    let runtime = builder(&outside)?.storage(Box::new(storage)).start()?;
    let handle = runtime.handle();
    let thread_id = handle.create_thread(CreateThread::default()).await?.thread_id;
    plan.arm();
    let mut seen = Seen::default();
    tokio::select! {
        biased;
        _ = &mut death => {}
        started = handle.start_run(request(thread_id, durability)) => {
            let (run, events) = started?;
            seen.run = Some(run.run_id);
            listen(events, &mut death, point, durability, &mut seen).await;
        }
    }
    if !plan.is_dead() {
        runtime.shutdown().await;
        return Ok(None);
    }
    drop(runtime);
    drop(burial);
    Ok(Some(FirstLife { thread_id, seen, stored: plan.stored(), entries: outside.entries() }))
}

/// Listens until the run or the process ends.
async fn listen(
    mut events: Subscription,
    death: &mut oneshot::Receiver<()>,
    point: Point,
    durability: Durability,
    seen: &mut Seen,
) {
    loop {
        tokio::select! {
            biased;
            _ = &mut *death => break,
            delivery = events.next() => match delivery {
                Some(delivery) => seen.see(&delivery, durability),
                None => return,
            }
        }
    }
    // What was on its way arrives, unless the process died before it could send anything more.
    while point != Point::Publish
        && let Some(Some(delivery)) = events.next().now_or_never()
    {
        seen.see(&delivery, durability);
    }
}

/// What became of the run.
pub(super) struct SecondLife {
    pub(super) run: Run,
    /// The client was never told of the run and found none, so it started it again.
    pub(super) asked_again: bool,
    pub(super) checkpoints: BTreeSet<Uuid>,
    /// What was done, as the thread's record has it.
    pub(super) done: Vec<String>,
    pub(super) entries: Vec<Entry>,
}

/// Goes on over the same folder until nothing is left to do.
pub(super) async fn second(folder: &Path, before: &FirstLife, durability: Durability) -> Result<SecondLife> {
    let (plan, ..) = FaultPlan::new(Point::Begin, 0);
    let outside = Arc::new(Outside::new(plan));
    let runtime = open(folder, &outside).await?;
    let handle = runtime.handle();
    let thread_id = before.thread_id;
    let known = handle.runs(ListRuns { thread_id, status: None, limit: 10, offset: 0 }).await?;
    let asked_again = before.seen.run.is_none() && known.is_empty();
    let run_id = match known.first() {
        None if asked_again => handle.start_run(request(thread_id, durability)).await?.0.run_id,
        None => bail!("the run is lost"),
        Some(run) => run.run_id,
    };
    ensure!(known.len() <= 1, "one run became {}", known.len());
    let run = ended(&handle, thread_id, run_id).await?;
    runtime.shutdown().await;

    let mut storage = SqliteStorage::open(folder)?;
    let history = storage.read().history(thread_id, &"".into(), None, usize::MAX)?;
    let checkpoints = history.iter().map(|saved| saved.checkpoint.id).collect();
    let record = storage.read().thread(thread_id)?.context("the thread is lost")?.thread;
    let values = record.values.map(|values| values.to_json()).unwrap_or_default();
    let done = journey::names(&values).into_iter().map(str::to_owned).collect();
    Ok(SecondLife { run, asked_again, checkpoints, done, entries: outside.entries() })
}

fn builder(outside: &Arc<Outside>) -> Result<Builder> {
    let world: Arc<dyn World> = Arc::<Outside>::clone(outside);
    Ok(Runtime::builder().graph(GRAPH, journey::graph(&world, PACE)?))
}

/// A runtime that was dropped lets go of its folder a moment later.
async fn open(folder: &Path, outside: &Arc<Outside>) -> Result<Runtime> {
    loop {
        match builder(outside)?.data_dir(folder).start() {
            Err(StartError::DataFolder(OpenError::Locked { .. })) => tokio::time::sleep(PACE).await,
            started => return Ok(started?),
        }
    }
}

fn request(thread_id: Uuid, durability: Durability) -> StartRun {
    let input = Some(Shared::from(json!({"done": [INPUT]})));
    StartRun { thread_id: Some(thread_id), input, durability, ..StartRun::new(GRAPH) }
}

async fn ended(handle: &Handle, thread_id: Uuid, run_id: Uuid) -> Result<Run> {
    let listen = Listen { thread_id, run_id: Some(run_id), begin: Begin::Oldest, tokens: false };
    let mut events = handle.listen(listen).await?;
    while events.next().await.is_some() {}
    Ok(handle.run(thread_id, run_id).await?)
}
