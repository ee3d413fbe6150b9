//! An answer in Anthropic's dialect, read piece by piece.

use std::collections::VecDeque;

use eddyline_engine::message::{MessageChunk, ToolCallChunk, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::Reader;
use super::super::details;
use super::super::fault::Fault;
use super::super::sse::SseEvent;

/// What was read of an answer so far.
#[derive(Default)]
pub(super) struct AnthropicReader {
    /// Whether something else than text was said: then text comes in blocks, too.
    blocks: bool,
    /// The block under way, if its deltas are arguments of a tool of ours.
    calling: bool,
    id: Option<String>,
    model: Option<String>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    usage: RawUsage,
    complete: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece {
    MessageStart {
        message: Start,
    },
    ContentBlockStart {
        index: i64,
        content_block: Value,
    },
    ContentBlockDelta {
        index: i64,
        delta: Value,
    },
    MessageDelta {
        delta: End,
        usage: Option<RawUsage>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    /// Pings, ends of blocks, and what is invented later.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Start {
    id: Option<String>,
    model: Option<String>,
    usage: Option<RawUsage>,
}

#[derive(Deserialize)]
struct End {
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the provider's names")]
struct RawUsage {
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cache_creation_input_tokens: Option<i64>,
    cache_read_input_tokens: Option<i64>,
}

impl Reader for AnthropicReader {
    fn read(&mut self, event: &SseEvent, pieces: &mut VecDeque<MessageChunk>) -> Result<(), Fault> {
        match serde_json::from_str(&event.data).map_err(|error| Fault::nonsense(&error))? {
            Piece::MessageStart { message } => {
                (self.id, self.model) = (message.id, message.model);
                self.usage = message.usage.unwrap_or_default();
            }
            Piece::ContentBlockStart { index, content_block } => {
                pieces.extend(self.begin(index, &content_block));
            }
            Piece::ContentBlockDelta { index, delta } => pieces.extend(self.delta(index, &delta)),
            Piece::MessageDelta { delta, usage } => {
                (self.stop_reason, self.stop_sequence) = (delta.stop_reason, delta.stop_sequence);
                self.usage = self.usage.updated(usage.unwrap_or_default());
            }
            Piece::MessageStop => self.close(pieces)?,
            Piece::Error { error } => return Err(Fault::told(&error)),
            Piece::Other => {}
        }
        Ok(())
    }

    fn close(&mut self, pieces: &mut VecDeque<MessageChunk>) -> Result<(), Fault> {
        let Some(reason) = self.stop_reason.take() else { return Err(Fault::broken_off()) };
        let mut last = MessageChunk::text("").with_response_metadata("stop_reason", reason);
        let told = [
            ("stop_sequence", self.stop_sequence.take()),
            ("model_name", self.model.take()),
            ("id", self.id.take()),
        ];
        for (key, value) in told {
            if let Some(value) = value {
                last = last.with_response_metadata(key, value);
            }
        }
        pieces.push_back(last.with_usage(self.usage.into()).last());
        self.complete = true;
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.complete
    }
}

impl AnthropicReader {
    fn begin(&mut self, index: i64, block: &Value) -> Option<MessageChunk> {
        let text = |key: &str| block[key].as_str().unwrap_or_default();
        self.calling = block["type"] == "tool_use";
        match block["type"].as_str()? {
            "tool_use" => {
                let call = ToolCallChunk::args(index, "").with_name_and_id(text("name"), text("id"));
                Some(MessageChunk::tool_call(call))
            }
            "text" => self.text(index, text("text")),
            "thinking" => {
                self.block(json!({"type": "reasoning", "reasoning": text("thinking"), "index": index}))
            }
            "redacted_thinking" => {
                self.block(json!({"type": "redacted_thinking", "data": text("data"), "index": index}))
            }
            _ => None,
        }
    }

    fn delta(&mut self, index: i64, delta: &Value) -> Option<MessageChunk> {
        let text = |key: &str| delta[key].as_str().unwrap_or_default();
        match delta["type"].as_str()? {
            "text_delta" => self.text(index, text("text")),
            "thinking_delta" => {
                self.block(json!({"type": "reasoning", "reasoning": text("thinking"), "index": index}))
            }
            "signature_delta" => {
                let extras = json!({ "signature": text("signature") });
                self.block(json!({"type": "reasoning", "extras": extras, "index": index}))
            }
            "input_json_delta" if self.calling => {
                let args = Some(text("partial_json")).filter(|args| !args.is_empty())?;
                Some(MessageChunk::tool_call(ToolCallChunk::args(index, args)))
            }
            _ => None,
        }
    }

    fn text(&self, index: i64, text: &str) -> Option<MessageChunk> {
        if text.is_empty() {
            return None;
        }
        let block = || MessageChunk::new(vec![json!({"type": "text", "text": text, "index": index})]);
        Some(if self.blocks { block() } else { MessageChunk::text(text) })
    }

    fn block(&mut self, block: Value) -> Option<MessageChunk> {
        self.blocks = true;
        // A block that begins empty has nothing to say yet.
        (block["reasoning"] != "").then(|| MessageChunk::new(vec![block]))
    }
}

impl RawUsage {
    /// The counts at the end are of the whole answer, and those that it leaves out are as at its beginning.
    fn updated(self, later: Self) -> Self {
        Self {
            input_tokens: later.input_tokens.or(self.input_tokens),
            output_tokens: later.output_tokens.or(self.output_tokens),
            cache_creation_input_tokens: later
                .cache_creation_input_tokens
                .or(self.cache_creation_input_tokens),
            cache_read_input_tokens: later.cache_read_input_tokens.or(self.cache_read_input_tokens),
        }
    }
}

impl From<RawUsage> for Usage {
    fn from(raw: RawUsage) -> Self {
        let (created, read) = (raw.cache_creation_input_tokens, raw.cache_read_input_tokens);
        // What came from the cache or went there is not in the count of the provider, and is in ours.
        let input = raw.input_tokens.unwrap_or(0) + created.unwrap_or(0) + read.unwrap_or(0);
        let input_token_details = details([("cache_creation", created), ("cache_read", read)]);
        Self { input_token_details, ..Self::new(input, raw.output_tokens.unwrap_or(0)) }
    }
}
