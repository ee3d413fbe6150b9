//! What happened in a run, once, for everyone who wants to know.
//!
//! Facts are the source of every stream: the classic modes and the protocol's channels are folds over
//! them ([`project`](crate::project)). No wire format is known here; the JSON of a fact is for those who keep
//! facts, and reads as the fact that it was made of.

mod form;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::checkpoint::Metadata;
use crate::command::Interrupt;
use crate::ids::Timestamp;
use crate::message::{Message, MessageChunk};
use crate::value::{Key, Object, Shared};

/// Something that happened, and where.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fact {
    /// The checkpoint namespace of the graph in which it happened; empty for the root.
    pub ns: Key,
    /// When.
    pub at: Timestamp,
    /// What.
    pub body: Body,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Body {
    /// An attempt at a run began. Told by whoever owns the run, before everything else.
    RunStarted {
        /// Counts from 1.
        attempt: u32,
        /// The id of the graph that it runs.
        graph: Key,
        /// The questions that it brings answers to.
        answers: Vec<Key>,
    },
    /// The run is over and its last commit is stored. Told by whoever owns the run, after everything else.
    RunEnded {
        /// `None` unless it failed.
        failure: Option<Failure>,
        /// True when somebody stopped it.
        cancelled: bool,
    },
    /// A graph began.
    GraphStarted {
        /// Its name: `LangGraph` if it was never given one.
        name: Key,
        /// What it was given, as given.
        input: Shared,
    },
    /// A graph came to its end, or to a pause at the root.
    GraphFinished {
        /// Its output keys.
        output: Object,
    },
    /// The output keys have new values, or a resumed run shows where it stands.
    Values(Object),
    /// A checkpoint exists, and these tasks follow from it.
    Checkpoint(Arc<CheckpointFact>),
    /// A task is about to run.
    TaskStarted(Arc<TaskInfo>),
    /// A task did not run because its writes were stored or cached.
    TaskRestored(Arc<TaskEnd>),
    /// A task ended: in success, in an error, or in a question.
    TaskFinished(Arc<TaskEnd>),
    /// A task's conditional edge was evaluated.
    Branch {
        /// The task.
        #[serde(with = "form::brief")]
        task: Arc<TaskInfo>,
        /// The name of the function.
        name: Key,
        /// The state with the task's own writes.
        input: Shared,
        /// What the function returned.
        output: Value,
    },
    /// A node wrote to the stream.
    Custom {
        /// The task.
        #[serde(with = "form::brief")]
        task: Arc<TaskInfo>,
        /// Any JSON.
        value: Shared,
    },
    /// A node asks a chat model.
    ModelStarted {
        /// The call.
        call: Arc<ModelCall>,
        /// What it was asked.
        messages: Shared,
    },
    /// A piece of a model's answer.
    Chunk {
        /// The call.
        call: Arc<ModelCall>,
        /// The piece.
        chunk: MessageChunk,
    },
    /// A model's answer is complete.
    ModelFinished {
        /// The call.
        call: Arc<ModelCall>,
        /// What it was asked.
        messages: Shared,
        /// The whole answer.
        message: Message,
        /// True when it went out in pieces before.
        streamed: bool,
    },
    /// A node put a message on the stream by hand.
    Message {
        /// The task.
        #[serde(with = "form::brief")]
        task: Arc<TaskInfo>,
        /// The message; it has an id.
        message: Message,
    },
    /// A tool is called.
    ToolStarted {
        /// The call.
        call: Arc<ToolRun>,
        /// Its arguments.
        input: Value,
    },
    /// A tool tells something before it is done.
    ToolDelta {
        /// The call.
        call: Arc<ToolRun>,
        /// Any JSON.
        delta: Value,
    },
    /// A tool is done.
    ToolFinished {
        /// The call.
        call: Arc<ToolRun>,
        /// Its tool message, or what it returned.
        output: Shared,
    },
    /// A tool failed.
    ToolFailed {
        /// The call.
        call: Arc<ToolRun>,
        /// Why.
        failure: Failure,
    },
    /// The run pauses at a breakpoint.
    Paused,
    /// The state was changed by hand, beside any run. Told by whoever owns the thread.
    StateUpdated {
        /// The checkpoint that the change made.
        checkpoint: Uuid,
    },
}

/// A checkpoint with what follows from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckpointFact {
    /// Its id.
    pub id: Uuid,
    /// The checkpoint that it follows.
    pub parent: Option<Uuid>,
    /// True when it was loaded and not made by this run: such a one is told as storage has it.
    pub loaded: bool,
    /// Source, step, parents, and for a loaded one what was stored beside them.
    pub metadata: Metadata,
    /// All state channels that hold a value.
    pub values: Object,
    /// The tasks that it leads to, finished ones included.
    pub tasks: Vec<TaskNote>,
}

/// A task as a checkpoint shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskNote {
    /// The task's id.
    pub id: Uuid,
    /// Its node.
    pub name: Key,
    /// Where it came from.
    pub path: TaskPath,
    /// Why it failed before, if it did.
    pub failure: Option<Failure>,
    /// What it wrote before, if it finished.
    #[serde(with = "form::maybe", default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// What it asks, if it waits.
    pub interrupts: Vec<Interrupt>,
    /// The namespace of the graph that the node holds, if it holds one.
    pub subgraph: Option<String>,
}

/// What is known of a task before it runs.
#[derive(Debug, Serialize, Deserialize)]
pub struct TaskInfo {
    /// Its id, the same in every attempt and after a resume.
    pub id: Uuid,
    /// Its node.
    pub name: Key,
    /// The superstep.
    pub step: i64,
    /// The namespace of the task: its graph's, then `node:id`.
    pub ns: Key,
    /// Where it came from.
    pub path: TaskPath,
    /// The channels that can trigger its node, sorted.
    pub triggers: Arc<[Key]>,
    /// What the node gets.
    #[serde(default, skip_serializing_if = "Shared::is_null")]
    pub input: Shared,
    /// What the node's definition says about it.
    pub metadata: Arc<Map<String, Value>>,
    /// The node's tags.
    pub tags: Arc<[Key]>,
    /// True for tasks that no stream shows (`__start__`).
    pub hidden: bool,
}

/// Where a task came from; tasks apply in the order of their paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskPath {
    /// Channels triggered the node.
    Pull(Key),
    /// A [`SendTo`](crate::SendTo): its place among the packets of the step.
    Push(usize),
    /// The error handler of a failed task.
    Handler(Box<TaskPath>),
    /// A state update by hand: its place in the superstep.
    Update(usize),
    /// The input, or a command, of a run.
    Input,
}

impl TaskPath {
    /// As text, with indices padded so that byte order is task order.
    pub fn text(&self) -> String {
        match self {
            Self::Pull(node) => format!("~__pregel_pull, {node}"),
            Self::Push(index) => format!("~__pregel_push, {index:010}, 0000000000"),
            Self::Handler(failed) => format!("{}, node_error_handler, 0000000000", failed.text()),
            Self::Update(index) => format!("~__interrupt__, {index:010}"),
            Self::Input => "~".to_owned(),
        }
    }

    /// As clients see it.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Pull(node) => serde_json::json!(["__pregel_pull", &**node]),
            Self::Push(index) => serde_json::json!(["__pregel_push", index, false]),
            Self::Handler(failed) => {
                let mut path = failed.to_json();
                if let Value::Array(parts) = &mut path {
                    parts.extend([Value::from("node_error_handler"), Value::from(0)]);
                }
                path
            }
            Self::Update(index) => serde_json::json!(["__interrupt__", index]),
            Self::Input => serde_json::json!([]),
        }
    }
}

/// How a task ended.
#[derive(Debug, Serialize, Deserialize)]
pub struct TaskEnd {
    /// The task.
    pub task: Arc<TaskInfo>,
    /// What it wrote to keys of the state, in order.
    pub written: Vec<(Key, Shared)>,
    /// The keys that the graph shows as output; the others are private.
    pub output_keys: Arc<[Key]>,
    /// False for a task that failed before it wrote anything: streams show no update of it.
    pub updates: bool,
    /// What the node returned, as it returned it; `None` when it did not return.
    #[serde(with = "form::maybe", default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Shared>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// What it asks, with the output keys as they stand, if it waits.
    pub waiting: Option<(Vec<Interrupt>, Object)>,
}

/// One call of a chat model.
#[derive(Debug, Serialize, Deserialize)]
pub struct ModelCall {
    /// The id of the call.
    pub id: Uuid,
    /// The task that makes it.
    #[serde(with = "form::brief")]
    pub task: Arc<TaskInfo>,
    /// The class name of the model, as event streams show it.
    pub name: Key,
    /// The tags of the call.
    pub tags: Vec<Key>,
    /// What the call and the model say about themselves (`ls_provider`, …).
    pub metadata: Map<String, Value>,
}

impl ModelCall {
    /// True when no message stream shows the call.
    pub fn silent(&self) -> bool {
        self.tags.iter().any(|tag| &**tag == "nostream")
    }
}

/// One call of a tool.
#[derive(Debug, Serialize, Deserialize)]
pub struct ToolRun {
    /// The id of this execution.
    pub id: Uuid,
    /// The task that makes it.
    #[serde(with = "form::brief")]
    pub task: Arc<TaskInfo>,
    /// The tool's name.
    pub name: Key,
    /// The id that the model gave its request.
    pub call_id: Key,
}

/// An error as data: a class name of the field's vocabulary, and a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Such as `ValueError` or `GraphRecursionError`.
    pub class: Key,
    /// The whole text. What of it may leave the process, [`public_message`](Self::public_message) says.
    pub message: Key,
    /// True when a client may read the text.
    pub visible: bool,
}

impl Failure {
    /// The text for clients: the error's own, or `An internal error occurred`.
    pub fn public_message(&self) -> &str {
        if self.visible { &self.message } else { "An internal error occurred" }
    }

    /// `{"error": CLASS, "message": TEXT}`, the text masked where it must be.
    pub fn to_json(&self) -> Value {
        serde_json::json!({"error": &*self.class, "message": self.public_message()})
    }

    /// Reads what [`to_json`](Self::to_json) made; what was masked stays masked.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(Key::from);
        Some(Self { class: text("error")?, message: text("message")?, visible: true })
    }

    /// The text that state reads show: `ValueError('boom')`.
    pub fn repr(&self) -> String {
        let text = self.public_message();
        if text.is_empty() {
            return format!("{}()", self.class);
        }
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        format!("{}({quote}{}{quote})", self.class, text.replace('\\', "\\\\"))
    }
}

/// What a run's listeners want; facts that nobody wants are not made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Steps, tasks, custom values: everything but models.
    pub facts: bool,
    /// Models, piece by piece. Models are driven in streaming mode only then.
    pub tokens: bool,
}

impl Interest {
    /// Everything.
    pub const ALL: Self = Self { facts: true, tokens: true };
    /// Nothing.
    pub const NONE: Self = Self { facts: false, tokens: false };
}
