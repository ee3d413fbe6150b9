//! What an agent says of itself.

use eddyline_runtime::Assistant;
use serde_json::{Value, json};

/// The card of an assistant that is found at this URL.
pub(crate) fn card(assistant: &Assistant, url: &str) -> Value {
    let description = assistant.description.clone().filter(|text| !text.is_empty());
    let description = description.unwrap_or_else(|| format!("Runs the graph `{}`.", assistant.graph_id));
    let modes = ["application/json", "text/plain"];
    json!({
        "name": assistant.name,
        "description": description,
        "url": url,
        // What clients of 0.3 look for.
        "protocolVersion": "0.3.0",
        "preferredTransport": "JSONRPC",
        "supportedInterfaces": [
            {"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
        ],
        "capabilities": {
            "streaming": true,
            "pushNotifications": false,
            "stateTransitionHistory": false,
            "extensions": [],
        },
        "defaultInputModes": modes,
        "defaultOutputModes": modes,
        "skills": [{
            "id": format!("{}-main", assistant.assistant_id),
            "name": assistant.name,
            "description": description,
            "tags": [assistant.graph_id],
            "inputModes": modes,
            "outputModes": modes,
        }],
        "version": assistant.version.to_string(),
    })
}
