//! The system's OS thread: it makes the arbiters and the actors that are there from the start, and ends them.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use actix::{Actor, Arbiter, ArbiterHandle, System};
use tokio::sync::{Notify, Semaphore};

use crate::actors::{AssistantsActor, CronsActor, Pace, ReaderPool, StorageActor, SupervisorActor};
use crate::builder::{Builder, Parts};
use crate::crons;
use crate::environment::Environment;
use crate::error::StartError;
use crate::handle::Inner;
use crate::items::{self, ItemStore};
use crate::options::Options;
use crate::recovery;
use crate::sweeper;
use crate::webhooks;

/// How long nodes that were cut off may take to notice and drop what they hold; one that blocks may not notice
/// at all.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is there once a runtime is up.
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
    let (inner, arbiters) = runner.block_on(async { apart(parts) });
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

/// Where the actors live, and how the one that writes keeps its pace.
struct Layout {
    storage: ArbiterHandle,
    graphs: Vec<ArbiterHandle>,
    readers: ReaderPool,
    pace: Option<Pace>,
}

/// Storage on an arbiter of its own, readers on OS threads of theirs, and a supervisor on each of the graph
/// arbiters.
fn apart(parts: Parts) -> (Inner, Vec<Arbiter>) {
    let options = &parts.environment.options;
    let arbiters: Vec<Arbiter> = (0..=options.graph_arbiters.max(1)).map(|_| Arbiter::new()).collect();
    let (storage, graphs) = arbiters.split_first().expect("the first is there");
    let layout = Layout {
        storage: storage.handle(),
        graphs: graphs.iter().map(Arbiter::handle).collect(),
        readers: ReaderPool::start(options.storage_readers, parts.storage.readers()),
        pace: None,
    };
    (actors(parts, layout), arbiters)
}

/// Everybody on the arbiter of the current System, whose OS thread is the only one; each batch for storage gathers for
/// as long as `pace` says.
#[cfg(any(test, feature = "test-util"))]
pub(crate) fn together(builder: Builder, pace: Pace) -> Result<Up, StartError> {
    let parts = builder.assemble(tokio::runtime::Handle::current())?;
    let here = System::current().arbiter().clone();
    let layout = Layout {
        storage: here.clone(),
        graphs: vec![here],
        readers: ReaderPool::Here(parts.storage.readers()),
        pace: Some(pace),
    };
    Ok(Up { inner: actors(parts, layout), system: System::current() })
}

/// The assistants and the crons share the last of the graph arbiters.
fn actors(Parts { mut environment, storage, index }: Parts, layout: Layout) -> Inner {
    let Layout { storage: arbiter, graphs, readers, pace } = layout;
    let batch = environment.options.storage_batch;
    let storage = StorageActor::start_in_arbiter(&arbiter, move |_| StorageActor::new(storage, batch, pace));
    let keepers = (storage.clone(), readers.clone());
    let items = ItemStore::new(keepers.clone(), Arc::clone(&environment.clock), index, &environment.options);
    environment.node_pool.spawn(items::sweep_for_ever(items.clone(), environment.options.item_sweep));
    let store = environment.store.get_or_insert_with(|| Arc::new(items)).clone();

    let environment = Arc::new(environment);
    let mut supervisors = Vec::new();
    for arbiter in &graphs {
        let supervisor = SupervisorActor::new(Arc::clone(&environment), keepers.clone());
        supervisors.push(SupervisorActor::start_in_arbiter(arbiter, move |_| supervisor));
    }
    let assistants = AssistantsActor::new(Arc::clone(&environment), storage.clone());
    let last = graphs.last().expect("there is at least one graph arbiter");
    let assistants = AssistantsActor::start_in_arbiter(last, move |_| assistants);
    let changed = Arc::new(Notify::new());
    let crons = CronsActor::new(Arc::clone(&environment), storage.clone(), Arc::clone(&changed));
    let crons = CronsActor::start_in_arbiter(last, move |_| crons);
    let requests = Arc::new(Semaphore::new(environment.options.requests.max(1)));
    let inner = Inner { environment, supervisors, storage, readers, store, assistants, crons, requests };
    // Beside everything else: whoever starts the runtime does not wait for it.
    let Environment { node_pool, options, .. } = &*inner.environment;
    node_pool.spawn(recovery::wake_threads(inner.clone()));
    node_pool.spawn(crons::tick_for_ever(inner.clone(), changed));
    node_pool.spawn(webhooks::deliver_for_ever(inner.clone()));
    node_pool.spawn(sweeper::sweep(inner.clone(), options.sweep_interval));
    inner
}

fn node_pool(options: &Options) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.node_workers.max(1))
        .max_blocking_threads(options.blocking_threads.max(1))
        .thread_name("eddyline-node")
        .enable_all()
        .build()
}
