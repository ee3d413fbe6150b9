//! What a case saves out of its answers, and puts into its later calls.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

use super::normalise::pattern;

static FIELD: LazyLock<Regex> = LazyLock::new(|| pattern(r"\{(\w+)\}"));

/// Saved values by name.
pub(crate) struct Saved(HashMap<String, Value>);

impl Saved {
    /// With the word that no two plays of a case share.
    pub(crate) fn new(nonce: &str) -> Self {
        Self(HashMap::from([("nonce".to_owned(), nonce.into())]))
    }

    /// Puts saved values in place of `{name}`; a text that is just `{name}` takes any type.
    pub(crate) fn fill(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match FIELD.captures(text) {
                Some(field) if field[0] == **text && self.0.contains_key(&field[1]) => {
                    self.0[&field[1]].clone()
                }
                _ => self.fill_text(text).into(),
            },
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(map) => {
                map.iter().map(|(key, value)| (self.fill_text(key), self.fill(value))).collect()
            }
            other => other.clone(),
        }
    }

    pub(crate) fn fill_text(&self, text: &str) -> String {
        let filled = FIELD.replace_all(text, |field: &Captures<'_>| match self.0.get(&field[1]) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => field[0].to_owned(),
        });
        filled.into_owned()
    }

    /// Keeps what `call` saves out of its answer.
    pub(crate) fn save(&mut self, call: &Value, body: &Value) -> Result<(), String> {
        for (name, path) in call["save"].as_object().into_iter().flatten() {
            let path = path.as_str().unwrap_or_default();
            let value = path.split('.').try_fold(body, dig);
            let value = value.ok_or_else(|| format!("the answer has no {path}"))?;
            self.0.insert(name.clone(), value.clone());
        }
        Ok(())
    }
}

/// The part of this name or place; places below zero count from the end.
fn dig<'v>(value: &'v Value, part: &str) -> Option<&'v Value> {
    match (value, part.parse::<isize>()) {
        (Value::Array(items), Ok(place)) if place < 0 => items.get(items.len().checked_add_signed(place)?),
        (Value::Array(items), Ok(place)) => items.get(place.unsigned_abs()),
        _ => value.get(part),
    }
}
