//! What it means that one document contains another, as clients filter by metadata and values.

use serde_json::{Map, Number, Value};

use crate::error::Error;

/// How many values a filter may have, those that hold others counted too. Each is compared with every value of a
/// document at most: so much work is bounded.
pub const FILTER_VALUES: usize = 256;

/// Refuses a filter that would take long to compare with documents.
pub fn check_filter(filter: &Map<String, Value>) -> Result<(), Error> {
    let mut left = FILTER_VALUES;
    if filter.values().all(|value| spend(&mut left, value)) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "a filter may have {FILTER_VALUES} values, those in lists and objects counted too"
    )))
}

/// Whether `value` and all that it holds are within what is left, which they use up.
fn spend(left: &mut usize, value: &Value) -> bool {
    let Some(rest) = left.checked_sub(1) else { return false };
    *left = rest;
    match value {
        Value::Array(items) => items.iter().all(|item| spend(left, item)),
        Value::Object(object) => object.values().all(|value| spend(left, value)),
        _ => true,
    }
}

/// Whether a document has everything that `filter` has: objects key by key, lists item by item in any
/// order, and anything else if it is equal. Numbers are equal if they are the same number.
pub fn contains(document: &Value, filter: &Value) -> bool {
    match (document, filter) {
        (Value::Object(document), Value::Object(filter)) => contains_all(document, filter),
        (Value::Array(items), Value::Array(wanted)) => {
            wanted.iter().all(|wanted| items.iter().any(|item| contains(item, wanted)))
        }
        (Value::Number(a), Value::Number(b)) => same(a, b),
        _ => document == filter,
    }
}

/// [`contains`], of objects.
pub fn contains_all(document: &Map<String, Value>, filter: &Map<String, Value>) -> bool {
    filter.iter().all(|(key, wanted)| document.get(key).is_some_and(|value| contains(value, wanted)))
}

/// The filter that asks for everything that two of them ask for; `None` when no document could have it.
pub(crate) fn both(one: Map<String, Value>, other: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut both = one;
    for (key, wanted) in other {
        let joined = match both.remove(key) {
            None => wanted.clone(),
            Some(own) => joined(own, wanted)?,
        };
        both.insert(key.clone(), joined);
    }
    Some(both)
}

fn joined(one: Value, other: &Value) -> Option<Value> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => both(one, other).map(Value::Object),
        (Value::Array(mut one), Value::Array(other)) => {
            one.extend(other.iter().cloned());
            Some(Value::Array(one))
        }
        // Of anything else a document has exactly one.
        (one, other) => contains(&one, other).then_some(one),
    }
}

/// Whether two numbers are the same: whole ones to the last digit, and a float that is whole the number that it is.
fn same(a: &Number, b: &Number) -> bool {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.as_f64() == b.as_f64(),
        (Some(whole), None) => is_whole(b, whole),
        (None, Some(whole)) => is_whole(a, whole),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond is none of the numbers that JSON has whole"
)]
fn is_whole(float: &Number, whole: i128) -> bool {
    float.as_f64().is_some_and(|float| float.fract() == 0.0 && float as i128 == whole)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_have_an_end() {
        let check = |filter: Value, fits: bool| {
            let Value::Object(filter) = filter else { panic!("{filter} is no object") };
            assert_eq!(check_filter(&filter).is_ok(), fits);
        };
        let numbers = |count: usize| Value::from((0..count).collect::<Vec<_>>());
        check(json!({}), true);
        check(json!({"a": numbers(FILTER_VALUES - 1)}), true);
        check(json!({"a": numbers(FILTER_VALUES)}), false);
        check(json!({"a": numbers(100), "b": {"c": numbers(153)}}), true);
        check(json!({"a": numbers(100), "b": {"c": numbers(154)}}), false);
    }

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
        check(json!({"a": 0}), json!({"a": -0.0}), true);
        check(json!({"a": 0}), json!({"a": 0.5}), false);
        check(json!({"a": 1e300}), json!({"a": u64::MAX}), false);
        check(json!({"a": i64::MAX}), json!({"a": i64::MAX - 1}), false);
        check(json!({"a": u64::MAX}), json!({"a": 18_446_744_073_709_551_616.0}), false);
        check(json!({"a": 1_000_000_000_000_000_000_i64}), json!({"a": 1e18}), true);
    }
}
