//! Settings as the program uses them: complete, in range, and consistent with each other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::graphs::Graphs;
use crate::jwt::Jwt;
use crate::load::Loader;
use crate::typed;
use crate::webhooks::Webhooks;

/// All settings of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The HTTP transport.
    pub http: Http,
    /// Who may use it.
    pub auth: Auth,
    /// The folder that keeps threads, runs, checkpoints, assistants and items of the store; `None` keeps them in memory.
    pub data_dir: Option<PathBuf>,
    /// Graphs that are written in files.
    pub graphs: Graphs,
    /// How much may run, and for how long.
    pub runs: Runs,
    /// What is kept of what was streamed.
    pub streams: Streams,
    /// The long-term store.
    pub store: Store,
    /// How long threads are kept.
    pub threads: Threads,
    /// Word of the end of runs.
    pub webhooks: Webhooks,
    /// Where feedback on runs goes, as text with `{run_id}` and `{key}` in it; `None` refuses runs that ask for it.
    pub feedback_url: Option<String>,
    /// The log.
    pub log: Log,
}

/// How much may run, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Runs under way at once, over all threads.
    pub max_running: usize,
    /// Runs that may wait or be under way, over all threads.
    pub max_open: usize,
    /// Tasks that nodes may send for one superstep.
    pub max_tasks: usize,
    /// Bytes that a state may have, as JSON.
    pub max_state_bytes: usize,
    /// How long one attempt at a run may take.
    pub timeout: Duration,
    /// How long the end of the server waits for runs to reach a commit.
    pub shutdown_grace: Duration,
}

/// What is kept of what was streamed, for readers who come late or come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    /// Bytes of each thread, as estimated.
    pub kept_bytes: usize,
    /// For how long after the last run and the last reader of the thread.
    pub kept: Duration,
}

/// Who may use the server over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Whoever reaches it.
    None,
    /// Whoever has one of the keys in this file.
    Keys(PathBuf),
    /// Whoever has such a token.
    Jwt(Jwt),
}

/// How HTTP is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The address to listen on; port 0 takes any free one.
    pub address: SocketAddr,
    /// How many OS threads translate HTTP; `None` leaves it to the transport.
    pub workers: Option<NonZeroUsize>,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Connections at once; the next waits to be accepted.
    pub max_connections: usize,
    /// Connections at once from one address; what is asked on the next is refused.
    pub max_connections_per_address: usize,
    /// Requests a second of each caller, over a while; `None` for any number.
    pub max_requests_per_second: Option<NonZeroU32>,
    /// How long a client may take for the head of a request.
    pub header_timeout: Duration,
    /// How long it may take for a body.
    pub body_timeout: Duration,
    /// How long a connection stays open on which nothing is asked.
    pub keep_alive: Duration,
    /// How long a client may leave unread what it is sent.
    pub send_timeout: Duration,
    /// How often the client of a WebSocket is asked whether it is there.
    pub websocket_ping: Duration,
    /// How many times in a row it may not answer.
    pub websocket_missed_pings: u32,
    /// How long it may read nothing of what it is sent.
    pub websocket_stall: Duration,
    /// The web origins whose pages may ask and read answers; empty for every origin. `local` is every one of this machine.
    pub cors_origins: Vec<String>,
    /// Names under which the server is asked, beside those of this machine.
    pub allowed_hosts: Vec<String>,
    /// Whether figures are told to whoever asks, known or not.
    pub open_metrics: bool,
}

/// How long items of the long-term store live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// How long an item lives that does not say it itself; `None` for good.
    pub default_ttl: Option<Duration>,
    /// Whether an item that lives for a time does so from when it was read last.
    pub refresh_on_read: bool,
    /// How often items go whose time is over.
    pub sweep_interval: Duration,
}

/// How long threads are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threads {
    /// How many minutes after its last change a thread goes; `None` if it stays.
    pub ttl_minutes: Option<NonZeroU32>,
    /// What goes of it.
    pub ttl_strategy: TtlStrategy,
    /// How often threads are looked for that are to go.
    pub sweep_interval: Duration,
}

/// What goes of a thread that was left alone for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtlStrategy {
    /// All of it.
    Delete,
    /// All checkpoints but the newest.
    KeepLatest,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Directives such as `info,eddyline_runtime=debug`.
    pub level: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

impl Settings {
    /// The defaults, then `eddyline.toml` of the working directory if there is one, then the environment.
    pub fn load() -> Result<Self, Error> {
        Self::loader().default_file().environment().load()
    }

    /// Reads only the places that it is told to read, and the defaults.
    pub fn loader() -> Loader {
        Loader::default()
    }
}

impl TryFrom<typed::Typed> for Settings {
    type Error = Error;

    fn try_from(typed: typed::Typed) -> Result<Self, Error> {
        let data_dir = data_dir(typed.storage)?;
        let auth = auth(typed.auth, data_dir.as_deref())?;
        Ok(Self {
            http: http(typed.http, &auth)?,
            auth,
            data_dir,
            graphs: typed.graphs.try_into()?,
            runs: typed.runs.try_into()?,
            streams: typed.streams.try_into()?,
            store: typed.store.try_into()?,
            threads: typed.threads.try_into()?,
            webhooks: typed.webhooks.try_into()?,
            feedback_url: given("feedback.url", typed.feedback.url)
                .map(|url| Some(url).filter(|url| !url.is_empty()))?,
            log: typed.log.try_into()?,
        })
    }
}

fn auth(typed: typed::Auth, data_dir: Option<&Path>) -> Result<Auth, Error> {
    let keys_file = given("auth.keys_file", typed.keys_file)?;
    match given("auth.mode", typed.mode)?.as_str() {
        "none" => Ok(Auth::None),
        "keys" => match data_dir {
            _ if !keys_file.is_empty() => Ok(Auth::Keys(keys_file.into())),
            Some(folder) => Ok(Auth::Keys(folder.join(KEYS))),
            None => Err(invalid("auth.keys_file", "names a file when there is no data folder", "")),
        },
        "jwt" => Ok(Auth::Jwt(typed.jwt.try_into()?)),
        other => Err(invalid("auth.mode", "is `none`, `keys` or `jwt`", other)),
    }
}

/// The file of the keys in the data folder.
const KEYS: &str = "keys.json";

fn http(typed: typed::Http, auth: &Auth) -> Result<Http, Error> {
    let host = host(&given("http.host", typed.host)?)?;
    let is_allowed = given("http.allow_remote", typed.allow_remote)? || *auth != Auth::None;
    if !host.is_loopback() && !is_allowed {
        return Err(Error::Exposed { host });
    }
    let port = number("http.port", typed.port, 0, u16::MAX.into())?;
    Ok(Http {
        address: SocketAddr::new(host, port),
        workers: NonZeroUsize::new(number("http.workers", typed.workers, 0, 1024)?),
        max_body_bytes: number("http.max_body_bytes", typed.max_body_bytes, 1, 1 << 30)?,
        max_connections: number("http.max_connections", typed.max_connections, 1, 1 << 20)?,
        max_connections_per_address: number(
            "http.max_connections_per_address",
            typed.max_connections_per_address,
            1,
            1 << 20,
        )?,
        max_requests_per_second: NonZeroU32::new(number(
            "http.max_requests_per_second",
            typed.max_requests_per_second,
            0,
            1 << 30,
        )?),
        header_timeout: seconds("http.header_timeout_seconds", typed.header_timeout_seconds, 1)?,
        body_timeout: seconds("http.body_timeout_seconds", typed.body_timeout_seconds, 1)?,
        keep_alive: seconds("http.keep_alive_seconds", typed.keep_alive_seconds, 1)?,
        send_timeout: seconds("http.send_timeout_seconds", typed.send_timeout_seconds, 1)?,
        websocket_ping: seconds("http.websocket_ping_seconds", typed.websocket_ping_seconds, 1)?,
        websocket_missed_pings: number("http.websocket_missed_pings", typed.websocket_missed_pings, 1, 1000)?,
        websocket_stall: seconds("http.websocket_stall_seconds", typed.websocket_stall_seconds, 1)?,
        cors_origins: origins(given("http.cors_origins", typed.cors_origins)?)?,
        allowed_hosts: given("http.allowed_hosts", typed.allowed_hosts)?,
        open_metrics: given("http.open_metrics", typed.open_metrics)?,
    })
}

impl TryFrom<typed::Runs> for Runs {
    type Error = Error;

    fn try_from(typed: typed::Runs) -> Result<Self, Error> {
        Ok(Self {
            max_running: number("runs.max_running", typed.max_running, 1, 1 << 20)?,
            max_open: number("runs.max_open", typed.max_open, 1, 1 << 30)?,
            max_tasks: number("runs.max_tasks", typed.max_tasks, 1, 1 << 30)?,
            max_state_bytes: number("runs.max_state_bytes", typed.max_state_bytes, 1024, 1 << 30)?,
            timeout: seconds("runs.timeout_seconds", typed.timeout_seconds, 1)?,
            shutdown_grace: seconds("runs.shutdown_grace_seconds", typed.shutdown_grace_seconds, 0)?,
        })
    }
}

impl TryFrom<typed::Streams> for Streams {
    type Error = Error;

    fn try_from(typed: typed::Streams) -> Result<Self, Error> {
        Ok(Self {
            kept_bytes: number("streams.kept_bytes", typed.kept_bytes, 0, 1 << 40)?,
            kept: seconds("streams.kept_seconds", typed.kept_seconds, 0)?,
        })
    }
}

/// A year: who wants more wants it for good.
const MAX_MINUTES: i64 = 365 * 24 * 60;

impl TryFrom<typed::Store> for Store {
    type Error = Error;

    fn try_from(typed: typed::Store) -> Result<Self, Error> {
        let default_ttl = number("store.default_ttl_minutes", typed.default_ttl_minutes, 0, MAX_MINUTES)?;
        let pause = number("store.sweep_interval_minutes", typed.sweep_interval_minutes, 1, MAX_MINUTES)?;
        Ok(Self {
            default_ttl: (default_ttl > 0).then(|| Duration::from_mins(default_ttl)),
            refresh_on_read: given("store.refresh_on_read", typed.refresh_on_read)?,
            sweep_interval: Duration::from_mins(pause),
        })
    }
}

impl TryFrom<typed::Threads> for Threads {
    type Error = Error;

    fn try_from(typed: typed::Threads) -> Result<Self, Error> {
        let ttl_strategy = match given("threads.ttl_strategy", typed.ttl_strategy)?.as_str() {
            "delete" => TtlStrategy::Delete,
            "keep_latest" => TtlStrategy::KeepLatest,
            other => return Err(invalid("threads.ttl_strategy", "is `delete` or `keep_latest`", other)),
        };
        Ok(Self {
            ttl_minutes: NonZeroU32::new(number(
                "threads.ttl_minutes",
                typed.ttl_minutes,
                0,
                u32::MAX.into(),
            )?),
            ttl_strategy,
            sweep_interval: Duration::from_mins(number(
                "threads.sweep_minutes",
                typed.sweep_minutes,
                1,
                1440,
            )?),
        })
    }
}

impl TryFrom<typed::Log> for Log {
    type Error = Error;

    fn try_from(typed: typed::Log) -> Result<Self, Error> {
        let format = match given("log.format", typed.format)?.as_str() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            other => return Err(invalid("log.format", "is `text` or `json`", other)),
        };
        Ok(Self { level: given("log.level", typed.level)?, format })
    }
}

fn data_dir(typed: typed::Storage) -> Result<Option<PathBuf>, Error> {
    let folder = given("storage.data_dir", typed.data_dir)?;
    if folder.is_empty() {
        return Err(invalid("storage.data_dir", "names a folder", ""));
    }
    Ok((!given("storage.memory", typed.memory)?).then(|| folder.into()))
}

pub(crate) fn given<T>(key: &'static str, value: Option<T>) -> Result<T, Error> {
    value.ok_or(Error::Missing { key })
}

pub(crate) fn invalid(key: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Error {
    Error::Invalid { key, expected: expected.into(), found: found.into() }
}

fn number<T: TryFrom<i64>>(key: &'static str, value: Option<i64>, min: i64, max: i64) -> Result<T, Error> {
    let value = given(key, value)?;
    let allowed = if (min..=max).contains(&value) { T::try_from(value).ok() } else { None };
    allowed.ok_or_else(|| invalid(key, format!("lies between {min} and {max}"), value.to_string()))
}

/// At most ten years.
pub(crate) fn seconds(key: &'static str, value: Option<i64>, min: i64) -> Result<Duration, Error> {
    number(key, value, min, 315_360_000).map(Duration::from_secs)
}

fn host(text: &str) -> Result<IpAddr, Error> {
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse().map_err(|_| invalid("http.host", "is an IP address or `localhost`", text))
}

/// An origin is what browsers send: scheme, host and port, and nothing after them.
fn origins(listed: Vec<String>) -> Result<Vec<String>, Error> {
    let key = "http.cors_origins";
    if listed.is_empty() {
        return Err(invalid(key, "lists \"*\", \"local\" or at least one origin", "[]"));
    }
    if listed.iter().any(|origin| origin == "*") {
        return if listed.len() == 1 {
            Ok(Vec::new())
        } else {
            Err(invalid(key, "lists \"*\" or some origins", listed.join(", ")))
        };
    }
    let odd = listed.iter().filter(|origin| *origin != "local").find(|origin| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        host.is_none_or(|host| host.is_empty() || host.contains('/'))
    });
    match odd {
        Some(origin) => Err(invalid(key, "lists origins such as `https://chat.example.org`", origin)),
        None => Ok(listed),
    }
}

#[cfg(test)]
mod tests;
