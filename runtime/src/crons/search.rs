//! Which crons to look for, and in which order.
//!
//! Data only. How they are found is the business of [`storage`](crate::storage).

use std::cmp::Ordering;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::Cron;
use crate::containment::contains_all;

/// Which crons. One that says nothing means all of them; one that says much means those that fit all of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CronFilter {
    /// Only those of this assistant.
    pub assistant_id: Option<Uuid>,
    /// Only those of this thread.
    pub thread_id: Option<Uuid>,
    /// Only those that are enabled, or are not.
    pub enabled: Option<bool>,
    /// Only those whose metadata [contains](crate::contains) it.
    pub metadata: Map<String, Value>,
}

impl CronFilter {
    /// Whether a cron is among them.
    pub fn fits(&self, cron: &Cron) -> bool {
        self.assistant_id.is_none_or(|id| id == cron.assistant_id)
            && self.thread_id.is_none_or(|id| cron.thread_id == Some(id))
            && self.enabled.is_none_or(|enabled| enabled == cron.terms.enabled)
            && contains_all(&cron.terms.metadata, &self.metadata)
    }
}

/// A request for a page of crons.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchCrons {
    /// Which.
    pub filter: CronFilter,
    /// By what they are sorted. Where that is equal, by their ids.
    pub sort_by: SortCrons,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// At most so many.
    pub limit: usize,
    /// After leaving out so many.
    pub offset: usize,
}

impl Default for SearchCrons {
    /// The ten that were made last.
    fn default() -> Self {
        Self {
            filter: CronFilter::default(),
            sort_by: SortCrons::default(),
            descending: true,
            limit: 10,
            offset: 0,
        }
    }
}

/// By what crons are sorted. What one does not have is greater than what others have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortCrons {
    /// By id.
    CronId,
    /// By the assistant's id.
    AssistantId,
    /// By the thread's id.
    ThreadId,
    /// By when they run next.
    NextRunDate,
    /// By when they end.
    EndTime,
    /// By when they were made.
    #[default]
    CreatedAt,
    /// By when a client changed them last.
    UpdatedAt,
}

impl SortCrons {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::CronId,
        Self::AssistantId,
        Self::ThreadId,
        Self::NextRunDate,
        Self::EndTime,
        Self::CreatedAt,
        Self::UpdatedAt,
    ];

    /// How two crons compare.
    pub fn compare(self, one: &Cron, other: &Cron) -> Ordering {
        let ordering = match self {
            Self::CronId => Ordering::Equal,
            Self::AssistantId => one.assistant_id.cmp(&other.assistant_id),
            Self::ThreadId => none_last(one.thread_id, other.thread_id),
            Self::NextRunDate => none_last(one.next_run_date, other.next_run_date),
            Self::EndTime => none_last(one.terms.end_time, other.terms.end_time),
            Self::CreatedAt => one.created_at.cmp(&other.created_at),
            Self::UpdatedAt => one.updated_at.cmp(&other.updated_at),
        };
        ordering.then(one.cron_id.cmp(&other.cron_id))
    }
}

fn none_last<T: Copy + Ord>(one: Option<T>, other: Option<T>) -> Ordering {
    one.is_none().cmp(&other.is_none()).then(one.cmp(&other))
}

/// A page of crons.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CronPage {
    /// In the order that was asked for.
    pub crons: Vec<Cron>,
    /// Whether another page follows.
    pub more: bool,
}
