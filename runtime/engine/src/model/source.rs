//! Where models are found by their names.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::ChatModel;
use crate::value::Key;

/// Makes models of names, such as `openai:gpt-4o-mini`: whoever knows a provider.
///
/// A function of the name is one.
pub trait ModelSource: Send + Sync + 'static {
    /// The model that goes by `name`; `None` when the name means nothing here.
    fn model(&self, name: &str) -> Option<Arc<dyn ChatModel>>;
}

impl<F> ModelSource for F
where
    F: Fn(&str) -> Option<Arc<dyn ChatModel>> + Send + Sync + 'static,
{
    fn model(&self, name: &str) -> Option<Arc<dyn ChatModel>> {
        self(name)
    }
}

/// The models of a host: those that were given by name, and then what sources make of a name, in the order in
/// which they were added.
#[derive(Clone, Default)]
pub struct Models {
    named: HashMap<Key, Arc<dyn ChatModel>>,
    sources: Vec<Arc<dyn ModelSource>>,
}

impl Models {
    /// Gives a model a name; it takes the place of an earlier one.
    pub fn name(&mut self, name: impl Into<Key>, model: impl ChatModel) {
        self.named.insert(name.into(), Arc::new(model));
    }

    /// Asks `source`, too, for names that nothing before it knows.
    pub fn source(&mut self, source: impl ModelSource) {
        self.sources.push(Arc::new(source));
    }

    /// The model that goes by `name`.
    pub fn find(&self, name: &str) -> Option<Arc<dyn ChatModel>> {
        let made = || self.sources.iter().find_map(|source| source.model(name));
        self.named.get(name).cloned().or_else(made)
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models")
            .field("named", &self.named.keys())
            .field("sources", &self.sources.len())
            .finish()
    }
}
