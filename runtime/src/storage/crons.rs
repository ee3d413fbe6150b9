//! What storage knows of crons.

use uuid::Uuid;

use super::Result;
use crate::crons::{Cron, CronFilter, CronPage, SearchCrons};

/// Reads what is stored of crons; a part of [`Read`](super::Read), and by its rules.
pub trait ReadCrons: Send {
    /// The cron, if it exists.
    fn cron(&mut self, cron_id: Uuid) -> Result<Option<Cron>>;

    /// A page of the crons that a filter means.
    fn search_crons(&mut self, request: &SearchCrons) -> Result<CronPage>;

    /// How many crons a filter means.
    fn count_crons(&mut self, filter: &CronFilter) -> Result<usize>;

    /// At most `limit` crons that owe a run or are [due](Cron::due) at some time: those first that owe one, by the
    /// run, and then in the order in which they are due.
    fn next_crons(&mut self, limit: usize) -> Result<Vec<Cron>>;
}

/// A change of a cron.
#[derive(Clone, Debug)]
pub enum CronChange {
    /// The cron is new.
    Make(Box<Cron>),
    /// The cron takes the place of what there was of it; one that is gone stays so.
    Revise(Box<Cron>),
    /// The cron goes, if it is there.
    Delete(Uuid),
}
