//! An agent in a few lines: a model that goes by a name, a function as its tool, a prompt, a limit.

use eddyline_engine::prelude::*;

use crate::prebuilt::{Agent, AgentState};
use crate::tools::Tool;

/// What `search` takes.
#[view]
struct Search {
    /// What to look for.
    query: String,
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<AgentState>, CompileError> {
    let search = Tool::new("search", "Looks something up.", async |args: Search| {
        Ok(format!("sunny in {}", args.query))
    });
    Agent::new("openai:gpt-4o-mini").tool(search).prompt("Be brief.").max_turns(8).compile()
}
