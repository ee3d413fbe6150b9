//! The envelope of a command: who wants an answer, about which thread, by which method.

use serde_json::{Map, Value};

use super::command::{Command, CommandId};
use super::problem::Problem;

/// How a transport wraps commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// All commands are about one thread, which the transport knows.
    OneThread,
    /// Each command names its thread; there are commands about the connection.
    ManyThreads,
}

/// A command that can be answered.
#[derive(Debug)]
pub(crate) struct Request {
    /// `None` for one that wants no answer.
    pub(crate) id: Option<CommandId>,
    /// The thread, if the command names one.
    pub(crate) thread: Option<String>,
    /// What is wanted, or why that cannot be understood.
    pub(crate) command: Result<Command, Problem>,
}

/// What is no command at all.
#[derive(Debug, PartialEq)]
pub(crate) enum Malformed {
    /// Not JSON.
    NotJson,
    /// JSON without the fields of a command; the id, if there is one.
    NoCommand(Option<CommandId>),
}

impl Malformed {
    pub(crate) fn id(&self) -> Option<CommandId> {
        match self {
            Self::NotJson => None,
            Self::NoCommand(id) => id.clone(),
        }
    }

    pub(crate) fn problem(&self, style: Style) -> Problem {
        Problem::invalid(match (self, style) {
            (Self::NotJson, _) => "Protocol commands must be valid JSON.",
            (Self::NoCommand(_), Style::OneThread) => {
                "Protocol commands must include an integer id and string method."
            }
            (Self::NoCommand(_), Style::ManyThreads) => {
                "Protocol commands must include an integer or string id and string method."
            }
        })
    }
}

impl Request {
    pub(crate) fn parse(bytes: &[u8], style: Style) -> Result<Self, Malformed> {
        let value: Value = serde_json::from_slice(bytes).map_err(|_| Malformed::NotJson)?;
        let Value::Object(mut map) = value else { return Err(Malformed::NoCommand(None)) };
        let method = match map.get("method") {
            Some(Value::String(method)) => Some(method.clone()),
            _ => None,
        };
        let id = match map.get("id") {
            Some(Value::Number(id)) if id.is_i64() || id.is_u64() => Some(CommandId(map["id"].clone())),
            Some(Value::String(_)) if style == Style::ManyThreads => Some(CommandId(map["id"].clone())),
            None if style == Style::ManyThreads && method.as_deref() == Some("flow.ack") => None,
            // What it is said to be is echoed, whatever it is.
            other => return Err(Malformed::NoCommand(other.cloned().map(CommandId))),
        };
        let Some(method) = method else { return Err(Malformed::NoCommand(id)) };
        let params = match map.shift_remove("params") {
            Some(Value::Object(params)) => params,
            _ => Map::new(),
        };
        let thread = map.get("thread_id").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { id, thread, command: Command::read(&method, params, style) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn malformed(text: &str, style: Style) -> Option<Malformed> {
        Request::parse(text.as_bytes(), style).err()
    }

    #[test]
    fn a_command_has_an_id_and_a_method() {
        let one = Style::OneThread;
        assert_eq!(malformed("{", one), Some(Malformed::NotJson));
        assert_eq!(malformed("[]", one), Some(Malformed::NoCommand(None)));
        let no = |id| Some(Malformed::NoCommand(Some(CommandId(id))));
        assert_eq!(malformed(r#"{"id":true,"method":"m"}"#, one), no(json!(true)));
        assert_eq!(malformed(r#"{"id":"a","method":"m"}"#, one), no(json!("a")));
        assert_eq!(malformed(r#"{"id":1.5,"method":"m"}"#, one), no(json!(1.5)));
        assert_eq!(malformed(r#"{"id":7}"#, one), no(json!(7)));
        assert_eq!(malformed(r#"{"id":-1,"method":"m"}"#, one), None);
        assert_eq!(malformed(r#"{"id":"a","method":"m"}"#, Style::ManyThreads), None);
        assert_eq!(
            malformed(
                r#"{"method":"flow.ack","params":{"subscription_id":"s","seq":1}}"#,
                Style::ManyThreads
            ),
            None
        );
    }
}
