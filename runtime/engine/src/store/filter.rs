//! What a search asks of the values of items. Data only: it is compared in Rust and never becomes a part of a
//! statement.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::StoreError;

/// Conditions on the top-level keys of a value, all of which must hold.
///
/// A key that is missing reads as `null`. Objects are compared key by key, lists item by item, numbers by what
/// they are worth. An object with a key that begins with `$` compares: `$eq`, `$ne`, and `$gt`, `$gte`, `$lt`,
/// `$lte` between two numbers or two texts; between anything else these four do not hold.
///
/// ```
/// use eddyline_engine::store::Filter;
/// use serde_json::json;
///
/// let filter = Filter::parse(json!({"kind": "joke", "laughs": {"$gte": 3}}).as_object().unwrap())?;
/// assert!(filter.matches(json!({"kind": "joke", "laughs": 4}).as_object().unwrap()));
/// assert!(!filter.matches(json!({"kind": "joke"}).as_object().unwrap()));
/// # Ok::<(), eddyline_engine::store::StoreError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter(Vec<(String, Condition)>);

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    /// It is this, and no object or list.
    Is(Value),
    /// It is an object with values like these.
    Fields(Vec<(String, Condition)>),
    /// It is a list of as many values like these.
    Items(Vec<Condition>),
    /// It stands so to these.
    Compares(Vec<(Comparison, Value)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Filter {
    /// Reads a filter. Fails with [`StoreError::Operator`].
    pub fn parse(filter: &Map<String, Value>) -> Result<Self, StoreError> {
        fields(filter).map(Self)
    }

    /// Whether the value is what the filter asks for.
    pub fn matches(&self, value: &Map<String, Value>) -> bool {
        all(&self.0, value)
    }
}

fn fields(map: &Map<String, Value>) -> Result<Vec<(String, Condition)>, StoreError> {
    map.iter().map(|(key, value)| Ok((key.clone(), Condition::parse(value)?))).collect()
}

fn all(fields: &[(String, Condition)], value: &Map<String, Value>) -> bool {
    fields.iter().all(|(key, condition)| condition.holds(value.get(key).unwrap_or(&Value::Null)))
}

impl Condition {
    fn parse(value: &Value) -> Result<Self, StoreError> {
        Ok(match value {
            Value::Object(map) if map.keys().any(|key| key.starts_with('$')) => {
                let compares = map.iter().map(|(key, value)| Ok((Comparison::parse(key)?, value.clone())));
                Self::Compares(compares.collect::<Result<_, StoreError>>()?)
            }
            Value::Object(map) => Self::Fields(fields(map)?),
            Value::Array(items) => Self::Items(items.iter().map(Self::parse).collect::<Result<_, _>>()?),
            value => Self::Is(value.clone()),
        })
    }

    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Is(wanted), value) => same(value, wanted),
            (Self::Fields(wanted), Value::Object(map)) => all(wanted, map),
            (Self::Items(wanted), Value::Array(items)) => {
                wanted.len() == items.len()
                    && wanted.iter().zip(items).all(|(wanted, item)| wanted.holds(item))
            }
            (Self::Compares(wanted), value) => {
                wanted.iter().all(|(comparison, other)| comparison.holds(value, other))
            }
            _ => false,
        }
    }
}

impl Comparison {
    fn parse(operator: &str) -> Result<Self, StoreError> {
        Ok(match operator {
            "$eq" => Self::Eq,
            "$ne" => Self::Ne,
            "$gt" => Self::Gt,
            "$gte" => Self::Gte,
            "$lt" => Self::Lt,
            "$lte" => Self::Lte,
            _ => return Err(StoreError::Operator { operator: operator.to_owned() }),
        })
    }

    fn holds(self, value: &Value, other: &Value) -> bool {
        match self {
            Self::Eq => same(value, other),
            Self::Ne => !same(value, other),
            Self::Gt => order(value, other).is_some_and(Ordering::is_gt),
            Self::Gte => order(value, other).is_some_and(Ordering::is_ge),
            Self::Lt => order(value, other).is_some_and(Ordering::is_lt),
            Self::Lte => order(value, other).is_some_and(Ordering::is_le),
        }
    }
}

/// Whether two values are equal, where 1 and 1.0 are.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => number_order(one, other) == Some(Ordering::Equal),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let in_other =
                |(key, value): (&String, _)| other.get(key).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(in_other)
        }
        _ => one == other,
    }
}

fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => number_order(one, other),
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

fn number_order(one: &Number, other: &Number) -> Option<Ordering> {
    match (one.as_i128(), other.as_i128()) {
        // Whole numbers of 64 bits are more exact than a float.
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(filter: &Value) -> Result<Filter, StoreError> {
        Filter::parse(filter.as_object().expect("an object"))
    }

    #[track_caller]
    fn check(filter: &Value, value: &Value, expected: bool) {
        let filter = parse(filter).expect("is a filter");
        assert_eq!(filter.matches(value.as_object().expect("an object")), expected, "{filter:?} {value}");
    }

    #[test]
    fn keys_are_compared_with_values() {
        check(&json!({}), &json!({"a": 1}), true);
        check(&json!({"a": 1}), &json!({"a": 1.0, "b": 2}), true);
        check(&json!({"a": 1, "b": 2}), &json!({"a": 1}), false);
        check(&json!({"a": null}), &json!({}), true);
        check(&json!({"a": "1"}), &json!({"a": 1}), false);
        check(&json!({"a": {"b": {"c": 1}}}), &json!({"a": {"b": {"c": 1, "d": 2}}}), true);
        check(&json!({"a": {"b": 1}}), &json!({"a": 1}), false);
        check(&json!({"a": [1, {"b": 2}]}), &json!({"a": [1, {"b": 2, "c": 3}]}), true);
        check(&json!({"a": [1]}), &json!({"a": [1, 2]}), false);
        check(&json!({"$eq": 1}), &json!({"$eq": 1}), true);
    }

    #[test]
    fn operators_hold_together() {
        check(&json!({"n": {"$gt": 1, "$lte": 3}}), &json!({"n": 3}), true);
        check(&json!({"n": {"$gt": 1, "$lte": 3}}), &json!({"n": 3.5}), false);
        check(&json!({"n": {"$gte": 3}}), &json!({"n": 3}), true);
        check(&json!({"n": {"$lt": 3}}), &json!({"n": 3}), false);
        check(&json!({"n": {"$eq": {"a": [1]}}}), &json!({"n": {"a": [1.0]}}), true);
        check(&json!({"n": {"$eq": {"a": 1}}}), &json!({"n": {"a": 1, "b": 2}}), false);
        check(&json!({"n": {"$ne": 1}}), &json!({}), true);
        check(&json!({"n": {"$ne": 1}}), &json!({"n": 1.0}), false);
        check(&json!({"a": {"n": {"$gt": 1}}}), &json!({"a": {"n": 2}}), true);
        check(&json!({"s": {"$gt": "a"}}), &json!({"s": "b"}), true);
        check(
            &json!({"n": {"$gt": 9_007_199_254_740_992_i64}}),
            &json!({"n": 9_007_199_254_740_993_i64}),
            true,
        );
    }

    #[test]
    fn what_has_no_order_is_not_before_or_after() {
        for value in [json!({}), json!({"n": null}), json!({"n": "5"}), json!({"n": [5]})] {
            check(&json!({"n": {"$gt": 1}}), &value, false);
            check(&json!({"n": {"$lte": 1}}), &value, false);
        }
    }

    #[test]
    fn an_operator_that_there_is_not_is_refused() {
        for filter in [json!({"a": {"$regex": "x"}}), json!({"a": {"b": [{"$gt": 1, "c": 2}]}})] {
            assert_eq!(parse(&filter).expect_err("is refused").code(), "UNSUPPORTED_OPERATOR");
        }
    }
}
