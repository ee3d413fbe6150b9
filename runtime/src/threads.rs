//! Threads: the record of one, and how to make one.
//!
//! Data only. How a thread lives is the actors' business, how it is stored that of [`storage`](crate::storage).

mod copy;
mod search;
mod ttl;
mod usage;

use eddyline_engine::fact::Failure;
use eddyline_engine::ids::Timestamp;
use eddyline_engine::{Interrupt, Object};
use serde_json::{Map, Value};
use uuid::Uuid;

pub(crate) use copy::moved;
pub use search::{SearchThreads, SortThreads, ThreadFilter, ThreadPage};
pub use ttl::{PruneStrategy, PruneThreads, ThreadTtl, Ttl};
pub use usage::{Amount, ThreadUsage};

/// A thread, as it stood when it was stored last.
#[derive(Clone, Debug, PartialEq)]
pub struct Thread {
    /// Who it is.
    pub thread_id: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
    /// When anything about it changed last.
    pub updated_at: Timestamp,
    /// When its state changed last: at the end of a run, and at an update by hand.
    pub state_updated_at: Timestamp,
    /// What clients say about it, and the graph and assistant that ran on it last.
    pub metadata: Map<String, Value>,
    /// How it stands.
    pub status: ThreadStatus,
    /// The configuration that later runs inherit.
    pub config: Map<String, Value>,
    /// The state channels of its newest checkpoint; `None` before there is one.
    pub values: Option<Object>,
    /// Why its last run failed, if it did.
    pub error: Option<Failure>,
    /// What its tasks wait for, by task.
    pub interrupts: Interrupts,
    /// For how long it is kept when nothing happens to it; `None` for ever.
    pub ttl: Option<ThreadTtl>,
}

/// Open questions by the task that asks them, in the order of the tasks.
pub type Interrupts = Vec<(Uuid, Vec<Interrupt>)>;

impl Thread {
    /// A thread on which nothing ran yet.
    pub fn new(thread_id: Uuid, metadata: Map<String, Value>, now: Timestamp) -> Self {
        Self {
            thread_id,
            created_at: now,
            updated_at: now,
            state_updated_at: now,
            metadata,
            status: ThreadStatus::Idle,
            config: Map::new(),
            values: None,
            error: None,
            interrupts: Vec::new(),
            ttl: None,
        }
    }
}

/// How a thread stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThreadStatus {
    /// No run is under way or waiting, and the last one reached its end.
    #[default]
    Idle,
    /// A run is under way or waiting.
    Busy,
    /// The last run paused; something follows.
    Interrupted,
    /// The last run failed.
    Error,
}

impl ThreadStatus {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Idle, Self::Busy, Self::Interrupted, Self::Error];

    /// The status of a word that clients read.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// The word that clients read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Interrupted => "interrupted",
            Self::Error => "error",
        }
    }
}

/// A request for a new thread.
#[derive(Clone, Debug, Default)]
pub struct CreateThread {
    /// Its id; a fresh one if there is none.
    pub thread_id: Option<Uuid>,
    /// What to say about it.
    pub metadata: Map<String, Value>,
    /// What to do when the id is taken.
    pub if_exists: IfExists,
    /// For how long to keep it; as long as [`Options::thread_ttl`](crate::Options::thread_ttl) says if there is none.
    pub ttl: Option<Ttl>,
}

/// A change of what is said about a thread.
#[derive(Clone, Debug, Default)]
pub struct UpdateThread {
    /// The thread.
    pub thread_id: Uuid,
    /// Each entry takes the place of the one that there is, whole.
    pub metadata: Map<String, Value>,
    /// For how long to keep it from now on, if that changes.
    pub ttl: Option<Ttl>,
}

/// What to do when the id of a new thread is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfExists {
    /// Fail with [`Error::ThreadExists`](crate::Error::ThreadExists).
    #[default]
    Raise,
    /// Give back the thread that there is, unchanged.
    DoNothing,
}
