//! Parts of graphs that many graphs have: a node that calls tools, an agent, one that hands over to others.
//!
//! Each compiles to ordinary nodes and edges; nothing here can do what a graph by hand could not.

mod agent;
mod asked;
mod model;
mod review;
mod summary;
mod supervisor;
mod tool_node;

pub use agent::{Agent, AgentState};
pub use summary::Summary;
pub use supervisor::Supervisor;
pub use tool_node::{ToolNode, ask_tools};
pub(crate) use tool_node::{conversation, sends};

/// What is said in place of calls that may not be made any more.
const OUT_OF_TURNS: &str = "Sorry, need more steps to process this request.";
