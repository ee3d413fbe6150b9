//! A node of a graph file: what it does, and what of it goes into the state.

use std::sync::Arc;

use eddyline_engine::node::{Command, Node, Output};
use eddyline_engine::prelude::{Message, NodeContext, NodeError};
use eddyline_engine::state::Writes;
use eddyline_engine::{Key, Shared};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::http::Request;
use super::keys::{Keys, Type};
use super::model::Asking;
use super::process::{Answer, Processes};
use super::route::{Choice, choose};
use super::template::{RESULT, RUN, Template, Templates, Vars};

/// A node that is no graph and calls no tools.
pub(super) struct FileNode(Arc<Inner>);

/// The same, as its runs share it.
pub(super) struct Inner {
    pub(super) keys: Arc<Keys>,
    pub(super) action: Action,
    /// The key that takes the result.
    pub(super) into: Option<String>,
    /// What else is written, with the result at hand.
    pub(super) set: Templates,
}

/// What a node does, by its kind.
pub(super) enum Action {
    /// Nothing, before it sets keys.
    Set,
    Template(Template),
    Model(Asking),
    Http(Request),
    Process(Arc<Processes>),
    Interrupt {
        question: Template,
        schema: Option<Value>,
    },
    Command {
        update: Templates,
        goto: Vec<Choice>,
        to_parent: bool,
    },
}

/// What came of an action.
enum Done {
    Nothing,
    Value(Value),
    Message(Message),
    /// The update itself, and where to go.
    Update(Value, Vec<eddyline_engine::Goto>),
    Command {
        update: Vec<(String, Value)>,
        command: Command<Value>,
        to_parent: bool,
    },
}

/// What expressions know of the run around a node.
pub(super) fn run_vars(input: Shared, ctx: &NodeContext) -> Vars {
    let at = ctx.execution();
    let run = json!({
        "config": *ctx.configurables(),
        "context": ctx.context::<Value>().unwrap_or_default(),
        "metadata": ctx.metadata(),
        "node": ctx.node(),
        "run_id": at.run_id,
        "thread_id": at.thread_id,
        "attempt": at.attempt,
        "remaining_steps": ctx.remaining_steps(),
    });
    Vars::new(input).with(RUN, run)
}

impl From<Inner> for FileNode {
    fn from(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl Node for FileNode {
    fn run(&self, input: Shared, ctx: NodeContext) -> BoxFuture<'static, Result<Output, NodeError>> {
        let node = self.0.clone();
        async move {
            let vars = run_vars(input, &ctx);
            let done = node.action.run(&vars, &ctx).await?;
            node.output(done, vars)
        }
        .boxed()
    }
}

impl Action {
    async fn run(&self, vars: &Vars, ctx: &NodeContext) -> Result<Done, NodeError> {
        match self {
            Self::Set => Ok(Done::Nothing),
            Self::Template(template) => template.value(vars).map(Done::Value),
            Self::Model(asking) => asking.ask(vars, ctx).await.map(Done::Message),
            Self::Http(request) => request.send(vars).await.map(Done::Value),
            Self::Process(processes) => {
                let Answer { update, goto } = processes.call(vars.input().json(), ctx).await?;
                Ok(Done::Update(update, goto))
            }
            Self::Interrupt { question, schema } => {
                let question = question.value(vars)?;
                let answer = match schema {
                    Some(schema) => ctx.interrupt_with_schema(question, schema.clone())?,
                    None => ctx.interrupt(question)?,
                };
                Ok(Done::Value(answer))
            }
            Self::Command { update, goto, to_parent } => {
                let command = choose(goto, vars)?.into_iter().fold(Command::new(), Command::and_goto);
                let update =
                    update.values(vars).map(|pair| pair.map(|(name, value)| (name.to_owned(), value)));
                Ok(Done::Command {
                    update: update.collect::<Result<_, _>>()?,
                    command,
                    to_parent: *to_parent,
                })
            }
        }
    }
}

impl Inner {
    fn output(&self, done: Done, vars: Vars) -> Result<Output, NodeError> {
        let mut writes = Writes::default();
        let (result, goto) = match done {
            Done::Command { update, command, to_parent: true } => {
                // The keys are those of another graph, which checks them.
                for (name, value) in update {
                    writes.push(name, Ok(value.into()));
                }
                return Ok(command.write(writes).to_parent().into());
            }
            Done::Command { update, command, to_parent: false } => {
                for (name, value) in update {
                    self.write(&mut writes, &name, value)?;
                }
                return Ok(command.write(writes).into());
            }
            Done::Nothing => (Value::Null, Vec::new()),
            Done::Value(value) => {
                self.take(&mut writes, &value)?;
                (value, Vec::new())
            }
            Done::Message(message) => (self.take_message(&mut writes, message)?, Vec::new()),
            Done::Update(update, goto) => {
                if self.into.is_some() {
                    self.take(&mut writes, &update)?;
                } else if self.set.0.is_empty() {
                    self.take_update(&mut writes, &update)?;
                }
                (update, goto)
            }
        };
        let vars = vars.with(RESULT, result);
        for pair in self.set.values(&vars) {
            let (name, value) = pair?;
            self.write(&mut writes, name, value)?;
        }
        if goto.is_empty() {
            return Ok(Output::update(writes));
        }
        let command = goto.into_iter().fold(Command::<Value>::new(), Command::and_goto);
        Ok(command.write(writes).into())
    }

    /// The result goes into its key, as an item of a list that appends.
    fn take(&self, writes: &mut Writes, result: &Value) -> Result<(), NodeError> {
        let Some(name) = &self.into else { return Ok(()) };
        let appends = self.keys.get(name).is_some_and(|key| key.appends() && !result.is_array());
        let value = if appends { json!([result]) } else { result.clone() };
        self.write(writes, name, value)
    }

    /// A model's answer goes into its key; what is made of it is the JSON that it was asked for, or itself.
    fn take_message(&self, writes: &mut Writes, message: Message) -> Result<Value, NodeError> {
        let Action::Model(asking) = &self.action else { return Ok(Value::Null) };
        let read = asking.read(&message)?;
        let result = read.clone().map_or_else(|| serde_json::to_value(&message), Ok)?;
        let Some(key) = self.into.as_ref().and_then(|name| self.keys.get(name)) else { return Ok(result) };
        match read {
            Some(value) if key.kind != Type::Messages => self.take(writes, &value)?,
            _ => writes.push(key.name.clone(), Ok(key.write_message(message)?)),
        }
        Ok(result)
    }

    /// Every key of an object.
    fn take_update(&self, writes: &mut Writes, update: &Value) -> Result<(), NodeError> {
        let refused =
            || NodeError::visible("TypeError", "an update is an object: a value for each key that changes");
        match update {
            Value::Null => Ok(()),
            Value::Object(update) => {
                update.iter().try_for_each(|(name, value)| self.write(writes, name, value.clone()))
            }
            _ => Err(refused()),
        }
    }

    fn write(&self, writes: &mut Writes, name: &str, value: Value) -> Result<(), NodeError> {
        let unknown = || {
            let known = self.keys.names().collect::<Vec<_>>().join(", ");
            NodeError::visible("KeyError", format!("the state has no key `{name}`; it has {known}"))
        };
        let key = self.keys.get(name).ok_or_else(unknown)?;
        writes.push(name.to_owned(), Ok(key.write(value)?));
        Ok(())
    }
}

/// The name of a node, for routes.
pub(super) fn key(name: &str) -> Key {
    super::route::node_name(name).into()
}
