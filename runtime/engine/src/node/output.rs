//! What a node may return.

use std::marker::PhantomData;

use serde_json::Value;

use crate::command::{Goto, SendTo};
use crate::error::NodeError;
use crate::state::{State, Update, Writes};
use crate::value::Shared;

/// What a node returned, its type forgotten.
#[derive(Clone, Debug)]
pub struct Output(pub(crate) Returned);

/// The shapes that a return value can have (LangGraph's node return values).
#[derive(Clone, Debug)]
pub(crate) enum Returned {
    Nothing,
    Update(Writes),
    Command {
        parent: bool,
        update: Option<Writes>,
        goto: Vec<Goto>,
    },
    Many(Vec<Output>),
    Send(SendTo),
    /// Any JSON: an object is an update, `null` is nothing, the rest is an error.
    Value(Shared),
    /// The whole output of a nested graph, of which the keys that the state has are an update.
    Graph(crate::value::Object),
}

impl Output {
    /// Changes nothing.
    pub fn nothing() -> Self {
        Self(Returned::Nothing)
    }

    /// Writes some keys.
    pub fn update(writes: impl Into<Writes>) -> Self {
        Self(Returned::Update(writes.into()))
    }

    /// A value whose shape is known only now: an object is an update, `null` is nothing.
    pub fn value(value: impl Into<Shared>) -> Self {
        Self(Returned::Value(value.into()))
    }

    pub(crate) fn graph(output: crate::value::Object) -> Self {
        Self(Returned::Graph(output))
    }
}

/// Says where to go next, beside what the edges say, and may update the state on the way.
///
/// ```
/// # use eddyline_engine::prelude::*;
/// # #[state] struct Joke { topic: String, joke: Option<String> }
/// async fn decide(state: Joke) -> Command<Joke> {
///     let next = if state.topic == "l" { "left" } else { "right" };
///     Command::goto(next).update(Joke::update().joke("decided"))
/// }
/// ```
#[derive(Debug)]
pub struct Command<S> {
    parent: bool,
    update: Option<Writes>,
    goto: Vec<Goto>,
    state: PhantomData<fn() -> S>,
}

impl<S> Default for Command<S> {
    fn default() -> Self {
        Self { parent: false, update: None, goto: Vec::new(), state: PhantomData }
    }
}

impl<S> Command<S> {
    /// Goes to a node, or sends a packet to one.
    ///
    /// A node that the graph does not have is logged and not gone to.
    pub fn goto(target: impl Into<Goto>) -> Self {
        Self { goto: vec![target.into()], ..Self::default() }
    }

    /// Goes nowhere in particular.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes there too.
    pub fn and_goto(mut self, target: impl Into<Goto>) -> Self {
        self.goto.push(target.into());
        self
    }

    /// Addresses the graph around this one instead: `S` is its state, the targets are its nodes.
    pub fn to_parent(mut self) -> Self {
        self.parent = true;
        self
    }
}

impl<S: State> Command<S> {
    /// Writes some keys.
    pub fn update(mut self, update: Update<S>) -> Self {
        self.update = Some(update.into());
        self
    }
}

impl Command<Value> {
    /// Writes some keys of a state that is known only at run time.
    pub fn write(mut self, writes: impl Into<Writes>) -> Self {
        self.update = Some(writes.into());
        self
    }
}

impl<S> From<Command<S>> for Output {
    fn from(command: Command<S>) -> Self {
        let Command { parent, update, goto, .. } = command;
        Self(Returned::Command { parent, update, goto })
    }
}

/// What a node of a graph with state `S` may return: an [`Update<S>`](Update), a [`Command`], several of
/// them, a [`SendTo`], nothing, JSON, and each of these in a `Result` or an `Option`.
#[diagnostic::on_unimplemented(
    message = "a node of a graph with state `{S}` cannot return `{Self}`",
    label = "expected `Update<{S}>`, `Command<{S}>`, `()`, or a `Result` of one of them",
    note = "a whole state is not an update: it would append every list to itself; return `{S}::update().key(value)`"
)]
pub trait IntoOutput<S> {
    /// The return value, its type forgotten.
    fn into_output(self) -> Result<Output, NodeError>;
}

impl<S> IntoOutput<S> for Output {
    fn into_output(self) -> Result<Output, NodeError> {
        Ok(self)
    }
}

impl<S> IntoOutput<S> for () {
    fn into_output(self) -> Result<Output, NodeError> {
        Ok(Output::nothing())
    }
}

impl<S> IntoOutput<S> for Value {
    fn into_output(self) -> Result<Output, NodeError> {
        Ok(Output::value(self))
    }
}

impl<S> IntoOutput<S> for SendTo {
    fn into_output(self) -> Result<Output, NodeError> {
        Ok(Output(Returned::Send(self)))
    }
}

impl<S, T> IntoOutput<S> for Command<T> {
    fn into_output(self) -> Result<Output, NodeError> {
        Ok(self.into())
    }
}

impl<S, T: IntoOutput<S>> IntoOutput<S> for Vec<T> {
    fn into_output(self) -> Result<Output, NodeError> {
        let outputs: Result<Vec<_>, _> = self.into_iter().map(IntoOutput::into_output).collect();
        Ok(Output(Returned::Many(outputs?)))
    }
}

impl<S, T: IntoOutput<S>> IntoOutput<S> for Option<T> {
    fn into_output(self) -> Result<Output, NodeError> {
        self.map_or(Ok(Output::nothing()), IntoOutput::into_output)
    }
}

impl<S, T: IntoOutput<S>, E: Into<NodeError>> IntoOutput<S> for Result<T, E> {
    fn into_output(self) -> Result<Output, NodeError> {
        self.map_err(Into::into)?.into_output()
    }
}
