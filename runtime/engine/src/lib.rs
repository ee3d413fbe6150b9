//! Agent graphs: what a graph is, and how a superstep is planned, applied and driven.
//!
//! Pure: no I/O, no clock, no async runtime. What needs one goes through [`Host`], so a graph can be
//! written, run, tested and drawn anywhere.
//!
//! The shortest way in is the [`prelude`]; [`StateGraph`] shows a graph.

extern crate self as eddyline_engine;

pub mod channel;
pub mod checkpoint;
mod command;
pub mod config;
pub mod driver;
mod error;
pub mod fact;
pub mod graph;
mod host;
pub mod ids;
pub mod local;
pub mod message;
pub mod model;
pub mod node;
mod pregel;
pub mod project;
pub mod snapshot;
pub mod state;
pub mod store;
pub mod testing;
pub mod update;
mod value;

pub use eddyline_engine_macros::{state, view};

pub use command::{AnyCommand, END, Goto, Interrupt, Overwrite, START, SendTo, answers_by_id};
pub use config::RunConfig;
pub use driver::{Finished, RunInput, drive};
pub use error::{NodeError, Result, RunError};
pub use graph::{CompileError, CompiledGraph, Graph, StateGraph};
pub use host::{CacheKey, Host, StorageError, Which};
pub use message::{Message, Messages};
pub use node::{Command, NodeContext};
pub use state::{State, Update};
pub use value::{Key, Object, ReadError, Shared};

/// What a graph is written with: one import.
pub mod prelude {
    pub use crate::command::{END, Goto, Interrupt, Overwrite, START, SendTo};
    pub use crate::error::{NodeError, Result};
    pub use crate::graph::{CompileError, CompiledGraph, NodeDef as Node, StateGraph};
    pub use crate::message::{Message, MessageChunk, Messages, ToolCall};
    pub use crate::messages_state::MessagesState;
    pub use crate::model::{ChatModel, ToolSpec};
    pub use crate::node::{CachePolicy, Command, NodeContext, RetryPolicy, TimeoutPolicy};
    pub use crate::state::{State, Update};
    pub use crate::{state, view};
    pub use serde_json::{Value, json};
}

mod messages_state;

/// For the code that `#[state]` makes.
#[doc(hidden)]
pub mod __private {
    pub use {schemars, serde, serde_json};
}
