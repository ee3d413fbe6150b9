//! What a client hears when it does not get what it asked for.

use std::fmt;

use serde::{Serialize, Serializer};
use uuid::Uuid;

/// A refusal: why, and in words. As JSON it is `{"detail": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The request contradicts itself or what it is about.
    BadRequest,
    /// It is not known who asks.
    Unauthorized,
    /// Whoever asks may not have it.
    Forbidden,
    /// It names something that is not there.
    NotFound,
    /// The method does not go with the path.
    MethodNotAllowed,
    /// Something stands in its way.
    Conflict,
    /// The body took too long.
    Timeout,
    /// The body is larger than the server takes.
    TooLarge,
    /// The body is not of the form that the request needs.
    Unprocessable,
    /// Whoever asks has asked for too much; after so many seconds there is room again.
    TooMany { retry_after: u64 },
    /// The headers are larger than the server takes.
    HeadersTooLarge,
    /// There is no room for it now.
    Unavailable,
    /// The server is at fault; the log knows more.
    Internal,
}

impl Reason {
    /// The number that HTTP has for it; the streaming protocol puts it before the words.
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Unprocessable => 422,
            Self::TooMany { .. } => 429,
            Self::HeadersTooLarge => 431,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }
}

impl Refusal {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    pub(crate) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(Reason::Unprocessable, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Reason::NotFound, detail)
    }
}

/// The id of a thread, a run or an assistant, as a client says it.
pub(crate) fn id(of: &str, text: &str) -> Result<Uuid, Refusal> {
    text.parse().map_err(|_| Refusal::unprocessable(format!("Invalid {of} ID: must be a UUID")))
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("detail", &self.detail)])
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Refusal {}
