//! Nodes and tools in a child process that speaks JSON, a line for each thing that is said.
//!
//! A child has one call at a time. The call is a line `{"call": {"node", "state", "config", "context"}}`; what the
//! child says until it is done are lines, too:
//!
//! | Line | Meaning | Answered |
//! |---|---|---|
//! | `{"event": VALUE}` | a value for the stream mode `custom` | no |
//! | `{"interrupt": QUESTION}` | a question to a person | `{"answer": VALUE}`, once there is one |
//! | `{"store": {"get" \| "put" \| "delete" \| "search": …}}` | the long-term store | `{"answer": VALUE}` |
//! | `{"return": UPDATE}`, with `"goto"` if it likes | it is done | no |
//! | `{"error": WORDS}` or `{"error": {"class", "message"}}` | the call failed, and the child goes on | no |
//!
//! A child that says so is kept for the next call. Whatever else happens to a call ends its child, and whatever the
//! child has started: an answer that does not come in time, a run that is cancelled, a line that is none of these, a
//! question that nobody has answered yet. The call after it starts another.

mod child;
mod said;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eddyline_engine::prelude::{Goto, NodeContext, NodeError};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use self::child::Child;
use self::said::{Asked, Said};
use super::compile::{Home, duration};
use super::located::{Located, TextOr};
use super::mistake::Mistake;
use super::spec::ProcessSpec;

/// How long a call may take when nobody says.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How many children run at once when nobody says.
const MAX_PROCESSES: usize = 4;

/// The children of a node, or of a tool: those that wait for a call, and the way to more.
pub(super) struct Processes {
    command: Vec<String>,
    folder: PathBuf,
    env: Vec<(String, String)>,
    timeout: Duration,
    /// How many more may run.
    free: Semaphore,
    /// Not held while anything waits.
    idle: Mutex<Vec<Child>>,
}

/// What a child returned.
pub(super) struct Answer {
    pub(super) update: Value,
    pub(super) goto: Vec<Goto>,
}

impl Processes {
    pub(super) fn new(
        spec: &Located<TextOr<ProcessSpec>>,
        home: &Home,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Arc<Self>> {
        let spec_of = |command: &str| ProcessSpec {
            command: command.split_whitespace().map(str::to_owned).collect(),
            ..ProcessSpec::default()
        };
        let place = spec.place;
        let spec = match &spec.value {
            TextOr::Text(command) => spec_of(command),
            TextOr::Long(spec) => spec.clone(),
        };
        let before = mistakes.len();
        if spec.command.first().is_none_or(String::is_empty) {
            let mistake = Mistake::new(place, "the process has no command");
            mistakes.push(mistake.help("write the program and its arguments, such as `[python3, work.py]`"));
        }
        let most = spec.max_processes.as_ref().map_or(MAX_PROCESSES, |most| most.value);
        if let Some(most) = spec.max_processes.as_ref().filter(|most| most.value == 0) {
            mistakes.push(Mistake::new(most.place, "no process at all").help("write at least 1"));
        }
        let timeout = match &spec.timeout {
            Some(timeout) => duration(timeout, mistakes).unwrap_or(TIMEOUT),
            None => TIMEOUT,
        };
        spec.command.iter().for_each(|argument| home.started_with(argument));
        (mistakes.len() == before).then(|| {
            Arc::new(Self {
                command: spec.command,
                folder: home.folder.clone(),
                env: spec.env.into_iter().collect(),
                timeout,
                free: Semaphore::new(most.min(Semaphore::MAX_PERMITS)),
                idle: Mutex::default(),
            })
        })
    }

    /// Calls a child with the state that the node got, and does what it asks for meanwhile.
    ///
    /// Dropping the future ends the child.
    pub(super) async fn call(&self, state: &Value, ctx: &NodeContext) -> Result<Answer, NodeError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(NodeError::visible(
                "RuntimeError",
                "a child process needs a Tokio runtime around the node",
            ));
        }
        let _one = self.free.acquire().await?;
        let mut child = self.child()?;
        let call = json!({"call": {
            "node": ctx.node(),
            "state": state,
            "config": *ctx.configurables(),
            "context": ctx.context::<Value>().unwrap_or_default(),
        }});
        let name = &self.command[0];
        let late = |_| {
            let words = format!("`{name}` gave no answer within {:?}, and was ended", self.timeout);
            NodeError::visible("TimeoutError", words)
        };
        let talk = conversation(&mut child, call, ctx);
        let done = tokio::time::timeout(self.timeout, talk).await.map_err(late)??;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        done
    }

    /// A child that waits, or a new one.
    fn child(&self) -> Result<Child, NodeError> {
        loop {
            let waiting = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut child) = waiting else {
                return Child::start(&self.command, &self.folder, &self.env);
            };
            // Another may have ended while nobody looked.
            if child.is_alive() {
                return Ok(child);
            }
        }
    }
}

/// From the call to the end of it. The outer error ends the child; the inner one is what the child itself says.
async fn conversation(
    child: &mut Child,
    call: Value,
    ctx: &NodeContext,
) -> Result<Result<Answer, NodeError>, NodeError> {
    child.tell(&call).await?;
    loop {
        let answer = match child.said().await? {
            Said::Event(value) => {
                ctx.write(value).await?;
                continue;
            }
            Said::Return { update, goto } => return Ok(Ok(Answer { update, goto })),
            Said::Error(error) => return Ok(Err(error)),
            Said::Interrupt(question) => ctx.interrupt(question)?,
            Said::Store(asked) => store(asked, ctx).await?,
        };
        child.tell(&json!({ "answer": answer })).await?;
    }
}

async fn store(asked: Asked, ctx: &NodeContext) -> Result<Value, NodeError> {
    let store = ctx.store()?;
    Ok(match asked {
        Asked::Get(get) => serde_json::to_value(store.get(get).await?)?,
        Asked::Put(put) => {
            store.put(put).await?;
            Value::Null
        }
        Asked::Delete(place) => {
            store.delete(place).await?;
            Value::Null
        }
        Asked::Search(search) => {
            let found = store.search(search).await?.into_iter();
            let found = found
                .map(|found| Ok(json!({"item": serde_json::to_value(found.item)?, "score": found.score})));
            Value::Array(found.collect::<Result<_, serde_json::Error>>()?)
        }
    })
}
