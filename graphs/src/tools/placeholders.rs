//! Texts and values with the arguments of a call in them: `{city}` stands for the argument `city`.

use std::sync::LazyLock;

use eddyline_engine::NodeError;
use regex::Regex;
use serde_json::{Map, Value};

use crate::text::spoken;

static PLACEHOLDER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{([A-Za-z_]\w*)\}").expect("the pattern is right"));

/// The names in a text, each in braces.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    PLACEHOLDER.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str()))
}

/// The texts in a value, wherever they stand.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// The value with arguments in place; `None` for a text that is one argument which the call does not have.
pub(super) fn value(template: &Value, args: &Map<String, Value>) -> Result<Option<Value>, NodeError> {
    Ok(Some(match template {
        Value::String(text) => match names(text).next() {
            Some(name) if text.len() == name.len() + 2 => return Ok(args.get(name).cloned()),
            _ => text_of(text, args, spoken)?.into(),
        },
        Value::Array(items) => {
            items.iter().filter_map(|item| value(item, args).transpose()).collect::<Result<_, _>>()?
        }
        Value::Object(fields) => {
            let field = |(key, field): (&String, _)| {
                Some(value(field, args).transpose()?.map(|field| (key.clone(), field)))
            };
            Value::Object(fields.iter().filter_map(field).collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    }))
}

/// The path of a URL with arguments in it, each a part of the segment where it stands and of no other.
pub(super) fn path(template: &str, args: &Map<String, Value>) -> Result<String, NodeError> {
    let segment = |template: &str| {
        let segment = text_of(template, args, |value| encoded(&spoken(value)))?;
        // These would be read as steps to elsewhere.
        let is_step = matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "" | "." | "..");
        if is_step && names(template).next().is_some() {
            return Err(wrong(format!("an argument cannot make `{segment}` of `{template}` in a URL")));
        }
        Ok(segment)
    };
    Ok(template.split('/').map(segment).collect::<Result<Vec<_>, _>>()?.join("/"))
}

fn text_of(
    template: &str,
    args: &Map<String, Value>,
    say: impl Fn(&Value) -> String,
) -> Result<String, NodeError> {
    if let Some(name) = names(template).find(|name| !args.contains_key(*name)) {
        return Err(wrong(format!("the argument `{name}` is missing")));
    }
    Ok(PLACEHOLDER.replace_all(template, |found: &regex::Captures<'_>| say(&args[&found[1]])).into_owned())
}

/// All but letters, digits and `-._~` as `%` and two digits.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn wrong(words: String) -> NodeError {
    NodeError::visible("ValueError", words)
}
