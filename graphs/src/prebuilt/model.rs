//! The model of an agent: a name, or the model itself.

use std::sync::Arc;

use eddyline_engine::model::{Chat, ChatModel};
use eddyline_engine::{NodeContext, NodeError};

/// Which model is asked.
#[derive(Clone)]
pub(super) enum Model {
    Named(Arc<str>),
    Given(Arc<dyn ChatModel>),
}

impl Model {
    pub(super) fn chat(&self, ctx: &NodeContext) -> Result<Chat, NodeError> {
        match self {
            Self::Named(name) => ctx.model(name),
            Self::Given(model) => Ok(ctx.chat(model.clone())),
        }
    }
}
