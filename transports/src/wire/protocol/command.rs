//! What clients of the protocol want done.

use eddyline_runtime::{CancelAction, CreateThread, StartRun};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::envelope::Style;
use super::problem::Problem;
use super::runs::{self, Respond};
use super::subscribe::Subscribe;
use crate::wire::{ThreadBody, parse};

/// What a client calls a command; it gets it back as it was.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CommandId(pub(super) Value);

/// A command, understood.
#[derive(Debug)]
pub(crate) enum Command {
    /// `run.start`.
    Start(Box<StartRun>),
    /// `input.respond`.
    Respond(Box<Respond>),
    /// `subscription.subscribe`.
    Subscribe(Subscribe),
    /// `subscription.reconnect`.
    Reconnect(Subscribe),
    /// `subscription.unsubscribe`, by its id.
    Unsubscribe(String),
    /// `agent.getTree`.
    Tree,
    /// `state.get`: of which graph, and which keys of it.
    State { ns: String, keys: Option<Vec<String>> },
    /// `state.listCheckpoints`.
    Checkpoints { ns: String, limit: usize, before: Option<Uuid> },
    /// `state.fork`: a run from a checkpoint; the checkpoint as the client wrote it.
    Fork(Box<StartRun>, String),
    /// One about the connection, and not about what a thread does.
    Own(Own),
}

/// What is asked of the connection itself.
#[derive(Debug)]
pub(crate) enum Own {
    /// `server.info`.
    Info,
    /// `server.ping`.
    Ping,
    /// `server.shutdown`: how long what is under way may take.
    Shutdown { grace_ms: Option<u64> },
    /// `thread.create`.
    CreateThread(Box<CreateThread>),
    /// `run.cancel`.
    Cancel { run_id: Uuid, action: CancelAction },
    /// `rest.call`.
    Rest(RestCall),
    /// `flow.ack`: a subscription has been read up to an event.
    Ack { subscription: String, seq: u64 },
}

/// A request to the HTTP API that comes over another transport.
#[derive(Debug)]
pub(crate) struct RestCall {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) body: Option<Vec<u8>>,
}

impl Command {
    pub(super) fn read(method: &str, params: Map<String, Value>, style: Style) -> Result<Self, Problem> {
        Ok(match method {
            "run.start" => Self::Start(Box::new(runs::start(params)?)),
            "input.respond" => Self::Respond(Box::new(runs::respond(&params)?)),
            "subscription.subscribe" => Self::Subscribe(Subscribe::read(&params, method)?),
            "subscription.reconnect" => Self::Reconnect(Subscribe::read_again(&params)?),
            "subscription.unsubscribe" => match text(&params, "subscription_id") {
                Some(id) => Self::Unsubscribe(id.to_owned()),
                None => {
                    return Err(Problem::invalid("subscription.unsubscribe requires a subscription_id."));
                }
            },
            "agent.getTree" => Self::Tree,
            "state.get" => Self::State { ns: namespace(&params, method)?, keys: strings(&params, "keys") },
            "state.listCheckpoints" => checkpoints(&params)?,
            "state.fork" => {
                let (request, checkpoint) = runs::fork(params)?;
                Self::Fork(Box::new(request), checkpoint)
            }
            "input.inject" => return Err(Problem::not_supported("input.inject is not supported.")),
            _ if style == Style::ManyThreads => Self::Own(own(method, params)?),
            _ => return Err(Problem::unknown_command(method)),
        })
    }
}

fn own(method: &str, params: Map<String, Value>) -> Result<Own, Problem> {
    let required = |name: &str| Problem::invalid(format!("{method} requires {name}."));
    Ok(match method {
        "server.info" => Own::Info,
        "server.ping" => Own::Ping,
        "server.shutdown" => Own::Shutdown { grace_ms: params.get("grace_ms").and_then(Value::as_u64) },
        "thread.create" => Own::CreateThread(Box::new(new_thread(params)?)),
        "run.cancel" => {
            let run_id = text(&params, "run_id").and_then(|id| id.parse().ok());
            let action = match text(&params, "action") {
                Some("rollback") => CancelAction::Rollback,
                None | Some("interrupt") => CancelAction::Interrupt,
                Some(_) => return Err(required("an action of interrupt or rollback")),
            };
            Own::Cancel { run_id: run_id.ok_or_else(|| required("a run_id"))?, action }
        }
        "rest.call" => Own::Rest(rest(&params).ok_or_else(|| required("a method and a path"))?),
        "flow.ack" => {
            let seq = params.get("seq").and_then(Value::as_u64);
            match (text(&params, "subscription_id"), seq) {
                (Some(id), Some(seq)) => Own::Ack { subscription: id.to_owned(), seq },
                _ => return Err(required("a subscription_id and a seq")),
            }
        }
        _ => return Err(Problem::unknown_command(method)),
    })
}

/// With the body that the API has for it; states come by another way.
fn new_thread(params: Map<String, Value>) -> Result<CreateThread, Problem> {
    let body: ThreadBody = parse(Value::Object(params).to_string().as_bytes())?;
    let (request, supersteps) = body.into_request()?;
    if supersteps.is_empty() {
        Ok(request)
    } else {
        Err(Problem::not_supported("use rest.call for supersteps"))
    }
}

fn rest(params: &Map<String, Value>) -> Option<RestCall> {
    let method = text(params, "method")?.to_ascii_uppercase();
    let mut path = text(params, "path").filter(|path| path.starts_with('/'))?.to_owned();
    for (name, value) in params.get("query").and_then(Value::as_object).into_iter().flatten() {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(&encoded(name));
        path.push('=');
        path.push_str(&encoded(value.as_str().unwrap_or(&value.to_string())));
    }
    let body = params.get("body").filter(|body| !body.is_null()).map(|body| body.to_string().into_bytes());
    Some(RestCall { method, path, body })
}

/// As a part of a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

fn checkpoints(params: &Map<String, Value>) -> Result<Command, Problem> {
    let before = match text(params, "before") {
        None => None,
        Some(id) => Some(id.parse().map_err(|_| Problem::no_checkpoint(id))?),
    };
    let limit = params.get("limit").and_then(Value::as_u64).map_or(10, |limit| limit.clamp(1, 1000));
    let ns = namespace(params, "state.listCheckpoints")?;
    Ok(Command::Checkpoints { ns, limit: usize::try_from(limit).unwrap_or(1000), before })
}

pub(super) fn text<'a>(params: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    params.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A list of texts; anything else in it makes it none.
fn strings(params: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let items = params.get(name)?.as_array()?.iter();
    items.map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The namespace of a graph, as checkpoints have it.
fn namespace(params: &Map<String, Value>, method: &str) -> Result<String, Problem> {
    match params.get("namespace").filter(|namespace| !namespace.is_null()) {
        None => Ok(String::new()),
        Some(_) => match strings(params, "namespace") {
            Some(levels) => Ok(levels.join("|")),
            None => Err(Problem::invalid(format!("{method} requires namespace to be a list of strings."))),
        },
    }
}
