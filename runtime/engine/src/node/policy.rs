//! How often a node is tried, how long it may take, and when its result may be reused.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::error::NodeError;
use crate::value::Shared;

/// When and how often a failed node is tried again (LangGraph's `RetryPolicy`).
///
/// The wait before attempt n + 1 is `initial_interval * backoff_factor^(n - 1)`, at most `max_interval`,
/// plus up to one second of jitter.
#[derive(Clone)]
pub struct RetryPolicy {
    /// The wait before the second attempt.
    pub initial_interval: Duration,
    /// By how much each further wait is longer.
    pub backoff_factor: f64,
    /// The longest wait.
    pub max_interval: Duration,
    /// How many attempts there are, the first included.
    pub max_attempts: u32,
    /// Whether up to a second is added to each wait, so that many nodes do not retry at once.
    pub jitter: bool,
    retry_on: Arc<dyn Fn(&NodeError) -> bool + Send + Sync>,
}

impl RetryPolicy {
    /// `max_attempts` attempts, half a second and doubling between them, with jitter.
    pub fn attempts(max_attempts: u32) -> Self {
        Self {
            initial_interval: Duration::from_millis(500),
            backoff_factor: 2.0,
            max_interval: Duration::from_secs(128),
            max_attempts,
            jitter: true,
            retry_on: Arc::new(is_transient),
        }
    }

    /// Waits `interval` before the second attempt.
    pub fn initial_interval(mut self, interval: Duration) -> Self {
        self.initial_interval = interval;
        self
    }

    /// Adds nothing to the waits.
    pub fn no_jitter(mut self) -> Self {
        self.jitter = false;
        self
    }

    /// Tries again only after errors for which `test` is true.
    pub fn retry_on(mut self, test: impl Fn(&NodeError) -> bool + Send + Sync + 'static) -> Self {
        self.retry_on = Arc::new(test);
        self
    }

    pub(crate) fn applies(&self, error: &NodeError) -> bool {
        error.is_failure() && (self.retry_on)(error)
    }

    /// The wait after `failed` failed attempts; `random` is in `0.0..1.0`.
    pub(crate) fn wait(&self, failed: u32, random: f64) -> Duration {
        let exponent = i32::try_from(failed.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.initial_interval.as_secs_f64() * self.backoff_factor.powi(exponent);
        let seconds = seconds.min(self.max_interval.as_secs_f64());
        Duration::from_secs_f64(seconds + if self.jitter { random } else { 0.0 })
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::attempts(3)
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} attempts", self.max_attempts)
    }
}

/// LangGraph's default predicate: mistakes in programs and data are final, anything else may pass.
fn is_transient(error: &NodeError) -> bool {
    const FINAL: [&str; 26] = [
        "NodePanicked",
        "TimeoutError",
        "ValueError",
        "TypeError",
        "ArithmeticError",
        "ZeroDivisionError",
        "OverflowError",
        "ImportError",
        "ModuleNotFoundError",
        "LookupError",
        "KeyError",
        "IndexError",
        "NameError",
        "SyntaxError",
        "RuntimeError",
        "NotImplementedError",
        "RecursionError",
        "GraphRecursionError",
        "InvalidUpdateError",
        "EmptyInputError",
        "ReferenceError",
        "StopIteration",
        "StopAsyncIteration",
        "OSError",
        "FileNotFoundError",
        "PermissionError",
    ];
    !FINAL.contains(&error.class())
}

/// How long one attempt at a node may take (LangGraph's `TimeoutPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeoutPolicy {
    /// For the whole attempt.
    pub run: Option<Duration>,
    /// Between two signs of progress: stream output, chunks, nested tasks, and
    /// [`NodeContext::heartbeat`](crate::NodeContext::heartbeat).
    pub idle: Option<Duration>,
    /// Whether only heartbeats count as progress.
    pub heartbeat_only: bool,
}

impl From<Duration> for TimeoutPolicy {
    fn from(limit: Duration) -> Self {
        Self::run(limit)
    }
}

impl TimeoutPolicy {
    /// At most `limit` for an attempt.
    pub fn run(limit: Duration) -> Self {
        Self { run: Some(limit), ..Self::default() }
    }

    /// At most `limit` without progress.
    pub fn idle(limit: Duration) -> Self {
        Self { idle: Some(limit), ..Self::default() }
    }
}

type KeyFn = dyn Fn(&Value) -> String + Send + Sync;

/// Reuses what a node wrote for an equal input (LangGraph's `CachePolicy`).
#[derive(Clone, Default)]
pub struct CachePolicy {
    /// How long a result stays good; `None` for ever.
    pub keep: Option<Duration>,
    key: Option<Arc<KeyFn>>,
}

impl CachePolicy {
    /// Keeps results for `keep`.
    pub fn keep(keep: Duration) -> Self {
        Self { keep: Some(keep), key: None }
    }

    /// Calls two inputs equal when `key` makes the same text of them, instead of comparing them whole.
    pub fn key(mut self, key: impl Fn(&Value) -> String + Send + Sync + 'static) -> Self {
        self.key = Some(Arc::new(key));
        self
    }

    pub(crate) fn hash(&self, input: &Shared) -> u128 {
        let text = match &self.key {
            Some(key) => key(input.json()),
            None => input.json().to_string(),
        };
        xxhash_rust::xxh3::xxh3_128(text.as_bytes())
    }
}

impl fmt::Debug for CachePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kept for {:?}", self.keep)
    }
}
