//! Crons, in a map.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::MemoryStorage;
use crate::crons::{Cron, CronFilter, CronPage, SearchCrons};
use crate::storage::{CronChange, ReadCrons, Result};

#[derive(Debug, Default)]
pub(super) struct Crons(BTreeMap<Uuid, Cron>);

impl Crons {
    pub(super) fn change(&mut self, change: CronChange) {
        match change {
            CronChange::Make(cron) => {
                self.0.insert(cron.cron_id, *cron);
            }
            CronChange::Revise(cron) => {
                if let Some(stored) = self.0.get_mut(&cron.cron_id) {
                    *stored = *cron;
                }
            }
            CronChange::Delete(cron_id) => {
                self.0.remove(&cron_id);
            }
        }
    }

    /// Drops those of a thread.
    pub(super) fn forget_thread(&mut self, thread_id: Uuid) {
        self.0.retain(|_, cron| cron.thread_id != Some(thread_id));
    }

    /// Drops those of an assistant.
    pub(super) fn forget_assistant(&mut self, assistant_id: Uuid) {
        self.0.retain(|_, cron| cron.assistant_id != assistant_id);
    }

    fn search(&self, request: &SearchCrons) -> CronPage {
        let SearchCrons { filter, sort_by, descending, limit, offset } = request;
        let mut found: Vec<&Cron> = self.0.values().filter(|cron| filter.fits(cron)).collect();
        found.sort_by(|one, other| {
            let ordering = sort_by.compare(one, other);
            if *descending { ordering.reverse() } else { ordering }
        });
        let mut rest = found.into_iter().skip(*offset);
        let crons = rest.by_ref().take(*limit).cloned().collect();
        CronPage { crons, more: rest.next().is_some() }
    }

    fn next(&self, limit: usize) -> Vec<Cron> {
        let ticks = |cron: &&Cron| cron.owed.is_some() || cron.due().is_some();
        let mut next: Vec<&Cron> = self.0.values().filter(ticks).collect();
        next.sort_by_key(|cron| {
            (cron.owed.is_none(), cron.owed, cron.owed.is_none().then(|| cron.due()), cron.cron_id)
        });
        next.into_iter().take(limit).cloned().collect()
    }
}

impl ReadCrons for MemoryStorage {
    fn cron(&mut self, cron_id: Uuid) -> Result<Option<Cron>> {
        Ok(self.tables().crons.0.get(&cron_id).cloned())
    }

    fn search_crons(&mut self, request: &SearchCrons) -> Result<CronPage> {
        Ok(self.tables().crons.search(request))
    }

    fn count_crons(&mut self, filter: &CronFilter) -> Result<usize> {
        Ok(self.tables().crons.0.values().filter(|cron| filter.fits(cron)).count())
    }

    fn next_crons(&mut self, limit: usize) -> Result<Vec<Cron>> {
        Ok(self.tables().crons.next(limit))
    }
}
