//! Tasks and checkpoints as facts and stored metadata tell of them.

use serde_json::{Map, Value, json};

use crate::checkpoint::PendingWrite;
use crate::command::Interrupt;
use crate::fact::{Failure, TaskInfo, TaskNote};
use crate::graph::Persistence;
use crate::graph::program::Program;
use crate::ids::{NS_SEPARATOR, task_ns};
use crate::pregel::{Planned, reserved};
use crate::value::{Key, Shared};

/// What is known of a planned task, with what its earlier executions left on the checkpoint.
pub(crate) fn note(program: &Program, ns: &str, task: &Planned, pending: &[PendingWrite]) -> TaskNote {
    let rows = || pending.iter().filter(|row| row.task == task.info.id);
    let failure = rows().find(|row| &*row.channel == reserved::ERROR);
    let interrupts = rows().find(|row| &*row.channel == reserved::INTERRUPT);
    let finished = rows().any(|row| !reserved::is_fate(&row.channel));
    let written: Vec<(Key, Shared)> = rows()
        .filter(|row| row.index >= 0 && program.is_key(&row.channel))
        .map(|row| (row.channel.clone(), row.value.clone()))
        .collect();
    let graph = program.nodes[task.node].graph.as_ref();
    let holds = graph.is_some_and(|graph| graph.0.persistence != Persistence::Never);
    TaskNote {
        id: task.info.id,
        name: task.info.name.clone(),
        path: task.info.path.clone(),
        failure: failure.and_then(|row| Failure::from_json(row.value.json())),
        result: finished.then(|| result_of(&written)),
        interrupts: interrupts.map(|row| interrupts_of(&row.value)).unwrap_or_default(),
        subgraph: holds.then(|| task_ns(ns, &task.info.name, task.info.id)),
    }
}

/// The questions in a stored write.
pub(crate) fn interrupts_of(value: &Shared) -> Vec<Interrupt> {
    serde_json::from_value(value.json().clone()).unwrap_or_default()
}

/// What a task wrote, as an object: a key written more than once stands as `{"$writes": […]}`.
pub(crate) fn result_of(written: &[(Key, Shared)]) -> Value {
    let mut result = Map::new();
    for (key, _) in written {
        if result.contains_key(&**key) {
            continue;
        }
        let mut values: Vec<Value> =
            written.iter().filter(|(name, _)| name == key).map(|(_, value)| value.json().clone()).collect();
        let value = if values.len() == 1 { values.remove(0) } else { json!({ "$writes": values }) };
        result.insert(key.to_string(), value);
    }
    result.into()
}

/// `{namespace: checkpoint id}`, outermost first.
pub(crate) fn parents_json(parents: &[(Key, uuid::Uuid)]) -> Value {
    parents.iter().map(|(ns, id)| (ns.to_string(), Value::from(id.to_string()))).collect()
}

/// What a task adds to the metadata of everything that happens in it.
pub(crate) fn task_metadata(task: &TaskInfo) -> Map<String, Value> {
    let triggers: Vec<&str> = task.triggers.iter().map(|trigger| &**trigger).collect();
    let pairs: [(&str, Value); 5] = [
        ("langgraph_step", task.step.into()),
        ("langgraph_node", (*task.name).into()),
        ("langgraph_triggers", triggers.into()),
        ("langgraph_path", task.path.to_json()),
        ("langgraph_checkpoint_ns", (*task.ns).into()),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The namespace of the task of the root graph in which something happens.
pub(crate) fn first_level(ns: &str) -> &str {
    ns.split(NS_SEPARATOR).next().unwrap_or(ns)
}
