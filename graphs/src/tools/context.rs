//! What a tool may ask of the run that called it.

use std::ops::Deref;

use eddyline_engine::NodeContext;
use eddyline_engine::message::ToolCall;
use eddyline_engine::node::ToolStream;
use serde_json::Value;

/// The call, and the run around it: all that a node may ask, a tool may ask too, such as a person
/// ([`interrupt`](NodeContext::interrupt)).
///
/// Every call is a task of its own, so the questions of tools that run at once do not get mixed up.
#[derive(Clone, Debug)]
pub struct ToolContext {
    pub(crate) ctx: NodeContext,
    pub(crate) call: ToolCall,
    pub(crate) stream: ToolStream,
}

impl ToolContext {
    /// The call that is answered.
    pub fn call(&self) -> &ToolCall {
        &self.call
    }

    /// Tells those who watch the tool how it is getting on: any JSON, seen in the stream mode `tools`.
    ///
    /// Waits while the stream is full.
    pub async fn progress(&self, delta: impl Into<Value>) {
        self.stream.write(delta.into()).await;
    }
}

impl Deref for ToolContext {
    type Target = NodeContext;

    fn deref(&self) -> &NodeContext {
        &self.ctx
    }
}
