//! JSON text as it is stored: never what could not be read again.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::error::{Fault, Result};

/// How deep a value may nest. What the server takes from clients stays below 128, where its reading of bodies ends.
pub(super) const DEPTH: usize = 256;

/// How many levels are put around values at most, as a row has them.
const AROUND: usize = 16;

/// The text of what a row has: values, and what stands around them.
pub(super) fn text<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    let text = serde_json::to_string(value)?;
    if depth(&text) > DEPTH + AROUND { Err(Fault::TooDeep) } else { Ok(text) }
}

/// The text of a value, to be part of another.
pub(super) fn raw<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>> {
    let raw = to_raw_value(value)?;
    if depth(raw.get()) > DEPTH { Err(Fault::TooDeep) } else { Ok(raw) }
}

/// Reads a text, however deep it nests: what was written does not nest too deep.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// How many brackets are open at once.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let nested = |levels| (0..levels).fold(json!("[[{{\\\""), |inner, _| json!([inner]));
        for levels in [0, 1, 128, DEPTH, DEPTH + AROUND] {
            let text = text(&nested(levels)).expect("is written");
            assert_eq!(read::<Value>(&text).expect("reads"), nested(levels));
        }
        assert!(raw(&nested(DEPTH)).is_ok());
        for refused in [raw(&nested(DEPTH + 1)).err(), text(&nested(DEPTH + AROUND + 1)).err()] {
            assert!(matches!(refused, Some(Fault::TooDeep)));
        }
        for wrong in ["", "1 2", "[1"] {
            assert!(read::<Value>(wrong).is_err());
        }
    }
}
