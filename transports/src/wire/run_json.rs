//! Runs, as clients read them, and which of them they list.

use eddyline_engine::config::{Breakpoints, Durability};
use eddyline_runtime::{ListRuns, Run, RunStatus, StreamMode};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Query, Refusal, Select};

/// A run for clients: always all ten keys.
pub(crate) struct RunJson<'a>(pub(crate) &'a Run);

/// The fields of a run that a list can be told to show. The last one has no value here yet.
const FIELDS: [&str; 11] = [
    "run_id",
    "thread_id",
    "assistant_id",
    "created_at",
    "updated_at",
    "status",
    "metadata",
    "kwargs",
    "multitask_strategy",
    "langsmith_session_name",
    "cancel_reason",
];

impl Serialize for RunJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let run = self.0;
        let mut map = serializer.serialize_map(Some(10))?;
        map.serialize_entry("run_id", &run.run_id)?;
        map.serialize_entry("thread_id", &run.thread_id)?;
        map.serialize_entry("assistant_id", &run.assistant_id)?;
        map.serialize_entry("metadata", &run.metadata)?;
        map.serialize_entry("status", run.status.as_str())?;
        map.serialize_entry("kwargs", &KwargsJson(run))?;
        map.serialize_entry("multitask_strategy", run.multitask_strategy.as_str())?;
        map.serialize_entry("created_at", &run.created_at.to_rfc3339())?;
        map.serialize_entry("updated_at", &run.updated_at.to_rfc3339())?;
        map.serialize_entry("langsmith_session_name", &None::<&str>)?;
        map.end()
    }
}

/// What the run was asked: what was not said is null.
struct KwargsJson<'a>(&'a Run);

impl Serialize for KwargsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kwargs = &self.0.kwargs;
        let mut map = serializer.serialize_map(Some(15))?;
        map.serialize_entry("input", &kwargs.input)?;
        map.serialize_entry("command", &kwargs.command)?;
        map.serialize_entry("config", &config(self.0))?;
        map.serialize_entry("context", &kwargs.context)?;
        let modes: Vec<_> = kwargs.stream_modes.iter().copied().map(StreamMode::as_str).collect();
        map.serialize_entry("stream_mode", &modes)?;
        map.serialize_entry("interrupt_before", &kwargs.interrupt_before.as_ref().map(pauses))?;
        map.serialize_entry("interrupt_after", &kwargs.interrupt_after.as_ref().map(pauses))?;
        map.serialize_entry("webhook", &kwargs.webhook)?;
        map.serialize_entry("feedback_keys", &kwargs.feedback_keys)?;
        map.serialize_entry("temporary", &kwargs.temporary)?;
        map.serialize_entry("subgraphs", &kwargs.subgraphs)?;
        map.serialize_entry("resumable", &kwargs.resumable)?;
        map.serialize_entry("checkpoint_during", &(kwargs.durability != Durability::Exit))?;
        map.serialize_entry("durability", &kwargs.durability)?;
        map.end()
    }
}

/// The configuration, and from the first attempt on, in its metadata, which attempt it is.
fn config(run: &Run) -> Map<String, Value> {
    let mut config = run.kwargs.config.clone();
    if let Some(Value::Object(metadata)) = config.get_mut("metadata").filter(|_| run.attempt > 0) {
        metadata.insert("run_attempt".to_owned(), run.attempt.into());
    }
    config
}

fn pauses(at: &Breakpoints) -> Value {
    match at {
        Breakpoints::Never => json!([]),
        Breakpoints::All => json!("*"),
        Breakpoints::At(nodes) => nodes.iter().map(|node| json!(&**node)).collect(),
    }
}

/// Which runs of a thread a query asks for, and what of each.
pub(crate) fn list_runs(thread_id: Uuid, query: &Query) -> Result<(ListRuns, Select), Refusal> {
    let request = ListRuns {
        thread_id,
        status: query.text("status").map(status).transpose()?,
        limit: query.number("limit")?.unwrap_or(10),
        offset: query.number("offset")?.unwrap_or_default(),
    };
    Ok((request, Select::new(query.list("select"), &FIELDS)?))
}

fn status(name: &str) -> Result<RunStatus, Refusal> {
    use RunStatus::{Error, Interrupted, Pending, Running, Success, Timeout};
    let known = [Pending, Running, Error, Success, Timeout, Interrupted];
    let found = known.into_iter().find(|status| status.as_str() == name);
    found.ok_or_else(|| {
        let known = known.map(RunStatus::as_str).join(", ");
        Refusal::unprocessable(format!("unknown run status `{name}`; there are {known}"))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use eddyline_engine::ids::Timestamp;
    use eddyline_runtime::{Kwargs, MultitaskStrategy};

    use super::*;
    use crate::wire::encode;

    pub(in crate::wire) fn run(attempt: u32) -> Run {
        let Value::Object(config) = json!({"configurable": {}, "metadata": {"m": 1}}) else { unreachable!() };
        let kwargs = Kwargs {
            config,
            stream_modes: vec![StreamMode::MessagesTuple],
            interrupt_before: Some(Breakpoints::All),
            interrupt_after: Some(Breakpoints::from(["a"])),
            ..Kwargs::default()
        };
        Run {
            run_id: Uuid::nil(),
            thread_id: Uuid::nil(),
            assistant_id: Uuid::nil(),
            graph_id: "agent".to_owned(),
            metadata: Map::new(),
            status: RunStatus::Pending,
            kwargs: Arc::new(kwargs),
            multitask_strategy: MultitaskStrategy::Enqueue,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            attempt,
            derived: eddyline_runtime::Derived::default(),
        }
    }

    #[test]
    fn a_run_has_ten_keys_and_says_what_it_was_asked() {
        let json: Value = serde_json::from_slice(&encode(&RunJson(&run(0))).unwrap()).unwrap();
        let nil = Uuid::nil().to_string();
        let time = "1970-01-01T00:00:00.000000+00:00";
        let expected = json!({
            "run_id": nil, "thread_id": nil, "assistant_id": nil, "metadata": {}, "status": "pending",
            "kwargs": {
                "input": null, "command": null, "config": {"configurable": {}, "metadata": {"m": 1}},
                "context": {}, "stream_mode": ["messages-tuple"], "interrupt_before": "*",
                "interrupt_after": ["a"], "webhook": null, "feedback_keys": null, "temporary": false,
                "subgraphs": false, "resumable": false, "checkpoint_during": true, "durability": "async",
            },
            "multitask_strategy": "enqueue", "created_at": time, "updated_at": time,
            "langsmith_session_name": null,
        });
        assert_eq!(json, expected);
        let json: Value = serde_json::from_slice(&encode(&RunJson(&run(2))).unwrap()).unwrap();
        assert_eq!(json["kwargs"]["config"]["metadata"], json!({"m": 1, "run_attempt": 2}));
    }

    fn query(pairs: &[(&str, &str)]) -> Query {
        Query::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn lists_are_asked_for_by_query() {
        let (request, _) = list_runs(Uuid::nil(), &query(&[])).unwrap();
        assert_eq!((request.limit, request.offset, request.status), (10, 0, None));
        let asked =
            query(&[("limit", "2"), ("offset", "1"), ("status", "running"), ("select", r#"["status"]"#)]);
        let (request, select) = list_runs(Uuid::nil(), &asked).unwrap();
        assert_eq!((request.limit, request.offset, request.status), (2, 1, Some(RunStatus::Running)));
        assert_eq!(select.of(&RunJson(&run(0))).unwrap(), json!({"status": "pending"}));
        assert!(list_runs(Uuid::nil(), &query(&[("status", "asleep")])).is_err());
        assert!(list_runs(Uuid::nil(), &query(&[("select", "run_id,shoe_size")])).is_err());
    }
}
