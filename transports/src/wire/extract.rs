//! Single values out of resources: what a client names by paths such as `values.messages[-1].content`.

use serde_json::{Map, Value};

use super::Refusal;

/// At most so many paths.
const PATHS: usize = 10;

/// The fields of a resource in which a path may begin.
const ROOTS: [&str; 4] = ["values", "metadata", "config", "interrupts"];

/// Paths, each with the name under which a client wants to read what it leads to.
#[derive(Debug)]
pub(crate) struct Extract(Vec<(String, Path)>);

/// A way into a document.
#[derive(Debug, PartialEq, Eq)]
struct Path(Vec<Step>);

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    /// From the end if it is negative.
    Item(i64),
}

impl Extract {
    /// Reads `{name: path}`; the names of `fields` are taken.
    pub(super) fn new(paths: Map<String, Value>, fields: &[&str]) -> Result<Self, Refusal> {
        if paths.len() > PATHS {
            return Err(Refusal::unprocessable(format!("`extract`: at most {PATHS} paths")));
        }
        let read = |(name, path): (String, Value)| {
            if !is_name(&name) || fields.contains(&name.as_str()) {
                let wrong = "is no name, or that of a field";
                return Err(Refusal::unprocessable(format!("`extract`: {name:?} {wrong}")));
            }
            let parsed = path.as_str().and_then(Path::parse);
            let wrong = || {
                let form = format!("`FIELD.key[0].key`, where FIELD is one of {}", ROOTS.join(", "));
                Refusal::unprocessable(format!("`extract.{name}`: {path} is not of the form {form}"))
            };
            let parsed = parsed.ok_or_else(wrong)?;
            Ok((name, parsed))
        };
        Ok(Self(paths.into_iter().map(read).collect::<Result<_, _>>()?))
    }

    /// What the paths lead to in a resource; null where one leads nowhere.
    pub(super) fn of(&self, resource: &Value) -> Value {
        let found = self.0.iter().map(|(name, path)| (name.clone(), path.of(resource).cloned()));
        Value::Object(found.map(|(name, value)| (name, value.unwrap_or_default())).collect())
    }
}

impl Path {
    fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (key, items) = part.split_at(part.find('[').unwrap_or(part.len()));
            if key.is_empty() || key.contains(']') {
                return None;
            }
            steps.push(Step::Key(key.to_owned()));
            let mut rest = items;
            while !rest.is_empty() {
                let (item, after) = rest.strip_prefix('[')?.split_once(']')?;
                steps.push(Step::Item(item.parse().ok()?));
                rest = after;
            }
        }
        let Some(Step::Key(root)) = steps.first() else { return None };
        ROOTS.contains(&root.as_str()).then_some(Self(steps))
    }

    /// Keys that begin with an underscore are nobody's business.
    fn of<'a>(&self, resource: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(resource, |value, step| match step {
            Step::Key(key) if key.starts_with('_') => None,
            Step::Key(key) => value.as_object()?.get(key),
            Step::Item(place) => {
                let list = value.as_array()?;
                let place =
                    if *place < 0 { i64::try_from(list.len()).ok()?.checked_add(*place)? } else { *place };
                list.get(usize::try_from(place).ok()?)
            }
        })
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    let begins = chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    begins && chars.all(|next| next.is_ascii_alphanumeric() || next == '_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn extract(paths: Value) -> Result<Extract, Refusal> {
        let Value::Object(paths) = paths else { panic!("{paths} is no object") };
        Extract::new(paths, &["status"])
    }

    fn check(path: &str, expected: &Value) {
        let resource = json!({
            "values": {"list": [{"a": 1}, [2, 3]], "_hidden": 4, "a b": 5, "text": "six"},
            "metadata": {"m": null}, "status": "idle",
        });
        let found = extract(json!({"x": path})).unwrap().of(&resource);
        assert_eq!(found, json!({"x": expected}), "{path}");
    }

    #[test]
    fn a_path_leads_to_a_value() {
        check("values.list[0].a", &json!(1));
        check("values.list[-1][-2]", &json!(2));
        check("values.a b", &json!(5));
        check("metadata", &json!({"m": null}));
    }

    #[test]
    fn a_path_that_leads_nowhere_leads_to_null() {
        for path in [
            "values.list[2]",
            "values.list[-3]",
            "values.list[9223372036854775807]",
            "values.list[-9223372036854775808]",
            "values.list.a",
            "values.text[0]",
            "values.nothing.more",
            "values._hidden",
            "config.a",
            "metadata.$",
            "metadata.m\0",
            "metadata.*",
        ] {
            check(path, &Value::Null);
        }
    }

    #[test]
    fn paths_and_names_that_are_none() {
        for path in [
            "",
            "status",
            "thread_id",
            "values.",
            ".values",
            "values[",
            "values[0",
            "values[x]",
            "values[0]a",
            "values.a]",
            "values..a",
            "$.values",
            "values[99999999999999999999]",
        ] {
            assert!(extract(json!({"x": path})).is_err(), "{path}");
        }
        for name in ["", "1a", "a-b", "a b", "status", "ä"] {
            assert!(extract(json!({name: "values.a"})).is_err(), "{name}");
        }
        assert!(extract(json!({"x": 7})).is_err());
        let many: Map<_, _> = (0..11).map(|n| (format!("x{n}"), json!("values.a"))).collect();
        assert!(extract(Value::Object(many)).is_err());
    }
}
