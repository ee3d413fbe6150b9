//! Answers of any shape as text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

/// A text as it is, and anything else as JSON: `{"deep": [1]}`, as Python's `json.dumps` writes it.
pub(crate) fn spoken(answer: &Value) -> String {
    match answer {
        Value::String(text) => text.clone(),
        other => dumps(other),
    }
}

/// The value as JSON with a space after each comma and colon, in ASCII.
fn dumps(value: &Value) -> String {
    let mut bytes = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, Spaced))
        .expect("a JSON value has a JSON form, and memory takes every write");
    String::from_utf8(bytes).expect("the formatter writes ASCII")
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        for character in fragment.chars() {
            if character.is_ascii() {
                write!(out, "{character}")?;
            } else {
                let mut units = [0; 2];
                character
                    .encode_utf16(&mut units)
                    .iter()
                    .try_for_each(|unit| write!(out, "\\u{unit:04x}"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::spoken;

    #[test]
    fn only_texts_are_left_as_they_are() {
        let cases = [
            (json!("yes, \"please\" ü"), "yes, \"please\" ü"),
            (json!({"deep": [1, 2.5], "b": {}}), r#"{"deep": [1, 2.5], "b": {}}"#),
            (json!(["ü\n", "😀"]), r#"["\u00fc\n", "\ud83d\ude00"]"#),
            (json!(true), "true"),
            (json!(null), "null"),
        ];
        for (answer, expected) in cases {
            assert_eq!(spoken(&answer), expected);
        }
    }
}
