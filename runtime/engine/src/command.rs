//! What a node or a client can say beside a state update: where to go next, what to send, what to ask.

use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::value::{Key, Shared};

/// The virtual node from which a graph is entered, and the channel that holds its input.
pub const START: &str = "__start__";

/// The virtual node at which a path through a graph ends.
pub const END: &str = "__end__";

/// The target that addresses the graph around the one that is running.
pub(crate) const PARENT: &str = "__parent__";

/// The answers in what a command resumes with, by the questions that they are for; `None` for one answer that names
/// no question.
pub fn answers_by_id(resume: &Value) -> Option<&Map<String, Value>> {
    let is_id =
        |key: &String| key.len() == 32 && key.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    resume.as_object().filter(|map| map.keys().all(is_id))
}

/// One execution of a node with an input of its own, independent of the state (LangGraph's `Send`).
///
/// JSON: `{"node": NAME, "args": INPUT}`.
#[derive(Clone, Debug, PartialEq)]
pub struct SendTo {
    /// The node that will run.
    pub node: Key,
    /// What it gets instead of the state.
    pub args: Shared,
    /// Overrides the run timeout of the node, for each attempt.
    pub timeout: Option<Duration>,
    pub(crate) fault: Option<String>,
}

impl SendTo {
    /// Sends `input`, any serialisable value, to `node`.
    ///
    /// An input that serde cannot turn into JSON fails the sending task.
    pub fn new<T: Serialize + 'static>(node: impl Into<Key>, input: T) -> Self {
        let (args, fault) = match Shared::new(input) {
            Ok(args) => (args, None),
            Err(error) => (Shared::null(), Some(error.to_string())),
        };
        Self { node: node.into(), args, timeout: None, fault }
    }

    /// Ends an attempt of this one execution after `timeout`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Reads the JSON form, as stored writes and clients have it (`input` is accepted for `args`).
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let node = value.get("node")?.as_str()?;
        let args = value.get("args").or_else(|| value.get("input"))?;
        Some(Self { node: node.into(), args: args.clone().into(), timeout: None, fault: None })
    }
}

impl Serialize for SendTo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("node", &*self.node)?;
        map.serialize_entry("args", &self.args)?;
        map.end()
    }
}

/// One place to go next.
#[derive(Clone, Debug, PartialEq)]
pub enum Goto {
    /// A node of the graph; [`END`] goes nowhere.
    Node(Key),
    /// One execution with its own input.
    Send(SendTo),
}

impl Serialize for Goto {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Node(name) => serializer.serialize_str(name),
            Self::Send(send) => send.serialize(serializer),
        }
    }
}

impl From<&str> for Goto {
    fn from(node: &str) -> Self {
        Self::Node(node.into())
    }
}

impl From<String> for Goto {
    fn from(node: String) -> Self {
        Self::Node(node.into())
    }
}

impl From<SendTo> for Goto {
    fn from(send: SendTo) -> Self {
        Self::Send(send)
    }
}

/// A command without the type of its state: what a client sends, and what a typed
/// [`Command`](crate::Command) becomes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnyCommand {
    /// True when the command is meant for the graph around the one that runs.
    pub parent: bool,
    /// Keys to write, in order; a key may stand here twice. `None` is told from "nothing to write".
    pub update: Option<Vec<(Key, Shared)>>,
    /// The answer to a pending interrupt, or a map from interrupt ids to answers.
    pub resume: Option<Shared>,
    /// Where to go next, beside what the graph's edges say.
    pub goto: Vec<Goto>,
}

impl AnyCommand {
    /// A command that answers what the run is waiting for.
    pub fn resume(answer: impl Into<Shared>) -> Self {
        Self { resume: Some(answer.into()), ..Self::default() }
    }

    /// True when the command says nothing at all.
    pub fn is_empty(&self) -> bool {
        self.update.is_none() && self.resume.is_none() && self.goto.is_empty()
    }

    /// The JSON that clients see: `{"graph", "update", "resume", "goto"}`.
    pub fn to_json(&self) -> Value {
        let goto = match self.goto.as_slice() {
            [] => json!([]),
            [one] => json!(one),
            many => json!(many),
        };
        let update = self.update.as_ref().map(|pairs| {
            pairs.iter().map(|(key, value)| (key.to_string(), value.json().clone())).collect::<Value>()
        });
        json!({
            "graph": self.parent.then_some(PARENT),
            "update": update,
            "resume": self.resume.as_ref().map(Shared::json),
            "goto": goto,
        })
    }
}

/// A question that a node asked and that nobody has answered yet.
///
/// JSON: `{"value", "id", "response_schema"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interrupt {
    /// What the node asked: any JSON.
    pub value: Shared,
    /// 32 hexadecimal digits, the same for the same question of the same task.
    pub id: String,
    /// The JSON Schema that an answer should fit, if the node gave one.
    #[serde(default)]
    pub response_schema: Option<Value>,
}

impl Interrupt {
    /// A command that answers this question and no other.
    pub fn answer(&self, answer: impl Into<Shared>) -> AnyCommand {
        AnyCommand::resume(Shared::from(json!({ (self.id.clone()): answer.into() })))
    }
}

/// A value that replaces a reduced key instead of being merged into it.
///
/// JSON: `{"value": V, "type": "__overwrite__"}`.
/// Not serialisable itself: it is an instruction to the channel and no value of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Overwrite<T>(pub T);

const OVERWRITE: &str = "__overwrite__";

/// The JSON form of an overwrite by `value`.
pub(crate) fn overwrite(value: &Shared) -> Shared {
    Shared::from(json!({ "value": value.json(), "type": OVERWRITE }))
}

/// The value inside an overwrite, in either of its JSON shapes; `None` for an ordinary value.
pub(crate) fn overwritten(value: &Shared) -> Option<Shared> {
    if value.messages().is_some() || value.object().is_some() {
        return None;
    }
    let map = value.json().as_object()?;
    if map.get("type").and_then(Value::as_str) == Some(OVERWRITE) {
        return map.get("value").cloned().map(Shared::from);
    }
    match (map.len(), map.get(OVERWRITE)) {
        (1, Some(inner)) => Some(inner.clone().into()),
        _ => None,
    }
}
