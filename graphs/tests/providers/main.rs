//! Providers, against a server on this machine that replays their documented streams.

mod faults;
mod server;
mod streams;

use eddyline_engine::NodeError;
use eddyline_engine::message::MessageChunk;
use eddyline_engine::model::{ChatModel, ModelRequest};
use futures_util::StreamExt;

/// A key that must be found nowhere.
const KEY: &str = "sk-canary-0123456789";

fn question() -> ModelRequest {
    ModelRequest { messages: "hi".into(), ..ModelRequest::default() }
}

/// Everything that a model streams for an answer.
async fn pieces(model: &dyn ChatModel) -> Vec<Result<MessageChunk, NodeError>> {
    model.stream(question()).collect().await
}
