//! The dialect of OpenAI's chat completions, which most providers and local servers speak.

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

/// A model behind OpenAI's chat completions API, or behind any server that speaks it: Azure, Ollama, vLLM,
/// llama.cpp, LM Studio, OpenRouter, Groq, Mistral, DeepSeek, ….
///
/// Answers stream. A request that fails is made again, with growing waits, as long as no piece has come; after that
/// the provider's error ends the answer. Dropping the answer closes the connection.
///
/// Reasoning comes in blocks of type `reasoning`; an answer without it is plain text. What the provider tells of the
/// answer, its usage too, stands on the last piece.
///
/// ```
/// use eddyline_graphs::models::OpenAi;
///
/// let house = OpenAi::new("qwen3").base_url("http://localhost:8000/v1").option("temperature", 0.2);
/// let azure = OpenAi::new("gpt-4o-mini")
///     .base_url("https://example.openai.azure.com/openai/v1")
///     .key_header("api-key")
///     .key("…");
/// # let _ = (house, azure);
/// ```
#[derive(Clone, Debug)]
pub struct OpenAi {
    provider: String,
    model: String,
    endpoint: Endpoint,
    options: Map<String, Value>,
}

impl OpenAi {
    /// OpenAI's model of this name, without a key.
    pub fn new(model: impl Into<String>) -> Self {
        let options = [
            ("stream".to_owned(), true.into()),
            ("stream_options".to_owned(), serde_json::json!({ "include_usage": true })),
        ];
        Self {
            provider: "openai".to_owned(),
            model: model.into(),
            endpoint: Endpoint::new(
                "https://api.openai.com/v1",
                "chat/completions",
                "authorization",
                "Bearer ",
            ),
            options: options.into_iter().collect(),
        }
    }

    /// Whose model it is, as message streams tell it (`ls_provider`).
    pub fn provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = provider.into();
        self
    }

    /// Asks there, at `chat/completions` below this address. A query stays, such as Azure's `?api-version=…`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint.base = url.into();
        self
    }

    /// Sends this key.
    pub fn key(mut self, key: impl Into<SecretString>) -> Self {
        self.endpoint.key = Some(key.into());
        self
    }

    /// Sends the key in this header, bare, and not in `authorization`.
    pub fn key_header(mut self, name: impl Into<String>) -> Self {
        self.endpoint.key_header = (name.into(), "");
        self
    }

    /// Sends one more header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<SecretString>) -> Self {
        self.endpoint.header(name, value);
        self
    }

    /// On whose account (`OpenAI-Organization`).
    pub fn organization(self, organization: impl Into<SecretString>) -> Self {
        self.header("openai-organization", organization)
    }

    /// Says this in the body of every request, such as `temperature`; a call's own options win. Null leaves out what
    /// is said otherwise, such as `stream_options` for a server that does not know it.
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

impl ChatModel for OpenAi {
    fn name(&self) -> &'static str {
        "ChatOpenAI"
    }

    fn stream(&self, request: ModelRequest) -> BoxStream<'static, Result<MessageChunk, NodeError>> {
        answer::<reader::OpenAiReader>(
            self.endpoint.clone(),
            &request::body(&self.model, &self.options, &request),
        )
    }

    fn metadata(&self) -> Map<String, Value> {
        super::metadata(&self.provider, &self.model, &self.options)
    }
}
