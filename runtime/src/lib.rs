//! Threads that keep their state and runs that stream: actors, streams and storage around the engine.
//!
//! [`Runtime`] starts it all on OS threads of its own; a [`Handle`] asks it for things from any executor.
//!
//! # The actors
//!
//! ```text
//!  Handle ──orders──> SupervisorActor ──> ThreadActor ──starts──> RunActor ──starts──> NodeActor
//!    │                (per arbiter)        │    ▲  │              hosts the           one attempt;
//!    │                                     │    │  │              engine's driver     works on the pool
//!    │                              writes │    └──┼── commits ────┘ │
//!    │                   StorageActor <────┘       │                 │ facts, bounded
//!    └──reads──> ReaderActor                subscribes               ▼
//!  Subscription <───────batches─────────────────── BrokerActor <── feed: waits for commits
//! ```
//!
//! | Actor | Lives | Owns |
//! |---|---|---|
//! | supervisor | one for each graph arbiter | the addresses of its threads |
//! | thread | on the arbiter that its id hashes to | the record, the run queue, the epoch |
//! | run | beside its thread | the engine's driver, and with it the graph's state |
//! | node | beside its run | one attempt at a task, which itself runs on the node pool |
//! | broker | beside its thread | the tape of facts and the listeners' cursors |
//! | assistants | on a graph arbiter | every change of an assistant, one after the other |
//! | crons | on a graph arbiter | every change of a cron and every tick, one after the other |
//! | storage | alone on an arbiter of its own | the storage, and the writes being gathered |
//! | reader | on OS threads that may block | a connection that only reads, for clients |
//!
//! What the rules are stands in plain code without actors: the run queue in `machine`, what a graph is told
//! in `configuration`, how a thread stands in `standing`, who sees what in `stream`, what a change by hand comes
//! to in `state`.
//!
//! # States
//!
//! A state is read past the thread's actor, from what is stored, so a busy thread does not notice. A change by
//! hand goes through the actor, which makes runs wait for it and refuses it beside them. Both run code of the
//! graph, so they work on the node pool.
//!
//! # Order
//!
//! Facts leave in the order in which they happened. One that describes a commit, and all that come after it,
//! leave when that commit is stored; the engine does not wait for that. The first commit of a run is its
//! start, so nobody hears of a run that is not stored. Facts of runs that can be taken up again are stored before they
//! leave, with the commit that follows them at the latest, and are read back after a restart for who asks.
//!
//! # The long-term store
//!
//! Items lie in storage beside the threads, and nodes and [`Handle`] go by one [`Store`](eddyline_engine::store::Store):
//! it writes through the storage actor, so an item is durable when its put is answered, and shares a commit with
//! whatever threads write meanwhile; it reads by the readers. A sweeper on the node pool drops items whose time is
//! over.
//!
//! # Crons
//!
//! The crons' actor changes them, and a task on the node pool, the ticker, sleeps until the next of them is due. A tick
//! is taken in two writes: first the cron says that it owes a run, of this id, and when it is due next; then, when
//! that run is stored or refused, that it owes none. A crash in between is settled at the next start: a run that is
//! not stored is started. So a tick is neither lost nor doubled. The run of a cron that leaves no thread behind is never
//! stored; of such a one, what is under way when the process ends is lost as that of any such run, and the one that
//! was about to begin begins anew.
//!
//! # Webhooks
//!
//! Word of the end of a run is owed from the transaction that ends the run, as far as runs are stored. A task on the
//! node pool, the courier, delivers it by the [`Webhooks`] of the runtime's owner, up to three times, and keeps a list
//! of what failed. More than 10,000 do not wait: runs that ask for one are refused then.
//!
//! # Failure
//!
//! A node that panics fails its task. A reducer or a route that panics fails its run, or the read or change by
//! hand that called it. A run that is cancelled is over when the last of its tasks has let go. A run whose actor dies
//! fails, and its thread keeps the last commit. A thread whose write fails ends, and is read again from
//! storage with the next order; its epoch keeps what is left of it from writing.
//!
//! # Recovery
//!
//! A thread that wakes takes up the runs that storage has as `pending` or `running`, and a runtime that starts
//! wakes the threads that have any. A run goes on from its last commit with its next attempt; before its input
//! was committed, the input is applied again. After three attempts, or when its graph is gone, it ends in an
//! error that says so. The thread of a temporary run is deleted.

mod access;
mod actors;
mod assistants;
mod builder;
mod clock;
mod configuration;
mod containment;
mod crons;
mod environment;
mod error;
mod feedback;
mod handle;
mod id_source;
mod items;
mod local;
mod machine;
mod messages;
mod node_cache;
mod options;
mod pool;
mod recovery;
mod runs;
mod runtime;
mod standing;
mod state;
pub mod storage;
mod stream;
mod sweeper;
mod system;
mod temporary;
mod threads;
mod webhooks;

pub use access::{Action, Resource, Verdict};
pub use assistants::{
    Assistant, AssistantVersion, CreateAssistant, DeleteAssistant, ListVersions, UpdateAssistant,
    default_assistant_id,
};
pub use builder::Builder;
pub use clock::{Clock, SystemClock};
pub use containment::{FILTER_VALUES, check_filter, contains, contains_all};
pub use crons::{CreateCron, Cron, CronFilter, CronPage, CronTerms, SearchCrons, SortCrons};
pub use error::{Error, StartError};
pub use feedback::{FeedbackUrl, FeedbackUrlError};
pub use handle::Handle;
#[cfg(any(test, feature = "test-util"))]
pub use id_source::CountingIds;
pub use id_source::{IdSource, RandomIds};
pub use local::{RunHere, stream_json};
pub use options::Options;
pub use runs::{
    Begin, CancelAction, CancelRun, CancelRuns, Derived, IfNotExists, Kwargs, ListRuns, Listen,
    MultitaskStrategy, OnCompletion, Questions, Run, RunStatus, StartRun, StreamMode, WhichRuns,
};
pub use runtime::Runtime;
pub use state::{CheckpointAddress, ReadHistory, ReadState, ThreadState, UpdateState};
pub use stream::{Delivery, EVENTS_PER_FACT, Entry, Gap, Subscription};
pub use threads::{
    Amount, CreateThread, IfExists, Interrupts, PruneStrategy, PruneThreads, SearchThreads, SortThreads,
    Thread, ThreadFilter, ThreadPage, ThreadStatus, ThreadTtl, ThreadUsage, Ttl, UpdateThread,
};
pub use webhooks::{Delivery as WebhookDelivery, EndedRun, ListFailures, Undelivered, Webhooks};
