//! What clients ask for after the question mark: lists, switches and numbers, in every form that they send.

use serde_json::Value;

use super::{Reason, Refusal};

/// The names and values of a query, as they came.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The last value of `name`; an empty one is as good as none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.text_or_empty(name).filter(|value| !value.is_empty())
    }

    /// The last value of `name`, an empty one too.
    pub(crate) fn text_or_empty(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A list: `name` repeated, a JSON list of texts, or texts with commas between them. Clients send all
    /// three, and mixtures.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        values.flat_map(texts).filter(|text| !text.is_empty()).collect()
    }

    /// A switch: on by `true`, `yes` or `1`, in capitals or not.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let on = |value: &str| ["true", "yes", "1"].iter().any(|word| value.eq_ignore_ascii_case(word));
        self.text(name).is_some_and(on)
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let number = |text: &str| {
            let wrong =
                || Refusal::new(Reason::BadRequest, format!("`{name}` is a whole number, not {text:?}"));
            text.parse().map_err(|_| wrong())
        };
        self.text(name).map(number).transpose()
    }
}

fn texts(value: &str) -> Vec<String> {
    match serde_json::from_str(value) {
        Ok(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Ok(Value::String(text)) => vec![text],
        _ => value.split(',').map(|part| part.trim().to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Query {
        Query::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn check(values: &[&str], expected: &[&str]) {
        let pairs: Vec<_> = values.iter().map(|value| ("stream_mode", *value)).collect();
        assert_eq!(query(&pairs).list("stream_mode"), expected);
    }

    #[test]
    fn lists_come_in_many_forms() {
        check(&[], &[]);
        check(&[""], &[]);
        check(&["updates"], &["updates"]);
        check(&["updates", "values"], &["updates", "values"]);
        check(&[r#"["updates","values"]"#], &["updates", "values"]);
        check(&[r#""updates""#], &["updates"]);
        check(&["updates, values", r#"["custom"]"#], &["updates", "values", "custom"]);
        check(&["[]"], &[]);
        check(&["updates|child:1"], &["updates|child:1"]);
    }

    #[test]
    fn switches_and_numbers() {
        let query = query(&[("a", "true"), ("b", "Yes"), ("c", "0"), ("n", "7"), ("m", "many"), ("n", "8")]);
        assert!(query.flag("a") && query.flag("b") && !query.flag("c") && !query.flag("d"));
        assert_eq!((query.number("n"), query.number("x")), (Ok(Some(8)), Ok(None)));
        assert_eq!(query.number("m").unwrap_err().reason, Reason::BadRequest);
    }
}
