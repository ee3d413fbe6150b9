//! What a program may ask about feedback on runs.

use serde_json::{Map, Value};

use super::Handle;
use crate::runs::Run;

impl Handle {
    /// The links at which feedback on a run goes, by key, if it was asked for with some.
    pub fn feedback_links(&self, run: &Run) -> Map<String, Value> {
        let url = self.0.environment.options.feedback_url.as_ref();
        url.map(|url| url.links(run)).unwrap_or_default()
    }
}
