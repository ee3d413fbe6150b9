//! Whether two recordings say the same: a port of `settle` and `diff` in `record.py`.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

use super::normalise::pattern;

static MARK: LazyLock<Regex> = LazyLock::new(|| pattern(r"<(id|hex)-\d+>"));
/// The key of a resource itself, not of anything deeper.
static OF_A_BODY: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\.answers\[\d+\]\.body(\[\d+\])?\.\w+$"));
/// What an error says, inside its representation `ValueError('boom')`.
static SAID: LazyLock<Regex> = LazyLock::new(|| pattern(r#"\('(.*)'\)$|\("(.*)"\)$"#));
static DRAWING: LazyLock<Regex> = LazyLock::new(|| pattern(r"/graph(\?|$)"));

/// How much of a value a difference shows.
const SHOWN: usize = 160;

/// What `found` says otherwise than `expected`, each as `path: expected != found`.
pub(crate) fn differences(expected: Value, found: Value) -> Vec<String> {
    let (expected, found) = (settle(expected), settle(found));
    let mut rows = Vec::new();
    diff(&expected, &found, "", &mut rows);
    rows
}

/// Brings a recording into the one form in which it is compared.
pub(crate) fn settle(mut doc: Value) -> Value {
    for (answer, first, last) in unordered(&doc) {
        if let Some(frames) = doc["answers"].get_mut(answer).and_then(|answer| answer.get_mut("frames")) {
            let frames = frames.as_array_mut().expect("frames are a list");
            let end = (last + 1).min(frames.len());
            frames[first.min(end)..end].sort_by_cached_key(masked);
        }
    }
    for answer in doc["answers"].as_array_mut().into_iter().flatten() {
        if DRAWING.is_match(answer["call"].as_str().unwrap_or_default()) {
            settle_drawing(&mut answer["body"]);
        }
    }
    Renumber::default().value(&doc)
}

/// Ranges of frames that may come in any order, as tasks that run at once may end in any order:
/// `[answer, first, last]`.
fn unordered(doc: &Value) -> Vec<(usize, usize, usize)> {
    let place = |place: &Value| {
        let place = place.as_u64().and_then(|place| usize::try_from(place).ok());
        place.expect("places in a list are whole numbers")
    };
    let answers = || doc["answers"].as_array().into_iter().flatten().enumerate();
    match &doc["unordered"] {
        Value::Bool(true) => answers()
            .filter_map(|(i, answer)| Some((i, 0, answer["frames"].as_array()?.len().saturating_sub(1))))
            .collect(),
        Value::Array(ranges) => {
            ranges.iter().map(|range| (place(&range[0]), place(&range[1]), place(&range[2]))).collect()
        }
        _ => Vec::new(),
    }
}

/// Nodes and edges come in any order, and their types are not compared.
fn settle_drawing(body: &mut Value) {
    if body.get("nodes").is_none() {
        return;
    }
    for node in body["nodes"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        node.shift_remove("type");
    }
    for part in ["nodes", "edges"] {
        if let Some(items) = body[part].as_array_mut() {
            items.sort_by_cached_key(masked);
        }
    }
}

/// The value as a text to sort by, whatever numbers its ids have.
fn masked(value: &Value) -> String {
    MARK.replace_all(&sorted(value).to_string(), "<$1>").into_owned()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(map) => by_key(map).map(|(key, value)| (key.clone(), sorted(value))).collect(),
        other => other.clone(),
    }
}

fn by_key(map: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let mut pairs: Vec<_> = map.iter().collect();
    pairs.sort_by_key(|(key, _)| *key);
    pairs.into_iter()
}

/// Numbers ids anew, in the order of a walk with sorted keys.
#[derive(Default)]
struct Renumber {
    names: HashMap<String, String>,
    counts: HashMap<String, usize>,
}

impl Renumber {
    fn text(&mut self, text: &str) -> String {
        let (names, counts) = (&mut self.names, &mut self.counts);
        let renamed = MARK.replace_all(text, |found: &Captures<'_>| {
            let name = names.entry(found[0].to_owned()).or_insert_with(|| {
                let count = counts.entry(found[1].to_owned()).or_default();
                *count += 1;
                format!("<{}-{count}>", &found[1])
            });
            name.clone()
        });
        renamed.into_owned()
    }

    fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(map) => {
                let metadata = map.contains_key("source") && map.contains_key("step");
                let mut out = Map::new();
                for (key, value) in by_key(map).filter(|(key, _)| !(metadata && is_extra(key))) {
                    let key = self.text(key);
                    out.insert(key, self.value(value));
                }
                out.into()
            }
            other => other.clone(),
        }
    }
}

/// What the vendor adds to a checkpoint's metadata is no part of it.
fn is_extra(key: &str) -> bool {
    ["checkpoint_id", "checkpoint_ns", "checkpoint_map"].contains(&key) || key.starts_with("langgraph_")
}

fn diff(a: &Value, b: &Value, path: &str, rows: &mut Vec<String>) {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => {
            // 20 is 20.0, but no two whole numbers are the same.
            let same = x == y || ((x.is_f64() || y.is_f64()) && x.as_f64() == y.as_f64());
            if !same {
                rows.push(format!("{path}: {x} != {y}"));
            }
        }
        (Value::Object(x), Value::Object(y)) => diff_objects(x, y, path, rows),
        (Value::Array(x), Value::Array(y)) => {
            if x.len() != y.len() {
                rows.push(format!("{path}: {} items != {} items", x.len(), y.len()));
            }
            for (i, (a, b)) in x.iter().zip(y).enumerate() {
                diff(a, b, &format!("{path}[{i}]"), rows);
            }
        }
        _ if a == b => {}
        _ => rows.push(format!("{path}: {} != {}", shown(a), shown(b))),
    }
}

fn diff_objects(a: &Map<String, Value>, b: &Map<String, Value>, path: &str, rows: &mut Vec<String>) {
    let said = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    if a.len() == 1
        && a.contains_key("detail")
        && said(b, "detail").is_some_and(|detail| !detail.trim().is_empty())
    {
        return;
    }
    let both_waited = [a, b].iter().all(|map| said(map, "error").as_deref() == Some("UserInterrupt"));
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for key in keys {
        let here = format!("{path}.{key}");
        match (key.as_str(), a.get(key), b.get(key)) {
            ("ids", _, ids) => {
                if ids != Some(&Value::from("rise")) {
                    rows.push(format!("{here}: event ids of the second do not rise"));
                }
            }
            ("checkpoint_ns", x, y) if !truthy(x) && !truthy(y) => {}
            (_, None, Some(y)) => {
                if !(is_empty(y) && OF_A_BODY.is_match(&here)) {
                    rows.push(format!("{here}: only found: {}", shown(y)));
                }
            }
            (_, Some(x), None) => rows.push(format!("{here}: only expected: {}", shown(x))),
            ("error", Some(Value::String(x)), Some(Value::String(y))) if path.contains(".tasks[") => {
                let message = SAID.captures(x).and_then(|found| found.get(1).or_else(|| found.get(2)));
                if !y.contains(message.map_or(x.as_str(), |message| message.as_str())) {
                    rows.push(format!("{here}: {y:?} does not say {x:?}"));
                }
            }
            ("message", ..) if both_waited => {}
            (_, Some(x), Some(y)) => diff(x, y, &here, rows),
            (_, None, None) => unreachable!("the key is one of theirs"),
        }
    }
}

/// Null, `[]` or `{}`.
fn is_empty(value: &Value) -> bool {
    value.is_null()
        || value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(Map::is_empty)
}

fn truthy(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(value) => !is_empty(value),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recording(frames: &Value) -> Value {
        json!({"name": "x", "about": "y", "unordered": [[0, 1, 2]], "answers": [{"call": "POST /x", "frames": frames}]})
    }

    #[track_caller]
    fn same(expected: &Value, found: &Value) {
        assert_eq!(differences(recording(expected), recording(found)), Vec::<String>::new());
    }

    #[track_caller]
    fn differ(expected: &Value, found: &Value, row: &str) {
        assert_eq!(differences(recording(expected), recording(found)), [row]);
    }

    #[track_caller]
    fn check_body(call: &str, expected: &Value, found: &Value, rows: &[&str]) {
        let recording = |body: &Value| json!({"answers": [{"call": call, "body": body}]});
        assert_eq!(differences(recording(expected), recording(found)), rows);
    }

    #[test]
    fn a_transcript_equals_itself() {
        for (name, transcript) in super::super::cases::transcripts() {
            assert_eq!(differences(transcript.clone(), transcript), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn the_numbers_of_ids_say_nothing_but_which_are_the_same() {
        same(
            &json!([{"a": "<id-1>", "b": "<id-2>", "c": "<id-1>"}]),
            &json!([{"b": "<id-7>", "c": "<id-9>", "a": "<id-9>"}]),
        );
        differ(
            &json!([["<id-1>", "<id-2>"]]),
            &json!([["<id-1>", "<id-1>"]]),
            ".answers[0].frames[0][1]: \"<id-2>\" != \"<id-1>\"",
        );
        same(&json!([{"<hex-2>": "<id-4>"}]), &json!([{"<hex-1>": "<id-1>"}]));
    }

    #[test]
    fn a_changed_text_is_a_difference() {
        differ(
            &json!([{"event": "values"}]),
            &json!([{"event": "updates"}]),
            ".answers[0].frames[0].event: \"values\" != \"updates\"",
        );
        differ(&json!(["1"]), &json!([1]), ".answers[0].frames[0]: \"1\" != 1");
        differ(&json!([null]), &json!([false]), ".answers[0].frames[0]: null != false");
    }

    #[test]
    fn a_frame_too_many_or_too_few_is_a_difference() {
        differ(&json!([1, 2]), &json!([1]), ".answers[0].frames: 2 items != 1 items");
        differ(&json!([1]), &json!([1, 2]), ".answers[0].frames: 1 items != 2 items");
    }

    #[test]
    fn keys_in_frames_are_all_compared() {
        differ(&json!([{}]), &json!([{"a": null}]), ".answers[0].frames[0].a: only found: null");
        differ(&json!([{"a": null}]), &json!([{}]), ".answers[0].frames[0].a: only expected: null");
    }

    #[test]
    fn numbers_are_compared_by_value() {
        same(&json!([20, 0.5]), &json!([20.0, 0.5]));
        differ(&json!([20]), &json!([20.5]), ".answers[0].frames[0]: 20 != 20.5");
    }

    #[test]
    fn only_a_range_that_is_unordered_may_be_in_any_order() {
        let first = json!([{"a": 1, "id": "<id-1>"}, {"b": 2, "id": "<id-2>"}, {"c": 3, "id": "<id-3>"}, 4]);
        same(
            &first,
            &json!([{"a": 1, "id": "<id-1>"}, {"c": 3, "id": "<id-2>"}, {"b": 2, "id": "<id-3>"}, 4]),
        );
        assert_ne!(
            differences(recording(&first), recording(&json!([{"b": 2}, {"a": 1}, {"c": 3}, 4]))),
            Vec::<String>::new()
        );
        let whole =
            |frames: Value| json!({"unordered": true, "answers": [{"call": "POST /x", "frames": frames}]});
        assert_eq!(differences(whole(json!([1, 2, 3])), whole(json!([3, 1, 2]))), Vec::<String>::new());
    }

    #[test]
    fn what_the_vendor_adds_to_the_metadata_of_checkpoints_is_left_out() {
        let metadata =
            json!({"source": "loop", "step": 1, "langgraph_step": 2, "checkpoint_ns": "a:1", "k": 1});
        same(&json!([metadata]), &json!([{"source": "loop", "step": 1, "k": 1}]));
        differ(
            &json!([{"step": 1, "langgraph_step": 2}]),
            &json!([{"step": 1}]),
            ".answers[0].frames[0].langgraph_step: only expected: 2",
        );
    }

    #[test]
    fn no_namespace_is_the_namespace_of_the_root() {
        same(&json!([{"checkpoint_ns": ""}, {}]), &json!([{}, {"checkpoint_ns": null}]));
        differ(
            &json!([{"checkpoint_ns": "a"}]),
            &json!([{}]),
            ".answers[0].frames[0].checkpoint_ns: only expected: \"a\"",
        );
    }

    #[test]
    fn an_error_of_a_task_says_its_message_in_words_of_its_own() {
        let task = |error: &str| json!([{"tasks": [{"error": error}]}]);
        same(&task("ValueError('boom')"), &task("error: boom"));
        same(&task("it's"), &task("it's so"));
        differ(
            &task("ValueError(\"boom\")"),
            &task("bang"),
            ".answers[0].frames[0].tasks[0].error: \"bang\" does not say \"ValueError(\\\"boom\\\")\"",
        );
    }

    #[test]
    fn refusals_and_interruptions_are_worded_freely() {
        check_body("GET /x", &json!({"detail": "a"}), &json!({"detail": "b", "code": 1}), &[]);
        check_body(
            "GET /x",
            &json!({"detail": "a"}),
            &json!({"detail": " "}),
            &[".answers[0].body.detail: \"a\" != \" \""],
        );
        same(
            &json!([{"error": "UserInterrupt", "message": "a"}]),
            &json!([{"error": "UserInterrupt", "message": "b"}]),
        );
        differ(
            &json!([{"error": "ValueError", "message": "a"}]),
            &json!([{"error": "ValueError", "message": "b"}]),
            ".answers[0].frames[0].message: \"a\" != \"b\"",
        );
    }

    #[test]
    fn a_resource_may_have_empty_keys_of_its_own() {
        check_body("GET /x", &json!({"a": 1}), &json!({"a": 1, "b": null, "c": [], "d": {}}), &[]);
        check_body("GET /x", &json!([{}]), &json!([{"b": null}]), &[]);
        check_body("GET /x", &json!({}), &json!({"b": 0}), &[".answers[0].body.b: only found: 0"]);
        check_body(
            "GET /x",
            &json!({"a": {}}),
            &json!({"a": {"b": null}}),
            &[".answers[0].body.a.b: only found: null"],
        );
    }

    #[test]
    fn a_drawing_is_compared_as_a_set() {
        let first = json!({"nodes": [{"id": "a", "type": "x"}, {"id": "b"}], "edges": [{"source": "a"}, {"source": "b"}]});
        let second =
            json!({"nodes": [{"id": "b"}, {"id": "a"}], "edges": [{"source": "b"}, {"source": "a"}]});
        check_body("GET /assistants/agent/graph?xray=true", &first, &second, &[]);
        check_body(
            "GET /x",
            &json!({"nodes": [1, 2]}),
            &json!({"nodes": [2, 1]}),
            &[".answers[0].body.nodes[0]: 1 != 2", ".answers[0].body.nodes[1]: 2 != 1"],
        );
    }

    #[test]
    fn event_ids_rise() {
        let recording = |ids: &str| json!({"answers": [{"call": "POST /x", "ids": ids}]});
        assert_eq!(differences(recording("rise"), recording("rise")), Vec::<String>::new());
        assert_eq!(
            differences(recording("rise"), recording("fall")),
            [".answers[0].ids: event ids of the second do not rise"]
        );
    }
}
