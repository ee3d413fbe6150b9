//! Crons, as clients read them.

use eddyline_engine::ids::Timestamp;
use eddyline_runtime::{Cron, OnCompletion};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

/// A cron for clients: always all fourteen keys.
pub(crate) struct CronJson<'a>(pub(crate) &'a Cron);

/// The fields of a cron.
pub(super) const FIELDS: [&str; 14] = [
    "cron_id",
    "assistant_id",
    "thread_id",
    "user_id",
    "end_time",
    "schedule",
    "timezone",
    "payload",
    "next_run_date",
    "metadata",
    "on_run_completed",
    "enabled",
    "created_at",
    "updated_at",
];

impl Serialize for CronJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Cron { terms, thread_id, .. } = self.0;
        let mut map = serializer.serialize_map(Some(FIELDS.len()))?;
        map.serialize_entry("cron_id", &self.0.cron_id)?;
        map.serialize_entry("assistant_id", &self.0.assistant_id)?;
        map.serialize_entry("thread_id", thread_id)?;
        let user_id = terms.run.caller.get("langgraph_auth_user_id").and_then(Value::as_str);
        map.serialize_entry("user_id", user_id.unwrap_or_default())?;
        map.serialize_entry("end_time", &terms.end_time.map(Timestamp::to_rfc3339))?;
        map.serialize_entry("schedule", &terms.schedule)?;
        map.serialize_entry("timezone", &terms.timezone)?;
        map.serialize_entry("payload", &payload(self.0))?;
        map.serialize_entry("next_run_date", &self.0.next_run_date.map(Timestamp::to_rfc3339))?;
        map.serialize_entry("metadata", &terms.metadata)?;
        map.serialize_entry("on_run_completed", &thread_id.is_none().then(|| word(terms.on_completion)))?;
        map.serialize_entry("enabled", &terms.enabled)?;
        map.serialize_entry("created_at", &self.0.created_at.to_rfc3339())?;
        map.serialize_entry("updated_at", &self.0.updated_at.to_rfc3339())?;
        map.end()
    }
}

/// What the client said, with the ids that the server gives.
fn payload(cron: &Cron) -> Map<String, Value> {
    let mut payload = cron.terms.payload.clone();
    payload.insert("assistant_id".to_owned(), json!(cron.assistant_id));
    let configurable = object(object(&mut payload, "config"), "configurable");
    configurable.insert("cron_id".to_owned(), json!(cron.cron_id));
    payload
}

/// The object under a key, which is made if there is none.
fn object<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it is one now")
}

fn word(on_completion: OnCompletion) -> &'static str {
    match on_completion {
        OnCompletion::Delete => "delete",
        OnCompletion::Keep => "keep",
    }
}
