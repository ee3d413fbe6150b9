//! What can go wrong at the borders of this crate: starting it, and asking it for something.
//!
//! No status codes are known here; transports choose them by variant.

use eddyline_engine::store::StoreError;
use eddyline_engine::{RunError, StorageError};
use uuid::Uuid;

/// Why a [`Handle`](crate::Handle) did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such thread.
    #[error("thread with ID {thread_id} not found")]
    ThreadNotFound {
        /// Which was asked for.
        thread_id: Uuid,
    },
    /// A thread of this id is there already.
    #[error("thread with ID {thread_id} already exists")]
    ThreadExists {
        /// Which.
        thread_id: Uuid,
    },
    /// There is no such run on this thread.
    #[error("run {run_id} not found")]
    RunNotFound {
        /// Which was asked for.
        run_id: Uuid,
    },
    /// There is no such cron.
    #[error("Not Found")]
    CronNotFound {
        /// Which was asked for.
        cron_id: Uuid,
    },
    /// The run is not under way and does not wait, or there is none of this id.
    #[error("No runs found to cancel.")]
    NothingToCancel {
        /// Which was asked for.
        run_id: Uuid,
    },
    /// There is no such assistant.
    #[error("assistant with ID {assistant_id} not found")]
    AssistantNotFound {
        /// Which was asked for.
        assistant_id: Uuid,
    },
    /// An assistant of this id is there already.
    #[error("assistant {assistant_id} already exists")]
    AssistantExists {
        /// Which.
        assistant_id: Uuid,
    },
    /// The assistant never had this version, or there is no such assistant.
    #[error("version {version} not found for assistant {assistant_id}")]
    VersionNotFound {
        /// The assistant.
        assistant_id: Uuid,
        /// Which was asked for.
        version: u64,
    },
    /// What should name an assistant is neither a UUID nor the id of a graph.
    #[error("invalid assistant `{assistant}`: must be a UUID or one of {graphs:?}")]
    InvalidAssistant {
        /// What was given.
        assistant: String,
        /// The graphs that there are, sorted.
        graphs: Vec<String>,
    },
    /// No graph goes by this id, or none does any more.
    #[error("graph '{graph_id}' not found. Expected one of: {graphs:?}")]
    GraphNotFound {
        /// The id that the request or the thread has.
        graph_id: String,
        /// The graphs that there are, sorted.
        graphs: Vec<String>,
    },
    /// No graph ran on the thread yet, and its metadata names none: nobody knows what its state would be.
    #[error("thread {thread_id} has no graph yet: start a run, or set `graph_id` in its metadata")]
    NoGraph {
        /// The thread.
        thread_id: Uuid,
    },
    /// A change by hand that the graph does not take.
    #[error("{message}")]
    InvalidUpdate {
        /// What is wrong with it.
        message: String,
    },
    /// A change by hand would make the state longer than it may be.
    #[error("the state would have {bytes} bytes, and it may have {limit}")]
    StateTooLarge {
        /// How many it would have, as JSON.
        bytes: usize,
        /// How many it may ([`Options::max_state_bytes`](crate::Options::max_state_bytes)).
        limit: usize,
    },
    /// A run is under way or waits, and what was asked does not go together with that.
    #[error("thread {thread_id} already has a run under way")]
    ThreadBusy {
        /// The thread.
        thread_id: Uuid,
    },
    /// The thread does not wait for an answer to this question: nobody asked it, or it is answered.
    #[error("Unknown or already-consumed interrupt: {interrupt_id}")]
    NotAsked {
        /// The question.
        interrupt_id: String,
    },
    /// As many runs wait for the thread as may.
    #[error("thread {thread_id} has {limit} runs waiting already")]
    QueueFull {
        /// The thread.
        thread_id: Uuid,
        /// How many may wait ([`Options::waiting_runs`](crate::Options::waiting_runs)).
        limit: usize,
    },
    /// As many runs wait or are under way as may, over all threads.
    #[error("{limit} runs wait or are under way already")]
    TooManyRuns {
        /// How many may ([`Options::open_runs`](crate::Options::open_runs)).
        limit: usize,
    },
    /// As many webhooks wait to be delivered as may.
    #[error("{limit} webhooks wait to be delivered already")]
    TooManyDeliveries {
        /// How many may.
        limit: usize,
    },
    /// Whoever asks may not have it done.
    #[error("{message}")]
    Forbidden {
        /// Why not, for the client.
        message: String,
    },
    /// The request makes no sense.
    #[error("{message}")]
    Invalid {
        /// What to change.
        message: String,
    },
    /// The request makes no sense as a whole, though each part of it does.
    #[error("{message}")]
    Contradiction {
        /// What to change.
        message: String,
    },
    /// The runtime is shutting down and takes no more requests.
    #[error("the runtime is shutting down")]
    Stopping,
    /// Whoever was asked ended before it answered; it is not known what it did.
    #[error("the request was lost on the way; its outcome is not known")]
    Lost,
    /// The graph's own code failed while a state was read or changed; the text is for the log.
    #[error("the graph failed")]
    Graph(#[source] RunError),
    /// Storage did not do its part.
    #[error("storage failed")]
    Storage(#[from] StorageError),
    /// The long-term store does not take what was asked of it, or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// Names the error for programs; stable, documented in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ThreadNotFound { .. } => "THREAD_NOT_FOUND",
            Self::ThreadExists { .. } => "THREAD_EXISTS",
            Self::RunNotFound { .. } => "RUN_NOT_FOUND",
            Self::CronNotFound { .. } => "CRON_NOT_FOUND",
            Self::NothingToCancel { .. } => "NOTHING_TO_CANCEL",
            Self::AssistantNotFound { .. } => "ASSISTANT_NOT_FOUND",
            Self::AssistantExists { .. } => "ASSISTANT_EXISTS",
            Self::VersionNotFound { .. } => "VERSION_NOT_FOUND",
            Self::InvalidAssistant { .. } => "INVALID_ASSISTANT",
            Self::GraphNotFound { .. } => "GRAPH_NOT_FOUND",
            Self::NoGraph { .. } => "NO_GRAPH",
            Self::InvalidUpdate { .. } => "INVALID_UPDATE",
            Self::StateTooLarge { .. } => "STATE_TOO_LARGE",
            Self::ThreadBusy { .. } => "THREAD_BUSY",
            Self::NotAsked { .. } => "NOT_ASKED",
            Self::QueueFull { .. } => "QUEUE_FULL",
            Self::TooManyRuns { .. } => "TOO_MANY_RUNS",
            Self::TooManyDeliveries { .. } => "TOO_MANY_DELIVERIES",
            Self::Forbidden { .. } => "FORBIDDEN",
            Self::Invalid { .. } => "INVALID_REQUEST",
            Self::Contradiction { .. } => "CONTRADICTING_REQUEST",
            Self::Stopping => "STOPPING",
            Self::Lost => "REQUEST_LOST",
            Self::Graph(error) => error.code(),
            Self::Storage(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::Forbidden { message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into() }
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Storage { message } => Self::Storage(StorageError::Failed { message }),
            error => Self::Graph(error),
        }
    }
}

/// Why a runtime did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Two graphs go by one id.
    #[error("two graphs have the id `{graph_id}`")]
    DuplicateGraph {
        /// The id.
        graph_id: String,
    },
    /// The data folder is not what it should be, or somebody else's.
    #[cfg(feature = "sqlite")]
    #[error("cannot open the data folder")]
    DataFolder(#[from] crate::storage::OpenError),
    /// Storage did not do its part.
    #[error("cannot read or store the assistants of the graphs")]
    Storage(#[from] StorageError),
    /// The operating system gave no thread.
    #[error("cannot start the threads of the runtime")]
    Threads(#[source] std::io::Error),
    /// The actors ended before they were up.
    #[error("the actor system ended while it was starting")]
    System,
}

impl StartError {
    /// Names the error for programs; stable, documented in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DuplicateGraph { .. } => "DUPLICATE_GRAPH",
            #[cfg(feature = "sqlite")]
            Self::DataFolder(error) => error.code(),
            Self::Storage(error) => error.code(),
            Self::Threads(_) => "NO_OS_THREADS",
            Self::System => "SYSTEM_ENDED",
        }
    }
}
