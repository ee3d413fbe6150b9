//! For how long clients want threads to be kept, and which of them they prune.

use eddyline_engine::ids::Timestamp;
use eddyline_runtime::{PruneStrategy, PruneThreads, Thread, ThreadTtl, Ttl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Query, Refusal, ThreadJson, id};

/// The `ttl` of a thread's body: minutes, or what becomes of the thread after so many.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a number of minutes or an object with `ttl` and `strategy`")]
pub(super) enum TtlBody {
    Minutes(f64),
    Whole { ttl: f64, strategy: Option<String> },
}

impl TtlBody {
    pub(super) fn into_ttl(self) -> Result<Ttl, Refusal> {
        let (minutes, name) = match self {
            Self::Minutes(minutes) => (minutes, None),
            Self::Whole { ttl, strategy } => (ttl, strategy),
        };
        if minutes <= 0.0 {
            return Err(Refusal::unprocessable("`ttl`: must be more than 0 minutes"));
        }
        Ok(Ttl { strategy: strategy("ttl.strategy", name)?, minutes })
    }
}

/// A strategy by its name; to delete if there is none.
fn strategy(field: &str, name: Option<String>) -> Result<PruneStrategy, Refusal> {
    let Some(name) = name else { return Ok(PruneStrategy::default()) };
    let wrong =
        || Refusal::unprocessable(format!("`{field}`: there are delete and keep_latest, and no {name:?}"));
    PruneStrategy::from_name(&name).ok_or_else(wrong)
}

/// The body of `POST /threads/prune`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct PruneBody {
    thread_ids: Vec<String>,
    strategy: Option<String>,
}

impl PruneBody {
    /// The request that the body makes.
    pub(crate) fn into_request(self) -> Result<PruneThreads, Refusal> {
        Ok(PruneThreads {
            thread_ids: self.thread_ids.iter().map(|text| id("thread", text)).collect::<Result<_, _>>()?,
            strategy: strategy("strategy", self.strategy)?,
        })
    }
}

/// The answer to `POST /threads/prune`.
#[derive(Debug, Serialize)]
pub(crate) struct Pruned {
    /// Of how many threads something went.
    pub(crate) pruned_count: usize,
}

/// The thread, with its time to live if the query asks for it and there is one.
pub(crate) fn thread_with(thread: &Thread, query: &Query) -> Result<Value, serde_json::Error> {
    let mut json = serde_json::to_value(ThreadJson(thread))?;
    let asked = query.list("include").iter().any(|name| name == "ttl");
    if let (Value::Object(map), Some(ThreadTtl { ttl, .. })) = (&mut json, thread.ttl.filter(|_| asked)) {
        let expires_at = thread.expires_at().map(Timestamp::to_rfc3339);
        let ttl =
            json!({"strategy": ttl.strategy.as_str(), "ttl_minutes": ttl.minutes, "expires_at": expires_at});
        map.insert("ttl".to_owned(), ttl);
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use uuid::Uuid;

    use super::*;
    use crate::wire::parse;

    fn ttl(body: Value) -> Result<Ttl, Refusal> {
        serde_json::from_value::<TtlBody>(body)
            .map_err(|error| Refusal::unprocessable(error.to_string()))?
            .into_ttl()
    }

    #[test]
    fn times_to_live_come_in_two_forms() {
        let check = |body, strategy, minutes| assert_eq!(ttl(body), Ok(Ttl { strategy, minutes }));
        check(json!(5), PruneStrategy::Delete, 5.0);
        check(json!({"ttl": 0.5}), PruneStrategy::Delete, 0.5);
        check(json!({"ttl": 1, "strategy": "keep_latest"}), PruneStrategy::KeepLatest, 1.0);
        for body in
            [json!(0), json!({"ttl": -1}), json!("5"), json!({}), json!({"ttl": 1, "strategy": "burn"})]
        {
            assert!(ttl(body.clone()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_time_to_live_is_shown_to_those_who_ask() {
        let ttl = Ttl { strategy: PruneStrategy::Delete, minutes: 1.0 };
        let thread = Thread {
            ttl: Some(ThreadTtl { ttl, since: Timestamp(0) }),
            ..Thread::new(Uuid::nil(), Map::new(), Timestamp(0))
        };
        let query = |include: &str| Query::new(vec![("include".to_owned(), include.to_owned())]);
        assert_eq!(thread_with(&thread, &query("other")).unwrap().get("ttl"), None);
        let expires_at = "1970-01-01T00:01:00.000000+00:00";
        let expected = json!({"strategy": "delete", "ttl_minutes": 1.0, "expires_at": expires_at});
        assert_eq!(thread_with(&thread, &query("other,ttl")).unwrap()["ttl"], expected);
        let kept = Thread { ttl: None, ..thread };
        assert_eq!(thread_with(&kept, &query("ttl")).unwrap().get("ttl"), None);
    }

    #[test]
    fn threads_are_pruned_by_id() {
        let read = |body: &str| parse::<PruneBody>(body.as_bytes()).and_then(PruneBody::into_request);
        let request = read(r#"{"thread_ids": ["00000000-0000-0000-0000-000000000000"]}"#).unwrap();
        assert_eq!((request.thread_ids, request.strategy), (vec![Uuid::nil()], PruneStrategy::Delete));
        let kept = read(r#"{"thread_ids": [], "strategy": "keep_latest"}"#).unwrap();
        assert_eq!(kept.strategy, PruneStrategy::KeepLatest);
        for body in ["{}", r#"{"thread_ids": ["x"]}"#, r#"{"thread_ids": [], "strategy": "burn"}"#] {
            assert!(read(body).is_err(), "{body}");
        }
    }
}
