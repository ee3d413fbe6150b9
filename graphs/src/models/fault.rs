//! What goes wrong between us and a provider, and what of it may be said.
//!
//! The classes are the ones that the providers' own clients have.

use std::time::Duration;

use eddyline_engine::NodeError;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// A failed request, or an answer that broke off.
#[derive(Debug)]
pub(super) struct Fault {
    class: &'static str,
    words: String,
    /// Whether asking again may help.
    pub(super) passes: bool,
    /// How long the provider wants us to wait first.
    pub(super) after: Option<Duration>,
}

/// The longest text of a provider that is passed on, in characters.
const LONGEST: usize = 2_000;

impl Fault {
    /// One that asking again does not cure.
    pub(super) fn lasting(class: &'static str, words: impl Into<String>) -> Self {
        Self { class, words: words.into(), passes: false, after: None }
    }

    /// One that may be over when we ask again.
    pub(super) fn passing(class: &'static str, words: impl Into<String>) -> Self {
        Self { passes: true, ..Self::lasting(class, words) }
    }

    /// An answer with a status other than success.
    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, body: &str) -> Self {
        let body: Value = serde_json::from_str(body).unwrap_or_else(|_| body.trim().into());
        let words = words(&body).filter(|words| !words.is_empty());
        let words = words.map_or_else(|| status.to_string(), |words| format!("{status}: {words}"));
        // A quota that is used up answers as a rate limit does, but not for a moment only.
        let spent = ["code", "type"].iter().any(|key| body["error"][*key] == "insufficient_quota");
        let passes = passes(status.as_u16()) && !spent;
        Self { passes, after: retry_after(headers), ..Self::lasting(class(status.as_u16()), words) }
    }

    /// An error that the provider tells in the middle of its answer.
    pub(super) fn told(error: &Value) -> Self {
        // Gateways put a status there.
        let status = error["code"].as_u64().and_then(|status| u16::try_from(status).ok());
        let kind = error["type"].as_str().or(error["code"].as_str()).unwrap_or_default();
        let (class, passes) = match (kind, status) {
            (_, Some(status)) => (class(status), passes(status)),
            ("overloaded_error" | "api_error" | "server_error" | "timeout_error", _) => {
                ("InternalServerError", true)
            }
            ("rate_limit_error" | "rate_limit_exceeded", _) => ("RateLimitError", true),
            _ => ("APIError", false),
        };
        Self { passes, ..Self::lasting(class, words(error).unwrap_or_else(|| error.to_string())) }
    }

    /// Something that is no part of the provider's dialect.
    pub(super) fn nonsense(problem: &impl std::fmt::Display) -> Self {
        Self::lasting("APIError", format!("the provider's answer cannot be read: {problem}"))
    }

    /// The connection ended before the answer did.
    pub(super) fn broken_off() -> Self {
        Self::passing("APIConnectionError", "the connection closed in the middle of the answer")
    }

    /// The provider says nothing for `limit`.
    pub(super) fn silent(limit: Duration) -> Self {
        Self::passing("APITimeoutError", format!("the provider said nothing for {} s", limit.as_secs_f32()))
    }

    /// The error of the node, without these secrets.
    pub(super) fn without<'a>(self, secrets: impl IntoIterator<Item = &'a SecretString>) -> NodeError {
        let clean =
            secrets.into_iter().fold(self.words, |words, secret| scrub(words, secret.expose_secret()));
        NodeError::visible(self.class, clean.chars().take(LONGEST).collect::<String>())
    }
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        // The address may carry a key, and says nothing that the settings do not.
        let error = error.without_url();
        let mut words = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            words = format!("{words}: {error}");
            cause = error.source();
        }
        if error.is_builder() {
            return Self::lasting("ValueError", words);
        }
        Self::passing(if error.is_timeout() { "APITimeoutError" } else { "APIConnectionError" }, words)
    }
}

/// Whether asking again may help after this status.
fn passes(status: u16) -> bool {
    matches!(status, 408 | 409 | 429 | 500..)
}

/// What providers' clients call an answer with this status.
fn class(status: u16) -> &'static str {
    match status {
        400 => "BadRequestError",
        401 => "AuthenticationError",
        403 => "PermissionDeniedError",
        404 => "NotFoundError",
        409 => "ConflictError",
        422 => "UnprocessableEntityError",
        429 => "RateLimitError",
        500.. => "InternalServerError",
        // It should have been a stream.
        200..300 => "APIError",
        _ => "APIStatusError",
    }
}

/// The text of an error, wherever the provider puts it.
fn words(body: &Value) -> Option<String> {
    let places = [&body["error"]["message"], &body["message"], &body["error"], &body["detail"], body];
    places.into_iter().find_map(Value::as_str).map(str::to_owned)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// How many first characters of a key give it away. Providers repeat a wrong key with its middle blotted out.
const TELLING: usize = 7;

/// `text` without `secret`, and without words that begin as it does.
fn scrub(text: String, secret: &str) -> String {
    let Some((telling, _)) = secret.char_indices().nth(TELLING).map(|(at, _)| secret.split_at(at)) else {
        return if secret.is_empty() { text } else { text.replace(secret, "***") };
    };
    let text = text.replace(secret, "***");
    let mut clean = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find(telling) {
        clean.push_str(&rest[..at]);
        clean.push_str("***");
        let end = rest[at..].find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '`'));
        rest = &rest[end.map_or(rest.len(), |end| at + end)..];
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_neither_whole_nor_blotted() {
        let cases = [
            ("wrong key: sk-proj-abcdef.", "sk-proj-abcdef", "wrong key: ***."),
            ("wrong key: sk-proj-****cdef. Find it", "sk-proj-abcdef", "wrong key: *** Find it"),
            ("`sk-proj-abcdef` and sk-proj-abcdef", "sk-proj-abcdef", "`***` and ***"),
            ("short", "ort", "sh***"),
            ("nothing", "", "nothing"),
        ];
        for (text, secret, expected) in cases {
            assert_eq!(scrub(text.to_owned(), secret), expected);
        }
    }

    #[test]
    fn the_text_is_found_wherever_it_stands() {
        let bodies = [
            r#"{"error": {"message": "no"}}"#,
            r#"{"message": "no"}"#,
            r#"{"error": "no"}"#,
            r#"{"detail": "no"}"#,
            "no\n",
        ];
        for body in bodies {
            let fault = Fault::of_status(StatusCode::NOT_FOUND, &HeaderMap::new(), body);
            assert_eq!(fault.without([]).to_string(), "NotFoundError: 404 Not Found: no");
        }
    }

    #[test]
    fn a_spent_quota_does_not_pass() {
        for (code, passes) in [("insufficient_quota", false), ("rate_limit_exceeded", true)] {
            let body = serde_json::json!({"error": {"message": "wait", "code": code}}).to_string();
            let fault = Fault::of_status(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), &body);
            assert_eq!(fault.passes, passes, "{code}");
        }
    }
}
