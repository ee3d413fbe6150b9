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
