//! What a copy of a thread says of itself.

use eddyline_engine::ids::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Thread, ThreadStatus, ThreadTtl};

impl Thread {
    /// The record of a copy: no run is under way there, and nothing is inherited from runs that it never had.
    pub(crate) fn copied(&self, thread_id: Uuid, now: Timestamp, ttl: Option<ThreadTtl>) -> Self {
        Self {
            metadata: self.metadata.clone(),
            values: self.values.clone(),
            interrupts: self.interrupts.clone(),
            status: ThreadStatus::Idle,
            ttl,
            ..Self::new(thread_id, Map::new(), now)
        }
    }
}

/// What is said about a checkpoint, once it is one of another thread.
pub(crate) fn moved(extra: &mut Map<String, Value>, from: Uuid, to: Uuid) {
    if let Some(thread) = extra.get_mut("thread_id")
        && *thread == json!(from)
    {
        *thread = json!(to);
    }
}
