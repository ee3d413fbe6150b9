//! What the server says about itself.

use serde_json::{Value, json};

/// The server is up; if it was looked at, whether storage answers.
pub(crate) fn ok(storage: Option<bool>) -> Value {
    let Some(answers) = storage else { return json!({"ok": true, "services": {}}) };
    json!({"ok": answers, "services": {"storage": if answers { "healthy" } else { "unhealthy" }}})
}

/// Which server this is, and what of the API it has: every flag that clients know, as it is here.
pub(crate) fn info() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "langgraph_py_version": null,
        "flags": {
            "assistants": true,
            "crons": true,
            "langsmith": false,
            "langsmith_tracing_replicas": false,
            "langsmith_tracing_session_on_runs": false,
            "strict_resume": true,
        },
        "host": {
            "kind": "self-hosted",
            "project_id": null,
            "host_revision_id": null,
            "revision_id": null,
            "tenant_id": null,
        },
    })
}
