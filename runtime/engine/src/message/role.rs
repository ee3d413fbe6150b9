//! Who speaks, and whether a tool succeeded.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who speaks, by the `type` of `LangChain`'s message JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The user.
    Human,
    /// The model.
    Ai,
    /// Instructions to the model.
    System,
    /// The result of a function, the older form of a tool.
    Function,
    /// The result of a tool call.
    Tool,
    /// Nobody: an order to drop a message from the list.
    Remove,
}

impl Role {
    /// The word on the wire, e.g. `human`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Ai => "ai",
            Self::System => "system",
            Self::Function => "function",
            Self::Tool => "tool",
            Self::Remove => "remove",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether the tool of a `tool` message succeeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolStatus {
    /// The content is the tool's result.
    #[default]
    Success,
    /// The content says what went wrong.
    Error,
}
