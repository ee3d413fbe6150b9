//! Who asks, for runs to know, and what they may.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Handle;
use crate::access::{Action, Below, Limits, Resource, Rows, Verdict};
use crate::error::Error;
use crate::runs::StartRun;

/// Who asks.
#[derive(Clone, Default)]
pub(super) struct Caller {
    /// What is known of them, for runs.
    values: Arc<Map<String, Value>>,
    /// What they may; everything when nobody says.
    limits: Option<Arc<Limits>>,
}

impl Handle {
    /// The same runtime, asked by somebody: what is known of them (`langgraph_auth_user` and the like) goes to the runs
    /// that they start, beside what [`StartRun::caller`] says.
    pub fn on_behalf_of(&self, caller: Map<String, Value>) -> Self {
        self.asked_by(Caller { values: Arc::new(caller), ..self.caller() })
    }

    /// The same runtime, asked by somebody who may do no more than `limits` says. It is asked for each thing that is to
    /// be done, on whatever OS thread that is, and must not wait.
    ///
    /// What is there and not theirs is answered for as if it were not there; what they may not do at all fails with
    /// [`Error::Forbidden`]. Default assistants of graphs can be read by everybody who may read assistants.
    pub fn limited_to(&self, limits: impl Fn(Resource, Action) -> Verdict + Send + Sync + 'static) -> Self {
        self.asked_by(Caller { limits: Some(Arc::new(limits)), ..self.caller() })
    }

    /// The same runtime, asked by itself.
    pub(super) fn unlimited(&self) -> Self {
        Self(Arc::clone(&self.0), None)
    }

    fn asked_by(&self, caller: Caller) -> Self {
        Self(Arc::clone(&self.0), Some(Arc::new(caller)))
    }

    fn caller(&self) -> Caller {
        self.1.as_deref().cloned().unwrap_or_default()
    }

    fn verdict(&self, resource: Resource, action: Action) -> Verdict {
        let limits = self.1.as_ref().and_then(|caller| caller.limits.as_ref());
        limits.map_or(Verdict::All, |limits| limits(resource, action))
    }

    /// With which rows it may be done.
    pub(super) fn rows(&self, resource: Resource, action: Action) -> Result<Rows, Error> {
        Rows::of(self.verdict(resource, action))
    }

    /// With which items it may be done.
    pub(crate) fn items_below(&self, action: Action) -> Result<Below, Error> {
        Below::of(self.verdict(Resource::Store, action))
    }

    pub(super) fn speak_for(&self, request: &mut StartRun) {
        for (name, value) in self.1.iter().flat_map(|caller| caller.values.iter()) {
            request.caller.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}
