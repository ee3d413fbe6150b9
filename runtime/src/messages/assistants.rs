//! What the assistants' actor is told.

use std::sync::Arc;

use actix::Message;
use eddyline_engine::Graph;
use uuid::Uuid;

use super::Reply;
use crate::access::Rows;
use crate::assistants::{Assistant, AssistantVersion, CreateAssistant, UpdateAssistant};

/// Makes an assistant; answers when it is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct MakeAssistant {
    pub(crate) assistant_id: Uuid,
    /// One that is there already is given back only if it is one of these.
    pub(crate) rows: Rows,
    pub(crate) request: CreateAssistant,
    pub(crate) reply: Reply<Arc<Assistant>>,
}

/// Serves a graph from now on; answers when its default assistant is there.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ServeGraph {
    pub(crate) graph_id: String,
    pub(crate) graph: Graph,
    pub(crate) reply: Reply<()>,
}

/// Makes a new version of an assistant; answers when it is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ReviseAssistant {
    pub(crate) rows: Rows,
    pub(crate) request: UpdateAssistant,
    pub(crate) reply: Reply<Arc<Assistant>>,
}

/// Makes an assistant what it was at this version; answers when it is stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct RestoreVersion {
    pub(crate) rows: Rows,
    pub(crate) version: AssistantVersion,
    pub(crate) reply: Reply<Arc<Assistant>>,
}

/// Deletes an assistant with its versions; answers when it is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ForgetAssistant {
    pub(crate) assistant_id: Uuid,
    pub(crate) rows: Rows,
    pub(crate) reply: Reply<()>,
}
