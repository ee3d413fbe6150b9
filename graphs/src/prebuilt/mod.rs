//! Parts of graphs that many graphs have: a node that calls tools, and a whole agent.
//!
//! Each compiles to ordinary nodes and edges; nothing here can do what a graph by hand could not.

mod agent;
mod asked;
mod review;
mod tool_node;

pub use agent::{Agent, AgentState};
pub use tool_node::{ToolNode, ask_tools};
