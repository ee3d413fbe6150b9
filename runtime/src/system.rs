//! The system's OS thread: it makes the arbiters and the actors that are there from the start, and ends them.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use actix::{Actor, Addr, Arbiter, SyncArbiter, System};
use tokio::sync::Semaphore;

use crate::actors::{AssistantsActor, ReaderActor, StorageActor, SupervisorActor};
use crate::builder::{Builder, Parts};
use crate::error::StartError;
use crate::handle::Inner;
use crate::items::{self, ItemStore};
use crate::options::Options;
use crate::recovery;
use crate::storage::Storage;
use crate::sweeper;

/// How long nodes that were cut off may take to notice and drop what they hold; one that blocks may not notice
/// at all.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the system's OS thread hands out once it is up.
pub(crate) struct Up {
    pub(crate) inner: Inner,
    pub(crate) system: System,
}

/// The life of the system's OS thread. Who waits for `up` hears either way.
pub(crate) fn run(builder: Builder, up: &mpsc::SyncSender<Result<Up, StartError>>) {
    let (pool, parts) = match prepare(builder) {
        Ok(parts) => parts,
        Err(error) => {
            // Whoever waited for it may be gone, and then nobody misses it.
            let _ = up.send(Err(error));
            return;
        }
    };
    let runner = System::new();
    let (inner, arbiters) = runner.block_on(async { actors(parts) });
    // Beside everything else: whoever starts the runtime does not wait for it.
    pool.spawn(recovery::wake_threads(inner.clone()));
    let sweep_interval = inner.environment.options.sweep_interval;
    pool.spawn(sweeper::sweep(inner.clone(), sweep_interval));
    let heard = up.send(Ok(Up { inner, system: System::current() })).is_ok();
    if heard && let Err(error) = runner.run() {
        tracing::error!(%error, "the actor system ended with an error");
    }
    for arbiter in arbiters {
        arbiter.stop();
        // Fails only when the arbiter's OS thread panicked; there is nothing left to save then.
        let _ = arbiter.join();
    }
    pool.shutdown_timeout(FAREWELL);
}

fn prepare(builder: Builder) -> Result<(tokio::runtime::Runtime, Parts), StartError> {
    let pool = node_pool(builder.layout()).map_err(StartError::Threads)?;
    let parts = builder.assemble(pool.handle().clone())?;
    Ok((pool, parts))
}

/// Storage on an arbiter of its own, readers on OS threads of theirs, and a supervisor on each of the graph
/// arbiters. The assistants share the last of these.
fn actors(Parts { mut environment, storage, index }: Parts) -> (Inner, Vec<Arbiter>) {
    let arbiter = Arbiter::new();
    let (storage, readers) = keepers(&arbiter, storage, &environment.options);
    let keepers = (storage.clone(), readers.clone());
    let items = ItemStore::new(keepers, Arc::clone(&environment.clock), index, &environment.options);
    environment.node_pool.spawn(items::sweep_for_ever(items.clone(), environment.options.item_sweep));
    let store = environment.store.get_or_insert_with(|| Arc::new(items)).clone();

    let environment = Arc::new(environment);
    let options = &environment.options;
    let mut arbiters = vec![arbiter];
    let mut supervisors = Vec::new();
    for _ in 0..options.graph_arbiters.max(1) {
        let arbiter = Arbiter::new();
        let supervisor = SupervisorActor::new(Arc::clone(&environment), storage.clone());
        supervisors.push(SupervisorActor::start_in_arbiter(&arbiter.handle(), move |_| supervisor));
        arbiters.push(arbiter);
    }
    let assistants = AssistantsActor::new(Arc::clone(&environment), storage.clone());
    let last = arbiters.last().expect("there is at least one graph arbiter");
    let assistants = AssistantsActor::start_in_arbiter(&last.handle(), move |_| assistants);
    let requests = Arc::new(Semaphore::new(options.requests.max(1)));
    (Inner { environment, supervisors, storage, readers, store, assistants, requests }, arbiters)
}

/// Those who write to storage and read from it.
fn keepers(
    arbiter: &Arbiter,
    storage: Box<dyn Storage>,
    options: &Options,
) -> (Addr<StorageActor>, Addr<ReaderActor>) {
    let (batch, opens) = (options.storage_batch, storage.readers());
    let readers =
        SyncArbiter::start(options.storage_readers.max(1), move || ReaderActor::new(Arc::clone(&opens)));
    let storage =
        StorageActor::start_in_arbiter(&arbiter.handle(), move |_| StorageActor::new(storage, batch));
    (storage, readers)
}

fn node_pool(options: &Options) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.node_workers.max(1))
        .max_blocking_threads(options.blocking_threads.max(1))
        .thread_name("eddyline-node")
        .enable_all()
        .build()
}
