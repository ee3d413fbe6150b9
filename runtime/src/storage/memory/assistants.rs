//! Assistants with their versions, in maps.

use std::collections::{BTreeMap, HashMap};

use eddyline_engine::ids::Timestamp;
use uuid::Uuid;

use crate::assistants::{Assistant, AssistantVersion, ListVersions};
use crate::containment::contains_all;
use crate::storage::{AssistantChange, StoredAssistant};

#[derive(Debug, Default)]
pub(super) struct Assistants(HashMap<Uuid, Rows>);

/// What is stored of one assistant.
#[derive(Debug)]
struct Rows {
    version: u64,
    created: Timestamp,
    updated: Timestamp,
    versions: BTreeMap<u64, AssistantVersion>,
}

impl Assistants {
    pub(super) fn change(&mut self, change: AssistantChange) {
        match change {
            AssistantChange::Put(assistant) => self.put(&assistant),
            AssistantChange::Delete(assistant_id) => {
                self.0.remove(&assistant_id);
            }
        }
    }

    fn put(&mut self, assistant: &Assistant) {
        let Assistant { version, created_at: created, updated_at: updated, .. } = *assistant;
        let new = || Rows { version, created, updated, versions: BTreeMap::new() };
        let rows = self.0.entry(assistant.assistant_id).or_insert_with(new);
        (rows.version, rows.created, rows.updated) = (version, created, updated);
        rows.versions.entry(version).or_insert_with(|| AssistantVersion::of(assistant));
    }

    pub(super) fn all(&self) -> Vec<StoredAssistant> {
        self.0.values().filter_map(Rows::stored).collect()
    }

    pub(super) fn version(&self, assistant_id: Uuid, version: u64) -> Option<&AssistantVersion> {
        self.0.get(&assistant_id)?.versions.get(&version)
    }

    pub(super) fn versions(&self, request: &ListVersions) -> Vec<AssistantVersion> {
        let ListVersions { assistant_id, metadata, limit, offset } = request;
        let versions = self.0.get(assistant_id).into_iter().flat_map(|rows| rows.versions.values().rev());
        let wanted = versions.filter(|version| contains_all(&version.metadata, metadata));
        wanted.skip(*offset).take(*limit).cloned().collect()
    }
}

impl Rows {
    fn stored(&self) -> Option<StoredAssistant> {
        let current = self.versions.get(&self.version)?.clone();
        let newest_version = *self.versions.last_key_value()?.0;
        Some(StoredAssistant { assistant: current.current(self.created, self.updated), newest_version })
    }
}
