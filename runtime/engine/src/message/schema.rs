//! JSON schemas: loosely typed, as every role has fields of its own and more are allowed.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Message, Messages, Role};

impl JsonSchema for Message {
    fn schema_name() -> Cow<'static, str> {
        "Message".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let roles =
            [Role::Human, Role::Ai, Role::System, Role::Function, Role::Tool, Role::Remove].map(Role::as_str);
        json_schema!({
            "title": "Message",
            "description": "A message of a conversation.",
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": roles},
                "content": {
                    "anyOf": [
                        {"type": "string"},
                        {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "object"}]}},
                    ],
                },
                "id": {"type": ["string", "null"]},
                "name": {"type": ["string", "null"]},
                "additional_kwargs": {"type": "object"},
                "response_metadata": {"type": "object"},
                "tool_calls": {"type": "array", "items": {"type": "object"}},
                "tool_call_id": {"type": "string"},
            },
            "required": ["content", "type"],
            "additionalProperties": true,
        })
    }
}

impl JsonSchema for Messages {
    fn schema_name() -> Cow<'static, str> {
        "Messages".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <Vec<Message>>::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_an_array_of_messages() {
        let schema = schemars::schema_for!(Messages).to_value();
        assert_eq!(schema["type"], "array");
        assert_eq!(schema["items"]["$ref"], "#/$defs/Message");
        assert_eq!(schema["$defs"]["Message"]["type"], "object");
    }
}
