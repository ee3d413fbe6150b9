//! The ticker: it sleeps until the next cron is due, and starts the runs of those that are.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use eddyline_engine::ids::Timestamp;
use futures_util::{StreamExt as _, stream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::error::Error;
use crate::handle::{Handle, Inner};
use crate::messages::{Look, Settled, Tick, Ticks};

/// Runs that are being started at once.
const STARTING: usize = 16;

/// How long it waits after storage failed.
const PAUSE: Duration = Duration::from_secs(5);

/// It looks at the clock at least so often: one that is set meanwhile counts from then on.
const NAP: Duration = Duration::from_mins(1);

/// Ticks until the runtime stops; `changed` says when another cron may be due next.
pub(crate) async fn tick_for_ever(inner: Inner, changed: Arc<Notify>) {
    let mut ticker = Ticker { handle: Handle::new(inner.clone()), inner, begun: HashSet::new() };
    loop {
        match ticker.tick().await {
            Ok(Next::At(next)) => {
                // Until then or until something changes, and either is a reason to look.
                let _ = timeout(ticker.until(next).min(NAP), changed.notified()).await;
            }
            Ok(Next::Now) => {}
            Ok(Next::Unknown) => changed.notified().await,
            Ok(Next::Pause) => sleep(PAUSE).await,
            Err(Error::Stopping) => return,
            Err(error) => {
                tracing::error!(%error, "cannot take the ticks of crons; they are tried again soon");
                sleep(PAUSE).await;
            }
        }
    }
}

/// When to look again.
enum Next {
    At(Timestamp),
    Now,
    /// No cron is due before something changes.
    Unknown,
    /// What is owed could not be started, and nobody knows why not.
    Pause,
}

struct Ticker {
    handle: Handle,
    inner: Inner,
    /// Runs that were started or refused, while it is not stored that their crons owe them no more. There are as many
    /// at most as crons that owe one.
    begun: HashSet<Uuid>,
}

impl Ticker {
    fn until(&self, next: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(next.0 - self.inner.environment.now().0).unwrap_or_default())
    }

    async fn tick(&mut self) -> Result<Next, Error> {
        let ticks = match self.handle.take_ticks().await? {
            Ticks::Now(ticks) => ticks,
            Ticks::Later(next) => return Ok(Next::At(next)),
            Ticks::Never => return Ok(Next::Unknown),
        };
        let count = ticks.len();
        let settled = self.start_all(ticks).await?;
        self.begun.extend(settled.iter().map(|settled| settled.run_id));
        let is_left = settled.len() < count;
        if !settled.is_empty() {
            self.handle.settle_ticks(settled).await?;
            self.begun.clear();
        }
        Ok(if is_left { Next::Pause } else { Next::Now })
    }

    /// Starts the runs of ticks; those that are missing in the answer have to be tried again.
    async fn start_all(&self, ticks: Vec<Tick>) -> Result<Vec<Settled>, Error> {
        let mut started = stream::iter(ticks).map(|tick| self.start(tick)).buffer_unordered(STARTING);
        let mut settled = Vec::new();
        while let Some(started) = started.next().await {
            settled.extend(started?);
        }
        Ok(settled)
    }

    /// Starts the run of a tick; `None` when it is not known what became of it.
    async fn start(&self, Tick { cron, run_id, is_old }: Tick) -> Result<Option<Settled>, Error> {
        let cron_id = cron.cron_id;
        if is_old && (self.begun.contains(&run_id) || self.is_stored(run_id).await?) {
            return Ok(Some(Settled { cron_id, run_id, makes_up: false }));
        }
        match self.handle.start_run_as(run_id, cron.request()).await {
            Ok(_) => tracing::debug!(%cron_id, %run_id, "a cron started its run"),
            Err(Error::Stopping) => return Err(Error::Stopping),
            Err(error @ (Error::Storage(_) | Error::Lost)) => {
                tracing::error!(%cron_id, %run_id, %error, "the run of a cron is not stored; it is tried again");
                return Ok(None);
            }
            Err(error) => {
                let code = error.code();
                tracing::warn!(%cron_id, code, %error, "the run of a cron is refused; the cron goes on");
            }
        }
        Ok(Some(Settled { cron_id, run_id, makes_up: is_old }))
    }

    /// Asks the writer, who knows of everything that was put before.
    async fn is_stored(&self, run_id: Uuid) -> Result<bool, Error> {
        let (look, answer) = Look::new(move |storage| storage.thread_of(run_id));
        self.inner.storage.do_send(look);
        Ok(answer.await?.is_some())
    }
}
