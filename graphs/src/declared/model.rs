//! Asking a model.

use std::time::Duration;

use eddyline_engine::Messages;
use eddyline_engine::message::{MessageChunk, ToolCallChunk};
use eddyline_engine::model::{Chat, ResponseFormat, ToolSpec};
use eddyline_engine::prelude::{Message, NodeContext, NodeError};
use serde_json::{Map, Value};

use super::mistake::{Mistake, Place};
use super::spec::{CallPieceSpec, PieceSpec, ScriptedSpec};
use super::template::{Expr, Scope, Template, Vars};
use crate::models::{Answer, ScriptedModel};
use crate::prebuilt::conversation;

/// A model and what it is asked.
pub(super) struct Asking {
    pub(super) model: Source,
    pub(super) prompt: Option<Template>,
    /// What it is told instead of the conversation.
    pub(super) ask: Option<Template>,
    pub(super) tools: Vec<ToolSpec>,
    pub(super) format: Option<Value>,
    pub(super) options: Map<String, Value>,
    pub(super) tags: Vec<String>,
}

/// Where answers come from.
pub(super) enum Source {
    Named(Template),
    Scripted { answers: Vec<Scripted>, pause: Option<Template> },
}

/// An answer that is known before.
pub(super) struct Scripted {
    pub(super) when: Option<Expr>,
    pub(super) said: Said,
    pub(super) id: Option<String>,
}

pub(super) enum Said {
    Text(Template),
    Pieces(Vec<MessageChunk>),
}

impl Source {
    /// Answers that a file says.
    pub(super) fn scripted(
        spec: &ScriptedSpec,
        place: Place,
        scope: &Scope,
        mistakes: &mut Vec<Mistake>,
    ) -> Self {
        let mut answers = Vec::new();
        for answer in &spec.answers {
            let said = match (&answer.text, &answer.pieces) {
                (Some(text), None) => Said::Text(Template::new(text, scope, mistakes)),
                (None, Some(pieces)) => Said::Pieces(chunks(pieces, answer.id.as_deref())),
                _ => {
                    let mistake = Mistake::new(place, "a scripted answer has a `text` or `pieces`");
                    mistakes.push(mistake.help("give it one of them"));
                    continue;
                }
            };
            let when = answer.when.as_ref().map(|when| Expr::new(when, scope, mistakes));
            answers.push(Scripted { when, said, id: answer.id.clone() });
        }
        Self::Scripted {
            answers,
            pause: spec.pause.as_ref().map(|pause| Template::new(pause, scope, mistakes)),
        }
    }
}

impl Asking {
    /// The model's answer, which streams meanwhile.
    pub(super) async fn ask(&self, vars: &Vars, ctx: &NodeContext) -> Result<Message, NodeError> {
        let chat = self
            .chat(vars, ctx)?
            .tools(self.tools.iter().cloned())
            .tags(self.tags.iter().map(String::as_str));
        let chat = self.options.iter().fold(chat, |chat, (key, value)| chat.option(key, value.clone()));
        let chat = match &self.format {
            Some(schema) => chat.format(ResponseFormat { name: "answer".into(), schema: schema.clone() }),
            None => chat,
        };
        chat.invoke(self.messages(vars)?).await
    }

    fn chat(&self, vars: &Vars, ctx: &NodeContext) -> Result<Chat, NodeError> {
        let (answers, pause) = match &self.model {
            Source::Named(name) => return ctx.model(&name.text(vars)?),
            Source::Scripted { answers, pause } => (answers, pause),
        };
        let mut given = None;
        for answer in answers {
            if answer.when.as_ref().map_or(Ok(true), |when| when.is_true(vars))? {
                given = Some(answer.given(vars)?);
                break;
            }
        }
        let seconds = pause.as_ref().map(|pause| pause.value(vars)).transpose()?;
        let seconds = seconds.as_ref().and_then(Value::as_f64).unwrap_or_default();
        let pause = Duration::try_from_secs_f64(seconds)?;
        Ok(ctx.chat(ScriptedModel::new(given).pause(pause)))
    }

    fn messages(&self, vars: &Vars) -> Result<Messages, NodeError> {
        let prompt = self.prompt.as_ref().map(|prompt| prompt.text(vars)).transpose()?;
        let told = match &self.ask {
            Some(ask) => Messages::coerce(&ask.value(vars)?)?,
            None => conversation(vars.input())?,
        };
        Ok(match prompt {
            Some(prompt) => std::iter::once(Message::system(prompt)).chain(told.iter().cloned()).collect(),
            None => told,
        })
    }

    /// The JSON that the model was asked for, if it was.
    pub(super) fn read(&self, answer: &Message) -> Result<Option<Value>, NodeError> {
        if self.format.is_none() || !answer.tool_calls().is_empty() {
            return Ok(None);
        }
        let read = serde_json::from_str(&answer.text());
        read.map(Some).map_err(|error| {
            NodeError::visible(
                "ValueError",
                format!("the model's answer is not the JSON that it was asked for: {error}"),
            )
        })
    }
}

impl Scripted {
    fn given(&self, vars: &Vars) -> Result<Answer, NodeError> {
        match &self.said {
            Said::Pieces(pieces) => Ok(Answer::pieces(pieces.iter().cloned())),
            Said::Text(text) => {
                let message = Message::ai(text.text(vars)?);
                Ok(match &self.id {
                    Some(id) => message.with_id(id.clone()),
                    None => message,
                }
                .into())
            }
        }
    }
}

fn chunks(pieces: &[PieceSpec], id: Option<&str>) -> Vec<MessageChunk> {
    let chunk = |piece: &PieceSpec| {
        let chunk = match piece {
            PieceSpec::Text(text) => MessageChunk::text(text.as_str()),
            PieceSpec::ToolCall(CallPieceSpec { name, id, args, index }) => {
                let mut call = ToolCallChunk::args(*index, args.as_str());
                call.name.clone_from(name);
                call.id.clone_from(id);
                MessageChunk::tool_call(call)
            }
        };
        match id {
            Some(id) => chunk.with_id(id),
            None => chunk,
        }
    };
    let mut chunks: Vec<_> = pieces.iter().map(chunk).collect();
    if let Some(last) = chunks.pop() {
        chunks.push(last.last());
    }
    chunks
}
