//! What every actor of a runtime shares, fixed at its start.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use eddyline_engine::ids::Timestamp;
use eddyline_engine::model::Models;
use eddyline_engine::store::Store;
use tokio::sync::Semaphore;

use crate::assistants::Registry;
use crate::clock::Clock;
use crate::id_source::IdSource;
use crate::node_cache::NodeCache;
use crate::options::Options;
use crate::runs::AtWork;
use crate::temporary::Temporaries;
use crate::webhooks::Outbox;

/// Clock, ids, graphs, models, store, cache, the node pool and the numbers to work by.
pub(crate) struct Environment {
    pub(crate) options: Options,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) registry: Registry,
    pub(crate) models: Models,
    /// The long-term store. `None` only until storage is up, in which it may lie.
    pub(crate) store: Option<Arc<dyn Store>>,
    pub(crate) cache: NodeCache,
    pub(crate) temporaries: Temporaries,
    pub(crate) at_work: AtWork,
    /// What is owed to webhooks; `None` when none is sent.
    pub(crate) outbox: Option<Outbox>,
    /// A permit for each run that may be under way.
    pub(crate) places: Arc<Semaphore>,
    /// Where node futures run.
    pub(crate) node_pool: tokio::runtime::Handle,
    /// True once the runtime ends at once. Runs then die with their arbiters, which is no failure of theirs:
    /// what is stored stays as it is, so that they can go on.
    pub(crate) cut_off: AtomicBool,
}

impl Environment {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("options", &self.options)
            .field("registry", &self.registry)
            .field("models", &self.models)
            .finish_non_exhaustive()
    }
}
