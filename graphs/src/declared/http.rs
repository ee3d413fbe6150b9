//! HTTP requests of nodes and tools.

use std::time::Duration;

use eddyline_engine::prelude::NodeError;
use eddyline_net::Guard;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Map, Value, json};

use super::compile::duration;
use super::mistake::Mistake;
use super::spec::HttpSpec;
use super::template::{ENV, Scope, Template, Templates, Vars, environment};
use crate::text::spoken;

/// How long a request may take when nobody says.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How many bytes of an answer are read.
const MAX_BODY: usize = 4 << 20;

/// A request that is made anew for each call.
pub(super) struct Request {
    url: Template,
    method: Method,
    headers: Templates,
    query: Templates,
    json: Option<Template>,
    guard: Guard,
    timeout: Duration,
    any_status: bool,
}

impl Request {
    pub(super) fn new(spec: &HttpSpec, scope: &Scope, mistakes: &mut Vec<Mistake>) -> Self {
        let method = spec
            .method
            .as_ref()
            .map_or(Ok(Method::GET), |method| method.value.to_ascii_uppercase().parse().map_err(|_| method));
        let method = method.unwrap_or_else(|method| {
            let mistake = Mistake::new(method.place, format!("`{}` is not a method of HTTP", method.value));
            mistakes.push(mistake.help("write one such as `GET` or `POST`"));
            Method::GET
        });
        for (name, _) in &spec.headers.0 {
            if name.value.parse::<HeaderName>().is_err() {
                let mistake = Mistake::new(name.place, format!("`{}` is not a name of a header", name.value));
                mistakes.push(mistake.help("letters, digits and `-` are"));
            }
        }
        let timeout = match &spec.timeout {
            Some(timeout) => duration(timeout, mistakes).unwrap_or(TIMEOUT),
            None => TIMEOUT,
        };
        Self {
            url: Template::new(&spec.url, scope, mistakes),
            method,
            headers: Templates::new(&spec.headers, &scope.and([ENV]), mistakes),
            query: Templates::new(&spec.query, scope, mistakes),
            json: spec.json.as_ref().map(|body| Template::new(body, scope, mistakes)),
            guard: Guard::new(&spec.allow_private),
            timeout,
            any_status: spec.any_status,
        }
    }

    /// Sends it; the result is `{status, headers, body}`.
    pub(super) async fn send(&self, vars: &Vars) -> Result<Value, NodeError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(failed("a request needs a Tokio runtime around the node"));
        }
        let response = self.request(vars)?.send().await.map_err(|error| unsent(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body(response).await?;
        if !status.is_success() && !self.any_status {
            let start: String = spoken(&body).chars().take(200).collect();
            return Err(failed(format!("the server answered {}: {start}", status.as_u16())));
        }
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into())
        };
        let headers: Map<_, _> = headers.iter().map(header).collect();
        Ok(json!({"status": status.as_u16(), "headers": headers, "body": body}))
    }

    fn request(&self, vars: &Vars) -> Result<RequestBuilder, NodeError> {
        let refused = |words| failed(format!("the URL {words}"));
        let mut url = self.guard.check(&self.url.text(vars)?).map_err(refused)?;
        for pair in self.query.values(vars) {
            let (name, value) = pair?;
            url.query_pairs_mut().append_pair(name, &spoken(&value));
        }
        let client = self.guard.client().timeout(self.timeout).build()?;
        let mut request = client.request(self.method.clone(), url);
        let with_env = vars.clone().with(ENV, environment());
        for pair in self.headers.values(&with_env) {
            let (name, value) = pair?;
            let refused = |_| failed(format!("the header `{name}` has a value that headers cannot have"));
            let mut value = HeaderValue::from_str(&spoken(&value)).map_err(refused)?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        Ok(match &self.json {
            Some(body) => {
                request.header(CONTENT_TYPE, "application/json").body(serde_json::to_vec(&body.value(vars)?)?)
            }
            None => request,
        })
    }
}

/// JSON where it is JSON, and text elsewhere.
async fn body(mut response: Response) -> Result<Value, NodeError> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| unsent(&error))? {
        if bytes.len() + piece.len() > MAX_BODY {
            return Err(failed(format!("the answer has more than {MAX_BODY} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into()))
}

/// Why no answer came. The library's own words would tell the URL, and what templates put into it.
fn unsent(error: &reqwest::Error) -> NodeError {
    if let Some(refused) = eddyline_net::refusal(error) {
        return failed(refused.to_string());
    }
    failed(match error {
        error if error.is_timeout() => "the server did not answer in time",
        error if error.is_connect() => "there is no connection to the server",
        error if error.is_builder() => "the request cannot be made of what the templates gave",
        _ => "the connection to the server broke",
    })
}

/// An error that may be gone when the request is made again.
fn failed(words: impl Into<String>) -> NodeError {
    NodeError::visible("HttpError", words)
}
