//! How much of everything: plain numbers, each with a default that suits a machine of a few cores.

use std::thread::available_parallelism;
use std::time::Duration;

use eddyline_engine::config::{DEFAULT_MAX_STATE_BYTES, DEFAULT_MAX_TASKS};

use crate::feedback::FeedbackUrl;
use crate::threads::Ttl;

/// How a runtime is laid out.
///
/// ```
/// use eddyline_runtime::Options;
/// use std::time::Duration;
///
/// let options = Options { thread_sleep: Duration::from_secs(10), ..Options::default() };
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// Arbiters for threads, runs and brokers. Default: half the cores, at least one.
    pub graph_arbiters: usize,
    /// OS threads of the node pool. Default: the cores.
    pub node_workers: usize,
    /// OS threads for nodes that block, started as they are needed. A node that finds all of them busy
    /// waits. Default: 512.
    pub blocking_threads: usize,
    /// Bytes of facts, as estimated, that the tape of one thread keeps for listeners who come late or
    /// fall behind. The oldest go first, but for as many as may come at once
    /// ([`run_channel`](Self::run_channel)). Default: 8 MiB.
    pub tape_bytes: usize,
    /// For how long the facts of runs that are over can be read again where they are stored, which those of resumable
    /// runs are; the oldest beyond [`tape_bytes`](Self::tape_bytes) go before. Default: 5 minutes.
    pub facts_kept: Duration,
    /// Facts on their way from a run to its broker. A run that finds no room waits. Default: 64.
    pub run_channel: usize,
    /// Facts in one batch for a listener. Default: 256.
    pub batch_facts: usize,
    /// Runs that may wait for their turn on one thread; the next is refused. Default: 256.
    pub waiting_runs: usize,
    /// Runs that may wait or be under way, over all threads; the next is refused. Default: 100,000.
    pub open_runs: usize,
    /// Runs under way at once, over all threads; the next waits for its turn. Default: 1,024.
    pub runs: usize,
    /// Tasks that the nodes of a graph may send for one superstep; with more the run fails. Default: 65,536.
    pub max_tasks: usize,
    /// Bytes that the state of a thread may have as JSON, and that of each nested graph; what would pass it fails, and
    /// the checkpoint before it stays. Default: 64 MiB.
    pub max_state_bytes: usize,
    /// How long one attempt at a run may take; then it ends as timed out. Default: a day.
    pub run_timeout: Duration,
    /// Where feedback on runs goes; `None` refuses runs with `feedback_keys`. Default: `None`.
    pub feedback_url: Option<FeedbackUrl>,
    /// Requests under way at once; the next waits. Default: 4,096.
    pub requests: usize,
    /// Writes that storage stores together at most. Default: 64.
    pub storage_batch: usize,
    /// OS threads that look things up in storage for clients, beside the one that writes. Default: 2.
    pub storage_readers: usize,
    /// Tasks of nodes with a cache policy whose writes are kept for the next run. When there are more, the one
    /// that was used longest ago goes. 0 keeps none. Default: 1,024.
    pub cached_tasks: usize,
    /// How long an item of the long-term store lives that does not say it itself; `None` for good. Default: `None`.
    pub item_ttl: Option<Duration>,
    /// Whether an item that lives for a time does so from when it was read last, unless its reader says
    /// otherwise. Default: true.
    pub refresh_item_ttl: bool,
    /// How often items go whose time is over; they are not found in the meantime. Default: 5 minutes.
    pub item_sweep: Duration,
    /// After how long a thread without runs and listeners goes to sleep. Default: 5 minutes.
    pub thread_sleep: Duration,
    /// For how long a thread is kept when nothing happens to it and nobody says. Default: for ever.
    pub thread_ttl: Option<Ttl>,
    /// How often threads are looked for that were left alone for too long. Default: 5 minutes.
    pub sweep_interval: Duration,
    /// How long a shutdown waits for runs to reach a commit before it cuts them off. Default: 30 s.
    pub shutdown_grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            graph_arbiters: (cores / 2).max(1),
            node_workers: cores,
            blocking_threads: 512,
            tape_bytes: 8 << 20,
            facts_kept: Duration::from_mins(5),
            run_channel: 64,
            batch_facts: 256,
            waiting_runs: 256,
            open_runs: 100_000,
            runs: 1024,
            max_tasks: DEFAULT_MAX_TASKS,
            max_state_bytes: DEFAULT_MAX_STATE_BYTES,
            run_timeout: Duration::from_hours(24),
            feedback_url: None,
            requests: 4096,
            storage_batch: 64,
            storage_readers: 2,
            cached_tasks: 1024,
            item_ttl: None,
            refresh_item_ttl: true,
            item_sweep: Duration::from_mins(5),
            thread_sleep: Duration::from_mins(5),
            thread_ttl: None,
            sweep_interval: Duration::from_mins(5),
            shutdown_grace: Duration::from_secs(30),
        }
    }
}
