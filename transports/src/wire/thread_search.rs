//! How clients look for threads, and what of each they want to see.

use eddyline_runtime::{SearchThreads, SortThreads, Thread, ThreadFilter, ThreadPage, ThreadStatus};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::extract::Extract;
use super::search::{Page, PageOf, SortOrder};
use super::{Reason, Refusal, Select, ThreadJson, id};

/// The body of `POST /threads/search`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ThreadSearch {
    // As in a count, and not flattened from one: that would lose the places of what is wrong.
    ids: Option<Vec<String>>,
    metadata: Option<Map<String, Value>>,
    values: Option<Map<String, Value>>,
    status: Option<String>,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<i64>,
    #[schemars(range(min = 0))]
    offset: Option<i64>,
    sort_by: Option<SortBy>,
    sort_order: Option<SortOrder>,
    select: Option<Vec<String>>,
    extract: Option<Map<String, Value>>,
}

/// The body of `POST /threads/count`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ThreadCount {
    ids: Option<Vec<String>>,
    metadata: Option<Map<String, Value>>,
    values: Option<Map<String, Value>>,
    status: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum SortBy {
    ThreadId,
    Status,
    CreatedAt,
    UpdatedAt,
    StateUpdatedAt,
}

/// The fields of a thread that a search can be told to show.
const FIELDS: [&str; 9] = [
    "thread_id",
    "created_at",
    "updated_at",
    "state_updated_at",
    "metadata",
    "config",
    "status",
    "values",
    "interrupts",
];

impl ThreadCount {
    /// The threads that the body means.
    pub(crate) fn into_filter(self) -> Result<ThreadFilter, Refusal> {
        // Clients of the API know 400 for it here, and 422 everywhere else.
        let thread = |text: &String| {
            id("thread", text).map_err(|wrong| Refusal { reason: Reason::BadRequest, ..wrong })
        };
        let status = |name: String| {
            let known = || ThreadStatus::ALL.map(ThreadStatus::as_str).join(", ");
            let wrong =
                || Refusal::unprocessable(format!("`status`: there is no `{name}`; there are {}", known()));
            ThreadStatus::from_name(&name).ok_or_else(wrong)
        };
        Ok(ThreadFilter {
            ids: self.ids.map(|ids| ids.iter().map(thread).collect()).transpose()?,
            metadata: self.metadata.unwrap_or_default(),
            values: self.values.unwrap_or_default(),
            status: self.status.map(status).transpose()?,
        })
    }
}

impl ThreadSearch {
    /// The page that the body asks for, and how it is to be shown.
    pub(crate) fn into_request(self) -> Result<(SearchThreads, ShowThreads), Refusal> {
        let Page { limit, offset } = Page::new(self.limit, self.offset)?;
        let sort_by = match self.sort_by {
            Some(SortBy::ThreadId) => SortThreads::ThreadId,
            Some(SortBy::Status) => SortThreads::Status,
            Some(SortBy::CreatedAt) => SortThreads::CreatedAt,
            None | Some(SortBy::UpdatedAt) => SortThreads::UpdatedAt,
            Some(SortBy::StateUpdatedAt) => SortThreads::StateUpdatedAt,
        };
        let show = ShowThreads {
            select: Select::new(self.select.unwrap_or_default(), &FIELDS)?,
            extract: self.extract.map(|paths| Extract::new(paths, &FIELDS)).transpose()?,
            offset,
        };
        let descending = self.sort_order.unwrap_or_default() == SortOrder::Desc;
        let Self { ids, metadata, values, status, .. } = self;
        let filter = ThreadCount { ids, metadata, values, status }.into_filter()?;
        Ok((SearchThreads { filter, sort_by, descending, limit, offset }, show))
    }
}

/// How threads that were found are shown.
#[derive(Debug)]
pub(crate) struct ShowThreads {
    select: Select,
    extract: Option<Extract>,
    offset: usize,
}

impl ShowThreads {
    /// The page as clients get it.
    pub(crate) fn page(&self, found: &ThreadPage) -> Result<PageOf<Value>, serde_json::Error> {
        let items = found.threads.iter().map(|thread| self.thread(thread)).collect::<Result<_, _>>()?;
        Ok(PageOf::new(items, self.offset, found.more))
    }

    /// What was extracted is shown whatever is selected.
    fn thread(&self, thread: &Thread) -> Result<Value, serde_json::Error> {
        let whole = ThreadJson(thread);
        let mut shown = self.select.of(&whole)?;
        if let (Some(extract), Value::Object(map)) = (&self.extract, &mut shown) {
            map.insert("extracted".to_owned(), extract.of(&serde_json::to_value(whole)?));
        }
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::Shared;
    use eddyline_engine::ids::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::wire::parse;

    fn read(body: &Value) -> Result<(SearchThreads, ShowThreads), Refusal> {
        parse::<ThreadSearch>(body.to_string().as_bytes())?.into_request()
    }

    #[test]
    fn a_search_that_says_nothing_finds_the_ten_that_changed_last() {
        assert_eq!(read(&json!({})).unwrap().0, SearchThreads::default());
        let nothing = json!({"ids": null, "metadata": null, "status": null, "limit": null, "select": null});
        assert_eq!(read(&nothing).unwrap().0, SearchThreads::default());
    }

    #[test]
    fn a_search_says_which_threads_and_in_which_order() {
        let body = json!({
            "ids": [Uuid::nil()], "metadata": {"a": 1}, "values": {"b": [2]}, "status": "error",
            "limit": 2, "offset": 4, "sort_by": "state_updated_at", "sort_order": "asc",
        });
        let (request, _) = read(&body).unwrap();
        assert_eq!(request.filter.ids, Some(vec![Uuid::nil()]));
        assert_eq!(request.filter.metadata, Map::from_iter([("a".to_owned(), json!(1))]));
        assert_eq!(request.filter.values, Map::from_iter([("b".to_owned(), json!([2]))]));
        assert_eq!(request.filter.status, Some(ThreadStatus::Error));
        assert_eq!((request.limit, request.offset, request.descending), (2, 4, false));
        assert_eq!(request.sort_by, SortThreads::StateUpdatedAt);
    }

    #[test]
    fn searches_that_make_no_sense() {
        assert_eq!(read(&json!({"ids": ["x"]})).unwrap_err().reason, Reason::BadRequest);
        for body in [
            json!({"limit": 0}),
            json!({"limit": 1001}),
            json!({"offset": -1}),
            json!({"sort_by": "shoes"}),
            json!({"sort_order": "up"}),
            json!({"status": "asleep"}),
            json!({"metadata": ["a"]}),
            json!({"select": ["context"]}),
            json!({"extract": {"status": "values.a"}}),
        ] {
            assert_eq!(read(&body).unwrap_err().reason, Reason::Unprocessable, "{body}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for field in ["metadata", "values"] {
            let said = read(&json!({field: 5})).unwrap_err().detail;
            assert_eq!(said, format!("`{field}`: invalid type: integer `5`, expected a map"));
        }
    }

    #[test]
    fn what_is_extracted_is_shown_whatever_is_selected() {
        let mut thread = Thread::new(Uuid::nil(), Map::new(), Timestamp(0));
        thread.values = Some([("list".into(), Shared::from(json!([{"a": 1}])))].into_iter().collect());
        let found = ThreadPage { threads: vec![thread], more: true };
        let body = json!({"select": ["status"], "extract": {"last": "values.list[-1].a"}, "offset": 7});
        let page = read(&body).unwrap().1.page(&found).unwrap();
        assert_eq!(page.items, [json!({"status": "idle", "extracted": {"last": 1}})]);
        assert_eq!((page.next, page.total), (Some(8), 9));
    }
}
