//! Assistants, as clients search for them and as they read them.

use std::cmp::Ordering;
use std::sync::Arc;

use eddyline_runtime::{Assistant, AssistantVersion, check_filter, contains_all};
use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::search::{Page, PageOf, SortOrder};
use super::{Refusal, Select};

/// An assistant for clients: always all ten keys.
pub(crate) struct AssistantJson<'a>(pub(crate) &'a Assistant);

/// The fields of an assistant that a search can be told to show.
const FIELDS: [&str; 10] = [
    "assistant_id",
    "graph_id",
    "name",
    "description",
    "config",
    "context",
    "created_at",
    "updated_at",
    "metadata",
    "version",
];

impl Serialize for AssistantJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let assistant = self.0;
        let mut map = serializer.serialize_map(Some(10))?;
        map.serialize_entry("assistant_id", &assistant.assistant_id)?;
        map.serialize_entry("graph_id", &assistant.graph_id)?;
        map.serialize_entry("config", &assistant.config)?;
        map.serialize_entry("context", &assistant.context)?;
        map.serialize_entry("metadata", &assistant.metadata)?;
        map.serialize_entry("name", &assistant.name)?;
        map.serialize_entry("created_at", &assistant.created_at.to_rfc3339())?;
        map.serialize_entry("updated_at", &assistant.updated_at.to_rfc3339())?;
        map.serialize_entry("version", &assistant.version)?;
        map.serialize_entry("description", &assistant.description)?;
        map.end()
    }
}

/// A version of an assistant for clients: always all nine keys.
pub(crate) struct VersionJson<'a>(pub(crate) &'a AssistantVersion);

impl Serialize for VersionJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let version = self.0;
        let mut map = serializer.serialize_map(Some(9))?;
        map.serialize_entry("assistant_id", &version.assistant_id)?;
        map.serialize_entry("version", &version.version)?;
        map.serialize_entry("graph_id", &version.graph_id)?;
        map.serialize_entry("config", &version.config)?;
        map.serialize_entry("context", &version.context)?;
        map.serialize_entry("metadata", &version.metadata)?;
        map.serialize_entry("created_at", &version.created_at.to_rfc3339())?;
        map.serialize_entry("name", &version.name)?;
        map.serialize_entry("description", &version.description)?;
        map.end()
    }
}

/// The body of `POST /assistants/search`, and of `/assistants/count`, which reads its first three keys.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AssistantSearch {
    metadata: Option<Map<String, Value>>,
    graph_id: Option<String>,
    name: Option<String>,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<i64>,
    #[schemars(range(min = 0))]
    offset: Option<i64>,
    sort_by: Option<SortBy>,
    sort_order: Option<SortOrder>,
    select: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum SortBy {
    AssistantId,
    GraphId,
    Name,
    CreatedAt,
    UpdatedAt,
}

impl SortBy {
    fn compare(self, a: &Assistant, b: &Assistant) -> Ordering {
        match self {
            Self::AssistantId => a.assistant_id.cmp(&b.assistant_id),
            Self::GraphId => a.graph_id.to_lowercase().cmp(&b.graph_id.to_lowercase()),
            Self::Name => a.name.to_lowercase().cmp(&b.name.to_lowercase()),
            Self::CreatedAt => a.created_at.cmp(&b.created_at),
            Self::UpdatedAt => a.updated_at.cmp(&b.updated_at),
        }
    }
}

impl AssistantSearch {
    /// The graph to which the search is confined.
    pub(crate) fn graph_id(&self) -> Option<&str> {
        self.graph_id.as_deref()
    }

    /// How many of `all` are found.
    pub(crate) fn count(&self, all: &[Arc<Assistant>]) -> Result<usize, Refusal> {
        Ok(self.find(all)?.len())
    }

    /// The page of `all` that is asked for, and what of each assistant.
    pub(crate) fn page<'a>(
        &self,
        all: &'a [Arc<Assistant>],
    ) -> Result<(PageOf<AssistantJson<'a>>, Select), Refusal> {
        let page = Page::new(self.limit, self.offset)?;
        let select = Select::new(self.select.clone().unwrap_or_default(), &FIELDS)?;
        let (by, order) = (self.sort_by.unwrap_or(SortBy::CreatedAt), self.sort_order.unwrap_or_default());
        let mut found = self.find(all)?;
        found.sort_by(|a, b| order.apply(by.compare(a, b)));
        Ok((page.of(found.into_iter().map(AssistantJson)), select))
    }

    fn find<'a>(&self, all: &'a [Arc<Assistant>]) -> Result<Vec<&'a Assistant>, Refusal> {
        self.metadata.as_ref().map_or(Ok(()), check_filter)?;
        let name = self.name.as_ref().map(|name| name.to_lowercase());
        let fits = |assistant: &&Assistant| {
            self.graph_id.as_ref().is_none_or(|graph_id| assistant.graph_id == *graph_id)
                && name.as_ref().is_none_or(|name| assistant.name.to_lowercase().contains(name))
                && self.metadata.as_ref().is_none_or(|filter| contains_all(&assistant.metadata, filter))
        };
        Ok(all.iter().map(|assistant| &**assistant).filter(fits).collect())
    }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::ids::Timestamp;
    use eddyline_runtime::default_assistant_id;
    use serde_json::json;

    use super::*;
    use crate::wire::{encode, parse};

    fn assistant(graph_id: &str) -> Assistant {
        Assistant {
            assistant_id: default_assistant_id(graph_id),
            graph_id: graph_id.to_owned(),
            config: Map::new(),
            context: Map::new(),
            metadata: Map::from_iter([("created_by".to_owned(), json!("system"))]),
            name: graph_id.to_owned(),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            version: 1,
            description: None,
        }
    }

    fn search(body: &Value) -> Result<Vec<String>, Refusal> {
        let all = ["agent", "Bench", "chat"].map(assistant).map(Arc::new);
        let search: AssistantSearch = parse(body.to_string().as_bytes())?;
        let (page, _) = search.page(&all)?;
        if body.get("limit").is_none() {
            assert_eq!(search.count(&all).unwrap(), page.items.len());
        }
        Ok(page.items.into_iter().map(|found| found.0.graph_id.clone()).collect())
    }

    fn check(body: &Value, expected: &[&str]) {
        assert_eq!(search(body).unwrap(), expected, "{body}");
    }

    #[test]
    fn assistants_are_found_by_graph_name_and_metadata() {
        check(&json!({}), &["agent", "Bench", "chat"]);
        check(&json!({"graph_id": "chat", "limit": 10}), &["chat"]);
        check(&json!({"graph_id": "x"}), &[]);
        check(&json!({"name": "EN"}), &["agent", "Bench"]);
        check(&json!({"metadata": {"created_by": "system"}}), &["agent", "Bench", "chat"]);
        check(&json!({"metadata": {"created_by": "me"}}), &[]);
        check(&json!({"sort_by": "name"}), &["chat", "Bench", "agent"]);
        check(&json!({"sort_by": "graph_id", "sort_order": "asc"}), &["agent", "Bench", "chat"]);
        check(&json!({"limit": 1, "offset": 1}), &["Bench"]);
    }

    #[test]
    fn searches_that_make_no_sense() {
        for body in [json!({"select": ["shoes"]}), json!({"limit": 0}), json!({"sort_by": "shoes"})] {
            assert!(search(&body).is_err(), "{body}");
        }
    }

    #[test]
    fn an_assistant_has_ten_keys() {
        let expected = r#"{"assistant_id":"fe096781-5601-53d2-b2f6-0d3403f7e9ca","graph_id":"agent","config":{},"context":{},"#;
        let expected = expected.to_owned() + r#""metadata":{"created_by":"system"},"name":"agent","#;
        let time = "1970-01-01T00:00:00.000000+00:00";
        let expected = expected
            + &format!(r#""created_at":"{time}","updated_at":"{time}","version":1,"description":null}}"#);
        assert_eq!(encode(&AssistantJson(&assistant("agent"))).unwrap(), expected);
    }
}
