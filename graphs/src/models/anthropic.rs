//! The dialect of Anthropic's messages.

use std::time::Duration;

use eddyline_engine::NodeError;
use eddyline_engine::message::MessageChunk;
use eddyline_engine::model::{ChatModel, ModelRequest};
use futures_util::stream::BoxStream;
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::answer::answer;
use super::endpoint::Endpoint;

mod reader;
mod request;

/// A model behind Anthropic's messages API.
///
/// Answers stream. A request that fails is made again, with growing waits, as long as no piece has come; after that
/// the provider's error ends the answer. Dropping the answer closes the connection.
///
/// Thinking comes in blocks of type `reasoning`, with the signature that the API wants to see again; an answer without
/// it is plain text. What the provider tells of the answer, its usage too, stands on the last piece. Tools that the
/// provider runs itself are not shown.
///
/// ```
/// use eddyline_graphs::models::Anthropic;
///
/// let model = Anthropic::new("claude-sonnet-4-5").option("max_tokens", 2_000).key("…");
/// # let _ = model;
/// ```
#[derive(Clone, Debug)]
pub struct Anthropic {
    model: String,
    endpoint: Endpoint,
    options: Map<String, Value>,
}

/// How long an answer may be, in tokens, when nobody says; the API wants to be told.
const MAX_TOKENS: u64 = 8_192;

impl Anthropic {
    /// Anthropic's model of this name, without a key.
    pub fn new(model: impl Into<String>) -> Self {
        let mut endpoint = Endpoint::new("https://api.anthropic.com", "v1/messages", "x-api-key", "");
        endpoint.version = Some(("anthropic-version", "2023-06-01"));
        let options = [("stream".to_owned(), true.into()), ("max_tokens".to_owned(), MAX_TOKENS.into())];
        Self { model: model.into(), endpoint, options: options.into_iter().collect() }
    }

    /// Asks there, at `v1/messages` below this address.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint.base = url.into();
        self
    }

    /// Sends this key.
    pub fn key(mut self, key: impl Into<SecretString>) -> Self {
        self.endpoint.key = Some(key.into());
        self
    }

    /// Sends one more header, such as `anthropic-beta`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<SecretString>) -> Self {
        self.endpoint.header(name, value);
        self
    }

    /// Says this in the body of every request, such as `max_tokens` or `thinking`; a call's own options win. Null
    /// leaves out what is said otherwise.
    pub fn option(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.options.insert(key.into(), value.into());
        self
    }

    /// Makes a failed request again so many times; twice when nothing is said.
    pub fn retries(mut self, retries: usize) -> Self {
        self.endpoint.retries = retries;
        self
    }

    /// Gives up when the provider is silent for so long, before the answer or in it; 5 minutes when nothing is said.
    pub fn timeout(mut self, patience: Duration) -> Self {
        self.endpoint.patience = patience;
        self
    }
}

impl ChatModel for Anthropic {
    fn name(&self) -> &'static str {
        "ChatAnthropic"
    }

    fn stream(&self, request: ModelRequest) -> BoxStream<'static, Result<MessageChunk, NodeError>> {
        answer::<reader::AnthropicReader>(
            self.endpoint.clone(),
            &request::body(&self.model, &self.options, &request),
        )
    }

    fn metadata(&self) -> Map<String, Value> {
        super::metadata("anthropic", &self.model, &self.options)
    }
}
