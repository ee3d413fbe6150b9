//! Deliveries, in a map.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::MemoryStorage;
use crate::storage::webhooks::FAILED;
use crate::storage::{ReadWebhooks, Result, WebhookChange};
use crate::webhooks::{Delivery, ListFailures};

#[derive(Debug, Default)]
pub(super) struct Webhooks(BTreeMap<Uuid, Delivery>);

impl Webhooks {
    pub(super) fn change(&mut self, change: WebhookChange) {
        match change {
            WebhookChange::Owe(delivery) => {
                self.0.entry(delivery.delivery_id).or_insert(*delivery);
            }
            WebhookChange::Delivered(delivery_id) => {
                self.0.remove(&delivery_id);
            }
            WebhookChange::Failed(delivery) => {
                if let Some(stored) = self.0.get_mut(&delivery.delivery_id) {
                    *stored = *delivery;
                }
                let over: Vec<Uuid> =
                    self.failed().skip(FAILED).map(|delivery| delivery.delivery_id).collect();
                self.0.retain(|id, _| !over.contains(id));
            }
        }
    }

    fn owed(&self) -> impl Iterator<Item = &Delivery> {
        self.0.values().filter(|delivery| delivery.due.is_some())
    }

    /// Those that were tried last come first.
    fn failed(&self) -> impl Iterator<Item = &Delivery> {
        let mut failed: Vec<&Delivery> = self.0.values().filter(|delivery| delivery.due.is_none()).collect();
        failed.sort_by_key(|delivery| Reverse((delivery.updated_at, delivery.delivery_id)));
        failed.into_iter()
    }
}

impl ReadWebhooks for MemoryStorage {
    fn next_deliveries(&mut self, limit: usize) -> Result<Vec<Delivery>> {
        let tables = self.tables();
        let mut owed: Vec<&Delivery> = tables.webhooks.owed().collect();
        owed.sort_by_key(|delivery| (delivery.due, delivery.delivery_id));
        Ok(owed.into_iter().take(limit).cloned().collect())
    }

    fn owed_deliveries(&mut self) -> Result<usize> {
        Ok(self.tables().webhooks.owed().count())
    }

    fn failed_deliveries(&mut self, request: ListFailures) -> Result<Vec<Delivery>> {
        let tables = self.tables();
        Ok(tables.webhooks.failed().skip(request.offset).take(request.limit).cloned().collect())
    }
}
