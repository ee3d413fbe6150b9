//! Putting a runtime together.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::thread;

use eddyline_engine::Graph;
use eddyline_engine::model::{ChatModel, ModelSource, Models};
use eddyline_engine::store::{Index, Store};
use tokio::sync::{Semaphore, oneshot};

use crate::assistants::{Registry, upsert_defaults};
use crate::clock::{Clock, SystemClock};
use crate::environment::Environment;
use crate::error::StartError;
use crate::id_source::{IdSource, RandomIds};
use crate::node_cache::NodeCache;
use crate::options::Options;
use crate::runs::AtWork;
use crate::runtime::Runtime;
use crate::storage::{MemoryStorage, Storage};
use crate::system;
use crate::temporary::Temporaries;
use crate::webhooks::{Outbox, Webhooks};

/// Where a runtime keeps what must outlive it. The folder is opened when the runtime starts.
#[derive(Default)]
enum Keeper {
    #[default]
    Memory,
    Given(Box<dyn Storage>),
    #[cfg(feature = "sqlite")]
    Folder(std::path::PathBuf),
}

impl Keeper {
    #[cfg_attr(
        not(feature = "sqlite"),
        expect(clippy::unnecessary_wraps, reason = "only a folder can fail to open")
    )]
    fn open(self) -> Result<Box<dyn Storage>, StartError> {
        Ok(match self {
            Self::Memory => Box::new(MemoryStorage::default()),
            Self::Given(storage) => storage,
            #[cfg(feature = "sqlite")]
            Self::Folder(folder) => Box::new(crate::storage::SqliteStorage::open(folder)?),
        })
    }
}

/// What the actors of a runtime are made of.
pub(crate) struct Parts {
    /// What they share.
    pub(crate) environment: Environment,
    /// What only one of them gets.
    pub(crate) storage: Box<dyn Storage>,
    /// That of the store that lies in storage.
    pub(crate) index: Option<Index>,
}

/// Collects what a runtime is made of.
#[derive(Default)]
pub struct Builder {
    graphs: Vec<(String, Graph)>,
    models: Models,
    store: Option<Arc<dyn Store>>,
    index: Option<Index>,
    webhooks: Option<Arc<dyn Webhooks>>,
    storage: Keeper,
    clock: Option<Arc<dyn Clock>>,
    ids: Option<Arc<dyn IdSource>>,
    options: Options,
}

impl Builder {
    /// Adds a graph under `graph_id`, by which runs ask for it.
    pub fn graph(mut self, graph_id: impl Into<String>, graph: impl Into<Graph>) -> Self {
        self.graphs.push((graph_id.into(), graph.into()));
        self
    }

    /// Adds a model under `name`, by which nodes ask for it; it takes the place of an earlier one.
    pub fn model(mut self, name: impl Into<String>, model: impl ChatModel) -> Self {
        self.models.name(name.into(), model);
        self
    }

    /// Finds further models by their names, such as those of providers.
    pub fn models(mut self, source: impl ModelSource) -> Self {
        self.models.source(source);
        self
    }

    /// Gives nodes and clients this long-term store, and not the one that lies where threads do.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Lets items of the long-term store be found by what they are about. Items that are there already are found
    /// so when they are put again. A store of one's own brings its own.
    pub fn index(mut self, index: Index) -> Self {
        self.index = Some(index);
        self
    }

    /// Sends word of the end of runs that ask for it; without it, such runs are refused.
    pub fn webhooks(mut self, webhooks: Arc<dyn Webhooks>) -> Self {
        self.webhooks = Some(webhooks);
        self
    }

    /// Keeps threads, runs, checkpoints and items there, and not in memory.
    pub fn storage(mut self, storage: Box<dyn Storage>) -> Self {
        self.storage = Keeper::Given(storage);
        self
    }

    /// Keeps threads, runs, checkpoints and items in this folder, and not in memory; it takes the place of a storage
    /// that was given before. The folder is made and opened when the runtime starts, and belongs to it alone
    /// until it ends: a second one is refused with [`StartError::DataFolder`].
    #[cfg(feature = "sqlite")]
    pub fn data_dir(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
        self.storage = Keeper::Folder(folder.into());
        self
    }

    /// Tells the time by another clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Draws ids from another source.
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = Some(ids);
        self
    }

    /// Lays the runtime out by these numbers.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Starts the runtime's OS threads, and waits the few milliseconds until they are up.
    ///
    /// Runs that the storage has as `pending` or `running` go on, beside whatever is asked next.
    pub fn start(self) -> Result<Runtime, StartError> {
        let (up, started) = mpsc::sync_channel(1);
        let (end, ended) = oneshot::channel();
        let spawned = thread::Builder::new().name("eddyline-system".to_owned()).spawn(move || {
            system::run(self, &up);
            // Who started it may be gone.
            let _ = end.send(());
        });
        spawned.map_err(StartError::Threads)?;
        let up = started.recv().map_err(|_| StartError::System)??;
        Ok(Runtime::new(up, Some(ended)))
    }

    /// Starts the runtime on the caller's OS thread and no other, for simulations: its actors on the arbiter of the
    /// actix System that is current there, its nodes on the Tokio runtime. Each batch for storage gathers for as long
    /// as `pace` says, by Tokio's clock; readers read where they are asked. When nothing else leaves the OS thread and
    /// Tokio's clock is paused, all that happens depends on nothing but what is asked.
    ///
    /// Runs that the storage has as `pending` or `running` go on, beside whatever is asked next. Panics outside such a
    /// System.
    #[cfg(any(test, feature = "test-util"))]
    pub fn start_here(
        self,
        pace: impl FnMut() -> std::time::Duration + Send + 'static,
    ) -> Result<Runtime, StartError> {
        Ok(Runtime::new(system::together(self, Box::new(pace))?, None))
    }

    pub(crate) fn layout(&self) -> &Options {
        &self.options
    }

    /// What the actors are made of.
    pub(crate) fn assemble(self, node_pool: tokio::runtime::Handle) -> Result<Parts, StartError> {
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let ids = self.ids.unwrap_or_else(|| Arc::<RandomIds>::default());
        let registry = Registry::new(self.graphs)?;
        let mut storage = self.storage.open()?;
        upsert_defaults(&registry, &mut *storage, clock.now())?;
        let Self { options, models, store, index, webhooks, .. } = self;
        let cache = NodeCache::new(options.cached_tasks);
        let places = Arc::new(Semaphore::new(options.runs.max(1)));
        let environment = Environment {
            options,
            clock,
            ids,
            registry,
            models,
            store,
            cache,
            outbox: webhooks.map(Outbox::new),
            temporaries: Temporaries::default(),
            at_work: AtWork::default(),
            places,
            node_pool,
            cut_off: AtomicBool::new(false),
        };
        Ok(Parts { environment, storage, index })
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let graphs: Vec<&String> = self.graphs.iter().map(|(graph_id, _)| graph_id).collect();
        f.debug_struct("Builder")
            .field("graphs", &graphs)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
