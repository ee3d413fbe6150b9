//! Who asks, for runs to know.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Handle;
use crate::runs::StartRun;

impl Handle {
    /// The same runtime, asked by somebody: what is known of them (`langgraph_auth_user` and the like) goes to the runs
    /// that they start, beside what [`StartRun::caller`] says.
    pub fn on_behalf_of(&self, caller: Map<String, Value>) -> Self {
        Self(Arc::clone(&self.0), Some(Arc::new(caller)))
    }

    pub(super) fn speak_for(&self, request: &mut StartRun) {
        for (name, value) in self.1.iter().flat_map(|caller| caller.iter()) {
            request.caller.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}
