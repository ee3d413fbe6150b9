//! A thread read once for all subscriptions of a connection: each has a place of its own, and what several see is told
//! once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use eddyline_engine::project::protocol::{Filter, Protocol};
use eddyline_runtime::{Begin, Delivery, Entry, Error, Handle, Subscription};
use uuid::Uuid;

use super::past::{events, last_of, misses};
use crate::wire::protocol::EventFrame;

/// How long to wait before a thread is listened to again that had nothing to say the last time.
const AGAIN: Duration = Duration::from_millis(100);

/// Someone who is told events.
pub(super) struct Subscriber {
    pub(super) id: Arc<str>,
    pub(super) filter: Filter,
    /// Everything up to this number was told, or is not wanted.
    pub(super) since: u64,
    /// The numbers of events that the client has not said it has read, if it says so; and how many there may be.
    pub(super) window: Option<(usize, VecDeque<u64>)>,
}

impl Subscriber {
    fn is_full(&self) -> bool {
        self.window.as_ref().is_some_and(|(size, unread)| unread.len() >= *size)
    }

    fn is_told(&mut self, seq: u64) {
        if let Some((_, unread)) = &mut self.window {
            unread.push_back(seq);
        }
    }
}

/// What is read of a thread.
pub(super) struct Reader {
    runtime: Handle,
    thread_id: Uuid,
    facts: Subscription,
    fold: Protocol,
    /// Everything up to this number was read.
    pub(super) through: u64,
    /// True once something was read since it began to listen.
    has_read: bool,
}

/// What was read.
pub(super) enum Read {
    /// An event, and who sees it.
    Events(Vec<(EventFrame, Vec<Arc<str>>)>),
    /// These subscribers miss something for good: what they have not read is kept from this number on only.
    Lost(Vec<(Arc<str>, u64)>, u64),
    /// The server ends.
    Over,
}

impl Reader {
    /// Begins with the oldest fact that is kept: a run is told from its beginning, whatever is shown of it.
    pub(super) async fn open(runtime: &Handle, thread_id: Uuid, through: u64) -> Result<Self, Error> {
        let facts = runtime.listen_for(thread_id, Begin::Oldest).await?;
        let runtime = runtime.clone();
        Ok(Self { runtime, thread_id, facts, fold: Protocol::new(), through, has_read: false })
    }

    /// The next thing that happens. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Delivery> {
        self.facts.next().await
    }

    /// What subscribers see of it.
    pub(super) async fn read(
        &mut self,
        delivery: Option<Delivery>,
        subscribers: &mut Vec<Subscriber>,
    ) -> Read {
        match delivery {
            Some(Delivery::Fact(entry)) => {
                self.has_read = true;
                Read::Events(self.tell(&entry, subscribers))
            }
            Some(Delivery::Gap(gap)) => {
                self.fold.lost();
                let missing = |subscriber: &mut Subscriber| misses(subscriber.since, gap.resumes_at);
                let lost = subscribers.extract_if(.., missing);
                Read::Lost(lost.map(|lost| (lost.id, lost.since)).collect(), gap.resumes_at)
            }
            Some(Delivery::Present) => Read::Events(Vec::new()),
            None => self.again().await,
        }
    }

    /// The thread has ended, and with it what it told: the next one of this id goes on.
    async fn again(&mut self) -> Read {
        if !self.has_read {
            tokio::time::sleep(AGAIN).await;
        }
        match Self::open(&self.runtime, self.thread_id, self.through).await {
            Ok(reader) => {
                *self = reader;
                Read::Events(Vec::new())
            }
            Err(error) => {
                tracing::debug!(code = error.code(), thread_id = %self.thread_id, "a thread is not told any more");
                Read::Over
            }
        }
    }

    fn tell(
        &mut self,
        entry: &Arc<Entry>,
        subscribers: &mut [Subscriber],
    ) -> Vec<(EventFrame, Vec<Arc<str>>)> {
        let mut told = Vec::new();
        for numbered in events(&mut self.fold, entry) {
            let sees = |one: &&mut Subscriber| one.since < numbered.seq && one.filter.shows(&numbered.event);
            let ids: Vec<Arc<str>> = subscribers
                .iter_mut()
                .filter(sees)
                .map(|subscriber| {
                    subscriber.is_told(numbered.seq);
                    Arc::clone(&subscriber.id)
                })
                .collect();
            if !ids.is_empty() {
                told.push((numbered.frame(), ids));
            }
        }
        self.through = self.through.max(last_of(entry));
        for subscriber in subscribers {
            subscriber.since = subscriber.since.max(last_of(entry));
        }
        told
    }
}

/// True while a client has to say first that it has read what it was told.
pub(super) fn is_held_back(subscribers: &[Subscriber]) -> bool {
    subscribers.iter().any(Subscriber::is_full)
}
