//! HTTP requests of nodes and tools.

use eddyline_engine::prelude::NodeError;
use eddyline_net::Guard;
use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::Value;

use super::compile::duration;
use super::mistake::Mistake;
use super::spec::HttpSpec;
use super::template::{ENV, Scope, Template, Templates, Vars, environment};
use crate::requests::{Asked, Requests};
use crate::text::spoken;

/// A request that is made anew for each call.
pub(super) struct Request {
    url: Template,
    method: Method,
    headers: Templates,
    query: Templates,
    json: Option<Template>,
    pub(super) requests: Requests,
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
        let mut requests = Requests {
            guard: Guard::new(&spec.allow_private),
            any_status: spec.any_status,
            ..Requests::default()
        };
        if let Some(timeout) = spec.timeout.as_ref().and_then(|timeout| duration(timeout, mistakes)) {
            requests.timeout = timeout;
        }
        Self {
            url: Template::new(&spec.url, scope, mistakes),
            method,
            headers: Templates::new(&spec.headers, &scope.and([ENV]), mistakes),
            query: Templates::new(&spec.query, scope, mistakes),
            json: spec.json.as_ref().map(|body| Template::new(body, scope, mistakes)),
            requests,
        }
    }

    /// Sends it; the result is `{status, headers, body}`.
    pub(super) async fn send(&self, vars: &Vars) -> Result<Value, NodeError> {
        Ok(self.requests.send(self.asked(vars)?).await?.into())
    }

    /// What is asked with these values.
    pub(super) fn asked(&self, vars: &Vars) -> Result<Asked, NodeError> {
        let with_env = vars.clone().with(ENV, environment());
        let named =
            |pair: Result<(&str, Value), NodeError>| pair.map(|(name, value)| (name.to_owned(), value));
        let secret = |pair| named(pair).map(|(name, value)| (name, spoken(&value).into()));
        Ok(Asked {
            method: self.method.clone(),
            url: self.url.text(vars)?,
            query: self.query.values(vars).map(named).collect::<Result<_, _>>()?,
            headers: self.headers.values(&with_env).map(secret).collect::<Result<_, _>>()?,
            json: self.json.as_ref().map(|body| body.value(vars)).transpose()?,
        })
    }
}
