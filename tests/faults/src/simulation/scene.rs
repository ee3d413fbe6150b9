//! What a seed decides before anything happens: who asks, how much, and what goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use eddyline::CompiledGraph;
use eddyline::Options;
use uuid::Uuid;

use super::disk::DiskPlan;
use super::graph::{Tour, graph};
use super::world::World;

/// The cast and its props.
pub(super) struct Scene {
    pub(super) world: Arc<World>,
    pub(super) graph: CompiledGraph<Tour>,
    pub(super) threads: Vec<Uuid>,
    pub(super) clients: Vec<ClientPlan>,
    pub(super) options: Options,
    pub(super) disk: Arc<DiskPlan>,
    /// How the processes end, one after the other; the last one ends when nothing is left to do.
    pub(super) ends: Vec<End>,
    /// Whether clients take back what runs did.
    pub(super) shrinks: bool,
    /// Whether somebody follows the threads.
    pub(super) observed: bool,
    /// How long a batch for storage gathers at most, in milliseconds.
    pub(super) pace: u64,
    /// An actor died, or the process is shutting down: what is asked may be lost.
    pub(super) disorder: AtomicBool,
}

/// How much a client has asked for, and will.
#[derive(Debug)]
pub(super) struct ClientPlan {
    pub(super) asked: AtomicU64,
    pub(super) orders: u64,
}

/// How a process ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// At this time, in milliseconds.
    Death(u64),
    /// With the n-th transaction: before it, or when it is stored.
    DiskDeath(u64, bool),
    /// In order, begun at this time.
    Shutdown(u64),
}

impl Scene {
    pub(super) fn new(world: &Arc<World>) -> Result<Self> {
        let threads = (0..=world.below(2))
            .map(|number| Uuid::from_u128(0x7000_8000_0000_0000_0000 + u128::from(number)));
        let clients =
            (0..=world.below(3)).map(|_| ClientPlan { asked: AtomicU64::new(0), orders: 2 + world.below(4) });
        let disk = DiskPlan::default();
        if world.one_in(2) {
            disk.trouble.store(world.pick(&[8, 25, 60]), Ordering::Relaxed);
        }
        Ok(Self {
            world: Arc::clone(world),
            graph: graph(world)?,
            threads: threads.collect(),
            clients: clients.collect(),
            options: options(world),
            disk: Arc::new(disk),
            ends: (0..world.below(3)).map(|_| end(world)).collect(),
            shrinks: world.one_in(3),
            observed: world.one_in(2),
            pace: world.pick(&[0, 1, 10, 100]),
            disorder: AtomicBool::new(false),
        })
    }

    /// Whether nothing went wrong with a thread of which clients would hear.
    pub(super) fn is_calm(&self, thread_id: Uuid) -> bool {
        !self.disorder.load(Ordering::Relaxed) && self.is_untroubled(thread_id)
    }

    /// Whether storage always did for a thread what it was asked.
    pub(super) fn is_untroubled(&self, thread_id: Uuid) -> bool {
        !self.world.notes().troubled.contains(&thread_id)
    }
}

fn end(world: &World) -> End {
    match world.below(4) {
        0 => End::Death(world.below(400)),
        1 => End::Shutdown(world.below(400)),
        _ => End::DiskDeath(1 + world.below(25), world.one_in(2)),
    }
}

fn options(world: &World) -> Options {
    Options {
        runs: world.pick(&[1, 1024]),
        waiting_runs: world.pick(&[1, 256]),
        run_channel: world.pick(&[1, 64]),
        batch_facts: world.pick(&[1, 256]),
        storage_batch: world.pick(&[1, 64]),
        requests: world.pick(&[2, 4096]),
        thread_sleep: Duration::from_millis(world.pick(&[0, 30, 10_000])),
        run_timeout: Duration::from_millis(world.pick(&[60, 3_600_000, 3_600_000])),
        shutdown_grace: Duration::from_millis(world.pick(&[0, 20, 30_000])),
        item_sweep: Duration::from_hours(24),
        sweep_interval: Duration::from_hours(24),
        ..Options::default()
    }
}
