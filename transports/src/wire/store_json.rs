//! Items of the long-term store, as clients read them.

use eddyline_engine::store::{FoundItem, Item};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// An item for clients.
#[derive(Serialize)]
pub(crate) struct ItemJson<'a> {
    namespace: &'a [String],
    key: &'a str,
    value: &'a Map<String, Value>,
    created_at: String,
    updated_at: String,
}

impl<'a> ItemJson<'a> {
    pub(crate) fn new(item: &'a Item) -> Self {
        Self {
            namespace: &item.namespace,
            key: &item.key,
            value: &item.value,
            created_at: item.created_at.to_rfc3339(),
            updated_at: item.updated_at.to_rfc3339(),
        }
    }
}

/// `{"items": […]}`: what a search found.
#[derive(Serialize)]
pub(crate) struct FoundItemsJson<'a> {
    items: Vec<FoundItemJson<'a>>,
}

#[derive(Serialize)]
struct FoundItemJson<'a> {
    #[serde(flatten)]
    item: ItemJson<'a>,
    score: Option<f64>,
}

impl<'a> FoundItemsJson<'a> {
    pub(crate) fn new(found: &'a [FoundItem]) -> Self {
        let item =
            |found: &'a FoundItem| FoundItemJson { item: ItemJson::new(&found.item), score: found.score };
        Self { items: found.iter().map(item).collect() }
    }
}

/// `{"namespaces": [[…]]}`.
#[derive(Serialize)]
pub(crate) struct NamespacesJson {
    pub(crate) namespaces: Vec<Vec<String>>,
}

/// What is said of an item that is asked for without its key: the one refusal that has no detail, as clients of the
/// API know it.
pub(crate) fn key_missing() -> Value {
    json!({"error": "Key is required"})
}

#[cfg(test)]
mod tests {
    use eddyline_engine::ids::Timestamp;

    use super::*;
    use crate::wire::encode;

    #[test]
    fn items_have_their_keys() {
        let item = Item {
            namespace: vec!["a".to_owned(), "b".to_owned()],
            key: "k".to_owned(),
            value: Map::from_iter([("n".to_owned(), 1.into())]),
            created_at: Timestamp(0),
            updated_at: Timestamp(1),
        };
        let times = r#""created_at":"1970-01-01T00:00:00.000000+00:00","updated_at":"1970-01-01T00:00:00.000001+00:00""#;
        let json = format!(r#"{{"namespace":["a","b"],"key":"k","value":{{"n":1}},{times}"#);
        assert_eq!(encode(&ItemJson::new(&item)).unwrap(), format!("{json}}}"));
        let found = [FoundItem { item, score: None }];
        assert_eq!(
            encode(&FoundItemsJson::new(&found)).unwrap(),
            format!(r#"{{"items":[{json},"score":null}}]}}"#)
        );
        assert_eq!(
            encode(&NamespacesJson { namespaces: vec![vec!["a".to_owned()]] }).unwrap(),
            r#"{"namespaces":[["a"]]}"#
        );
    }
}
