//! The blocks of one message while they stream: which piece belongs to which, and what each comes to.

use serde_json::{Map, Value, json};

use crate::message::{Content, MessageChunk};

/// The blocks that a message has so far, in the order in which they were first seen.
#[derive(Default)]
pub(super) struct Blocks(Vec<Block>);

struct Block {
    key: Key,
    /// The block as it has grown.
    whole: Map<String, Value>,
}

/// What tells one block from another.
#[derive(PartialEq)]
enum Key {
    /// The provider says which it is.
    Index(Value),
    /// Its kind and its place in the piece.
    Place(String, usize),
}

/// The field of a block that grows piece by piece, and the kind of a piece of it.
fn growing(kind: &str) -> Option<(&'static str, &'static str)> {
    match kind {
        "text" => Some(("text", "text-delta")),
        "reasoning" => Some(("reasoning", "reasoning-delta")),
        "tool_call_chunk" | "server_tool_call_chunk" => Some(("args", "tool-call-delta")),
        _ => None,
    }
}

/// Fields of media that are too heavy for a beginning.
const HEAVY: [&str; 3] = ["data", "transcript", "output"];

impl Blocks {
    /// What a piece adds: beginnings of new blocks, and what known ones grow by.
    pub(super) fn take(&mut self, chunk: &MessageChunk) -> Vec<Value> {
        let mut out = Vec::new();
        for (place, slice) in slices(chunk).into_iter().enumerate() {
            let kind = slice.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
            let key = match slice.get("index").filter(|index| !index.is_null()) {
                Some(index) => Key::Index(index.clone()),
                None => Key::Place(kind.clone(), place),
            };
            let known = self.0.iter().position(|block| block.key == key);
            let index = known.unwrap_or_else(|| {
                let (index, begin) = (self.0.len(), skeleton(&kind, &slice));
                out.push(json!({"event": "content-block-start", "index": index, "content": begin}));
                let whole = if growing(&kind).is_some() { begin } else { slice.clone() };
                self.0.push(Block { key, whole });
                index
            });
            if let Some(delta) = self.0[index].grow(&kind, &slice) {
                out.push(json!({"event": "content-block-delta", "index": index, "delta": delta}));
            }
        }
        out
    }

    /// The whole blocks, once nothing more comes.
    pub(super) fn finish(self) -> impl Iterator<Item = Value> {
        self.0.into_iter().enumerate().map(|(index, block)| {
            json!({"event": "content-block-finish", "index": index, "content": block.finished()})
        })
    }
}

impl Block {
    /// The piece by which the block grows, if there is anything in it.
    fn grow(&mut self, kind: &str, slice: &Map<String, Value>) -> Option<Value> {
        let (field, delta) = growing(kind)?;
        for (name, value) in slice.iter().filter(|(name, value)| *name != field && !value.is_null()) {
            // A name or an id that comes later is better than none.
            if self.whole.get(name).is_none_or(Value::is_null) {
                self.whole.insert(name.clone(), value.clone());
            }
        }
        let piece = slice.get(field).and_then(Value::as_str).filter(|piece| !piece.is_empty())?;
        if let Some(Value::String(text)) = self.whole.get_mut(field) {
            text.push_str(piece);
        }
        Some(json!({"type": delta, (field): piece}))
    }

    /// What the block has come to. The arguments of a call are read.
    fn finished(mut self) -> Value {
        let read = match self.whole.get("type").and_then(Value::as_str) {
            Some("tool_call_chunk") => ("tool_call", "invalid_tool_call"),
            Some("server_tool_call_chunk") => ("server_tool_call", "invalid_tool_call"),
            Some("tool_call" | "invalid_tool_call") => {
                self.whole.shift_remove("index");
                return self.whole.into();
            }
            _ => return self.whole.into(),
        };
        let args = self.whole.get("args").and_then(Value::as_str).unwrap_or_default();
        let parsed = if args.is_empty() { Ok(json!({})) } else { serde_json::from_str::<Value>(args) };
        let (id, name) = (self.whole.get("id"), self.whole.get("name"));
        match parsed {
            Ok(args) if args.is_object() => json!({"type": read.0, "id": id, "name": name, "args": args}),
            _ => json!({
                "type": read.1, "id": id, "name": name, "args": args,
                "error": "Failed to parse tool call arguments as JSON",
            }),
        }
    }
}

/// A block as it begins: without what comes piece by piece.
fn skeleton(kind: &str, slice: &Map<String, Value>) -> Map<String, Value> {
    let mut begin = slice.clone();
    if let Some((field, _)) = growing(kind) {
        begin.insert(field.to_owned(), "".into());
        begin.shift_remove("annotations");
        begin.retain(|_, value| !value.is_null());
        return begin;
    }
    match kind {
        "tool_call" | "server_tool_call" => {
            begin.insert("args".into(), json!({}));
        }
        "non_standard" => {
            begin.insert("value".into(), json!({}));
        }
        _ => begin.retain(|name, _| !HEAVY.contains(&name.as_str())),
    }
    begin
}

/// A piece as a list of typed blocks.
fn slices(chunk: &MessageChunk) -> Vec<Map<String, Value>> {
    let mut slices = match chunk.content() {
        Content::Text(text) if text.is_empty() => Vec::new(),
        Content::Text(text) => vec![object(json!({"type": "text", "text": text}))],
        Content::Blocks(blocks) => blocks.iter().map(|block| typed(block.clone())).collect(),
    };
    slices.extend(chunk.tool_call_chunks().iter().map(|call| {
        let mut slice =
            object(json!({"type": "tool_call_chunk", "id": call.id, "name": call.name, "args": call.args}));
        slice.retain(|_, value| !value.is_null());
        if let Some(index) = &call.index {
            slice.insert("index".into(), json!(index));
        }
        slice
    }));
    slices
}

fn typed(block: Value) -> Map<String, Value> {
    match block {
        Value::Object(map) if map.get("type").is_some_and(Value::is_string) => map,
        Value::String(text) => object(json!({"type": "text", "text": text})),
        other => object(json!({"type": "non_standard", "value": other})),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ToolCallChunk;

    #[track_caller]
    fn check(pieces: &[MessageChunk], taken: &[Value], finished: &[Value]) {
        let mut blocks = Blocks::default();
        let got: Vec<Value> = pieces.iter().flat_map(|piece| blocks.take(piece)).collect();
        assert_eq!(got, taken);
        let contents: Vec<Value> = blocks.finish().map(|finish| finish["content"].clone()).collect();
        assert_eq!(contents, finished);
    }

    fn start(index: usize, content: &Value) -> Value {
        json!({"event": "content-block-start", "index": index, "content": content})
    }

    fn delta(index: usize, delta: &Value) -> Value {
        json!({"event": "content-block-delta", "index": index, "delta": delta})
    }

    #[test]
    fn text_and_a_call_are_two_blocks() {
        let call = ToolCallChunk::args(0, "{\"q\": \"ra").with_name_and_id("streamy", "call_1");
        check(
            &[
                MessageChunk::text("Let me "),
                MessageChunk::text("look."),
                MessageChunk::tool_call(call),
                MessageChunk::tool_call(ToolCallChunk::args(0, "in\"}")),
                MessageChunk::text("").last(),
            ],
            &[
                start(0, &json!({"type": "text", "text": ""})),
                delta(0, &json!({"type": "text-delta", "text": "Let me "})),
                delta(0, &json!({"type": "text-delta", "text": "look."})),
                start(
                    1,
                    &json!({"type": "tool_call_chunk", "id": "call_1", "name": "streamy", "args": "", "index": 0}),
                ),
                delta(1, &json!({"type": "tool-call-delta", "args": "{\"q\": \"ra"})),
                delta(1, &json!({"type": "tool-call-delta", "args": "in\"}"})),
            ],
            &[
                json!({"type": "text", "text": "Let me look."}),
                json!({"type": "tool_call", "id": "call_1", "name": "streamy", "args": {"q": "rain"}}),
            ],
        );
    }

    #[test]
    fn arguments_that_are_no_json_stay_a_text() {
        let call =
            |args: &str| MessageChunk::tool_call(ToolCallChunk::args(0, args).with_name_and_id("f", "c"));
        let begin =
            start(0, &json!({"type": "tool_call_chunk", "id": "c", "name": "f", "args": "", "index": 0}));
        check(
            &[call("")],
            std::slice::from_ref(&begin),
            &[json!({"type": "tool_call", "id": "c", "name": "f", "args": {}})],
        );
        check(
            &[call("{\"q\":")],
            &[begin, delta(0, &json!({"type": "tool-call-delta", "args": "{\"q\":"}))],
            &[json!({"type": "invalid_tool_call", "id": "c", "name": "f", "args": "{\"q\":",
                "error": "Failed to parse tool call arguments as JSON"})],
        );
    }

    #[test]
    fn a_provider_says_which_block_grows() {
        let piece = |block: Value| MessageChunk::new(vec![block]);
        check(
            &[
                piece(json!({"type": "reasoning", "reasoning": "Think ", "index": 0})),
                piece(json!({"type": "reasoning", "reasoning": "hard.", "index": 0})),
                piece(json!({"type": "image", "base64": "b", "data": "d", "index": 1})),
            ],
            &[
                start(0, &json!({"type": "reasoning", "reasoning": "", "index": 0})),
                delta(0, &json!({"type": "reasoning-delta", "reasoning": "Think "})),
                delta(0, &json!({"type": "reasoning-delta", "reasoning": "hard."})),
                start(1, &json!({"type": "image", "base64": "b", "index": 1})),
            ],
            &[
                json!({"type": "reasoning", "reasoning": "Think hard.", "index": 0}),
                json!({"type": "image", "base64": "b", "data": "d", "index": 1}),
            ],
        );
    }
}
