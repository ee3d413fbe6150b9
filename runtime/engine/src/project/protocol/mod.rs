//! The streaming protocol as a fold over facts: all runs of a thread, as events of channels.
//!
//! Pure, as the classic modes are. What an event is called and what it says is decided here; which bytes it becomes,
//! and which of them a client wants, a transport sees to.

mod blocks;
mod filter;
mod fold;
mod graphs;
mod messages;
mod payload;
mod plain;
mod tools;
mod tree;

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use crate::ids::Timestamp;
use crate::value::Key;

pub use filter::{Filter, Interest};
pub use fold::Protocol;
pub use tree::Tree;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// The state after each superstep.
    Values,
    /// What each task wrote.
    Updates,
    /// Answers of models, block by block.
    Messages,
    /// Calls of tools.
    Tools,
    /// Beginnings and ends of runs and nested graphs.
    Lifecycle,
    /// Questions to people, and that they were answered.
    Input,
    /// Checkpoints, each before the values that it holds.
    Checkpoints,
    /// Beginnings and ends of tasks.
    Tasks,
    /// What nodes write themselves.
    Custom,
}

impl Channel {
    /// Every channel with the name that the protocol gives it, in the protocol's order.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Values, "values"),
        (Self::Updates, "updates"),
        (Self::Messages, "messages"),
        (Self::Tools, "tools"),
        (Self::Lifecycle, "lifecycle"),
        (Self::Input, "input"),
        (Self::Checkpoints, "checkpoints"),
        (Self::Tasks, "tasks"),
        (Self::Custom, "custom"),
    ];

    /// The name that the protocol gives it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(channel, _)| *channel == self).map_or("", |(_, name)| name)
    }

    /// The channel of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(channel, _)| *channel)
    }
}

/// Something that happened on a thread, as clients of the protocol see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What it is about.
    pub channel: Channel,
    /// What clients call it: the channel's name, but for the channel of questions.
    pub method: &'static str,
    /// The namespace of the graph in which it happened, level by level; empty for the root.
    pub ns: Vec<Key>,
    /// When.
    pub at: Timestamp,
    /// The node that it comes from, where one does.
    pub node: Option<Key>,
    /// Its place among the events of its fact.
    pub place: Place,
    /// Its name among all events of the thread, if it follows from what it says; `None` for one that is named by its
    /// number.
    pub name: Option<Name>,
    /// What it says.
    pub data: Value,
}

/// How many places the events of one fact have.
pub const PLACES: u64 = 1 << 9;

/// How many of them are for events that follow from what was told before.
///
/// They come first, and have places of their own: a reader who does not know what was told before does not see them,
/// and finds all others where everybody finds them.
const EARLY: u64 = PLACES / 2;

/// Where an event stands among those of its fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Less than [`PLACES`].
    pub number: u64,
    /// Which of those it is that share the last place, because there are more events than places.
    pub beyond: Option<u64>,
}

impl Place {
    fn early(index: u64) -> Self {
        let beyond = (index >= EARLY).then_some(index);
        Self { number: index.min(EARLY - 1), beyond }
    }

    fn late(index: u64) -> Self {
        let beyond = (index >= PLACES - EARLY).then_some(index);
        Self { number: (EARLY + index).min(PLACES - 1), beyond }
    }
}

/// The name of an event that there is once in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    run_id: Uuid,
    parts: Arc<str>,
}

impl Name {
    /// `parts` are joined by `|`; the levels of a namespace within one of them by `/`.
    fn new(run_id: Uuid, kind: &str, ns: &[Key], last: &str) -> Self {
        let ns = ns.join("/");
        Self { run_id, parts: format!("{kind}|{ns}|{last}").into() }
    }
}

impl std::fmt::Display for Name {
    /// Clients read the id of the run off it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "synth:{}:{}", self.run_id, self.parts)
    }
}

impl Event {
    /// The name by which `custom:NAME` finds it, if it is such an event and has one.
    pub fn custom_name(&self) -> Option<&str> {
        (self.channel == Channel::Custom).then(|| self.data.get("name")?.as_str()).flatten()
    }

    /// Milliseconds since 1970.
    pub fn millis(&self) -> i64 {
        self.at.0.div_euclid(1000)
    }
}
