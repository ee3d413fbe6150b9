//! Settings as people type them: anything may be missing, and numbers may be out of range.

use std::fmt;

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    pub(crate) http: Http,
    pub(crate) auth: Auth,
    pub(crate) storage: Storage,
    pub(crate) graphs: Graphs,
    pub(crate) runs: Runs,
    pub(crate) streams: Streams,
    pub(crate) store: Store,
    pub(crate) threads: Threads,
    pub(crate) webhooks: Webhooks,
    pub(crate) feedback: Feedback,
    pub(crate) log: Log,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Auth {
    pub(crate) mode: Option<String>,
    pub(crate) keys_file: Option<String>,
    pub(crate) jwt: Jwt,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Jwt {
    pub(crate) algorithms: Option<Vec<String>>,
    pub(crate) audience: Option<Vec<String>>,
    pub(crate) issuer: Option<String>,
    pub(crate) secret: Option<String>,
    pub(crate) key_file: Option<String>,
    pub(crate) jwks_url: Option<String>,
    pub(crate) jwks_seconds: Option<i64>,
    pub(crate) leeway_seconds: Option<i64>,
}

/// Without the secret.
impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Storage {
    pub(crate) data_dir: Option<String>,
    pub(crate) memory: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Graphs {
    pub(crate) folder: Option<String>,
    pub(crate) reload: Option<bool>,
    pub(crate) examples: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Runs {
    pub(crate) max_running: Option<i64>,
    pub(crate) max_open: Option<i64>,
    pub(crate) max_tasks: Option<i64>,
    pub(crate) max_state_bytes: Option<i64>,
    pub(crate) timeout_seconds: Option<i64>,
    pub(crate) shutdown_grace_seconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Streams {
    pub(crate) kept_bytes: Option<i64>,
    pub(crate) kept_seconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Store {
    pub(crate) default_ttl_minutes: Option<i64>,
    pub(crate) refresh_on_read: Option<bool>,
    pub(crate) sweep_interval_minutes: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Threads {
    pub(crate) ttl_minutes: Option<i64>,
    pub(crate) ttl_strategy: Option<String>,
    pub(crate) sweep_minutes: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Webhooks {
    pub(crate) allowed_hosts: Option<Vec<String>>,
    pub(crate) secret: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Feedback {
    pub(crate) url: Option<String>,
}

/// Without the secret.
impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").field("allowed_hosts", &self.allowed_hosts).finish_non_exhaustive()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Http {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<i64>,
    pub(crate) allow_remote: Option<bool>,
    pub(crate) workers: Option<i64>,
    pub(crate) max_body_bytes: Option<i64>,
    pub(crate) max_connections: Option<i64>,
    pub(crate) max_connections_per_address: Option<i64>,
    pub(crate) max_requests_per_second: Option<i64>,
    pub(crate) header_timeout_seconds: Option<i64>,
    pub(crate) body_timeout_seconds: Option<i64>,
    pub(crate) keep_alive_seconds: Option<i64>,
    pub(crate) send_timeout_seconds: Option<i64>,
    pub(crate) websocket_ping_seconds: Option<i64>,
    pub(crate) websocket_missed_pings: Option<i64>,
    pub(crate) websocket_stall_seconds: Option<i64>,
    pub(crate) cors_origins: Option<Vec<String>>,
    pub(crate) allowed_hosts: Option<Vec<String>>,
    pub(crate) open_metrics: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Log {
    pub(crate) level: Option<String>,
    pub(crate) format: Option<String>,
}
