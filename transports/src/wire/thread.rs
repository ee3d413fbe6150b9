//! Threads, as clients ask for them and as they read them.

use eddyline_engine::Interrupt;
use eddyline_engine::fact::Failure;
use eddyline_engine::update::StateUpdate;
use eddyline_runtime::{CreateThread, IfExists, Interrupts, Thread, UpdateThread};
use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::body::strip_reserved_metadata;
use super::supersteps::{Superstep, supersteps};
use super::thread_ttl::TtlBody;
use super::{Refusal, id};

/// The body of `POST /threads`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ThreadBody {
    #[schemars(extend("format" = "uuid"))]
    thread_id: Option<String>,
    metadata: Option<Map<String, Value>>,
    if_exists: Option<Existing>,
    ttl: Option<TtlBody>,
    supersteps: Option<Vec<Superstep>>,
}

/// The `if_exists` of a body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Existing {
    Raise,
    DoNothing,
}

impl From<Existing> for IfExists {
    fn from(existing: Existing) -> Self {
        match existing {
            Existing::Raise => Self::Raise,
            Existing::DoNothing => Self::DoNothing,
        }
    }
}

impl ThreadBody {
    /// The request that the body makes of the runtime, and the states with which the thread is to begin.
    pub(crate) fn into_request(self) -> Result<(CreateThread, Vec<Vec<StateUpdate>>), Refusal> {
        let supersteps = supersteps(self.supersteps.unwrap_or_default())?;
        let mut metadata = self.metadata.unwrap_or_default();
        strip_reserved_metadata(&mut metadata);
        let request = CreateThread {
            thread_id: self.thread_id.map(|text| id("thread", &text)).transpose()?,
            metadata,
            if_exists: self.if_exists.map(IfExists::from).unwrap_or_default(),
            ttl: self.ttl.map(TtlBody::into_ttl).transpose()?,
        };
        Ok((request, supersteps))
    }
}

/// The body of `PATCH /threads/{thread_id}`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct PatchBody {
    metadata: Option<Map<String, Value>>,
    ttl: Option<TtlBody>,
}

impl PatchBody {
    /// The change that the body asks for.
    pub(crate) fn into_request(self, thread_id: Uuid) -> Result<UpdateThread, Refusal> {
        let mut metadata = self.metadata.unwrap_or_default();
        strip_reserved_metadata(&mut metadata);
        Ok(UpdateThread { thread_id, metadata, ttl: self.ttl.map(TtlBody::into_ttl).transpose()? })
    }
}

/// A thread for clients: always all ten keys.
pub(crate) struct ThreadJson<'a>(pub(crate) &'a Thread);

impl Serialize for ThreadJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let thread = self.0;
        let mut map = serializer.serialize_map(Some(10))?;
        map.serialize_entry("thread_id", &thread.thread_id)?;
        map.serialize_entry("created_at", &thread.created_at.to_rfc3339())?;
        map.serialize_entry("updated_at", &thread.updated_at.to_rfc3339())?;
        map.serialize_entry("state_updated_at", &thread.state_updated_at.to_rfc3339())?;
        map.serialize_entry("metadata", &thread.metadata)?;
        map.serialize_entry("status", thread.status.as_str())?;
        map.serialize_entry("config", &thread.config)?;
        // A state without a key reads as no state at all.
        map.serialize_entry("values", &thread.values.as_ref().filter(|values| !values.is_empty()))?;
        map.serialize_entry("error", &thread.error.as_ref().map(Failure::to_json))?;
        map.serialize_entry("interrupts", &InterruptsJson(&thread.interrupts))?;
        map.end()
    }
}

/// `{TASK: [{"id", "value", "response_schema"?}]}`.
struct InterruptsJson<'a>(&'a Interrupts);

impl Serialize for InterruptsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|(task, interrupts)| (task, interrupts.iter().map(interrupt_json).collect::<Vec<_>>())),
        )
    }
}

/// A question as threads show it: without a schema rather than with none.
pub(super) fn interrupt_json(interrupt: &Interrupt) -> Value {
    let mut json = json!({"id": interrupt.id, "value": interrupt.value});
    if let (Value::Object(map), Some(schema)) = (&mut json, &interrupt.response_schema) {
        map.insert("response_schema".to_owned(), schema.clone());
    }
    json
}

/// The assistant that the thread worked for last, as its metadata say.
pub(crate) fn assistant_of(thread: &Thread) -> Option<String> {
    thread.metadata.get("assistant_id").and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use eddyline_engine::Shared;
    use eddyline_engine::ids::Timestamp;
    use eddyline_runtime::ThreadStatus;

    use super::*;
    use crate::wire::{encode, parse};

    fn check(body: &str, expected: &str) {
        let read = parse::<ThreadBody>(body.as_bytes()).and_then(ThreadBody::into_request);
        assert_eq!(read.unwrap_err(), Refusal::unprocessable(expected));
    }

    #[test]
    fn bodies_that_make_no_thread() {
        check(r#"{"thread_id": "x"}"#, "Invalid thread ID: must be a UUID");
        check(r#"{"supersteps": [{}]}"#, "`supersteps[0]`: missing field `updates`");
        check(r#"{"ttl": 0}"#, "`ttl`: must be more than 0 minutes");
        check(r#"{"metadata": []}"#, "`metadata`: invalid type: sequence, expected a map");
        check(
            r#"{"if_exists": "maybe"}"#,
            "`if_exists`: unknown variant `maybe`, expected `raise` or `do_nothing`",
        );
    }

    #[test]
    fn metadata_is_the_clients_own() {
        let body = br#"{"metadata": {"a": 1, "run_id": "r"}, "if_exists": "do_nothing", "supersteps": []}"#;
        let (request, supersteps) = parse::<ThreadBody>(body).unwrap().into_request().unwrap();
        assert!(supersteps.is_empty());
        assert_eq!(Value::from(request.metadata), json!({"a": 1}));
        assert_eq!((request.thread_id, request.if_exists), (None, IfExists::DoNothing));
    }

    #[test]
    fn what_is_said_about_a_thread_changes() {
        let body = parse::<PatchBody>(br#"{"metadata": {"a": 1, "run_id": "r"}}"#).unwrap();
        let request = body.into_request(Uuid::nil()).unwrap();
        assert_eq!(Value::from(request.metadata), json!({"a": 1}));
        assert_eq!(request.ttl, None);
        let request = parse::<PatchBody>(br#"{"ttl": 5}"#).unwrap().into_request(Uuid::nil()).unwrap();
        assert_eq!(request.ttl.map(|ttl| ttl.minutes), Some(5.0));
    }

    #[test]
    fn a_thread_has_ten_keys() {
        let mut thread = Thread::new(Uuid::nil(), Map::new(), Timestamp(0));
        let time = "1970-01-01T00:00:00.000000+00:00";
        let expected = format!(
            r#"{{"thread_id":"00000000-0000-0000-0000-000000000000","created_at":"{time}","updated_at":"{time}","#
        ) + &format!(
            r#""state_updated_at":"{time}","metadata":{{}},"status":"idle","config":{{}},"#
        ) + r#""values":null,"error":null,"interrupts":{}}"#;
        assert_eq!(encode(&ThreadJson(&thread)).unwrap(), expected);

        thread.status = ThreadStatus::Error;
        thread.error = Some(Failure { class: "OSError".into(), message: "/etc".into(), visible: false });
        let asked = Interrupt { value: Shared::from(json!("ok?")), id: "a".into(), response_schema: None };
        thread.interrupts = vec![(Uuid::nil(), vec![asked])];
        let json: Value = serde_json::from_slice(&encode(&ThreadJson(&thread)).unwrap()).unwrap();
        assert_eq!(json["error"], json!({"error": "OSError", "message": "An internal error occurred"}));
        assert_eq!(json["interrupts"][Uuid::nil().to_string()], json!([{"id": "a", "value": "ok?"}]));
    }
}
