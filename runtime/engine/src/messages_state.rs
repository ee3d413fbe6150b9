//! The state of a chat.

use crate::message::Messages;
use crate::state;

/// A chat: messages that merge by id (LangGraph's `MessagesState`).
#[state]
pub struct MessagesState {
    /// The conversation so far.
    #[state(reduce = messages)]
    pub messages: Messages,
}
