//! What a thread has told so far: looked over once, before anybody is told of it.

use std::sync::Arc;

use eddyline_engine::fact::Body;
use eddyline_engine::project::protocol::{Event, Filter, PLACES, Protocol, Tree};
use eddyline_runtime::{Begin, Delivery, EVENTS_PER_FACT, Entry, Error, Handle};
use uuid::Uuid;

use crate::wire::protocol::{EventFrame, From, event_id};

/// An event with its number.
pub(super) struct Numbered {
    pub(super) event: Event,
    pub(super) seq: u64,
}

const _: () = assert!(PLACES == EVENTS_PER_FACT, "every place has a number");

impl Numbered {
    pub(super) fn frame(&self) -> EventFrame {
        EventFrame::new(&self.event, self.seq)
    }
}

/// The events that an entry of the tape becomes, numbered.
pub(super) fn events(fold: &mut Protocol, entry: &Arc<Entry>) -> impl Iterator<Item = Numbered> + use<> {
    let first = entry.seq;
    let events = fold.fold(entry.run_id, &entry.fact).into_iter();
    events.map(move |event| Numbered { seq: first + event.place.number, event })
}

/// The number of the last event that a fact can become: what comes later has a greater one.
pub(super) fn last_of(entry: &Entry) -> u64 {
    entry.seq + (EVENTS_PER_FACT - 1)
}

/// What there is of a thread's past.
#[derive(Default)]
pub(super) struct Past {
    /// The number of the first fact that is kept, and whether its run begins with it.
    first: Option<(u64, bool)>,
    /// The number up to which everything has happened.
    pub(super) last: u64,
    /// The place of the client, as a number.
    since: u64,
    /// True when the client's place was found, or it named none.
    is_known: bool,
    /// How many events it will be told of the past.
    pub(super) replayed: u64,
    pub(super) tree: Tree,
}

impl Past {
    /// Looks over what is kept, for a client that wants to be told what `filter` shows, from a place on.
    pub(super) async fn of(
        runtime: &Handle,
        thread_id: Uuid,
        filter: &Filter,
        from: &From,
    ) -> Result<Self, Error> {
        let mut past = Self { is_known: *from == From::Oldest, ..Self::default() };
        let (mut fold, mut all, mut after) = (Protocol::new(), 0, 0);
        let mut facts = runtime.listen_for(thread_id, Begin::OldestToPresent).await?;
        while let Some(delivery) = facts.next().await {
            let entry = match delivery {
                Delivery::Present => break,
                Delivery::Gap(_) => {
                    fold.lost();
                    past.first = None;
                    continue;
                }
                Delivery::Fact(entry) => entry,
            };
            let begins = matches!(entry.fact.body, Body::RunStarted { .. } | Body::StateUpdated { .. });
            past.first.get_or_insert((entry.seq, begins));
            past.last = last_of(&entry);
            for numbered in events(&mut fold, &entry) {
                past.tree.see(&numbered.event);
                let shown = u64::from(filter.shows(&numbered.event));
                all += shown;
                match from {
                    From::After(since) if numbered.seq > *since => after += shown,
                    From::AfterEvent(id) if past.is_known => after += shown,
                    From::AfterEvent(id) if event_id(&numbered.event, numbered.seq) == *id => {
                        past.is_known = true;
                        past.since = numbered.seq;
                    }
                    _ => {}
                }
            }
        }
        if let From::After(since) = from {
            // A place that is not reached yet is of another life of the thread.
            past.is_known = *since <= past.last;
            past.since = if past.is_known { *since } else { 0 };
        }
        past.replayed = if past.is_known && *from != From::Oldest { after } else { all };
        Ok(past)
    }

    /// Behind which number the client is told events.
    pub(super) fn since(&self) -> u64 {
        self.since
    }

    /// The number of the first event that is kept, if the client is owed one before it.
    pub(super) fn gap(&self) -> Option<u64> {
        let (first, begins) = self.first?;
        let is_behind = match self.since {
            0 => !begins,
            since => misses(since, first),
        };
        is_behind.then_some(first)
    }
}

/// Whether someone who has read up to `since` misses something if the next fact has the number `first`.
pub(super) fn misses(since: u64, first: u64) -> bool {
    first > (since / EVENTS_PER_FACT).saturating_add(1).saturating_mul(EVENTS_PER_FACT)
}
