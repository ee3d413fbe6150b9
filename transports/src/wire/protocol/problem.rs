//! What a client of the protocol hears when a command is not carried out.

use serde_json::{Map, Value};

use crate::wire::Refusal;

/// A code of the protocol, and words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    code: &'static str,
    message: String,
    /// What else stands in the answer.
    more: Map<String, Value>,
}

impl Problem {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), more: Map::new() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("invalid_argument", message)
    }

    pub(crate) fn unknown_command(method: &str) -> Self {
        Self::new("unknown_command", format!("Unknown protocol command: {method}"))
    }

    pub(crate) fn not_supported(message: impl Into<String>) -> Self {
        Self::new("not_supported", message)
    }

    pub(crate) fn no_run(message: impl Into<String>) -> Self {
        Self::new("no_such_run", message)
    }

    pub(crate) fn no_subscription(id: &str) -> Self {
        Self::new("no_such_subscription", format!("Unknown subscription: {id}"))
    }

    pub(crate) fn no_interrupt(message: impl Into<String>) -> Self {
        Self::new("no_such_interrupt", message)
    }

    pub(crate) fn no_checkpoint(id: &str) -> Self {
        Self::new("no_such_checkpoint", format!("Unknown checkpoint: {id}"))
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new("unknown_error", message)
    }

    /// What the reader has not read yet is kept from `available` on only.
    pub(crate) fn resume_gap(since: u64, available: u64) -> Self {
        let message = format!("resume gap: since={since} is older than min_available_seq={available}");
        let more = [("since", since), ("min_available_seq", available)];
        let more = more.into_iter().map(|(key, seq)| (key.to_owned(), seq.into()));
        Self { more: more.collect(), ..Self::new("resume_gap", message) }
    }

    /// Writes the fields of an answer.
    pub(super) fn write(&self, map: &mut Map<String, Value>) {
        map.insert("error".into(), self.code.into());
        map.insert("message".into(), self.message.as_str().into());
        map.extend(self.more.clone());
    }
}

/// What the API refuses, by the number that it has there.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::failed(format!("{}: {}", refusal.reason.number(), refusal.detail))
    }
}

impl From<eddyline_runtime::Error> for Problem {
    fn from(error: eddyline_runtime::Error) -> Self {
        use eddyline_runtime::Error;
        match &error {
            Error::NotAsked { .. } => Self::no_interrupt(error.to_string()),
            _ => Refusal::from(error).into(),
        }
    }
}
