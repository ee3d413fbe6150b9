//! Webhooks that could not be delivered, as clients read them.

use eddyline_runtime::{ListFailures, WebhookDelivery};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Query, Refusal};

/// A delivery that failed for good. What was to be sent is left out: the run says it.
pub(crate) struct FailedDeliveryJson<'a>(pub(crate) &'a WebhookDelivery);

impl Serialize for FailedDeliveryJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let WebhookDelivery { delivery_id, run_id, thread_id, url, attempts, error, .. } = self.0;
        let mut map = serializer.serialize_map(Some(8))?;
        map.serialize_entry("delivery_id", delivery_id)?;
        map.serialize_entry("run_id", run_id)?;
        map.serialize_entry("thread_id", thread_id)?;
        map.serialize_entry("url", url)?;
        map.serialize_entry("attempts", attempts)?;
        map.serialize_entry("error", error)?;
        map.serialize_entry("created_at", &self.0.created_at.to_rfc3339())?;
        map.serialize_entry("failed_at", &self.0.updated_at.to_rfc3339())?;
        map.end()
    }
}

/// Which of them a query asks for.
pub(crate) fn list_failures(query: &Query) -> Result<ListFailures, Refusal> {
    Ok(ListFailures {
        limit: query.number("limit")?.unwrap_or(10),
        offset: query.number("offset")?.unwrap_or_default(),
    })
}
