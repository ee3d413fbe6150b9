//! The content of a message.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a message says: a text, or a list of content blocks.
///
/// A block is a JSON object with a `type`, or a bare string.
///
/// ```
/// use eddyline_engine::message::Content;
/// use serde_json::json;
///
/// let content = Content::from(vec![json!({"type": "text", "text": "look: "}), json!("here")]);
/// assert_eq!(content.text(), "look: here");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// A text; a JSON string.
    Text(String),
    /// Content blocks; a JSON array.
    Blocks(Vec<Value>),
}

impl Content {
    /// All text, joined: the bare strings and the blocks of type `text`.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Blocks(blocks) => Cow::Owned(blocks.iter().filter_map(block_text).collect()),
        }
    }

    /// Whether there is no text and no block.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Blocks(blocks) => blocks.is_empty(),
        }
    }
}

fn block_text(block: &Value) -> Option<&str> {
    match block {
        Value::String(text) => Some(text),
        _ if block.get("type")? == "text" => block.get("text")?.as_str(),
        _ => None,
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<Value>> for Content {
    fn from(blocks: Vec<Value>) -> Self {
        Self::Blocks(blocks)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_joins_strings_and_text_blocks() {
        let cases = [
            (json!("plain"), "plain"),
            (json!([]), ""),
            (json!(["a", {"type": "text", "text": "b"}, {"type": "image_url"}, {"text": "no type"}]), "ab"),
            (json!([{"type": "text", "text": 5}, "c"]), "c"),
        ];
        for (value, expected) in cases {
            let content: Content = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(content.text(), expected, "{value}");
            assert_eq!(serde_json::to_value(&content).unwrap(), value);
        }
    }
}
