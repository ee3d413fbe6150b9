//! What storage knows of webhooks.

use uuid::Uuid;

use super::Result;
use crate::webhooks::{Delivery, ListFailures};

/// How many of the deliveries that failed are kept; the oldest go.
pub(crate) const FAILED: usize = 1_000;

/// Reads what is stored of webhooks; a part of [`Read`](super::Read), and by its rules.
pub trait ReadWebhooks: Send {
    /// At most `limit` deliveries that are owed, in the order in which they are due.
    fn next_deliveries(&mut self, limit: usize) -> Result<Vec<Delivery>>;

    /// How many deliveries are owed.
    fn owed_deliveries(&mut self) -> Result<usize>;

    /// The deliveries that failed for good, those first that were tried last.
    fn failed_deliveries(&mut self, request: ListFailures) -> Result<Vec<Delivery>>;
}

/// A change of what is owed.
#[derive(Clone, Debug)]
pub enum WebhookChange {
    /// It is owed from now on. One that was owed before stays as it is.
    Owe(Box<Delivery>),
    /// It is delivered, and goes.
    Delivered(Uuid),
    /// It was tried in vain, and is due again or has failed for good. Of those that failed for good the 1,000 that were
    /// tried last are kept.
    Failed(Box<Delivery>),
}
