//! Images in messages, in every shape that clients write them.

use serde_json::Value;

/// Where the image is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Image<'a> {
    Url(&'a str),
    /// In the message itself, as base64.
    Inline {
        media_type: &'a str,
        data: &'a str,
    },
}

impl<'a> Image<'a> {
    /// The image of a content block, if it is one: `LangChain`'s blocks, `OpenAI`'s and Anthropic's.
    pub(super) fn of(block: &'a Value) -> Option<Self> {
        let text = |value: &'a Value, key: &str| value.get(key).and_then(Value::as_str);
        match text(block, "type")? {
            "image_url" => {
                let image = block.get("image_url")?;
                Some(Self::at(image.as_str().or_else(|| text(image, "url"))?))
            }
            "image" => {
                let source = block.get("source").filter(|source| source.is_object()).unwrap_or(block);
                if let Some(url) = text(source, "url") {
                    return Some(Self::at(url));
                }
                let data = text(source, "base64").or_else(|| text(source, "data"))?;
                let media_type = text(source, "mime_type").or_else(|| text(source, "media_type"));
                Some(Self::Inline { media_type: media_type.unwrap_or("image/png"), data })
            }
            _ => None,
        }
    }

    fn at(url: &'a str) -> Self {
        let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
        inline.map_or(Self::Url(url), |(media_type, data)| Self::Inline { media_type, data })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_shape_is_read() {
        let inline = Image::Inline { media_type: "image/jpeg", data: "AA==" };
        let cases = [
            (json!({"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AA=="}}), &inline),
            (json!({"type": "image_url", "image_url": "data:image/jpeg;base64,AA=="}), &inline),
            (json!({"type": "image", "base64": "AA==", "mime_type": "image/jpeg"}), &inline),
            (
                json!({"type": "image", "source_type": "base64", "data": "AA==", "mime_type": "image/jpeg"}),
                &inline,
            ),
            (
                json!({"type": "image", "source": {"type": "base64", "data": "AA==", "media_type": "image/jpeg"}}),
                &inline,
            ),
            (json!({"type": "image", "url": "https://e.org/a.png"}), &Image::Url("https://e.org/a.png")),
            (json!({"type": "image", "source": {"type": "url", "url": "u"}}), &Image::Url("u")),
        ];
        for (block, expected) in cases {
            assert_eq!(Image::of(&block).as_ref(), Some(expected), "{block}");
        }
        assert_eq!(Image::of(&json!({"type": "text", "text": "a"})), None);
        assert_eq!(Image::of(&json!({"type": "image"})), None);
    }
}
