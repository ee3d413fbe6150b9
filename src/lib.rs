//! An embedded, actor-based runtime for agent graphs, and a server that speaks the LangGraph API.
//!
//! This crate is the face of the project: a graph is written with the [`prelude`], run here with `invoke`
//! and `stream`, kept on threads by a [`Runtime`], and served to clients by a [`Server`].
//!
//! ```
//! use eddyline::prelude::*;
//!
//! #[state]
//! struct Joke {
//!     topic: String,
//!     joke: Option<String>,
//! }
//!
//! async fn refine_topic(state: Joke) -> Update<Joke> {
//!     Joke::update().topic(state.topic + " and cats")
//! }
//!
//! async fn generate_joke(state: Joke) -> Update<Joke> {
//!     Joke::update().joke(format!("This is a joke about {}", state.topic))
//! }
//!
//! fn graph() -> Result<CompiledGraph<Joke>, CompileError> {
//!     StateGraph::<Joke>::new()
//!         .node("refine_topic", refine_topic)
//!         .node("generate_joke", generate_joke)
//!         .edge(START, "refine_topic")
//!         .edge("refine_topic", "generate_joke")
//!         .compile()
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> anyhow::Result<()> {
//! let mut events = graph()?.stream(Joke::update().topic("ice cream")).modes([Mode::Updates, Mode::Custom]);
//! let mut seen = Vec::new();
//! while let Some(event) = events.next().await {
//!     if let Data::Updates { node, update, .. } = event?.data {
//!         seen.push(format!("{node}: {update}"));
//!     }
//! }
//! assert_eq!(seen, [
//!     r#"refine_topic: {"topic":"ice cream and cats"}"#,
//!     r#"generate_joke: {"joke":"This is a joke about ice cream and cats"}"#,
//! ]);
//! # Ok(())
//! # }
//! ```

mod error;
mod graph_files;
mod jwt;
mod key_file;
mod logging;
mod lossy;
mod server;
mod signals;

pub use eddyline_config as settings;
pub use eddyline_config::Settings;
pub use eddyline_engine::*;
pub use eddyline_graphs as graphs;
pub use eddyline_runtime as runtime;
pub use eddyline_runtime::{Handle, Options, RunHere, Runtime};
pub use eddyline_transports as transports;
pub use eddyline_transports::{Shutdown, Transport};

pub use error::Error;
pub use jwt::TokenKeyError;
pub use key_file::{KeyFile, KeyFileError, KeyRecord, NewKey, Role};
pub use server::Server;

/// What a program that writes graphs and runs them imports: one line.
pub mod prelude {
    pub use eddyline_engine::local::Memory;
    pub use eddyline_engine::prelude::*;
    pub use eddyline_engine::project::{Data, Mode};
    pub use eddyline_graphs::prebuilt::{Agent, AgentState};
    pub use eddyline_graphs::tools::{Tool, ToolContext};
    pub use eddyline_runtime::RunHere;
}

/// The examples of the README, which must run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Those of the guide to agents and tools.
#[cfg(doctest)]
#[doc = include_str!("../docs/agents.md")]
struct Agents;

/// That of the guide to authentication.
#[cfg(doctest)]
#[doc = include_str!("../docs/authentication.md")]
struct Authentication;
