//! Threads in number: those that are looked for, and those that are cleared away; and copies of one.

use eddyline_engine::ids::Timestamp;
use serde_json::Map;
use uuid::Uuid;

use super::{Handle, is_among};
use crate::access::{Action, Resource, Rows};
use crate::environment::Environment;
use crate::error::Error;
use crate::messages::{BecomeCopy, Describe, Expire, KeepLatest, Put};
use crate::storage::{Read, Transaction};
use crate::threads::{
    PruneStrategy, PruneThreads, SearchThreads, Thread, ThreadFilter, ThreadPage, ThreadUsage,
};

/// Threads that are swept before others are looked for.
const SWEPT: usize = 256;

impl Handle {
    /// A page of the threads that a filter means, as they are stored. Fails with [`Error::Invalid`] when the filter
    /// has too much ([`FILTER_VALUES`](crate::FILTER_VALUES)).
    pub async fn search_threads(&self, request: SearchThreads) -> Result<ThreadPage, Error> {
        let rows = self.rows(Resource::Threads, Action::Search)?;
        let SearchThreads { filter, .. } = request;
        let Some(filter) = among(&rows, filter)? else { return Ok(ThreadPage::default()) };
        let request = SearchThreads { filter, ..request };
        self.read(move |storage| storage.search_threads(&request)).await
    }

    /// How many threads a filter means. Fails as [`search_threads`](Self::search_threads) does.
    pub async fn count_threads(&self, filter: ThreadFilter) -> Result<usize, Error> {
        let rows = self.rows(Resource::Threads, Action::Search)?;
        let Some(filter) = among(&rows, filter)? else { return Ok(0) };
        self.read(move |storage| storage.count_threads(&filter)).await
    }

    /// Makes a thread that has everything of another but its runs: metadata, values, questions and the whole
    /// history. A thread that is busy is copied as it is stored.
    ///
    /// The copy is stored when the answer comes. Fails with [`Error::ThreadNotFound`].
    pub async fn copy_thread(&self, source: Uuid) -> Result<Thread, Error> {
        let rows = self.rows(Resource::Threads, Action::Create)?;
        self.thread(source).await?;
        let thread_id = self.0.environment.ids.random();
        let copy = self.order(thread_id, Rows::all(), |reply| BecomeCopy { source, reply }).await?;
        if rows.have(&copy.metadata) {
            return Ok(copy);
        }
        // What others may be read of is copied for whoever asks; until then it is seen by those who see the other.
        let mut metadata = Map::new();
        rows.stamp(&mut metadata);
        self.order(thread_id, Rows::all(), |reply| Describe { metadata, ttl: None, reply }).await
    }

    /// Takes away of threads what nobody needs, and says of how many. A thread that is deleted is stopped first; one
    /// on which something runs or waits keeps its history. Threads that are not there are passed over.
    pub async fn prune_threads(&self, request: PruneThreads) -> Result<usize, Error> {
        let handle = self.clone();
        self.to_the_end(async move { handle.prune(request).await }).await
    }

    async fn prune(&self, request: PruneThreads) -> Result<usize, Error> {
        let rows = self.rows(Resource::Threads, Action::Delete)?;
        let PruneThreads { thread_ids, strategy } = request;
        let mut count = 0;
        for thread_id in thread_ids {
            count += usize::from(pruned(match strategy {
                PruneStrategy::Delete => self.delete_thread(thread_id).await,
                PruneStrategy::KeepLatest => {
                    self.order(thread_id, rows.clone(), |reply| KeepLatest { reply }).await
                }
            })?);
        }
        Ok(count)
    }

    /// Does with threads that were left alone for too long what their [`Ttl`](crate::Ttl) says, and says with how
    /// many. The runtime does it by itself every [`Options::sweep_interval`](crate::Options::sweep_interval).
    pub async fn sweep_threads(&self) -> Result<usize, Error> {
        let mut count = 0;
        // A thread that keeps its latest checkpoint begins its time anew, and is not for this sweep again.
        let now = self.0.environment.now();
        loop {
            let expired = self.read(move |storage| storage.expired_threads(now, SWEPT)).await?;
            let mut swept = 0;
            for thread_id in &expired {
                match pruned(self.order(*thread_id, Rows::all(), |reply| Expire { reply }).await) {
                    Ok(is_swept) => swept += usize::from(is_swept),
                    Err(Error::Stopping) => return Err(Error::Stopping),
                    // One that does not read holds up none of those that come after it.
                    Err(error) => tracing::error!(%thread_id, %error, "cannot sweep a thread"),
                }
            }
            count += swept;
            if swept == 0 || expired.len() < SWEPT {
                return Ok(count);
            }
        }
    }

    /// Drops what is stored of what happened in runs that are over for longer than
    /// [`Options::facts_kept`](crate::Options::facts_kept). The runtime does it by itself every
    /// [`Options::sweep_interval`](crate::Options::sweep_interval).
    pub async fn sweep_facts(&self) -> Result<(), Error> {
        let Environment { options, clock, .. } = &*self.0.environment;
        let kept = i64::try_from(options.facts_kept.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp(clock.now().0.saturating_sub(kept));
        while self.read(move |storage| storage.has_old_facts(before)).await? {
            let (put, stored) = Put::new(Transaction::SweepFacts(before, SWEPT));
            // Bounded: the next one waits for its answer.
            self.0.storage.do_send(put);
            stored.await?;
        }
        Ok(())
    }

    /// How much room a thread takes in storage. Fails with [`Error::ThreadNotFound`].
    pub async fn thread_usage(&self, thread_id: Uuid) -> Result<ThreadUsage, Error> {
        let rows = self.rows(Resource::Threads, Action::Read)?;
        let find = move |storage: &mut dyn Read| {
            if is_among(storage, &rows, thread_id)? { storage.usage(thread_id) } else { Ok(None) }
        };
        let found = self.read(find).await?;
        found.ok_or(Error::ThreadNotFound { thread_id })
    }
}

/// The filter of those that it means and that are among these; `None` when there can be none.
fn among(rows: &Rows, filter: ThreadFilter) -> Result<Option<ThreadFilter>, Error> {
    filter.check()?;
    Ok(rows.narrow(filter.metadata).map(|metadata| ThreadFilter { metadata, ..filter }))
}

/// Whether anything was taken away; a thread that is not there, or busy, stays out of it.
fn pruned(answer: Result<(), Error>) -> Result<bool, Error> {
    match answer {
        Ok(()) => Ok(true),
        Err(Error::ThreadNotFound { .. } | Error::ThreadBusy { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
