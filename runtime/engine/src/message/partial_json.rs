//! Reading JSON that breaks off, or has something behind it: the arguments of a tool call while they stream.

use serde_json::Value;

/// Reads `text` as leniently as `LangChain`'s `parse_partial_json`: what is open is closed, and what cannot be read at
/// the end is dropped. Control characters in strings are allowed.
///
/// `None` if a bracket closes what is not open, or if no beginning of the text can be read.
pub(super) fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| Draft::new(text)?.read())
}

/// A text with its last string closed, and the brackets that close the rest.
struct Draft {
    text: String,
    brackets: String,
}

impl Draft {
    fn new(source: &str) -> Option<Self> {
        let mut text = String::with_capacity(source.len() + 1);
        let mut open = Vec::new();
        let mut in_string = false;
        let mut escaped = false;
        for character in source.chars() {
            let control = character.is_ascii_control() && character != '\u{7f}';
            match character {
                _ if in_string && control && !escaped => text.push_str(&escape(character)),
                // With every line break gone, a column is an offset.
                '\n' if !in_string => text.push(' '),
                _ => text.push(character),
            }
            match character {
                '"' if !escaped => in_string = !in_string,
                '{' if !in_string => open.push('}'),
                '[' if !in_string => open.push(']'),
                '}' | ']' if !in_string && open.pop() != Some(character) => return None,
                _ => {}
            }
            escaped = in_string && character == '\\' && !escaped;
        }
        if in_string {
            if escaped {
                text.pop();
            }
            text.push('"');
        }
        Some(Self { text, brackets: open.into_iter().rev().collect() })
    }

    /// The value of the longest beginning that can be read once the brackets follow it.
    fn read(mut self) -> Option<Value> {
        while !self.text.is_empty() {
            let length = self.text.len();
            self.text.push_str(&self.brackets);
            let result = serde_json::from_str(&self.text);
            self.text.truncate(length);
            match result {
                Ok(value) => return Some(value),
                Err(error) => self.shorten(error.column()),
            }
        }
        None
    }

    /// Drops the last character, and whatever the reader did not reach: it would stumble at the same place again.
    fn shorten(&mut self, column: usize) {
        self.text.pop();
        while self.text.len() > column + 1 {
            self.text.pop();
        }
    }
}

fn escape(control: char) -> String {
    format!("\\u{:04x}", u32::from(control))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_can_be_read() {
        let cases = [
            (r#"{"a": 1}"#, Some(json!({"a": 1}))),
            (r#"{"a":"#, Some(json!({}))),
            (r#"{"city": "#, Some(json!({}))),
            (r#"{"a": 1, "b"#, Some(json!({"a": 1}))),
            (r#"{"a": "x"#, Some(json!({"a": "x"}))),
            (r#"{"a": "x\"#, Some(json!({"a": "x"}))),
            (r#"{"a": "x\\"#, Some(json!({"a": "x\\"}))),
            (r#"{"a": "say \"hi"#, Some(json!({"a": "say \"hi"}))),
            (r#"{"a": [1, {"b": "[}"#, Some(json!({"a": [1, {"b": "[}"}]}))),
            (r#"{"a": tru"#, Some(json!({}))),
            (r#"{"a": 1} and more"#, Some(json!({"a": 1}))),
            ("{\n\"a\": 1,\n\"b\": 2} \n junk", Some(json!({"a": 1, "b": 2}))),
            ("{\"a\": \"two\nlines\tand", Some(json!({"a": "two\nlines\tand"}))),
            (r#"{"grüße": "🌊 x"#, Some(json!({"grüße": "🌊 x"}))),
            ("1}", None),
            (r#""SF"}"#, None),
            (r#"{"a": 1]"#, None),
            ("nothing", None),
            ("", None),
            ("12 apples", Some(json!(12))),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn every_beginning_of_an_object_reads_as_an_object() {
        let whole = r#"{"a": [1, -2.5e3, {"b": "x \"y\" \\ z"}, null], "c": {"d": true}, "e": "ü🌊"}"#;
        for (end, _) in whole.char_indices().skip(1) {
            let value = parse(&whole[..end]);
            assert!(value.as_ref().is_some_and(Value::is_object), "{} gave {value:?}", &whole[..end]);
        }
    }

    #[test]
    fn long_garbage_is_dropped_at_once() {
        let text = format!(r#"{{"a": 1}} {}"#, "x".repeat(1 << 20));
        assert_eq!(parse(&text), Some(json!({"a": 1})));
    }
}
