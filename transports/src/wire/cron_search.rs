//! How clients look for crons.

use eddyline_runtime::{CronFilter, SearchCrons, SortCrons};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::cron::FIELDS;
use super::search::{Page, SortOrder};
use super::{Refusal, Select, id};

/// The body of `POST /runs/crons/search`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CronSearch {
    #[serde(flatten)]
    which: CronCount,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<i64>,
    #[schemars(range(min = 0))]
    offset: Option<i64>,
    sort_by: Option<SortBy>,
    sort_order: Option<SortOrder>,
    select: Option<Vec<String>>,
}

/// The body of `POST /runs/crons/count`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CronCount {
    #[schemars(extend("format" = "uuid"))]
    assistant_id: Option<String>,
    #[schemars(extend("format" = "uuid"))]
    thread_id: Option<String>,
    enabled: Option<bool>,
    metadata: Option<Map<String, Value>>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum SortBy {
    CronId,
    AssistantId,
    ThreadId,
    NextRunDate,
    EndTime,
    CreatedAt,
    UpdatedAt,
}

impl CronCount {
    /// The crons that the body means.
    pub(crate) fn into_filter(self) -> Result<CronFilter, Refusal> {
        Ok(CronFilter {
            assistant_id: self.assistant_id.map(|text| id("assistant", &text)).transpose()?,
            thread_id: self.thread_id.map(|text| id("thread", &text)).transpose()?,
            enabled: self.enabled,
            metadata: self.metadata.unwrap_or_default(),
        })
    }
}

impl CronSearch {
    /// The page that the body asks for, and what of each cron it shows.
    pub(crate) fn into_request(self) -> Result<(SearchCrons, Select), Refusal> {
        let Page { limit, offset } = Page::new(self.limit, self.offset)?;
        let sort_by = match self.sort_by {
            Some(SortBy::CronId) => SortCrons::CronId,
            Some(SortBy::AssistantId) => SortCrons::AssistantId,
            Some(SortBy::ThreadId) => SortCrons::ThreadId,
            Some(SortBy::NextRunDate) => SortCrons::NextRunDate,
            Some(SortBy::EndTime) => SortCrons::EndTime,
            None | Some(SortBy::CreatedAt) => SortCrons::CreatedAt,
            Some(SortBy::UpdatedAt) => SortCrons::UpdatedAt,
        };
        let descending = self.sort_order.unwrap_or_default() == SortOrder::Desc;
        let select = Select::new(self.select.unwrap_or_default(), &FIELDS)?;
        Ok((SearchCrons { filter: self.which.into_filter()?, sort_by, descending, limit, offset }, select))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::wire::parse;

    fn search(body: &Value) -> Result<(SearchCrons, Select), Refusal> {
        parse::<CronSearch>(body.to_string().as_bytes())?.into_request()
    }

    #[test]
    fn a_search_that_says_nothing_and_one_that_says_everything() {
        assert_eq!(search(&json!({"sort_by": null})).unwrap().0, SearchCrons::default());
        let nil = Uuid::nil();
        let (request, _) = search(&json!({
            "assistant_id": nil, "thread_id": nil, "enabled": false, "metadata": {"a": 1}, "limit": 3,
            "offset": 2, "sort_by": "next_run_date", "sort_order": "asc", "select": ["cron_id"],
        }))
        .unwrap();
        let filter = CronFilter {
            assistant_id: Some(nil),
            thread_id: Some(nil),
            enabled: Some(false),
            metadata: Map::from_iter([("a".to_owned(), json!(1))]),
        };
        let (sort_by, descending) = (SortCrons::NextRunDate, false);
        assert_eq!(request, SearchCrons { filter, sort_by, descending, limit: 3, offset: 2 });
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for wrong in [
            json!({"assistant_id": "agent"}),
            json!({"thread_id": "x"}),
            json!({"limit": 0}),
            json!({"sort_by": "shoe_size"}),
            json!({"select": ["shoe_size"]}),
        ] {
            assert!(search(&wrong).is_err(), "{wrong}");
        }
    }
}
