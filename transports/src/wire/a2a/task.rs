//! A run as a task: its state, what was said, and what came of it.

use bytes::Bytes;
use eddyline_engine::fact::Fact;
use eddyline_engine::ids::Timestamp;
use eddyline_engine::project::{Classic, Data, Mode};
use eddyline_runtime::{Run, RunStatus, Thread, ThreadStatus};
use serde_json::{Value, json};

use super::{Dialect, TaskId};
use crate::wire::rpc::answer;
use crate::wire::{Frame, encode};

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Submitted,
    Working,
    Completed,
    Failed,
    Canceled,
    InputRequired,
}

impl State {
    /// Of a run that left its thread so.
    fn of(run: &Run, thread: Option<&Thread>) -> Self {
        match run.status {
            RunStatus::Pending => Self::Submitted,
            RunStatus::Running | RunStatus::Cancelling(_) => Self::Working,
            RunStatus::Success if thread.is_some_and(|thread| thread.status == ThreadStatus::Interrupted) => {
                Self::InputRequired
            }
            RunStatus::Success => Self::Completed,
            RunStatus::Interrupted => Self::Canceled,
            RunStatus::Error | RunStatus::Timeout => Self::Failed,
        }
    }

    fn word(self, dialect: Dialect) -> &'static str {
        let (v1, v03) = match self {
            Self::Submitted => ("TASK_STATE_SUBMITTED", "submitted"),
            Self::Working => ("TASK_STATE_WORKING", "working"),
            Self::Completed => ("TASK_STATE_COMPLETED", "completed"),
            Self::Failed => ("TASK_STATE_FAILED", "failed"),
            Self::Canceled => ("TASK_STATE_CANCELED", "canceled"),
            Self::InputRequired => ("TASK_STATE_INPUT_REQUIRED", "input-required"),
        };
        dialect.choose(v1, v03)
    }
}

impl Dialect {
    fn choose<T>(self, v1: T, v03: T) -> T {
        match self {
            Self::V1 => v1,
            Self::V03 => v03,
        }
    }

    fn part(self, name: &str, value: &Value) -> Value {
        match self {
            Self::V1 => json!({ name: value }),
            Self::V03 => json!({"kind": name, name: value}),
        }
    }

    fn message(self, id: &TaskId, message_id: &str, is_agent: bool, words: &str) -> Value {
        let role =
            if is_agent { self.choose("ROLE_AGENT", "agent") } else { self.choose("ROLE_USER", "user") };
        let mut message = json!({
            "messageId": message_id,
            "contextId": id.thread_id,
            "taskId": id.text(),
            "role": role,
            "parts": [self.part("text", &words.into())],
        });
        if self == Self::V03 {
            message["kind"] = "message".into();
        }
        message
    }
}

impl TaskId {
    /// That of a run.
    pub(crate) fn of(run: &Run) -> Self {
        Self { thread_id: run.thread_id, run_id: run.run_id }
    }

    fn text(&self) -> String {
        format!("{}:{}", self.thread_id, self.run_id)
    }
}

/// A run and the thread that it left, as they are told.
pub(crate) struct Told<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) run: &'a Run,
    pub(crate) thread: Option<&'a Thread>,
}

impl Told<'_> {
    /// The task.
    pub(crate) fn task(&self) -> Value {
        let Self { dialect, run, .. } = *self;
        let id = TaskId::of(run);
        let state = State::of(run, self.thread);
        let mut task = json!({
            "id": id.text(),
            "contextId": run.thread_id,
            "status": self.status(state),
            "history": self.history(),
            "artifacts": if state == State::Completed { vec![self.artifact()] } else { Vec::new() },
            "metadata": {},
        });
        if dialect == Dialect::V03 {
            task["kind"] = "task".into();
        }
        task
    }

    /// The task as what a message comes to.
    pub(crate) fn sent(&self) -> Value {
        match self.dialect {
            Dialect::V1 => json!({ "task": self.task() }),
            Dialect::V03 => self.task(),
        }
    }

    fn status(&self, state: State) -> Value {
        let mut status = status(self.dialect, state, self.run.updated_at);
        let words = match state {
            State::InputRequired => self.question(),
            State::Failed => self.failure(),
            _ => None,
        };
        if let Some(words) = words {
            let id = TaskId::of(self.run);
            status["message"] =
                self.dialect.message(&id, &format!("{}-status", self.run.run_id), true, &words);
        }
        status
    }

    fn question(&self) -> Option<String> {
        let asked = self.thread?.interrupts.iter().flat_map(|(_, asked)| asked).next()?;
        Some(match asked.value.json() {
            Value::String(words) => words.clone(),
            other => other.to_string(),
        })
    }

    fn failure(&self) -> Option<String> {
        let error = self.thread?.error.as_ref()?.to_json();
        let word = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        Some(format!("{}: {}", word("error"), word("message")))
    }

    fn values(&self) -> Value {
        let values = self.thread.and_then(|thread| thread.values.as_ref());
        values.map_or_else(|| json!({}), |values| json!(values))
    }

    /// The conversation, as far as people and the agent said something.
    fn history(&self) -> Vec<Value> {
        let (id, values) = (TaskId::of(self.run), self.values());
        let said = values["messages"].as_array().into_iter().flatten();
        let said = said.filter(|message| matches!(message["type"].as_str(), Some("human" | "ai")));
        let said = said.filter(|message| !text(message).is_empty());
        said.map(|message| {
            let message_id = message["id"].as_str().unwrap_or_default();
            self.dialect.message(&id, message_id, message["type"] == "ai", &text(message))
        })
        .collect()
    }

    /// What came of it: the agent's last words, or all values where it says none.
    fn artifact(&self) -> Value {
        let values = self.values();
        let last = values["messages"].as_array().and_then(|messages| messages.last()).map(text);
        let part = match last.filter(|words| !words.is_empty()) {
            Some(words) => self.dialect.part("text", &words.into()),
            None => self.dialect.part("data", &values),
        };
        json!({"artifactId": self.run.run_id, "name": "result", "parts": [part]})
    }
}

/// A page of the tasks of a thread.
pub(crate) fn tasks(dialect: Dialect, runs: &[Run], thread: &Thread, offset: usize, limit: usize) -> Value {
    let tasks: Vec<Value> =
        runs.iter().map(|run| Told { dialect, run, thread: Some(thread) }.task()).collect();
    let more = if tasks.len() == limit { (offset + limit).to_string() } else { String::new() };
    json!({"pageSize": tasks.len(), "totalSize": offset + tasks.len(), "tasks": tasks, "nextPageToken": more})
}

fn status(dialect: Dialect, state: State, at: Timestamp) -> Value {
    json!({"state": state.word(dialect), "timestamp": at.to_rfc3339()})
}

fn text(message: &Value) -> String {
    match &message["content"] {
        Value::String(words) => words.clone(),
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// A task that is told as it goes.
pub(crate) struct Progress {
    dialect: Dialect,
    /// The id of the request, which every answer carries.
    request: Value,
    run: Run,
    fold: Classic,
    /// What the agent has said so far, of the message of this id.
    said: (String, String),
}

impl Progress {
    pub(crate) fn new(request: Value, dialect: Dialect, run: Run) -> Self {
        let fold = Classic::new(run.config(), Mode::MessagesTuple.into(), false);
        Self { dialect, request, run, fold, said: Default::default() }
    }

    /// The task as it is taken in.
    pub(crate) fn begun(&self) -> Option<Frame> {
        let told = Told { dialect: self.dialect, run: &self.run, thread: None };
        self.frame(match self.dialect {
            Dialect::V1 => json!({ "task": told.task() }),
            Dialect::V03 => told.task(),
        })
    }

    /// What happened next, as far as the agent says something.
    pub(crate) fn of(&mut self, fact: &Fact) -> Vec<Frame> {
        let mut frames = Vec::new();
        for event in self.fold.fold(fact) {
            let Data::Messages { chunk, .. } = event.data else { continue };
            let words = text(&chunk);
            if chunk["type"] != "AIMessageChunk" || words.is_empty() {
                continue;
            }
            let id = chunk["id"].as_str().unwrap_or_default();
            if self.said.0 != id {
                self.said = (id.to_owned(), String::new());
            }
            self.said.1.push_str(&words);
            let task = TaskId::of(&self.run);
            let mut status = status(self.dialect, State::Working, fact.at);
            status["message"] = self.dialect.message(&task, id, true, &self.said.1);
            frames.extend(self.update(&status, false));
        }
        frames
    }

    /// What it came to.
    pub(crate) fn ended(&self, run: &Run, thread: Option<&Thread>) -> Vec<Frame> {
        let told = Told { dialect: self.dialect, run, thread };
        let state = State::of(run, thread);
        let mut frames = Vec::new();
        if state == State::Completed {
            let id = TaskId::of(run);
            let mut event = json!({
                "taskId": id.text(),
                "contextId": run.thread_id,
                "artifact": told.artifact(),
                "append": false,
                "lastChunk": true,
            });
            if self.dialect == Dialect::V03 {
                event["kind"] = "artifact-update".into();
            }
            frames.extend(self.frame(self.named("artifactUpdate", event)));
        }
        frames.extend(self.update(&told.status(state), true));
        frames
    }

    fn update(&self, status: &Value, last: bool) -> Option<Frame> {
        let id = TaskId::of(&self.run);
        let mut event =
            json!({"taskId": id.text(), "contextId": self.run.thread_id, "status": status, "final": last});
        if self.dialect == Dialect::V03 {
            event["kind"] = "status-update".into();
        }
        self.frame(self.named("statusUpdate", event))
    }

    fn named(&self, name: &str, event: Value) -> Value {
        match self.dialect {
            Dialect::V1 => json!({ name: event }),
            Dialect::V03 => event,
        }
    }

    fn frame(&self, result: Value) -> Option<Frame> {
        let data: Bytes = encode(&answer(&self.request, Ok(result))).ok()?;
        Some(Frame { event: "message".to_owned(), data, id: None })
    }
}
