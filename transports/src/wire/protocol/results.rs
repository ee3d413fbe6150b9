//! What commands come to.

use bytes::Bytes;
use eddyline_engine::project::protocol::Tree;
use eddyline_runtime::{Clock as _, Run, SystemClock, Thread, ThreadState};
use serde_json::{Map, Value, json};

use super::problem::Problem;
use crate::wire::json::encode_line;
use crate::wire::{ThreadJson, info};

/// A JSON document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document(pub(super) Value);

/// The version of the protocol's types that is spoken.
const VERSION: &str = "0.0.20";

pub(crate) fn nothing() -> Document {
    Document(json!({}))
}

pub(crate) fn run_started(run: &Run) -> Document {
    Document(json!({"run_id": run.run_id}))
}

pub(crate) fn forked(run: &Run) -> Document {
    Document(json!({"run_id": run.run_id, "thread_id": run.thread_id}))
}

/// A subscription, how much of the past it will be told, and the number of the last event that there is.
pub(crate) fn subscribed(id: &str, replayed: u64, last: u64, gap: Option<u64>) -> Document {
    let mut result = json!({"subscription_id": id, "replayed_events": replayed, "last_seq": last});
    if let Some(available) = gap {
        result["gap"] = json!({"min_available_seq": available});
    }
    Document(result)
}

pub(crate) fn tree(tree: &Tree) -> Result<Document, Problem> {
    let tree = tree.to_json().ok_or_else(|| Problem::no_run("No active run is bound to this thread."))?;
    Ok(Document(json!({ "tree": tree })))
}

/// `{values, checkpoint?}`, of all keys or of some.
pub(crate) fn state(state: &ThreadState, keys: Option<&[String]>) -> Document {
    let Some(snapshot) = &state.snapshot else { return Document(json!({"values": {}})) };
    let wanted = |key: &str| keys.is_none_or(|keys| keys.iter().any(|wanted| wanted == key));
    let values = snapshot.values.iter().filter(|(key, _)| wanted(key));
    let values: Map<String, Value> =
        values.map(|(key, value)| (key.to_string(), value.json().clone())).collect();
    let mut checkpoint = json!({"id": snapshot.checkpoint});
    if !snapshot.ns.is_empty() {
        checkpoint["ns"] = (*snapshot.ns).into();
    }
    Document(json!({"values": values, "checkpoint": checkpoint}))
}

pub(crate) fn checkpoints(states: &[ThreadState]) -> Document {
    let one = |state: &ThreadState| {
        let snapshot = state.snapshot.as_ref()?;
        let metadata = &snapshot.metadata;
        let mut told = (*metadata.extra).clone();
        told.insert("source".into(), json!(metadata.source));
        Some(json!({
            "id": snapshot.checkpoint, "timestamp": snapshot.created_at.to_rfc3339(), "step": metadata.step,
            "metadata": told,
        }))
    };
    Document(json!({"checkpoints": states.iter().filter_map(one).collect::<Vec<_>>()}))
}

pub(crate) fn thread(thread: &Thread) -> Document {
    Document(serde_json::to_value(ThreadJson(thread)).unwrap_or_default())
}

/// What is known of the server, and the bounds of the connection.
pub(crate) fn server_info(max_line: usize, max_out_line: Option<usize>) -> Document {
    let mut info = info();
    info["protocol"] = json!({"name": "agent-streaming", "version": VERSION});
    info["limits"] = limits(max_line, max_out_line);
    Document(info)
}

/// The first line of a connection that is told so.
pub(crate) fn hello(max_line: usize, max_out_line: Option<usize>) -> Document {
    Document(json!({
        "type": "hello", "protocol": "agent-streaming", "version": VERSION,
        "server": {"name": "eddyline", "version": env!("CARGO_PKG_VERSION")},
        "limits": limits(max_line, max_out_line), "pid": std::process::id(),
    }))
}

fn limits(max_line: usize, max_out_line: Option<usize>) -> Value {
    json!({"max_line": max_line, "max_out_line": max_out_line})
}

/// The answer of the HTTP API: JSON as JSON, anything else as a text.
pub(crate) fn rest(status: u16, headers: impl Iterator<Item = (String, String)>, body: &Bytes) -> Document {
    let headers: Map<String, Value> = headers.map(|(name, value)| (name, value.into())).collect();
    let text = || String::from_utf8_lossy(body).into_owned().into();
    let read = || serde_json::from_slice(body).unwrap_or_else(|_| text());
    let body = if body.is_empty() { Value::Null } else { read() };
    Document(json!({"status": status, "headers": headers, "body": body}))
}

/// What tells a client that cannot see pings that the server is there, and how far it has come.
pub(crate) fn heartbeat(seq: u64) -> String {
    let timestamp = SystemClock.now().0.div_euclid(1000);
    json!({"type": "heartbeat", "seq": seq, "timestamp": timestamp}).to_string()
}

/// What a client reads that waits for a server which does not start.
pub(crate) fn failure(message: &str) -> Vec<u8> {
    encode_line(&json!({"type": "error", "id": null, "error": "unknown_error", "message": message}))
}
