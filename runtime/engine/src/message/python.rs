//! How Python shows a JSON value, for texts that clients compare.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value};

/// The name of the value's class, as in `<class 'int'>`.
pub(super) fn class(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// Whether the value counts as true: empty, zero and null do not.
pub(super) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// Python's `str(value)`: a string as it is, anything else as [`repr`] shows it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => repr(other),
    }
}

/// Python's `repr(value)`.
pub(super) fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => repr_text(text),
        Value::Array(items) => format!("[{}]", joined(items.iter().map(repr))),
        Value::Object(map) => repr_map(map),
    }
}

/// Python's `repr` of a dictionary.
pub(super) fn repr_map(map: &Map<String, Value>) -> String {
    let entries = map.iter().map(|(key, value)| format!("{}: {}", repr_text(key), repr(value)));
    format!("{{{}}}", joined(entries))
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn repr_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::from(quote);
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\\' => shown.push_str("\\\\"),
            _ if character == quote => shown.extend(['\\', quote]),
            _ if character.is_control() => shown.push_str(&escape(character)),
            _ => shown.push(character),
        }
    }
    shown.push(quote);
    shown
}

fn escape(control: char) -> String {
    format!("\\x{:02x}", u32::from(control))
}

/// Python's `json.dumps(map)`: a space after `,` and `:`, and nothing but ASCII.
pub(super) fn json_text(map: &Map<String, Value>) -> String {
    let mut bytes = Vec::new();
    map.serialize(&mut Serializer::with_formatter(&mut bytes, PythonFormatter))
        .expect("a JSON value serialises into memory");
    String::from_utf8(bytes).expect("the formatter writes ASCII")
}

struct PythonFormatter;

impl Formatter for PythonFormatter {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for character in fragment.chars() {
            if matches!(character, ' '..='~') {
                write!(writer, "{character}")?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_show_as_in_python() {
        let cases = [
            (json!(null), "None"),
            (json!([true, false, 1, 1.5]), "[True, False, 1, 1.5]"),
            (json!({"a": "it's", "b": {}}), r#"{'a': "it's", 'b': {}}"#),
            (json!("both ' and \""), r#"'both \' and "'"#),
            (json!("line\n\u{1}é\\"), r"'line\n\x01é\\'"),
        ];
        for (value, expected) in cases {
            assert_eq!(repr(&value), expected);
        }
        assert_eq!(text(&json!("as is")), "as is");
    }

    #[test]
    fn json_text_is_spaced_ascii() {
        let value = json!({"city": "Zürich 🌊", "n": [1, {"b": null}], "e": {}, "q": "\"\n"});
        let expected = r#"{"city": "Z\u00fcrich \ud83c\udf0a", "n": [1, {"b": null}], "e": {}, "q": "\"\n"}"#;
        assert_eq!(json_text(value.as_object().unwrap()), expected);
    }
}
