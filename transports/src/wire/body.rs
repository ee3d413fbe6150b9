//! Reading request bodies: one way for all of them, and one way of saying what is wrong.
//!
//! Keys that nobody knows are ignored, and `null` is as good as absent: clients send both.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Refusal;

/// Reads a body that must be a JSON object.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    read(json(body)?)
}

/// Reads a body that must be a list of JSON objects, of at least one.
pub(crate) fn parse_list<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, Refusal> {
    match json(body)? {
        Value::Array(items) if !items.is_empty() => items.into_iter().map(read).collect(),
        other => Err(Refusal::unprocessable(format!("{other} is not a list of at least one object"))),
    }
}

fn json(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        // The reader has no other name for it.
        let is_too_deep = error.to_string().starts_with("recursion limit exceeded");
        Refusal::unprocessable(if is_too_deep {
            "The JSON of the request body nests deeper than the allowed 127 levels"
        } else {
            "Invalid JSON in request body"
        })
    })
}

/// Reads a document that must be an object.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    if !value.is_object() {
        return Err(Refusal::unprocessable(format!("{value} is not of type \"object\"")));
    }
    named(value).map_err(Refusal::unprocessable)
}

/// Reads a value; what is wrong is said with its place, and in words.
pub(super) fn named<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.inner().to_string());
        let inner = in_words(&inner);
        // The path of a key that is missing is the object it is missing from.
        match (path.as_str(), inner.strip_prefix('`')) {
            (".", _) => inner,
            // What was read by itself names its own place.
            (_, Some(rest)) if inner.contains("`: ") => format!("`{path}.{rest}"),
            _ => format!("`{path}`: {inner}"),
        }
    })
}

/// The last words of what serde says name a type of ours, which means nothing to a client.
fn in_words(said: &str) -> String {
    let Some((found, wanted)) = said.rsplit_once("expected ") else { return said.to_owned() };
    let wanted = match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        other => other,
    };
    format!("{found}expected {wanted}")
}

/// Keys that the server sets in `configurable` and `context`; from clients they would be lies.
const RESERVED: [&str; 13] = [
    "langgraph_auth_user",
    "langgraph_auth_user_id",
    "langgraph_auth_permissions",
    "langgraph_request_id",
    "__langsmith_project__",
    "__langsmith_example_id__",
    "__request_start_time_ms__",
    "__after_seconds__",
    "__otel_traceparent__",
    "__otel_tracestate__",
    "__dd_trace_headers__",
    "__pregel_node_finished",
    "__context_provided__",
];

/// Keys that the server sets in metadata.
const RESERVED_METADATA: [&str; 5] =
    ["thread_id", "assistant_id", "run_id", "cron_id", "counters_since_delta_snapshot"];

/// Takes out of what a request configures, and says about it, what only the server may say; refuses keys that
/// cannot be kept.
pub(crate) fn strip(
    config: &mut Map<String, Value>,
    context: &mut Map<String, Value>,
    metadata: &mut Map<String, Value>,
) -> Result<(), Refusal> {
    refuse_nul_keys("config", config)?;
    refuse_nul_keys("context", context)?;
    strip_reserved(context);
    strip_reserved_metadata(metadata);
    if let Some(Value::Object(configurable)) = config.get_mut("configurable") {
        refuse_nul_keys("config.configurable", configurable)?;
        strip_reserved(configurable);
    }
    if let Some(Value::Object(metadata)) = config.get_mut("metadata") {
        strip_reserved_metadata(metadata);
    }
    Ok(())
}

/// The same, of a body that is kept as it came.
pub(super) fn strip_payload(payload: &mut Map<String, Value>) -> Result<(), Refusal> {
    const KEYS: [&str; 3] = ["config", "context", "metadata"];
    let mut parts = KEYS.map(|key| match payload.get_mut(key) {
        Some(Value::Object(part)) => std::mem::take(part),
        _ => Map::new(),
    });
    let [config, context, metadata] = &mut parts;
    strip(config, context, metadata)?;
    for (key, stripped) in KEYS.into_iter().zip(parts) {
        if let Some(Value::Object(part)) = payload.get_mut(key) {
            *part = stripped;
        }
    }
    Ok(())
}

/// Takes out of `configurable` or `context` what only the server may say.
fn strip_reserved(map: &mut Map<String, Value>) {
    map.retain(|key, _| !RESERVED.contains(&key.as_str()));
}

/// Takes out of metadata what only the server may say.
pub(crate) fn strip_reserved_metadata(map: &mut Map<String, Value>) {
    map.retain(|key, _| !RESERVED_METADATA.contains(&key.as_str()));
}

/// Refuses keys with a NUL, bare or escaped: many stores cannot keep them.
fn refuse_nul_keys(name: &str, map: &Map<String, Value>) -> Result<(), Refusal> {
    let bad = |key: &&String| key.contains('\0') || key.contains("\\u0000") || key.contains("\\U0000");
    match map.keys().find(bad) {
        None => Ok(()),
        Some(key) => Err(Refusal::unprocessable(format!("`{name}`: the key {key:?} contains a NUL"))),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[allow(dead_code, reason = "read by serde only")]
        id: String,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        count: Option<u8>,
    }

    fn check(body: &str, expected: &str) {
        assert_eq!(parse::<Outer>(body.as_bytes()).unwrap_err(), Refusal::unprocessable(expected));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        check("", "Invalid JSON in request body");
        check("{bad", "Invalid JSON in request body");
        check("[1]", "[1] is not of type \"object\"");
        check("{}", "missing field `id`");
        check(r#"{"id": 1}"#, "`id`: invalid type: integer `1`, expected a string");
        check(
            r#"{"id": "a", "inner": {"count": 300}}"#,
            "`inner.count`: invalid value: integer `300`, expected a whole number that is not negative",
        );
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        check(&deep, "The JSON of the request body nests deeper than the allowed 127 levels");
    }

    #[test]
    fn a_list_has_at_least_one_object() {
        assert_eq!(parse_list::<Outer>(br#"[{"id": "a"}, {"id": "b"}]"#).unwrap().len(), 2);
        for wrong in ["[]", "{}", r#"[{"id": "a"}, {}]"#, "[7]", "["] {
            assert!(parse_list::<Outer>(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn null_is_absent_and_unknown_keys_are_ignored() {
        let outer: Outer = parse(br#"{"id": "a", "inner": {"count": null}, "more": 1}"#).unwrap();
        assert!(outer.inner.unwrap().count.is_none());
        assert!(parse::<Outer>(br#"{"id": "a", "inner": null}"#).unwrap().inner.is_none());
    }

    #[test]
    fn clients_do_not_speak_for_the_server() {
        let Value::Object(mut map) = json!({"a": 1, "langgraph_auth_user": "root", "run_id": "r"}) else {
            unreachable!()
        };
        strip_reserved(&mut map);
        assert_eq!(Value::from(map.clone()), json!({"a": 1, "run_id": "r"}));
        strip_reserved_metadata(&mut map);
        assert_eq!(Value::from(map), json!({"a": 1}));
    }

    #[test]
    fn keys_have_no_nul() {
        for key in ["a\0", "\\u0000"] {
            let map = Map::from_iter([(key.to_owned(), Value::Null)]);
            assert!(refuse_nul_keys("context", &map).is_err());
        }
        assert!(refuse_nul_keys("context", &Map::from_iter([("a".to_owned(), Value::Null)])).is_ok());
    }
}
