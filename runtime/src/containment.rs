//! What it means that one document contains another, as clients filter by metadata and values.

use serde_json::{Map, Value};

/// Whether a document has everything that `filter` has: objects key by key, lists item by item in any
/// order, and anything else if it is equal. Numbers are equal if they are the same number.
pub fn contains(document: &Value, filter: &Value) -> bool {
    match (document, filter) {
        (Value::Object(document), Value::Object(filter)) => contains_all(document, filter),
        (Value::Array(items), Value::Array(wanted)) => {
            wanted.iter().all(|wanted| items.iter().any(|item| contains(item, wanted)))
        }
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => document == filter,
    }
}

/// [`contains`], of objects.
pub fn contains_all(document: &Map<String, Value>, filter: &Map<String, Value>) -> bool {
    filter.iter().all(|(key, wanted)| document.get(key).is_some_and(|value| contains(value, wanted)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_contains_what() {
        let check = |document: Value, filter: Value, expected: bool| {
            assert_eq!(contains(&document, &filter), expected, "{document} {filter}");
        };
        check(json!({"a": 1, "b": 2}), json!({}), true);
        check(json!({"a": 1, "b": 2}), json!({"a": 1.0}), true);
        check(json!({"a": 1}), json!({"a": 1, "b": null}), false);
        check(json!({"a": {"b": [1, {"c": 2, "d": 3}]}}), json!({"a": {"b": [{"c": 2}]}}), true);
        check(json!({"a": [1, 2]}), json!({"a": [2, 1, 1]}), true);
        check(json!({"a": [1, 2]}), json!({"a": [3]}), false);
        check(json!({"a": "x"}), json!({"a": ["x"]}), false);
    }
}
