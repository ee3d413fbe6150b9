//! An answer in OpenAI's dialect, read piece by piece.

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
pub(super) struct OpenAiReader {
    /// The kinds of content so far, in the order of their blocks.
    kinds: Vec<&'static str>,
    calls: Vec<Call>,
    id: Option<String>,
    model: Option<String>,
    fingerprint: Option<String>,
    finish: Option<String>,
    usage: Option<RawUsage>,
    complete: bool,
}

/// A tool call of the answer.
struct Call {
    index: i64,
    id: Option<String>,
    named: bool,
}

#[derive(Deserialize)]
struct Piece {
    id: Option<String>,
    model: Option<String>,
    system_fingerprint: Option<String>,
    choices: Option<Vec<Choice>>,
    usage: Option<RawUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    index: Option<i64>,
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<Value>,
    refusal: Option<String>,
    /// DeepSeek, vLLM, llama.cpp, ….
    reasoning_content: Option<String>,
    /// OpenRouter, Groq, Ollama, ….
    reasoning: Option<String>,
    tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Deserialize)]
struct CallPiece {
    index: Option<i64>,
    id: Option<String>,
    function: Option<FunctionPiece>,
}

#[derive(Deserialize)]
struct FunctionPiece {
    name: Option<String>,
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct RawUsage {
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    total_tokens: Option<i64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<i64>,
    audio_tokens: Option<i64>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<i64>,
    audio_tokens: Option<i64>,
}

impl Reader for OpenAiReader {
    fn read(&mut self, event: &SseEvent, pieces: &mut VecDeque<MessageChunk>) -> Result<(), Fault> {
        if event.data == "[DONE]" {
            return self.close(pieces);
        }
        let piece: Piece = serde_json::from_str(&event.data).map_err(|error| Fault::nonsense(&error))?;
        if let Some(error) = piece.error {
            return Err(Fault::told(&error));
        }
        // Azure begins with a piece in which they are empty.
        let told = |text: Option<String>| text.filter(|text| !text.is_empty());
        self.id = self.id.take().or(told(piece.id));
        self.model = self.model.take().or(told(piece.model));
        self.fingerprint = self.fingerprint.take().or(told(piece.system_fingerprint));
        // Some tell it once at the end, some again and again: the last word counts.
        self.usage = piece.usage.or(self.usage.take());
        let first = piece.choices.into_iter().flatten().find(|choice| choice.index.unwrap_or(0) == 0);
        let Some(choice) = first else { return Ok(()) };
        if let Some(delta) = choice.delta {
            self.delta(delta, pieces);
        }
        self.finish = told(choice.finish_reason).or(self.finish.take());
        Ok(())
    }

    fn close(&mut self, pieces: &mut VecDeque<MessageChunk>) -> Result<(), Fault> {
        let Some(finish) = self.finish.take() else { return Err(Fault::broken_off()) };
        let mut last = MessageChunk::text("").with_response_metadata("finish_reason", finish);
        let told = [
            ("model_name", self.model.take()),
            ("id", self.id.take()),
            ("system_fingerprint", self.fingerprint.take()),
        ];
        for (key, value) in told {
            if let Some(value) = value {
                last = last.with_response_metadata(key, value);
            }
        }
        if let Some(usage) = self.usage.take() {
            last = last.with_usage(usage.into());
        }
        pieces.push_back(last.last());
        self.complete = true;
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.complete
    }
}

impl OpenAiReader {
    fn delta(&mut self, delta: Delta, pieces: &mut VecDeque<MessageChunk>) {
        if let Some(reasoning) = delta.reasoning_content.or(delta.reasoning) {
            self.say("reasoning", &reasoning, pieces);
        }
        match delta.content {
            Some(Value::String(text)) => self.say("text", &text, pieces),
            Some(Value::Array(parts)) => parts.iter().for_each(|part| self.part(part, pieces)),
            _ => {}
        }
        if let Some(refusal) = delta.refusal.filter(|refusal| !refusal.is_empty()) {
            pieces.push_back(MessageChunk::text("").with_additional_kwarg("refusal", refusal));
        }
        for call in delta.tool_calls.into_iter().flatten() {
            let piece = self.call(call);
            pieces.push_back(MessageChunk::tool_call(piece));
        }
    }

    /// Mistral's reasoning models answer in parts.
    fn part(&mut self, part: &Value, pieces: &mut VecDeque<MessageChunk>) {
        let text = |part: &Value| part["text"].as_str().unwrap_or_default().to_owned();
        if part["type"] == "thinking" {
            let thought: String = part["thinking"].as_array().into_iter().flatten().map(text).collect();
            self.say("reasoning", &thought, pieces);
        } else {
            self.say("text", &text(part), pieces);
        }
    }

    /// Text alone is text; as soon as there is reasoning, both are blocks.
    fn say(&mut self, kind: &'static str, text: &str, pieces: &mut VecDeque<MessageChunk>) {
        if text.is_empty() {
            return;
        }
        let known = self.kinds.iter().position(|known| *known == kind);
        let index = known.unwrap_or_else(|| {
            self.kinds.push(kind);
            self.kinds.len() - 1
        });
        let chunk = if self.kinds == ["text"] {
            MessageChunk::text(text)
        } else {
            MessageChunk::new(vec![json!({"type": kind, (kind): text, "index": index})])
        };
        pieces.push_back(chunk);
    }

    /// A piece of a call. Not all servers number them or give them ids, and some repeat the name with every piece.
    fn call(&mut self, piece: CallPiece) -> ToolCallChunk {
        let id = piece.id.filter(|id| !id.is_empty());
        let (name, arguments) =
            piece.function.map_or((None, None), |function| (function.name, function.arguments));
        let name = name.filter(|name| !name.is_empty());
        let same = |call: &Call| match (piece.index, &id) {
            (Some(index), _) => call.index == index,
            (None, Some(_)) => call.id == id,
            (None, None) => name.is_none() || !call.named,
        };
        let args = match arguments {
            Some(Value::String(args)) => args,
            Some(Value::Null) | None => String::new(),
            Some(args) => args.to_string(),
        };
        // Only the latest call goes on without a number.
        let known = match piece.index {
            Some(_) => self.calls.iter().position(same),
            None => self.calls.len().checked_sub(1).filter(|last| same(&self.calls[*last])),
        };
        if let Some(place) = known {
            let call = &mut self.calls[place];
            let name = name.filter(|_| !std::mem::replace(&mut call.named, true));
            return ToolCallChunk { name, id, ..ToolCallChunk::args(call.index, args) };
        }
        let next = self.calls.iter().map(|call| call.index + 1).max().unwrap_or_default();
        let index = piece.index.unwrap_or(next);
        // The answer to the call needs an id to refer to.
        let id = id.unwrap_or_else(|| format!("{}_{index}", self.id.as_deref().unwrap_or("call")));
        self.calls.push(Call { index, id: Some(id.clone()), named: name.is_some() });
        ToolCallChunk { name, id: Some(id), ..ToolCallChunk::args(index, args) }
    }
}

impl From<RawUsage> for Usage {
    fn from(raw: RawUsage) -> Self {
        let (input, output) = (raw.prompt_tokens.unwrap_or(0), raw.completion_tokens.unwrap_or(0));
        let asked = raw.prompt_tokens_details.map_or([("cache_read", None), ("audio", None)], |asked| {
            [("cache_read", asked.cached_tokens), ("audio", asked.audio_tokens)]
        });
        let said = raw.completion_tokens_details.map_or([("reasoning", None), ("audio", None)], |said| {
            [("reasoning", said.reasoning_tokens), ("audio", said.audio_tokens)]
        });
        Self {
            total_tokens: raw.total_tokens.unwrap_or(input + output),
            input_token_details: details(asked),
            output_token_details: details(said),
            ..Self::new(input, output)
        }
    }
}
