//! What may stand in a file about models and agents.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::declared::located::Located;
use crate::declared::tree::Tree;

/// A model and what it is asked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the name of a model, or `{name: …}`")]
pub(in crate::declared) struct ModelSpec {
    /// Such as `openai:gpt-4o-mini`; a template may choose.
    #[serde(default)]
    pub(in crate::declared) name: Option<Tree>,
    /// Answers instead of a model: for tests and for trying out.
    #[serde(default)]
    pub(in crate::declared) scripted: Option<ScriptedSpec>,
    /// Tells the model who it is.
    #[serde(default)]
    pub(in crate::declared) prompt: Option<Tree>,
    /// What the model is told after the prompt: a text, or an expression that gives messages.
    #[serde(default)]
    pub(in crate::declared) ask: Option<Tree>,
    /// Tools of this file that the model may ask for.
    #[serde(default)]
    pub(in crate::declared) tools: Vec<Located<String>>,
    /// The JSON Schema of the answer.
    #[serde(default)]
    pub(in crate::declared) format: Option<Value>,
    /// Options of the provider, such as `temperature`.
    #[serde(default)]
    pub(in crate::declared) options: Map<String, Value>,
    /// Tags of the call; `nostream` keeps it off the message streams.
    #[serde(default)]
    pub(in crate::declared) tags: Vec<String>,
}

/// Answers that are known before.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "`{answers: …}`")]
pub(in crate::declared) struct ScriptedSpec {
    /// The first whose `when` is true is given.
    pub(in crate::declared) answers: Vec<AnswerSpec>,
    /// How many seconds pass before each piece.
    #[serde(default)]
    pub(in crate::declared) pause: Option<Tree>,
}

/// An answer of a scripted model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an answer: `{text: …}`")]
pub(in crate::declared) struct AnswerSpec {
    /// When it is given; always, if nothing is said.
    #[serde(default)]
    pub(in crate::declared) when: Option<Located<String>>,
    /// The text, which streams in words.
    #[serde(default)]
    pub(in crate::declared) text: Option<Tree>,
    /// The pieces that stream instead.
    #[serde(default)]
    pub(in crate::declared) pieces: Option<Vec<PieceSpec>>,
    /// The id of the message.
    #[serde(default)]
    pub(in crate::declared) id: Option<String>,
}

/// A piece of a scripted answer: a text, or a part of a tool call.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::declared) enum PieceSpec {
    /// A part of the text.
    Text(String),
    /// A part of a tool call.
    ToolCall(CallPieceSpec),
}

/// A part of a tool call: who is called, or some of the arguments.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a part of a tool call")]
pub(in crate::declared) struct CallPieceSpec {
    /// The tool, in the first piece of a call.
    #[serde(default)]
    pub(in crate::declared) name: Option<String>,
    /// The id of the call, in its first piece.
    #[serde(default)]
    pub(in crate::declared) id: Option<String>,
    /// A part of the arguments: of a text that is JSON as a whole.
    #[serde(default)]
    pub(in crate::declared) args: String,
    /// Which call it is of.
    #[serde(default)]
    pub(in crate::declared) index: i64,
}

/// A model with tools, in a loop.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an agent: `{model: …}`")]
pub(in crate::declared) struct AgentSpec {
    /// Such as `openai:gpt-4o-mini`.
    pub(in crate::declared) model: String,
    /// Tells the model who it is.
    #[serde(default)]
    pub(in crate::declared) prompt: Option<String>,
    /// Tools of this file.
    #[serde(default)]
    pub(in crate::declared) tools: Vec<Located<String>>,
    /// The JSON Schema of the answer, which stands in `structured_response`.
    #[serde(default)]
    pub(in crate::declared) format: Option<Value>,
    /// Options of the provider, such as `temperature`.
    #[serde(default)]
    pub(in crate::declared) options: Map<String, Value>,
    /// How often the model is asked in a row.
    #[serde(default)]
    pub(in crate::declared) max_turns: Option<usize>,
}
