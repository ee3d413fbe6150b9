//! The tools that a conversation waits for.

use std::collections::HashSet;

use eddyline_engine::message::{Content, InvalidToolCall, Message, Role, ToolCall};
use serde::{Deserialize, Serialize};

/// What is sent to a node for one call: `{"tool_call": …}`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Asked {
    /// A call.
    ToolCall(ToolCall),
    /// A call whose arguments are not JSON. Providers want an answer to it, too.
    InvalidToolCall(InvalidToolCall),
}

impl Asked {
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::ToolCall(call) => call.id.as_deref(),
            Self::InvalidToolCall(call) => call.id.as_deref(),
        }
    }

    /// The tool message that answers the call.
    pub(super) fn answer(&self, words: impl Into<Content>) -> Message {
        let name = match self {
            Self::ToolCall(call) => &*call.name,
            Self::InvalidToolCall(call) => call.name.as_deref().unwrap_or_default(),
        };
        Message::tool(words, self.id().unwrap_or_default()).with_name(name)
    }
}

/// The model's last message, if tools were asked for since, or nothing was.
pub(super) fn last_of_model(messages: &[Message]) -> Option<&Message> {
    messages.iter().rev().find(|message| message.role() != Role::Tool).filter(|last| last.role() == Role::Ai)
}

/// The calls of the model's last message that no tool message answers, in order.
pub(super) fn open_calls(messages: &[Message]) -> Vec<Asked> {
    let answers = messages.iter().rev().map_while(Message::tool_call_id);
    let answered: HashSet<&str> = answers.collect();
    let is_open = |id: Option<&str>| !answered.contains(id.unwrap_or_default());
    let Some(last) = last_of_model(messages) else { return Vec::new() };
    let calls = last.tool_calls().iter().filter(|call| is_open(call.id.as_deref()));
    let invalid = last.invalid_tool_calls().iter().filter(|call| is_open(call.id.as_deref()));
    let calls = calls.cloned().map(Asked::ToolCall);
    calls.chain(invalid.cloned().map(Asked::InvalidToolCall)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    #[test]
    fn calls_are_open_until_a_tool_answers() {
        let call = |id: &str| ToolCall::new("f", Map::new()).with_id(id);
        let asking = Message::ai("").with_tool_calls([call("1"), call("2")]).with_invalid_tool_calls([
            InvalidToolCall { id: Some("3".to_owned()), ..InvalidToolCall::default() },
        ]);
        let open = |messages: &[Message]| -> Vec<String> {
            open_calls(messages).iter().filter_map(Asked::id).map(str::to_owned).collect()
        };
        let answer = |id: &str| Message::answer(&call(id), "done");
        assert_eq!(open(&[Message::human("hi"), asking.clone()]), ["1", "2", "3"]);
        assert_eq!(open(&[asking.clone(), answer("2")]), ["1", "3"]);
        assert_eq!(open(&[asking.clone(), answer("2"), answer("1"), answer("3")]), [""; 0]);
        assert_eq!(open(&[asking.clone(), answer("1"), Message::ai("done")]), [""; 0]);
        assert_eq!(open(&[asking, Message::human("never mind")]), [""; 0]);
        assert_eq!(open(&[]), [""; 0]);
    }
}
