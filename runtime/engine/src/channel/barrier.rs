//! A channel that waits until every one of some nodes has written its name.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::{Channel, NewId};
use crate::error::RunError;
use crate::value::{Key, Shared};

/// Complete when all names were written; for a deferred node, also when the run looks finished.
///
/// Stored as the list of names seen, or `[names, finished]` for a deferred node.
#[derive(Clone, Debug)]
pub(super) struct Barrier {
    key: Key,
    names: Arc<[Key]>,
    deferred: bool,
    seen: BTreeSet<Key>,
    finished: bool,
}

impl Barrier {
    pub(super) fn new(key: Key, names: Arc<[Key]>, deferred: bool) -> Self {
        Self { key, names, deferred, seen: BTreeSet::new(), finished: false }
    }

    fn is_complete(&self) -> bool {
        self.names.iter().all(|name| self.seen.contains(name))
    }

    fn names(&mut self, value: &serde_json::Value) {
        let names = value.as_array().into_iter().flatten().filter_map(|name| name.as_str());
        self.seen = names.map(Key::from).collect();
    }
}

impl Channel for Barrier {
    fn update(&mut self, values: &[Shared], _new_id: NewId<'_>) -> Result<bool, RunError> {
        let mut changed = false;
        for value in values {
            let name = value.json().as_str().and_then(|name| self.names.iter().find(|n| &***n == name));
            let Some(name) = name else {
                return Err(RunError::invalid_update(format!(
                    "At key '{}': Value {value} not in {:?}",
                    self.key, self.names
                )));
            };
            changed |= self.seen.insert(name.clone());
        }
        Ok(changed)
    }

    fn get(&self) -> Option<Shared> {
        self.is_available().then(Shared::null)
    }

    fn is_available(&self) -> bool {
        self.is_complete() && (self.finished || !self.deferred)
    }

    fn consume(&mut self) -> bool {
        if !self.is_available() {
            return false;
        }
        self.seen.clear();
        self.finished = false;
        true
    }

    fn finish(&mut self) -> bool {
        let changed = self.deferred && self.is_complete() && !self.finished;
        self.finished |= changed;
        changed
    }

    fn checkpoint(&self) -> Option<Shared> {
        let seen: Vec<&str> = self.seen.iter().map(|name| &**name).collect();
        Some(Shared::from(if self.deferred { json!([seen, self.finished]) } else { json!(seen) }))
    }

    fn restore(&mut self, value: &Shared) {
        match value.json().as_array().map(Vec::as_slice) {
            Some([seen, finished]) if self.deferred => {
                self.names(seen);
                self.finished = finished.as_bool().unwrap_or_default();
            }
            _ => self.names(value.json()),
        }
    }

    fn boxed_clone(&self) -> Box<dyn Channel> {
        Box::new(self.clone())
    }
}
