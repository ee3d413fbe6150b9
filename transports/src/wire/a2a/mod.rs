//! A2A, by which agents talk to agents: an assistant is an agent, a thread a context, a run a task.
//!
//! Two dialects are spoken over one JSON-RPC: 1.0, and 0.3 before it.

mod card;
mod task;

use eddyline_engine::Shared;
use eddyline_engine::graph::Graph;
use eddyline_runtime::{IfNotExists, StartRun, StreamMode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::rpc::RpcError;

pub(crate) use card::card;
pub(crate) use task::{Progress, Told, tasks};

/// In whose words an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// 1.0.
    V1,
    /// 0.3.
    V03,
}

impl RpcError {
    pub(crate) fn no_task() -> Self {
        Self::new(-32001, "Task not found")
    }

    pub(crate) fn not_cancelable() -> Self {
        Self::new(-32002, "Task cannot be canceled")
    }
}

/// Something that is asked.
pub(crate) struct Request {
    pub(crate) id: Value,
    pub(crate) dialect: Dialect,
    pub(crate) call: Result<Call, RpcError>,
}

/// What is asked for.
pub(crate) enum Call {
    /// A message to the agent; whether its task is told as it goes.
    Send { sent: Sent, stream: bool },
    /// How a task stands.
    Task(TaskId),
    /// The end of a task.
    Cancel(TaskId),
    /// The tasks of a context: its thread, how many, and from which on.
    Tasks { thread_id: Uuid, limit: usize, offset: usize },
    /// The agent's card.
    Card,
}

/// A task: a run of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskId {
    pub(crate) thread_id: Uuid,
    pub(crate) run_id: Uuid,
}

/// A message to an agent.
pub(crate) struct Sent {
    message: MessageJson,
    /// The thread that it is for; a new one if it says none.
    pub(crate) thread_id: Option<Uuid>,
    /// The task that it goes on with.
    pub(crate) task: Option<TaskId>,
    /// Whether the answer does not wait for the end.
    pub(crate) immediately: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendParams {
    message: MessageJson,
    #[serde(default)]
    configuration: Configuration,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    #[serde(default)]
    return_immediately: bool,
    #[serde(default)]
    blocking: Option<bool>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageJson {
    #[serde(default)]
    message_id: Option<String>,
    #[serde(default)]
    context_id: Option<String>,
    #[serde(default)]
    task_id: Option<String>,
    parts: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
struct IdParams {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    #[serde(default)]
    context_id: Option<String>,
    #[serde(default)]
    page_size: Option<usize>,
    #[serde(default)]
    page_token: Option<String>,
}

/// Reads a body; else an error that is for nobody in particular.
pub(crate) fn read(body: &[u8]) -> Result<Request, RpcError> {
    let body: Value = serde_json::from_slice(body).map_err(|_| RpcError::new(-32700, "Parse error"))?;
    let invalid = || RpcError::new(-32600, "Invalid Request");
    let Value::Object(mut message) = body else { return Err(invalid()) };
    let version = message.get("jsonrpc").and_then(Value::as_str);
    let Some(Value::String(method)) = message.get("method").cloned().filter(|_| version == Some("2.0"))
    else {
        return Err(invalid());
    };
    let id = message.remove("id").unwrap_or_default();
    let params = message.remove("params").unwrap_or_else(|| json!({}));
    let (dialect, call) = Call::of(&method, params);
    Ok(Request { id, dialect, call })
}

impl Call {
    fn of(method: &str, params: Value) -> (Dialect, Result<Self, RpcError>) {
        let dialect = if method.contains('/') { Dialect::V03 } else { Dialect::V1 };
        let call = match method {
            "SendMessage" | "message/send" => Self::send(params, false),
            "SendStreamingMessage" | "message/stream" => Self::send(params, true),
            "GetTask" | "tasks/get" => task_of(params).map(Self::Task),
            "CancelTask" | "tasks/cancel" => task_of(params).map(Self::Cancel),
            "ListTasks" => Self::list(params),
            "GetExtendedAgentCard" | "agent/getAuthenticatedExtendedCard" => Ok(Self::Card),
            _ if method.contains("ushNotificationConfig") => {
                Err(RpcError::new(-32003, "Push Notification is not supported"))
            }
            "SubscribeToTask" | "tasks/resubscribe" => {
                Err(RpcError::new(-32004, "This operation is not supported"))
            }
            _ => Err(RpcError::no_method(method)),
        };
        (dialect, call)
    }

    fn send(params: Value, stream: bool) -> Result<Self, RpcError> {
        let SendParams { message, configuration } = read_params(params)?;
        let context = message.context_id.as_deref().filter(|id| !id.is_empty());
        let thread_id = context.map(thread_id).transpose()?;
        let task = message.task_id.as_deref().filter(|id| !id.is_empty()).map(task_id).transpose()?;
        if message.parts.is_empty() {
            return Err(RpcError::params("A message has at least one part"));
        }
        if message.parts.iter().any(|part| !part.contains_key("text") && !part.contains_key("data")) {
            return Err(RpcError::new(-32005, "Incompatible content types: parts are text or data"));
        }
        let immediately = configuration.return_immediately || configuration.blocking == Some(false);
        let thread_id = thread_id.or(task.map(|task| task.thread_id));
        Ok(Self::Send { sent: Sent { message, thread_id, task, immediately }, stream })
    }

    fn list(params: Value) -> Result<Self, RpcError> {
        let ListParams { context_id, page_size, page_token } = read_params(params)?;
        let context = context_id.filter(|id| !id.is_empty());
        let context = context.ok_or_else(|| RpcError::params("Tasks are listed by their `contextId`"))?;
        let offset = match page_token.filter(|token| !token.is_empty()) {
            Some(token) => token.parse().map_err(|_| RpcError::params("Invalid page token"))?,
            None => 0,
        };
        let limit = page_size.unwrap_or(50).clamp(1, 100);
        Ok(Self::Tasks { thread_id: thread_id(&context)?, limit, offset })
    }
}

fn read_params<T: for<'de> Deserialize<'de>>(params: Value) -> Result<T, RpcError> {
    serde_json::from_value(params).map_err(|error| RpcError::params(format!("Invalid params: {error}")))
}

fn task_of(params: Value) -> Result<TaskId, RpcError> {
    task_id(&read_params::<IdParams>(params)?.id)
}

fn thread_id(context: &str) -> Result<Uuid, RpcError> {
    context.parse().map_err(|_| RpcError::params("A `contextId` is a UUID: that of a thread"))
}

/// `THREAD:RUN`; what is no task is none that is known.
fn task_id(text: &str) -> Result<TaskId, RpcError> {
    let (thread, run) = text.split_once(':').ok_or_else(RpcError::no_task)?;
    match (thread.parse(), run.parse()) {
        (Ok(thread_id), Ok(run_id)) => Ok(TaskId { thread_id, run_id }),
        _ => Err(RpcError::no_task()),
    }
}

impl Sent {
    /// The run that it asks for: what goes on with a task that waits answers it.
    pub(crate) fn request(
        &self,
        assistant_id: Uuid,
        graph: &Graph,
        thread_id: Uuid,
        waits: bool,
    ) -> Result<StartRun, RpcError> {
        let mut run = StartRun {
            thread_id: Some(thread_id),
            if_not_exists: IfNotExists::Create,
            stream_modes: vec![StreamMode::Values, StreamMode::MessagesTuple],
            ..StartRun::new(assistant_id.to_string())
        };
        let text = self.text();
        let mut input = Map::new();
        for data in self.message.parts.iter().filter_map(|part| part.get("data")) {
            match data {
                Value::Object(data) => {
                    input.extend(data.clone().into_iter().map(|(name, value)| (name, whole(value))));
                }
                _ => {
                    return Err(RpcError::params(
                        "The data of a part is an object: it is input of the graph",
                    ));
                }
            }
        }
        if waits && self.task.is_some() {
            let answer = if input.is_empty() { Value::String(text) } else { input.into() };
            run.command = Some(json!({ "resume": answer }));
            return Ok(run);
        }
        if !text.is_empty() {
            let takes = graph.schemas().input.as_ref().map(|schema| &schema["properties"]["messages"]);
            if takes.is_none_or(Value::is_null) {
                let words = "The graph has no `messages`, and so takes no text; send its input as data";
                return Err(RpcError::params(words));
            }
            let id = self.message.message_id.as_deref();
            input.insert("messages".to_owned(), json!([{"role": "human", "content": text, "id": id}]));
        }
        run.input = Some(Shared::from(Value::Object(input)));
        Ok(run)
    }

    fn text(&self) -> String {
        let texts = self.message.parts.iter().filter_map(|part| part.get("text")?.as_str());
        texts.collect::<Vec<_>>().join("\n")
    }
}

/// The data with its whole numbers as such: protocol buffers, in which clients hold data, know no others than those
/// with a point.
#[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough to be exact")]
fn whole(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => Value::from(float as i64),
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(whole).collect(),
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, whole(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &Value) -> Option<i64> {
        match read(body.to_string().as_bytes()) {
            Err(error) => Some(error.code),
            Ok(request) => request.call.err().map(|error| error.code),
        }
    }

    #[test]
    fn what_is_wrong_has_its_number() {
        let call = |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let message = |parts: Value| json!({"message": {"messageId": "m", "role": "user", "parts": parts}});
        let cases = [
            (json!([]), Some(-32600)),
            (json!({"method": "GetTask"}), Some(-32600)),
            (call("Nothing", json!({})), Some(-32601)),
            (call("SendMessage", json!({})), Some(-32602)),
            (call("SendMessage", message(json!([]))), Some(-32602)),
            (call("SendMessage", message(json!([{"url": "http://x"}]))), Some(-32005)),
            (call("tasks/get", json!({"id": "nobody"})), Some(-32001)),
            (call("tasks/pushNotificationConfig/set", json!({})), Some(-32003)),
            (call("SubscribeToTask", json!({"id": "x"})), Some(-32004)),
            (call("ListTasks", json!({})), Some(-32602)),
            (call("message/send", message(json!([{"kind": "text", "text": "hi"}]))), None),
        ];
        for (body, expected) in cases {
            assert_eq!(code(&body), expected, "{body}");
        }
        assert_eq!(read(b"{").err().map(|error| error.code), Some(-32700));
    }
}
