//! Streams as folds over facts: the classic stream modes of the LangGraph API, and the channels of the streaming
//! protocol.
//!
//! Pure: a fold is told facts in order and says what a client of those modes sees. Payloads are data;
//! how they become frames is a transport's business.

mod classic;
mod events;
mod messages;
mod payload;
pub mod protocol;

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::command::Interrupt;
use crate::value::{Key, Object};

pub use classic::Classic;

/// What a client wants to see of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// The state after each superstep.
    Values,
    /// What each task wrote.
    Updates,
    /// Model tokens, added up to whole messages as they grow.
    Messages,
    /// Model tokens as they come, each with its metadata.
    MessagesTuple,
    /// What nodes write themselves.
    Custom,
    /// Beginnings and ends of tasks.
    Tasks,
    /// Checkpoints with the tasks that they lead to.
    Checkpoints,
    /// Tasks and checkpoints, wrapped with step and time.
    Debug,
    /// Everything that runs, as nested runs with beginnings and ends.
    Events,
    /// Beginnings, ends and partial results of tools.
    Tools,
}

impl Mode {
    /// Every mode with the name that the API gives it.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Values, "values"),
        (Self::Updates, "updates"),
        (Self::Messages, "messages"),
        (Self::MessagesTuple, "messages-tuple"),
        (Self::Custom, "custom"),
        (Self::Tasks, "tasks"),
        (Self::Checkpoints, "checkpoints"),
        (Self::Debug, "debug"),
        (Self::Events, "events"),
        (Self::Tools, "tools"),
    ];

    /// The name that the API gives it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(mode, _)| *mode == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No stream mode goes by this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown stream mode `{0}`; known are values, updates, messages, messages-tuple, custom, tasks, checkpoints, debug, events, tools"
)]
pub struct UnknownMode(pub String);

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(name: &str) -> Result<Self, UnknownMode> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(mode, _)| *mode).ok_or_else(|| UnknownMode(name.to_owned()))
    }
}

/// A set of modes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modes(Vec<Mode>);

impl Modes {
    /// Whether the set has `mode`.
    pub fn has(&self, mode: Mode) -> bool {
        self.0.contains(&mode)
    }

    /// The modes, in the order in which they were asked for.
    pub fn iter(&self) -> impl Iterator<Item = Mode> + '_ {
        self.0.iter().copied()
    }

    /// Whether models have to be driven piece by piece for these modes.
    pub fn want_tokens(&self) -> bool {
        [Mode::Messages, Mode::MessagesTuple, Mode::Events].iter().any(|mode| self.has(*mode))
    }
}

impl FromIterator<Mode> for Modes {
    fn from_iter<I: IntoIterator<Item = Mode>>(modes: I) -> Self {
        Self(modes.into_iter().collect())
    }
}

impl<const N: usize> From<[Mode; N]> for Modes {
    fn from(modes: [Mode; N]) -> Self {
        modes.into_iter().collect()
    }
}

impl From<Mode> for Modes {
    fn from(mode: Mode) -> Self {
        Self(vec![mode])
    }
}

/// Something that a client sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The namespace of the graph that it is about, level by level; empty for the root, and for everything
    /// that names no level.
    pub ns: Vec<Key>,
    /// What it says.
    pub data: Data,
}

/// What an event says, by stream mode.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// The first event of every attempt: `{"run_id", "attempt"}`.
    Metadata(Value),
    /// The state, and the questions that it waits for.
    Values {
        /// The output keys.
        values: Object,
        /// Only in the event that a question makes.
        interrupts: Option<Vec<Interrupt>>,
    },
    /// What a node wrote: an object, `null` for nothing, or a list of objects when it wrote a key twice.
    Updates {
        /// The node.
        node: Key,
        /// What it wrote.
        update: Value,
        /// True when the node did not run: its writes were stored or cached.
        cached: bool,
    },
    /// The run waits: for answers, or at a breakpoint when the list is empty.
    Interrupted(Vec<Interrupt>),
    /// A message or a piece of one, with its metadata.
    Messages {
        /// A message, or an `AIMessageChunk`.
        chunk: Value,
        /// Run, node and model that it comes from.
        metadata: Value,
    },
    /// The first sight of a message: `{ID: {"metadata": …}}`.
    MessagesMetadata(Value),
    /// A list of one message that is still growing.
    MessagesPartial(Value),
    /// A list of one message that came whole.
    MessagesComplete(Value),
    /// What a node wrote to the stream.
    Custom(Value),
    /// The beginning or the end of a task.
    Tasks(Value),
    /// A checkpoint.
    Checkpoints(Value),
    /// A task or a checkpoint with step and time.
    Debug(Value),
    /// The beginning, a piece or the end of something that runs.
    Events(Value),
    /// Something about a tool.
    Tools(Value),
    /// The last event of a run that failed: `{"error", "message"}`.
    Error(Value),
}

impl Data {
    /// The name of the event without its namespace.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Metadata(_) => "metadata",
            Self::Values { .. } => "values",
            Self::Updates { .. } | Self::Interrupted(_) => "updates",
            Self::Messages { .. } => "messages",
            Self::MessagesMetadata(_) => "messages/metadata",
            Self::MessagesPartial(_) => "messages/partial",
            Self::MessagesComplete(_) => "messages/complete",
            Self::Custom(_) => "custom",
            Self::Tasks(_) => "tasks",
            Self::Checkpoints(_) => "checkpoints",
            Self::Debug(_) => "debug",
            Self::Events(_) => "events",
            Self::Tools(_) => "tools",
            Self::Error(_) => "error",
        }
    }

    /// The JSON that clients see.
    pub fn payload(&self) -> Value {
        match self {
            Self::Values { values, interrupts } => payload::values(values, interrupts.as_deref()),
            Self::Updates { node, update, cached } => payload::updates(node, update, *cached),
            Self::Interrupted(interrupts) => payload::interrupted(interrupts),
            Self::Messages { chunk, metadata } => Value::Array(vec![chunk.clone(), metadata.clone()]),
            Self::Metadata(value)
            | Self::MessagesMetadata(value)
            | Self::MessagesPartial(value)
            | Self::MessagesComplete(value)
            | Self::Custom(value)
            | Self::Tasks(value)
            | Self::Checkpoints(value)
            | Self::Debug(value)
            | Self::Events(value)
            | Self::Tools(value)
            | Self::Error(value) => value.clone(),
        }
    }
}

impl Event {
    /// The name of the event with its namespace: `updates|outer:ID`.
    pub fn name(&self) -> String {
        let mut name = self.data.name().to_owned();
        for level in &self.ns {
            name.push('|');
            name.push_str(level);
        }
        name
    }
}
