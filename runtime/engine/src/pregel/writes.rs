//! From what a node returned to what it writes (LangGraph's channel writers).

use serde_json::Value;

use super::reserved::NO_WRITES;
use crate::channel::NewId;
use crate::command::{END, Goto};
use crate::error::NodeError;
use crate::graph::mistake::nearest;
use crate::graph::names::SENDS;
use crate::graph::program::{NodeIx, Program, START_NODE};
use crate::node::{Output, Returned};
use crate::state::Writes;
use crate::value::{Key, Object, Shared};

/// Writes in order, by channel name.
pub(crate) type WriteList = Vec<(Key, Shared)>;

/// The writes of an update, or why one of its values cannot be JSON.
pub(crate) fn pairs_of(writes: Writes, node: &str) -> Result<WriteList, NodeError> {
    let pair = |(key, value): (std::borrow::Cow<'static, str>, Result<Shared, String>)| {
        value.map(|value| (Key::from(&*key), value)).map_err(|error| fault(node, &key, &error))
    };
    writes.into_inner().into_iter().map(pair).collect()
}

/// A value that serde could not make JSON of.
fn fault(node: &str, key: &str, error: &str) -> NodeError {
    NodeError::visible("TypeError", format!("node `{node}` cannot write key `{key}`: {error}"))
}

/// An update as the input of a graph.
pub(crate) fn object_of(writes: Writes, node: &str) -> Result<Object, NodeError> {
    Ok(pairs_of(writes, node)?.into_iter().collect())
}

/// Everything that `node` writes by returning `output`, but for its conditional edges: state keys, then
/// where commands go, then static edges, then joins.
pub(crate) fn write_node(program: &Program, node: NodeIx, output: Output) -> Result<WriteList, NodeError> {
    let mut writer = Writer { program, node, state: Vec::new(), control: Vec::new() };
    writer.take(output)?;
    let Writer { mut state, control, .. } = writer;
    state.extend(control);
    let spec = &program.nodes[node];
    for &channel in &spec.edges {
        state.push((program.channel_name(channel).clone(), Shared::null()));
    }
    for &channel in &spec.joins {
        let name = Shared::from(Value::from(&*spec.name));
        state.push((program.channel_name(channel).clone(), name));
    }
    Ok(state)
}

struct Writer<'a> {
    program: &'a Program,
    node: NodeIx,
    state: WriteList,
    control: WriteList,
}

impl Writer<'_> {
    fn name(&self) -> &str {
        &self.program.nodes[self.node].name
    }

    fn take(&mut self, output: Output) -> Result<(), NodeError> {
        match output.0 {
            Returned::Nothing => {}
            Returned::Update(writes) => self.update(writes)?,
            Returned::Command { update, goto, .. } => {
                if let Some(writes) = update {
                    self.update(writes)?;
                }
                for target in goto {
                    self.goto(target);
                }
            }
            Returned::Many(outputs) => {
                let commands = outputs.iter().any(|output| matches!(output.0, Returned::Command { .. }));
                if !commands {
                    return Err(not_a_dict("a list without a command"));
                }
                for output in outputs {
                    self.take(output)?;
                }
            }
            Returned::Send(send) => self.control.push((SENDS.into(), send.into())),
            Returned::Graph(object) => {
                let known = object.iter().filter(|(key, _)| self.program.is_key(key));
                self.state.extend(known.cloned());
            }
            Returned::Value(value) => self.value(&value)?,
        }
        Ok(())
    }

    fn value(&mut self, value: &Shared) -> Result<(), NodeError> {
        if value.is_null() {
            return Ok(());
        }
        let object = match (value.object(), value.json()) {
            (Some(object), _) => object.clone(),
            (None, Value::Object(map)) => Object::from(map.clone()),
            (None, other) => return Err(not_a_dict(&repr(other))),
        };
        for (key, value) in object.iter() {
            if self.node == START_NODE {
                self.input(key, value);
            } else {
                self.write(key, value.clone())?;
            }
        }
        Ok(())
    }

    /// Keys of the input that the graph does not take are not its business.
    fn input(&mut self, key: &Key, value: &Shared) {
        let takes = |channel: &usize| self.program.input_keys.contains(channel);
        if self.program.index.get(key).is_some_and(takes) {
            self.state.push((key.clone(), value.clone()));
        }
    }

    fn update(&mut self, writes: Writes) -> Result<(), NodeError> {
        for (key, value) in writes.into_inner() {
            let value = value.map_err(|error| fault(self.name(), &key, &error))?;
            self.write(&key, value)?;
        }
        Ok(())
    }

    fn write(&mut self, key: &str, value: Shared) -> Result<(), NodeError> {
        if let Some(key) = self.program.key(key) {
            self.state.push((key, value));
            return Ok(());
        }
        let keys = self.program.state_keys.iter().map(|channel| &**self.program.channel_name(*channel));
        let hint = nearest(key, keys).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        let (node, state) = (self.name(), &self.program.state_name);
        let message = format!("node `{node}` wrote key `{key}`, which state `{state}` does not have{hint}");
        Err(NodeError::visible("InvalidUpdateError", message))
    }

    /// A node that the graph does not have is gone to by nobody, as in LangGraph.
    fn goto(&mut self, target: Goto) {
        match target {
            Goto::Send(send) => self.control.push((SENDS.into(), send.into())),
            Goto::Node(name) if &*name == END => {}
            Goto::Node(name) => self.control.push((self.program.route_to(&name), Shared::null())),
        }
    }
}

fn not_a_dict(found: &str) -> NodeError {
    let message = format!(
        "Expected dict, got {found}\nFor troubleshooting, visit: \
         https://docs.langchain.com/oss/python/langgraph/errors/INVALID_GRAPH_NODE_RETURN_VALUE"
    );
    NodeError::visible("InvalidUpdateError", message)
}

/// Fills the missing ids of messages, once and for all who see them.
pub(crate) fn settle_messages(writes: &mut WriteList, new_id: NewId<'_>) {
    for (_, value) in writes {
        if let Some(messages) = value.messages() {
            let settled = messages.with_ids(&mut *new_id);
            if !settled.is_same(messages) {
                *value = settled.into();
            }
        } else if let Some(message) = value.message().filter(|message| message.id().is_none()) {
            *value = message.clone().with_id(new_id().to_string()).into();
        }
    }
}

/// What a finished task has to have written: a task without writes is marked as having run.
pub(crate) fn mark_finished(writes: &mut WriteList) {
    if writes.iter().all(|(channel, _)| super::reserved::is_fate(channel)) {
        writes.push((NO_WRITES.into(), Shared::null()));
    }
}

/// A packet or an overwrite whose value serde refused fails its task.
pub(crate) fn check_sends(writes: &WriteList, node: &str) -> Result<(), NodeError> {
    let faults = writes.iter().filter_map(|(_, value)| Some((value.send()?, value.send()?.fault.as_ref()?)));
    match faults.into_iter().next() {
        Some((send, fault)) => {
            let message = format!("node `{node}` cannot send to `{}`: {fault}", send.node);
            Err(NodeError::visible("TypeError", message))
        }
        None => Ok(()),
    }
}

/// A value as Python would print it, for error texts that the field knows by heart.
pub(crate) fn repr(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => nested_repr(other),
    }
}

fn nested_repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            format!("{quote}{}{quote}", text.replace('\\', "\\\\"))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(nested_repr).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("'{key}': {}", nested_repr(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// What event streams show a node to have returned.
pub(crate) fn shown(output: &Output) -> Shared {
    match &output.0 {
        Returned::Nothing => Shared::null(),
        Returned::Update(writes) => shown_update(writes).into(),
        Returned::Graph(object) => object.clone().into(),
        Returned::Value(value) => value.clone(),
        Returned::Send(send) => send.clone().into(),
        Returned::Many(outputs) => {
            Shared::from(Value::Array(outputs.iter().map(|output| shown(output).json().clone()).collect()))
        }
        Returned::Command { parent, update, goto } => {
            let command = crate::command::AnyCommand {
                parent: *parent,
                update: update.as_ref().map(|writes| shown_update(writes).iter().cloned().collect()),
                resume: None,
                goto: goto.clone(),
            };
            Shared::from(command.to_json())
        }
    }
}

fn shown_update(writes: &Writes) -> Object {
    let pairs = writes.clone().into_inner().into_iter();
    pairs.filter_map(|(key, value)| Some((Key::from(&*key), value.ok()?))).collect()
}
