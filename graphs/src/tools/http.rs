//! Requests over HTTP as tools.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use eddyline_engine::NodeError;
use eddyline_engine::message::ToolCall;
use eddyline_engine::model::ToolSpec;
use eddyline_net::Guard;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Url};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::{Tool, ToolContext, placeholders};
use crate::requests::{Asked, Requests};
use crate::text::spoken;

/// A request over HTTP that a model may have made; it is told the body of the answer.
///
/// `{city}` in the URL, the query and the body stands for the argument `city`. In the path of a URL it is a part of
/// one segment, whatever is in it; where the URL leads is fixed. A value of the query or the body that is one argument
/// and nothing else keeps its type, and is left out when the call does not have it. Other braces stay as they are.
///
/// Requests go to the public internet, and to hosts that [`allow_private`](Self::allow_private) names.
///
/// ```
/// use std::time::Duration;
///
/// use eddyline_engine::prelude::*;
/// use eddyline_graphs::tools::HttpTool;
///
/// #[view]
/// struct Where {
///     /// The name of a city.
///     city: String,
///     days: Option<u32>,
/// }
///
/// let forecast = HttpTool::get("forecast", "Tells the weather.", "https://weather.example/v1/{city}")
///     .arguments::<Where>()
///     .query("days", "{days}")
///     .header("authorization", "Bearer …")
///     .timeout(Duration::from_secs(5))
///     .build()?;
/// assert_eq!(forecast.spec().parameters["properties"]["city"]["description"], "The name of a city.");
/// # Ok::<(), eddyline_graphs::tools::HttpToolError>(())
/// ```
#[derive(Clone)]
pub struct HttpTool {
    spec: ToolSpec,
    method: String,
    url: String,
    query: Vec<(String, Value)>,
    headers: Vec<(String, SecretString)>,
    json: Option<Value>,
    requests: Requests,
}

/// Why there is no such tool.
#[derive(Debug, thiserror::Error)]
#[error("the tool `{tool}` cannot make requests: {reason}")]
pub struct HttpToolError {
    tool: String,
    reason: String,
}

impl HttpTool {
    /// A tool that makes requests of this method.
    pub fn new(name: &str, description: &str, method: &str, url: &str) -> Self {
        let parameters = json!({"type": "object", "properties": {}});
        Self {
            spec: ToolSpec { name: name.into(), description: description.to_owned(), parameters },
            method: method.to_ascii_uppercase(),
            url: url.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            json: None,
            requests: Requests::default(),
        }
    }

    /// A tool that reads.
    pub fn get(name: &str, description: &str, url: &str) -> Self {
        Self::new(name, description, "GET", url)
    }

    /// A tool that sends something.
    pub fn post(name: &str, description: &str, url: &str) -> Self {
        Self::new(name, description, "POST", url)
    }

    /// The arguments are the fields of `A`, such as a `#[view]`.
    pub fn arguments<A: JsonSchema>(self) -> Self {
        let parameters = ToolSpec::of::<A>("", "").parameters;
        self.parameters(parameters)
    }

    /// The arguments, as a JSON Schema of an object.
    pub fn parameters(mut self, schema: Value) -> Self {
        self.spec.parameters = schema;
        self
    }

    /// What stands after the `?` of the URL, beside what stands there already.
    pub fn query(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Sends a header with each request. Its value may be a key: it is shown nowhere, and no argument gets into it.
    pub fn header(mut self, name: &str, value: impl Into<SecretString>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The body, sent as JSON.
    pub fn json(mut self, body: impl Into<Value>) -> Self {
        self.json = Some(body.into());
        self
    }

    /// How long a request may take; 30 seconds when nothing is said.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.requests.timeout = limit;
        self
    }

    /// How many bytes an answer may have; 4 MiB when nothing is said.
    pub fn max_bytes(mut self, limit: usize) -> Self {
        self.requests.max_bytes = limit;
        self
    }

    /// Answers with other statuses than 2xx are told to the model, too, and are no errors.
    pub fn any_status(mut self) -> Self {
        self.requests.any_status = true;
        self
    }

    /// Hosts of private networks that it may reach, by the names or addresses that URLs say.
    pub fn allow_private<T: Into<String>>(mut self, hosts: impl IntoIterator<Item = T>) -> Self {
        let hosts: Vec<String> = hosts.into_iter().map(Into::into).collect();
        self.requests.guard = Guard::new(&hosts);
        self
    }

    /// The tool.
    ///
    /// # Errors
    /// What is no method, no URL or no header, a host with arguments in it, and names that no argument has.
    pub fn build(self) -> Result<Tool, HttpToolError> {
        let tool = self.spec.name.to_string();
        self.built().map_err(|reason| HttpToolError { tool, reason })
    }

    fn built(self) -> Result<Tool, String> {
        let method: Method = self.method.parse().map_err(|_| format!("`{}` is no method", self.method))?;
        for (name, value) in &self.headers {
            name.parse::<HeaderName>().map_err(|_| format!("`{name}` is not a name of a header"))?;
            HeaderValue::from_str(value.expose_secret())
                .map_err(|_| format!("the header `{name}` has a value that headers cannot have"))?;
        }
        let (site, path, mut query) = self.parts()?;
        query.extend(self.query);
        let texts = query.iter().map(|(_, value)| value).chain(&self.json).flat_map(placeholders::texts);
        for name in texts.chain([&*path]).flat_map(placeholders::names) {
            if self.spec.parameters["properties"].get(name).is_none() {
                return Err(format!("there is no argument `{name}`"));
            }
        }
        let (headers, json) = (self.headers, self.json);
        let asked = move |call: ToolCall, _: &ToolContext| {
            let args = &call.args;
            Ok(Asked {
                method: method.clone(),
                url: format!("{site}{}", placeholders::path(&path, args)?),
                query: pairs(&query, args)?,
                headers: headers.clone(),
                json: json.as_ref().map(|body| placeholders::value(body, args)).transpose()?.flatten(),
            })
        };
        Ok(Tool::requesting(self.spec, self.requests, asked))
    }

    /// Where the URL leads, its path, and its query.
    fn parts(&self) -> Result<(String, String, Pairs), String> {
        let url = self.url.split('#').next().unwrap_or_default();
        let (url, query) = url.split_once('?').unwrap_or((url, ""));
        let begin = url.find("://").map_or(0, |scheme| scheme + 3);
        let (site, path) =
            url.split_at(url[begin..].find(['/', '\\']).map_or(url.len(), |path| begin + path));
        if site.contains('{') {
            return Err("an argument cannot say to which host its URL leads".to_owned());
        }
        let mut parsed = self.requests.guard.check(site).map_err(|words| format!("the URL {words}"))?;
        parsed.set_query(Some(query));
        let query = parsed.query_pairs().map(|(name, value)| (name.into_owned(), value.as_ref().into()));
        let query = query.collect();
        let unread = |_| format!("`{path}` is no path of a URL");
        Url::parse(site).and_then(|site| site.join(path)).map_err(unread)?;
        Ok((site.to_owned(), path.to_owned(), query))
    }
}

/// Names and values of a query.
type Pairs = Vec<(String, Value)>;

/// Those pairs that have a value.
fn pairs(query: &[(String, Value)], args: &Map<String, Value>) -> Result<Pairs, NodeError> {
    let mut pairs = Vec::new();
    for (name, template) in query {
        if let Some(value) = placeholders::value(template, args)?.filter(|value| !value.is_null()) {
            pairs.push((name.clone(), value));
        }
    }
    Ok(pairs)
}

impl Tool {
    /// A tool that makes a request of each call.
    pub(crate) fn requesting(
        spec: ToolSpec,
        requests: Requests,
        asked: impl Fn(ToolCall, &ToolContext) -> Result<Asked, NodeError> + Send + Sync + 'static,
    ) -> Self {
        let requests = Arc::new(requests);
        Self::dynamic(spec, move |call, ctx| {
            let (requests, asked) = (Arc::clone(&requests), asked(call, &ctx));
            async move { Ok(spoken(&requests.send(asked?).await?.body)) }
        })
    }
}

/// Without what may be a key.
impl fmt::Debug for HttpTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.split('?').next().unwrap_or_default();
        write!(f, "HttpTool({}: {} {url})", self.spec.name, self.method)
    }
}
