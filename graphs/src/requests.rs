//! Requests over HTTP to URLs that files, programs and models have a say in: guarded, limited, and without the URL in
//! what is said of a failure.

use std::time::Duration;

use eddyline_engine::prelude::NodeError;
use eddyline_net::Guard;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::text::spoken;

/// How requests are made, whatever they ask.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    pub(crate) guard: Guard,
    /// How long one may take, its answer included.
    pub(crate) timeout: Duration,
    /// How many bytes of an answer are read.
    pub(crate) max_bytes: usize,
    /// Answers with other statuses than 2xx are answers, and no errors.
    pub(crate) any_status: bool,
}

/// One request.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) query: Vec<(String, Value)>,
    pub(crate) headers: Vec<(String, SecretString)>,
    pub(crate) json: Option<Value>,
}

/// What came back.
pub(crate) struct Answered {
    status: u16,
    headers: Map<String, Value>,
    /// JSON where it is JSON, and text elsewhere.
    pub(crate) body: Value,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            guard: Guard::new(&[]),
            timeout: Duration::from_secs(30),
            max_bytes: 4 << 20,
            any_status: false,
        }
    }
}

impl Requests {
    /// Makes one. Dropping the future closes the connection.
    pub(crate) async fn send(&self, asked: Asked) -> Result<Answered, NodeError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(failed("a request needs a Tokio runtime around the node"));
        }
        let response = self.request(asked)?.send().await.map_err(|error| unsent(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.body(response).await?;
        if !status.is_success() && !self.any_status {
            let start: String = spoken(&body).chars().take(200).collect();
            return Err(failed(format!("the server answered {}: {start}", status.as_u16())));
        }
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into())
        };
        Ok(Answered { status: status.as_u16(), headers: headers.iter().map(header).collect(), body })
    }

    fn request(&self, asked: Asked) -> Result<RequestBuilder, NodeError> {
        let refused = |words| failed(format!("the URL {words}"));
        let mut url = self.guard.check(&asked.url).map_err(refused)?;
        for (name, value) in asked.query {
            url.query_pairs_mut().append_pair(&name, &spoken(&value));
        }
        let client = self.guard.client().timeout(self.timeout).build()?;
        let mut request = client.request(asked.method, url);
        for (name, value) in asked.headers {
            let refused = |_| failed(format!("the header `{name}` has a value that headers cannot have"));
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(refused)?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        Ok(match &asked.json {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(serde_json::to_vec(body)?),
            None => request,
        })
    }

    async fn body(&self, mut response: Response) -> Result<Value, NodeError> {
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| unsent(&error))? {
            if bytes.len() + piece.len() > self.max_bytes {
                return Err(failed(format!("the answer has more than {} bytes", self.max_bytes)));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into()))
    }
}

impl From<Answered> for Value {
    fn from(answered: Answered) -> Self {
        json!({"status": answered.status, "headers": answered.headers, "body": answered.body})
    }
}

/// Why no answer came. The library's own words would tell the URL, and what was put into it.
fn unsent(error: &reqwest::Error) -> NodeError {
    if let Some(refused) = eddyline_net::refusal(error) {
        return failed(refused.to_string());
    }
    failed(match error {
        error if error.is_timeout() => "the server did not answer in time",
        error if error.is_connect() => "there is no connection to the server",
        error if error.is_builder() => "the request cannot be made of what it was given",
        _ => "the connection to the server broke",
    })
}

/// An error that may be gone when the request is made again.
fn failed(words: impl Into<String>) -> NodeError {
    NodeError::visible("HttpError", words)
}
