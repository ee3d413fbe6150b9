//! Tools for models: an async function whose arguments' type is its schema, a request over HTTP, or what an MCP server
//! has.
//!
//! Knows nothing of graphs: who calls tools is [`prebuilt::ToolNode`](crate::prebuilt::ToolNode).

mod context;
mod errors;
mod function;
mod http;
mod mcp;
mod placeholders;
mod reply;

use std::fmt;
use std::sync::Arc;

use eddyline_engine::NodeError;
use eddyline_engine::message::ToolCall;
use eddyline_engine::model::ToolSpec;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

pub use context::ToolContext;
pub use errors::ToolErrors;
pub use function::IntoTool;
pub use http::{HttpTool, HttpToolError};
pub use mcp::{McpError, McpServer};
pub(crate) use reply::Answered;
pub use reply::{IntoReply, Json, Reply};

type Run = dyn Fn(ToolCall, ToolContext) -> BoxFuture<'static, Result<Reply, NodeError>> + Send + Sync;

/// Something that a model may ask for.
///
/// ```
/// use eddyline_engine::prelude::*;
/// use eddyline_graphs::tools::{Tool, ToolContext};
///
/// #[view]
/// struct Search {
///     /// What to look for.
///     query: String,
/// }
///
/// let search =
///     Tool::new("search", "Looks something up.", async |args: Search| Ok(format!("sunny in {}", args.query)));
/// assert_eq!(search.spec().parameters["properties"]["query"]["description"], "What to look for.");
///
/// // A second parameter asks for the run around the call: here, to ask a person.
/// let publish = Tool::new("publish", "Publishes a text.", async |args: Search, ctx: ToolContext| {
///     let sure: bool = ctx.interrupt(json!({ "publish": args.query }))?;
///     Ok(if sure { "published" } else { "the person said no" })
/// });
/// # let _ = publish;
/// ```
#[derive(Clone)]
pub struct Tool {
    spec: ToolSpec,
    run: Arc<Run>,
    errors: Option<ToolErrors>,
    reviewed: bool,
}

impl Tool {
    /// A tool of this name. The description, and the documentation of the arguments' fields, tell the model what it
    /// is for.
    ///
    /// `function` is an async function of the arguments, any type with `Deserialize` and `JsonSchema` such as a
    /// `#[view]`; a second parameter asks for the [`ToolContext`]. It returns what the model is told: text, [`Json`],
    /// a message, or a command with it.
    pub fn new<M>(name: &str, description: &str, function: impl IntoTool<M>) -> Self {
        Self::made(function.spec(name, description), function.into_run())
    }

    /// A tool whose arguments are known only now, such as one of another process.
    pub fn dynamic<F, Fut, R>(spec: ToolSpec, function: F) -> Self
    where
        F: Fn(ToolCall, ToolContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, NodeError>> + Send + 'static,
        R: IntoReply,
    {
        let run = move |call, ctx| {
            let running = function(call, ctx);
            async { running.await?.into_reply() }.boxed()
        };
        Self::made(spec, Arc::new(run))
    }

    fn made(spec: ToolSpec, run: Arc<Run>) -> Self {
        Self { spec, run, errors: None, reviewed: false }
    }

    /// What becomes of its errors, whatever the node that calls it does with others.
    pub fn errors(mut self, errors: ToolErrors) -> Self {
        self.errors = Some(errors);
        self
    }

    /// Has a person look at each call first: an [`Agent`](crate::prebuilt::Agent) asks, and goes on when the call is
    /// approved, changed or refused.
    pub fn reviewed(mut self) -> Self {
        self.reviewed = true;
        self
    }

    /// As a model is told of it.
    pub fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    pub(crate) fn is_reviewed(&self) -> bool {
        self.reviewed
    }

    pub(crate) fn own_errors(&self) -> Option<&ToolErrors> {
        self.errors.as_ref()
    }

    /// Runs once. Dropping the future ends it where it stands.
    pub(crate) fn call(
        &self,
        call: ToolCall,
        ctx: ToolContext,
    ) -> BoxFuture<'static, Result<Reply, NodeError>> {
        (self.run)(call, ctx)
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool").field("spec", &self.spec).finish_non_exhaustive()
    }
}
