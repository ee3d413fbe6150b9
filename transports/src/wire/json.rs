//! How values are written for clients.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

/// JSON as clients get it: compact, and U+FFFD where a text has a NUL, which many stores refuse.
///
/// Fails only when a `Serialize` of ours does: a map whose keys are no texts.
pub(crate) fn encode(value: &impl Serialize) -> Result<Bytes, serde_json::Error> {
    let mut bytes = Vec::with_capacity(128);
    value.serialize(&mut Serializer::with_formatter(&mut bytes, WireFormatter))?;
    Ok(bytes.into())
}

struct WireFormatter;

impl Formatter for WireFormatter {
    fn write_char_escape<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        match escape {
            CharEscape::AsciiControl(0) => out.write_all("\u{fffd}".as_bytes()),
            escape => CompactFormatter.write_char_escape(out, escape),
        }
    }
}

/// The same for readers that take more than a line feed for the end of a line: what they could take for one is escaped.
pub(super) fn encode_line(value: &serde_json::Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    // A JSON value can be written as JSON, and a vector takes it.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, LineFormatter));
    bytes
}

struct LineFormatter;

impl Formatter for LineFormatter {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.is_ascii() {
            return out.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((before, end)) =
            rest.find(['\u{85}', '\u{2028}', '\u{2029}']).map(|end| rest.split_at(end))
        {
            let mut chars = end.chars();
            let code = chars.next().map_or(0, u32::from);
            write!(out, "{before}\\u{code:04x}")?;
            rest = chars.as_str();
        }
        out.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        WireFormatter.write_char_escape(out, escape)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_compact_and_without_nul() {
        let value = json!({"a\0": ["b\0\\u0000", 20, 20.0, "\n\u{1}é"]});
        let text = r#"{"a�":["b�\\u0000",20,20.0,"\n\u0001é"]}"#;
        assert_eq!(encode(&value).unwrap(), text);
    }
}
