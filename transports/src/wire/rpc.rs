//! JSON-RPC 2.0, as far as the protocols have it in common that are spoken over it.

use serde_json::{Value, json};

/// A document of such a protocol.
pub(crate) type Json = Value;

/// An error, by the numbers of JSON-RPC and of the protocol over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(super) code: i64,
    pub(super) message: String,
}

impl RpcError {
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn no_method(method: &str) -> Self {
        Self::new(-32601, format!("Method not found: {method}"))
    }

    pub(crate) fn params(message: impl Into<String>) -> Self {
        Self::new(-32602, message)
    }

    /// Something of the server was refused.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(-32603, message)
    }
}

/// An answer to the request of this id.
pub(crate) fn answer(id: &Value, result: Result<Value, RpcError>) -> Value {
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(RpcError { code, message }) => {
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
        }
    }
}

/// What is said of a request that is none at all.
pub(crate) fn refusal(words: &str) -> Value {
    json!({ "error": words })
}

/// Whether a client takes an answer, by what it says that it accepts; else what is said to it.
pub(crate) fn accepts(accept: Option<&str>) -> Result<(), Value> {
    let kinds = ["application/json", "text/event-stream", "*/*"];
    if accept.is_some_and(|accept| kinds.iter().any(|kind| accept.contains(kind))) {
        return Ok(());
    }
    Err(refusal("Accept header must include application/json or text/event-stream"))
}
