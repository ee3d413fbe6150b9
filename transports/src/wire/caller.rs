//! Who asks for a run, as its configuration says it: what the server knows of a request beside its body.

use serde_json::{Map, Value, json};

use crate::auth::User;

/// What of a request's headers is for the run that it makes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said<'a> {
    /// `x-request-id`.
    pub(crate) request_id: Option<&'a str>,
    /// `langsmith-trace`: the trace that the run is a part of.
    pub(crate) trace: Option<&'a str>,
    /// `baggage`: what goes along with a trace.
    pub(crate) baggage: Option<&'a str>,
}

/// The configurable values that only the server may set. Without authentication nobody asks.
pub(crate) fn caller(said: Said<'_>, user: Option<&User>) -> Map<String, Value> {
    let mut values = said.trace.map(|trace| traced(trace, said.baggage)).unwrap_or_default();
    let User { identity, permissions, .. } = user.cloned().unwrap_or_default();
    values.insert("langgraph_auth_user".to_owned(), user.map_or(Value::Null, user_json));
    values.insert("langgraph_auth_user_id".to_owned(), json!(identity));
    values.insert("langgraph_auth_permissions".to_owned(), json!(permissions));
    values.insert("langgraph_request_id".to_owned(), json!(said.request_id));
    values
}

fn user_json(user: &User) -> Value {
    let User { identity, display_name, permissions } = user;
    let display_name = display_name.as_ref().unwrap_or(identity);
    json!({
        "identity": identity, "display_name": display_name, "is_authenticated": true, "permissions": permissions,
    })
}

/// The trace with what goes along with it; of a key that comes twice, the first counts.
fn traced(trace: &str, baggage: Option<&str>) -> Map<String, Value> {
    let mut values = Map::from_iter([("langsmith-trace".to_owned(), json!(trace))]);
    for (key, value) in baggage.unwrap_or_default().split(',').filter_map(|item| item.split_once('=')) {
        let (key, value) = (key.trim(), unquoted(value.trim()));
        let read = match key {
            "langsmith-metadata" => {
                serde_json::from_str::<Map<String, Value>>(&value).ok().map(Value::Object)
            }
            "langsmith-tags" => Some(value.split(',').collect()),
            "langsmith-project" => Some(Value::String(value)),
            _ => None,
        };
        if let Some(read) = read.filter(|_| !values.contains_key(key)) {
            values.insert(key.to_owned(), read);
        }
    }
    values
}

/// A text without its percent signs: `%2C` is a comma.
fn unquoted(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let quoted = after.split_at_checked(2).filter(|_| *first == b'%').and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 16).ok()?, after))
        });
        let (byte, after) = quoted.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_headers_nobody_asks() {
        let nobody = json!({
            "langgraph_auth_user": null, "langgraph_auth_user_id": "", "langgraph_auth_permissions": [],
            "langgraph_request_id": "r",
        });
        assert_eq!(Value::Object(caller(Said { request_id: Some("r"), ..Said::default() }, None)), nobody);
        let alone = Said { request_id: Some("r"), baggage: Some("langsmith-project=p"), trace: None };
        assert_eq!(Value::Object(caller(alone, None)), nobody, "what goes along with no trace says nothing");
    }

    #[test]
    fn a_trace_comes_with_its_baggage() {
        let baggage = "other=1, langsmith-metadata=%7B%22a%22%3A%20%22b%2Bc%22%7D,langsmith-tags=x%2Cy,\
                       langsmith-project=my%20project,langsmith-project=second";
        let said = Said { trace: Some("t"), baggage: Some(baggage), request_id: None };
        let values = caller(said, None);
        assert_eq!(values["langsmith-trace"], "t");
        assert_eq!(values["langsmith-metadata"], json!({"a": "b+c"}));
        assert_eq!(values["langsmith-tags"], json!(["x", "y"]));
        assert_eq!(values["langsmith-project"], "my project");
        assert!(!values.contains_key("other"));
    }

    #[test]
    fn baggage_that_does_not_read_is_left_behind() {
        let baggage = "langsmith-metadata=[1],langsmith-metadata=%7B,langsmith-tags,langsmith-project=%z%4";
        let values = traced("t", Some(baggage));
        assert_eq!(Value::Object(values), json!({"langsmith-trace": "t", "langsmith-project": "%z%4"}));
    }
}
