//! Which threads to look for, and in which order.
//!
//! Data only. How they are found is the business of [`storage`](crate::storage).

use std::cmp::Ordering;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Thread, ThreadStatus};
use crate::containment::{check_filter, contains, contains_all};
use crate::error::Error;

/// Which threads. One that says nothing means all of them; one that says much means those that fit all of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThreadFilter {
    /// Only these.
    pub ids: Option<Vec<Uuid>>,
    /// Only those whose metadata [contains](crate::contains) it.
    pub metadata: Map<String, Value>,
    /// Only those whose values contain it. Nothing is kept to find them by: threads that fit the rest are read
    /// one after another.
    pub values: Map<String, Value>,
    /// Only those that stand so.
    pub status: Option<ThreadStatus>,
}

impl ThreadFilter {
    /// Refuses one that takes long to compare with threads.
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_filter(&self.metadata)?;
        check_filter(&self.values)
    }

    /// Whether a thread is among them.
    pub fn fits(&self, thread: &Thread) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&thread.thread_id))
            && self.status.is_none_or(|status| thread.status == status)
            && contains_all(&thread.metadata, &self.metadata)
            && self.fits_values(thread)
    }

    /// Whether its values are those of one that is among them.
    pub(crate) fn fits_values(&self, thread: &Thread) -> bool {
        self.values.iter().all(|(key, wanted)| {
            let value = thread.values.as_ref().and_then(|values| values.get(key));
            value.is_some_and(|value| contains(value.json(), wanted))
        })
    }
}

/// A request for a page of threads.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchThreads {
    /// Which.
    pub filter: ThreadFilter,
    /// By what they are sorted. Where that is equal, the one that was stored first is the smaller one.
    pub sort_by: SortThreads,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// At most so many.
    pub limit: usize,
    /// After leaving out so many.
    pub offset: usize,
}

impl Default for SearchThreads {
    /// The ten that changed last.
    fn default() -> Self {
        Self {
            filter: ThreadFilter::default(),
            sort_by: SortThreads::default(),
            descending: true,
            limit: 10,
            offset: 0,
        }
    }
}

/// By what threads are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortThreads {
    /// By id.
    ThreadId,
    /// By the word of their status, and those of one status by their last change.
    Status,
    /// By when they were made.
    CreatedAt,
    /// By their last change.
    #[default]
    UpdatedAt,
    /// By the last change of their state.
    StateUpdatedAt,
}

impl SortThreads {
    /// How two threads compare.
    pub fn compare(self, one: &Thread, other: &Thread) -> Ordering {
        match self {
            Self::ThreadId => one.thread_id.cmp(&other.thread_id),
            Self::Status => {
                let word = |thread: &Thread| thread.status.as_str();
                word(one).cmp(word(other)).then(one.updated_at.cmp(&other.updated_at))
            }
            Self::CreatedAt => one.created_at.cmp(&other.created_at),
            Self::UpdatedAt => one.updated_at.cmp(&other.updated_at),
            Self::StateUpdatedAt => one.state_updated_at.cmp(&other.state_updated_at),
        }
    }
}

/// A page of threads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThreadPage {
    /// In the order that was asked for.
    pub threads: Vec<Thread>,
    /// Whether another page follows.
    pub more: bool,
}
