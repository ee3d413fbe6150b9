//! What clients ask of the long-term store.

use std::time::Duration;

use eddyline_engine::store::{
    Filter, GetItem, Indexing, ListNamespaces, Place, PutItem, SearchItems, Ttl, check_labels,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Query, Refusal};

/// The body of `PUT /store/items`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct PutItemBody {
    namespace: Vec<String>,
    key: String,
    value: Map<String, Value>,
    index: Option<Indexed>,
    /// Minutes.
    ttl: Option<f64>,
}

/// By what an item is found: `false` for nothing, or paths.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be `false` or a list of paths")]
enum Indexed {
    All(bool),
    Paths(Vec<String>),
}

impl PutItemBody {
    /// The item to put.
    pub(crate) fn into_request(self) -> Result<PutItem, Refusal> {
        let place = place(self.namespace, self.key)?;
        let indexing = match self.index {
            None => Indexing::Default,
            Some(Indexed::All(false)) => Indexing::Never,
            Some(Indexed::Paths(paths)) => Indexing::Fields(paths),
            Some(Indexed::All(true)) => {
                return Err(Refusal::unprocessable("`index`: must be `false` or a list of paths"));
            }
        };
        let ttl = self.ttl.map(minutes).transpose()?.map_or(Ttl::Default, Ttl::After);
        Ok(PutItem { place, value: self.value, ttl, indexing })
    }
}

fn minutes(minutes: f64) -> Result<Duration, Refusal> {
    let ttl = Duration::try_from_secs_f64(minutes * 60.0).ok().filter(|ttl| !ttl.is_zero());
    ttl.ok_or_else(|| Refusal::unprocessable("`ttl`: must be a number of minutes above zero"))
}

/// Which item the query of `GET /store/items` names, if it has a key; full stops stand between the labels of its
/// namespace.
pub(crate) fn get_item(query: &Query) -> Result<Option<GetItem>, Refusal> {
    let Some(key) = query.text_or_empty("key") else { return Ok(None) };
    let namespace = query.text("namespace").unwrap_or_default();
    let labels =
        if namespace.is_empty() { Vec::new() } else { namespace.split('.').map(str::to_owned).collect() };
    let refresh_ttl = query.text("refresh_ttl").map(|_| query.flag("refresh_ttl"));
    Ok(Some(GetItem { place: place(labels, key.to_owned())?, refresh_ttl }))
}

/// The body of `DELETE /store/items`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DeleteItemBody {
    namespace: Option<Vec<String>>,
    key: String,
}

impl DeleteItemBody {
    /// Where the item lies.
    pub(crate) fn into_place(self) -> Result<Place, Refusal> {
        place(self.namespace.unwrap_or_default(), self.key)
    }
}

fn place(namespace: Vec<String>, key: String) -> Result<Place, Refusal> {
    labels(&namespace)?;
    Ok(Place { namespace, key })
}

fn labels(labels: &[String]) -> Result<(), Refusal> {
    Ok(check_labels(labels).map_err(eddyline_runtime::Error::from)?)
}

/// The body of `POST /store/items/search`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SearchItemsBody {
    namespace_prefix: Option<Vec<String>>,
    filter: Option<Map<String, Value>>,
    limit: Option<usize>,
    offset: Option<usize>,
    query: Option<String>,
    refresh_ttl: Option<bool>,
}

impl SearchItemsBody {
    /// What to search for. A query without a text is none.
    pub(crate) fn into_request(self) -> Result<SearchItems, Refusal> {
        let prefix = self.namespace_prefix.unwrap_or_default();
        labels(&prefix)?;
        let filter = Filter::parse(&self.filter.unwrap_or_default());
        let defaults = SearchItems::below(&[]);
        Ok(SearchItems {
            prefix,
            filter: filter.map_err(eddyline_runtime::Error::from)?,
            query: self.query.filter(|query| !query.is_empty()),
            limit: self.limit.unwrap_or(defaults.limit),
            offset: self.offset.unwrap_or(defaults.offset),
            refresh_ttl: self.refresh_ttl,
        })
    }
}

/// The body of `POST /store/namespaces`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct NamespacesBody {
    prefix: Option<Vec<String>>,
    suffix: Option<Vec<String>>,
    max_depth: Option<usize>,
    limit: Option<usize>,
    offset: Option<usize>,
}

impl NamespacesBody {
    /// What to list.
    pub(crate) fn into_request(self) -> Result<ListNamespaces, Refusal> {
        let (prefix, suffix) = (self.prefix.unwrap_or_default(), self.suffix.unwrap_or_default());
        labels(&prefix)?;
        labels(&suffix)?;
        let defaults = ListNamespaces::default();
        Ok(ListNamespaces {
            prefix,
            suffix,
            max_depth: self.max_depth,
            limit: self.limit.unwrap_or(defaults.limit),
            offset: self.offset.unwrap_or(defaults.offset),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Reason, parse};

    fn put(body: &str) -> Result<PutItem, Refusal> {
        parse::<PutItemBody>(body.as_bytes())?.into_request()
    }

    fn search(body: &str) -> Result<SearchItems, Refusal> {
        parse::<SearchItemsBody>(body.as_bytes())?.into_request()
    }

    fn namespaces(body: &str) -> Result<ListNamespaces, Refusal> {
        parse::<NamespacesBody>(body.as_bytes())?.into_request()
    }

    fn get(pairs: &[(&str, &str)]) -> Result<Option<GetItem>, Refusal> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        get_item(&Query::new(pairs.collect()))
    }

    #[test]
    fn an_item_is_put_as_its_body_says() {
        let item = put(r#"{"namespace": ["a", "b"], "key": "k", "value": {"n": 1}}"#).unwrap();
        let value = Map::from_iter([("n".to_owned(), 1.into())]);
        assert_eq!(item, PutItem::new(&["a", "b"], "k", value));
        let nulls = r#"{"namespace": ["a", "b"], "key": "k", "value": {"n": 1}, "index": null, "ttl": null}"#;
        assert_eq!(put(nulls).unwrap(), item);
        let all =
            put(r#"{"namespace": ["a"], "key": "k", "value": {}, "index": ["x.y"], "ttl": 0.5}"#).unwrap();
        assert_eq!(all.indexing, Indexing::Fields(vec!["x.y".to_owned()]));
        assert_eq!(all.ttl, Ttl::After(Duration::from_secs(30)));
        let none = put(r#"{"namespace": ["a"], "key": "k", "value": {}, "index": false}"#).unwrap();
        assert_eq!(none.indexing, Indexing::Never);
    }

    #[test]
    fn bodies_that_put_nothing() {
        let reason = |rest: &str| put(&format!(r#"{{"key": "k", {rest}}}"#)).unwrap_err().reason;
        for rest in [
            r#""value": {}"#,
            r#""namespace": ["a"]"#,
            r#""namespace": "a", "value": {}"#,
            r#""namespace": ["a"], "value": [1]"#,
            r#""namespace": ["a"], "value": null"#,
            r#""namespace": [""], "value": {}"#,
            r#""namespace": ["a.b"], "value": {}"#,
            r#""namespace": ["a"], "value": {}, "index": true"#,
            r#""namespace": ["a"], "value": {}, "index": "x""#,
            r#""namespace": ["a"], "value": {}, "ttl": 0"#,
            r#""namespace": ["a"], "value": {}, "ttl": -1"#,
            r#""namespace": ["a"], "value": {}, "ttl": 1e300"#,
        ] {
            assert_eq!(reason(rest), Reason::Unprocessable, "{rest}");
        }
    }

    #[test]
    fn an_item_is_named_by_a_query() {
        let item = get(&[("namespace", "a.b"), ("key", "k.1")]).unwrap().unwrap();
        assert_eq!(item, GetItem::new(&["a", "b"], "k.1"));
        let named = |pairs: &[(&str, &str)]| get(pairs).unwrap().unwrap();
        let refresh = |text| named(&[("namespace", "a"), ("key", "k"), ("refresh_ttl", text)]).refresh_ttl;
        assert_eq!((refresh("true"), refresh("False"), refresh("")), (Some(true), Some(false), None));
        assert_eq!(named(&[("namespace", "a"), ("key", "")]), GetItem::new(&["a"], ""));
        assert!(named(&[("key", "k")]).place.namespace.is_empty());
        assert_eq!(get(&[("namespace", "a")]), Ok(None));
        assert_eq!(get(&[("namespace", "a..b"), ("key", "k")]).unwrap_err().reason, Reason::Unprocessable);
    }

    #[test]
    fn searches_have_defaults() {
        let nulls = r#"{"namespace_prefix": null, "filter": null, "query": null, "refresh_ttl": null}"#;
        for body in ["{}", nulls, r#"{"query": "", "filter": {}}"#] {
            assert_eq!(search(body).unwrap(), SearchItems::below(&[]));
        }
        let body =
            r#"{"namespace_prefix": ["a"], "query": "q", "limit": 3, "offset": 4, "refresh_ttl": false}"#;
        let some = SearchItems {
            query: Some("q".to_owned()),
            limit: 3,
            offset: 4,
            refresh_ttl: Some(false),
            ..SearchItems::below(&["a"])
        };
        assert_eq!(search(body).unwrap(), some);
        assert_eq!(search(r#"{"filter": {"a": {"$in": []}}}"#).unwrap_err().reason, Reason::BadRequest);
        for wrong in [r#"{"limit": -1}"#, r#"{"filter": []}"#, r#"{"namespace_prefix": ["a.b"]}"#] {
            assert_eq!(search(wrong).unwrap_err().reason, Reason::Unprocessable, "{wrong}");
        }
    }

    #[test]
    fn namespaces_are_listed_as_asked() {
        assert_eq!(namespaces("{}").unwrap(), ListNamespaces::default());
        let body = r#"{"prefix": ["a", "*"], "suffix": ["b"], "max_depth": 2, "limit": 3, "offset": 4}"#;
        let some = namespaces(body).unwrap();
        assert_eq!((some.prefix, some.suffix), (vec!["a".to_owned(), "*".to_owned()], vec!["b".to_owned()]));
        assert_eq!((some.max_depth, some.limit, some.offset), (Some(2), 3, 4));
        for wrong in [r#"{"max_depth": -1}"#, r#"{"prefix": [""]}"#, r#"{"suffix": ["."]}"#] {
            assert_eq!(namespaces(wrong).unwrap_err().reason, Reason::Unprocessable, "{wrong}");
        }
    }
}
