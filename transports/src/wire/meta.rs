//! What the server says about itself.

use serde_json::{Value, json};

/// The server is up.
pub(crate) fn ok() -> Value {
    json!({"ok": true, "services": {}})
}

/// Which server this is, and what of the API it has.
pub(crate) fn info() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "flags": {
            "assistants": true,
            "crons": true,
            "langsmith": false,
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
