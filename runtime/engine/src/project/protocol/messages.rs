//! Answers of models as the protocol tells them: a message begins, its blocks grow, it ends.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::blocks::Blocks;
use crate::fact::ModelCall;
use crate::message::{Message, MessageChunk};

/// The answers that are under way.
#[derive(Default)]
pub(super) struct Calls(Vec<Open>);

struct Open {
    call: Arc<ModelCall>,
    /// The id of the message, once a piece has told it.
    message: Option<String>,
    blocks: Blocks,
}

impl Calls {
    /// A model is asked.
    pub(super) fn begin(&mut self, call: &Arc<ModelCall>) {
        if !call.silent() {
            self.0.push(Open { call: Arc::clone(call), message: None, blocks: Blocks::default() });
        }
    }

    /// A piece of an answer. One whose beginning is not known cannot be told.
    pub(super) fn chunk(&mut self, call: &ModelCall, chunk: &MessageChunk) -> Vec<Value> {
        let open = self.0.iter_mut().find(|open| open.call.id == call.id);
        open.map(|open| open.take(chunk)).unwrap_or_default()
    }

    /// An answer is complete; one that did not come in pieces is told at once.
    pub(super) fn end(&mut self, call: &ModelCall, message: &Message) -> Vec<Value> {
        let Some(place) = self.0.iter().position(|open| open.call.id == call.id) else { return Vec::new() };
        let mut open = self.0.remove(place);
        let mut out = Vec::new();
        if open.message.is_none() {
            out = open.take(&MessageChunk::from_message(message));
        }
        out.extend(open.finish(message));
        out
    }

    /// Answers that will not be completed: those of a task, or all of them. With the call that each is of.
    pub(super) fn break_off(&mut self, task: Option<Uuid>, why: &str) -> Vec<(Arc<ModelCall>, Value)> {
        let ends = |open: &mut Open| task.is_none_or(|task| open.call.task.id == task);
        let broken: Vec<Open> = self.0.extract_if(.., ends).collect();
        // Of an answer of which nothing was told, no end is told either.
        let told = broken.into_iter().filter(|open| open.message.is_some());
        told.map(|open| {
            let event = open.event(json!({"event": "error", "message": why}));
            (open.call, event)
        })
        .collect()
    }
}

impl Open {
    fn take(&mut self, chunk: &MessageChunk) -> Vec<Value> {
        let mut out = Vec::new();
        if self.message.is_none() {
            let id = chunk.id().map_or_else(|| format!("lc_run--{}", self.call.id), str::to_owned);
            let mut start = json!({"event": "message-start", "role": "ai", "id": id});
            let told = chunk.as_message().response_metadata();
            let names = [("provider", "model_provider"), ("model", "model_name")];
            let metadata: Map<String, Value> = names
                .iter()
                .filter_map(|(name, key)| Some(((*name).to_owned(), told.get(*key)?.clone())))
                .collect();
            if !metadata.is_empty() {
                start["metadata"] = metadata.into();
            }
            self.message = Some(id);
            out.push(start);
        }
        out.extend(self.blocks.take(chunk));
        out.into_iter().map(|event| self.event(event)).collect()
    }

    fn finish(mut self, message: &Message) -> Vec<Value> {
        let mut out: Vec<Value> = std::mem::take(&mut self.blocks).finish().collect();
        let mut finish = json!({"event": "message-finish"});
        if let Some(usage) = message.usage() {
            finish["usage"] = json!(usage);
        }
        if !message.response_metadata().is_empty() {
            finish["metadata"] = message.response_metadata().clone().into();
        }
        out.push(finish);
        out.into_iter().map(|event| self.event(event)).collect()
    }

    /// Every event says which message it is of: answers that come at the same time mix.
    fn event(&self, mut event: Value) -> Value {
        event["id"] = json!(self.message);
        event["run_id"] = json!(self.call.id);
        event
    }
}
