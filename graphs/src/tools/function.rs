//! Async functions as tools.

use std::sync::Arc;

use eddyline_engine::NodeError;
use eddyline_engine::message::ToolCall;
use eddyline_engine::model::ToolSpec;
use futures_util::FutureExt;
use futures_util::future::ready;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{IntoReply, Run, ToolContext};

/// Turns async functions into tools: of the arguments, and of the [`ToolContext`] if they want it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    label = "not a tool",
    note = "a tool is an `async fn(Args) -> Result<impl IntoReply>`, with a `ToolContext` as second parameter if it wants one",
    note = "its arguments must be `Deserialize` and `JsonSchema`, as a `#[view]` is; its future must be `Send`"
)]
pub trait IntoTool<Marker> {
    /// As a model is told of it.
    fn spec(&self, name: &str, description: &str) -> ToolSpec;

    /// The function, its types forgotten.
    #[doc(hidden)]
    fn into_run(self) -> Arc<Run>;
}

fn read<A: DeserializeOwned>(call: &ToolCall) -> Result<A, NodeError> {
    call.read()
        .map_err(|error| NodeError::visible("ValueError", format!("cannot read the arguments: {error}")))
}

impl<F, A, Fut, R> IntoTool<(A, Fut, R)> for F
where
    F: Fn(A) -> Fut + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema + 'static,
    Fut: Future<Output = Result<R, NodeError>> + Send + 'static,
    R: IntoReply,
{
    fn spec(&self, name: &str, description: &str) -> ToolSpec {
        ToolSpec::of::<A>(name, description)
    }

    fn into_run(self) -> Arc<Run> {
        Arc::new(move |call, _| match read(&call) {
            Ok(args) => self(args).map(|returned| returned?.into_reply()).boxed(),
            Err(error) => ready(Err(error)).boxed(),
        })
    }
}

impl<F, A, Fut, R> IntoTool<(A, ToolContext, Fut, R)> for F
where
    F: Fn(A, ToolContext) -> Fut + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema + 'static,
    Fut: Future<Output = Result<R, NodeError>> + Send + 'static,
    R: IntoReply,
{
    fn spec(&self, name: &str, description: &str) -> ToolSpec {
        ToolSpec::of::<A>(name, description)
    }

    fn into_run(self) -> Arc<Run> {
        Arc::new(move |call, ctx| match read(&call) {
            Ok(args) => self(args, ctx).map(|returned| returned?.into_reply()).boxed(),
            Err(error) => ready(Err(error)).boxed(),
        })
    }
}
