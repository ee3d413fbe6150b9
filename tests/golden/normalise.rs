//! Making comparable what no two servers share: a port of `Normalise` in `record.py`.
//!
//! UUIDs become `<id-1>`, `<id-2>`, …, hex ids of 32 digits `<hex-1>`, …, times `<time>`. Links to help pages
//! go, and so do the keys in [`DROP`].

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

/// Keys that say which server answered and not what it answered.
const DROP: [&str; 21] = [
    "langgraph_version",
    "langgraph_api_version",
    "langgraph_plan",
    "langgraph_host",
    "langgraph_api_url",
    "langgraph_request_id",
    "langgraph_auth_user",
    "langgraph_auth_user_id",
    "langgraph_auth_permissions",
    "__request_start_time_ms__",
    "__after_seconds__",
    "lc_versions",
    "ls_integration",
    "ls_provider",
    "ls_model_type",
    "ls_model_name",
    "user_id",
    "response_schema",
    "__pregel_node_finished",
    "checkpoint_during",
    "langsmith_session_name",
];

static UUID: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"));
static HEX: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[0-9a-f]{32}\b"));
static HELP: LazyLock<Regex> = LazyLock::new(|| pattern(r"\s*For troubleshooting, visit: \S+\s*$"));
static TIME: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00"));

/// A regular expression that is part of the program.
pub(crate) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this test is well formed")
}

/// Normalises the answers of one case; ids keep their numbers from answer to answer.
pub(crate) struct Normalise {
    seen: HashMap<String, String>,
    ids: usize,
    hexes: usize,
    nonce: String,
}

impl Normalise {
    /// For a case whose calls say `nonce` where the case says `{nonce}`.
    pub(crate) fn new(nonce: &str) -> Self {
        Self { seen: HashMap::new(), ids: 0, hexes: 0, nonce: nonce.to_owned() }
    }

    fn text(&mut self, text: &str) -> String {
        let text = text.replace(&self.nonce, "<nonce>");
        let text = HELP.replace_all(&text, "");
        let (seen, ids, hexes) = (&mut self.seen, &mut self.ids, &mut self.hexes);
        let text = UUID.replace_all(&text, |found: &Captures<'_>| name(seen, &found[0], "id", ids));
        let text = HEX.replace_all(&text, |found: &Captures<'_>| name(seen, &found[0], "hex", hexes));
        TIME.replace_all(&text, "<time>").into_owned()
    }

    /// The value as it is compared.
    pub(crate) fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(map) => {
                let mut out = Map::new();
                for (key, value) in map.iter().filter(|(key, _)| !DROP.contains(&key.as_str())) {
                    let key = self.text(key);
                    out.insert(key, self.value(value));
                }
                out.into()
            }
            other => other.clone(),
        }
    }
}

fn name(seen: &mut HashMap<String, String>, found: &str, kind: &str, count: &mut usize) -> String {
    let name = seen.entry(found.to_owned()).or_insert_with(|| {
        *count += 1;
        format!("<{kind}-{count}>")
    });
    name.clone()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const A: &str = "1f0a0b0c-0000-6000-8000-000000000000";
    const B: &str = "00000000-0000-4000-8000-000000000001";
    const HEX: &str = "0ace9d34a138dc737456b889de39c7cb";

    #[track_caller]
    fn check(value: &Value, expected: &Value) {
        assert_eq!(Normalise::new("1234567").value(value), *expected);
    }

    #[test]
    fn ids_are_numbered_as_they_come() {
        check(&json!([A, B, A]), &json!(["<id-1>", "<id-2>", "<id-1>"]));
        check(
            &json!({"a": format!("values|sub:{B}"), A: [B]}),
            &json!({"a": "values|sub:<id-1>", "<id-2>": ["<id-1>"]}),
        );
        check(&json!([HEX, A, HEX]), &json!(["<hex-1>", "<id-1>", "<hex-1>"]));
    }

    #[test]
    fn an_id_keeps_its_number_from_answer_to_answer() {
        let mut normalise = Normalise::new("1234567");
        assert_eq!(normalise.value(&json!([A, B])), json!(["<id-1>", "<id-2>"]));
        assert_eq!(normalise.value(&json!([B])), json!(["<id-2>"]));
    }

    #[test]
    fn a_longer_run_of_hex_digits_is_no_id() {
        check(&json!(format!("{HEX}0 x{HEX}")), &json!(format!("{HEX}0 x{HEX}")));
    }

    #[test]
    fn times_have_their_zone() {
        let text = "2025-01-02T03:04:05.678901+00:00, 2025-01-02T03:04:05+00:00, 2025-01-02T03:04:05Z";
        check(&json!(text), &json!("<time>, <time>, 2025-01-02T03:04:05Z"));
    }

    #[test]
    fn help_links_and_the_nonce_go() {
        check(&json!("wrong.\nFor troubleshooting, visit: https://x.y/z "), &json!("wrong."));
        check(
            &json!("For troubleshooting, visit: a page of ours"),
            &json!("For troubleshooting, visit: a page of ours"),
        );
        check(&json!({"t1234567": "1234567"}), &json!({"t<nonce>": "<nonce>"}));
    }

    #[test]
    fn keys_that_name_the_server_go_at_any_depth() {
        check(&json!([{"user_id": 1, "a": {"ls_provider": A, "b": A}}]), &json!([{"a": {"b": "<id-1>"}}]));
    }
}
