//! How the parts of two chunks add up.

use serde_json::{Map, Value, json};

use super::super::Content;
use super::super::merge::{contents, ids, lists, maps};

#[test]
fn contents_join() {
    let cases = [
        (json!("a"), json!("b"), json!("ab")),
        (json!("a"), json!([{"type": "text"}]), json!(["a", {"type": "text"}])),
        (json!(""), json!(["b"]), json!(["", "b"])),
        (json!(["a"]), json!("b"), json!(["ab"])),
        (json!([{"type": "image"}]), json!("b"), json!([{"type": "image"}, "b"])),
        (json!([{"type": "image"}]), json!(""), json!([{"type": "image"}])),
        (json!([]), json!("z"), json!([])),
        (json!(["a"]), json!(["b"]), json!(["a", "b"])),
        (
            json!([{"type": "text", "text": "a", "index": 0}]),
            json!([{"type": "text", "text": "b", "index": 0}]),
            json!([{"type": "text", "text": "ab", "index": 0}]),
        ),
    ];
    for (left, right, expected) in cases {
        let read = |value: &Value| serde_json::from_value::<Content>(value.clone()).unwrap();
        let merged = contents(&read(&left), &read(&right)).unwrap();
        assert_eq!(serde_json::to_value(merged).unwrap(), expected, "{left} + {right}");
    }
}

#[test]
fn list_elements_join_by_index_and_id() {
    let cases = [
        (json!({"index": 0, "t": "a"}), json!({"index": 0, "t": "b"}), json!([{"index": 0, "t": "ab"}])),
        (
            json!({"index": "lc_1", "t": "a"}),
            json!({"index": "lc_1", "t": "b"}),
            json!([{"index": "lc_1", "t": "ab"}]),
        ),
        (json!({"index": "x"}), json!({"index": "x"}), json!([{"index": "x"}, {"index": "x"}])),
        (json!({"index": 0}), json!({"index": 1}), json!([{"index": 0}, {"index": 1}])),
        (json!({"index": 0, "id": "a"}), json!({"index": 0, "id": ""}), json!([{"index": 0, "id": "a"}])),
        (json!({"index": 0, "id": "a"}), json!({"index": 0, "id": "a"}), json!([{"index": 0, "id": "a"}])),
        (
            json!({"index": 0, "id": "a"}),
            json!({"index": 0, "id": "b"}),
            json!([{"index": 0, "id": "a"}, {"index": 0, "id": "b"}]),
        ),
        (json!("text"), json!({"index": 0}), json!(["text", {"index": 0}])),
        (json!({"t": 1}), json!({"t": 1}), json!([{"t": 1}, {"t": 1}])),
    ];
    for (left, right, expected) in cases {
        let merged = lists(std::slice::from_ref(&left), std::slice::from_ref(&right)).unwrap();
        assert_eq!(Value::from(merged), expected, "{left} + {right}");
    }
}

#[test]
fn values_join_by_type() {
    let big = json!(u64::MAX);
    let cases = [
        (json!(null), json!(1), Ok(json!(1))),
        (json!(1), json!(null), Ok(json!(1))),
        (json!("m"), json!("m"), Ok(json!("mm"))),
        (json!(2), json!(3), Ok(json!(5))),
        (json!(2), json!(2), Ok(json!(2))),
        (json!(-1), big.clone(), Ok(json!(u64::MAX - 1))),
        (json!(1), big, Err("Integer exceeds 64-bit range")),
        (json!({"a": "x"}), json!({"a": "y", "b": 1}), Ok(json!({"a": "xy", "b": 1}))),
        (json!([1]), json!([1]), Ok(json!([1, 1]))),
        (json!(true), json!(true), Ok(json!(true))),
        (json!(0.5), json!(0.5), Ok(json!(0.5))),
        (
            json!(true),
            json!(false),
            Err(
                "Additional kwargs key k already exists in left dict and value has unsupported type <class 'bool'>.",
            ),
        ),
        (
            json!(0.5),
            json!(1.5),
            Err(
                "Additional kwargs key k already exists in left dict and value has unsupported type <class 'float'>.",
            ),
        ),
        (
            json!("1"),
            json!(1),
            Err("additional_kwargs[\"k\"] already exists in this message, but with a different type."),
        ),
        (
            json!(1),
            json!(1.5),
            Err("additional_kwargs[\"k\"] already exists in this message, but with a different type."),
        ),
    ];
    for (left, right, expected) in cases {
        let merged = maps(&Map::from_iter([("k".into(), left)]), &Map::from_iter([("k".into(), right)]));
        let merged = merged.map(|mut map| map["k"].take()).map_err(|error| {
            assert_eq!(error.class(), "TypeError");
            error.to_string()
        });
        assert_eq!(merged, expected.map_err(str::to_owned));
    }
}

#[test]
fn names_and_times_are_not_added() {
    let left = json!({"index": 1, "created": 5, "timestamp": 5, "id": "a", "output_version": "v1", "model_provider": "p"});
    let right = json!({"index": 2, "created": 6, "timestamp": 7, "id": "a", "output_version": "v1", "model_provider": "p"});
    let merged = maps(left.as_object().unwrap(), right.as_object().unwrap()).unwrap();
    assert_eq!(Value::Object(merged), right);
}

#[test]
fn the_best_id_wins() {
    let cases = [
        (Some("lc_run--1"), Some("msg-1"), Some("msg-1")),
        (Some("msg-1"), Some("msg-2"), Some("msg-1")),
        (Some("lc_x"), Some("lc_run--1"), Some("lc_run--1")),
        (Some("lc_x"), Some("lc_y"), Some("lc_x")),
        (None, Some("lc_y"), Some("lc_y")),
        (Some(""), None, None),
    ];
    for (left, right, expected) in cases {
        assert_eq!(ids(left, right), expected);
    }
}
