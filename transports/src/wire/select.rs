//! Resources of which a client wants to see a part.

use serde::Serialize;
use serde_json::Value;

use super::Refusal;

/// The fields that a client named; all of them if it named none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Select(Vec<String>);

impl Select {
    /// Takes the names that a client gave, and refuses those that are not `known`.
    pub(crate) fn new(names: Vec<String>, known: &[&str]) -> Result<Self, Refusal> {
        match names.iter().find(|name| !known.contains(&name.as_str())) {
            None => Ok(Self(names)),
            Some(name) => Err(Refusal::unprocessable(format!(
                "`select`: there is no field `{name}`; there are {}",
                known.join(", ")
            ))),
        }
    }

    /// The resource with nothing but those fields.
    pub(crate) fn of(&self, resource: &impl Serialize) -> Result<Value, serde_json::Error> {
        let mut json = serde_json::to_value(resource)?;
        if let Value::Object(map) = &mut json
            && !self.0.is_empty()
        {
            map.retain(|key, _| self.0.contains(key));
        }
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(names: &[&str], expected: &Value) {
        let names = names.iter().map(ToString::to_string).collect();
        let select = Select::new(names, &["a", "b"]).unwrap();
        assert_eq!(select.of(&json!({"a": 1, "b": null})).unwrap(), *expected);
    }

    #[test]
    fn a_resource_shows_what_was_named() {
        check(&[], &json!({"a": 1, "b": null}));
        check(&["b"], &json!({"b": null}));
        check(&["b", "a"], &json!({"a": 1, "b": null}));
        let unknown = Select::new(vec!["c".to_owned()], &["a", "b"]).unwrap_err();
        assert_eq!(unknown, Refusal::unprocessable("`select`: there is no field `c`; there are a, b"));
    }
}
