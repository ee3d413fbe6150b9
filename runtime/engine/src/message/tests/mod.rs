//! Tests of whole messages; those of a single concept stand in its file.

mod chunk;
mod coerce;
mod json;
mod merge;
mod reducer;

use serde_json::{Map, Value, json};

use super::{Message, ToolCall, ToolStatus, Usage};

#[test]
fn a_changed_copy_leaves_the_original_alone() {
    let first = Message::ai("a").with_id("1");
    let second = first.clone().with_content("b").with_tool_calls([ToolCall::new("f", Map::new())]);
    assert_eq!((first.text().as_ref(), first.tool_calls().len()), ("a", 0));
    assert_eq!((second.text().as_ref(), second.tool_calls().len()), ("b", 1));
    assert_eq!(second.id(), Some("1"));
}

#[test]
fn fields_of_another_role_are_not_taken() {
    let human = Message::human("x");
    let changed = human
        .clone()
        .with_usage(Usage::new(1, 2))
        .with_artifact(json!(1))
        .with_status(ToolStatus::Error)
        .with_tool_calls([ToolCall::new("f", Map::new())]);
    assert_eq!(human, changed);
    assert_eq!(Message::tool("x", "c").with_artifact(Value::Null).artifact(), None);
}
