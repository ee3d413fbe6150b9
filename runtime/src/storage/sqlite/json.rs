//! JSON text as it is stored: never what could not be read again.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::error::{Fault, Result};

/// How deep `serde_json` reads; it writes deeper.
const DEPTH: usize = 127;

/// The text of a value.
pub(super) fn text<T: Serialize>(value: &T) -> Result<String> {
    text_around(value, 0)
}

/// The text of a value that is read level by level: the outermost `levels` apart from what they hold.
pub(super) fn text_around<T: Serialize>(value: &T, levels: usize) -> Result<String> {
    let text = serde_json::to_string(value)?;
    if depth(&text) > DEPTH + levels { Err(Fault::TooDeep) } else { Ok(text) }
}

/// The text of a value, to be part of another.
pub(super) fn raw<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>> {
    let raw = to_raw_value(value)?;
    if depth(raw.get()) > DEPTH { Err(Fault::TooDeep) } else { Ok(raw) }
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
        for levels in [0, 1, 126, 127] {
            let text = text(&nested(levels)).expect("reads");
            assert_eq!(serde_json::from_str::<Value>(&text).expect("reads"), nested(levels));
        }
        assert!(matches!(text(&nested(128)), Err(Fault::TooDeep)));
        assert!(serde_json::from_str::<Value>(&nested(128).to_string()).is_err());
        assert!(text_around(&nested(128), 1).is_ok());
        assert!(matches!(raw(&nested(128)), Err(Fault::TooDeep)));
    }
}
