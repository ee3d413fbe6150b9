//! The state of a thread, as clients read it, and the answer to a change by hand.

use std::borrow::Cow;

use eddyline_engine::checkpoint::Metadata;
use eddyline_engine::fact::{Failure, TaskNote};
use eddyline_engine::snapshot::{Snapshot, TaskSnapshot};
use eddyline_engine::{Interrupt, Key, Object, Shared};
use eddyline_runtime::{CheckpointAddress, ThreadState};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

/// A state for clients: always all ten keys.
#[derive(Clone, Copy, Debug)]
pub struct ThreadStateJson<'a>(pub &'a ThreadState);

impl Serialize for ThreadStateJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let state = self.0;
        StateJson::new(state.thread_id, state.address(), state.snapshot.as_ref()).serialize(serializer)
    }
}

/// Where a change by hand has put its checkpoint.
#[derive(Clone, Debug)]
pub struct UpdatedStateJson {
    /// The thread.
    pub thread_id: Uuid,
    /// The new checkpoint.
    pub address: CheckpointAddress,
}

impl Serialize for UpdatedStateJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let checkpoint = CheckpointJson::new(self.thread_id, Cow::Borrowed(&self.address));
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("checkpoint", &checkpoint)?;
        map.serialize_entry("configurable", &checkpoint)?;
        map.serialize_entry("checkpoint_id", &self.address.checkpoint_id)?;
        map.end()
    }
}

#[derive(Serialize)]
struct StateJson<'a> {
    values: Object,
    next: &'a [Key],
    tasks: Vec<TaskJson<'a>>,
    metadata: Option<MetadataJson<'a>>,
    created_at: Option<String>,
    checkpoint: Option<CheckpointJson<'static>>,
    parent_checkpoint: Option<CheckpointJson<'static>>,
    interrupts: Vec<InterruptJson<'a>>,
    checkpoint_id: Option<Uuid>,
    parent_checkpoint_id: Option<Uuid>,
}

impl<'a> StateJson<'a> {
    /// Without a snapshot, it has nothing but the checkpoint that was asked for.
    fn new(thread_id: Uuid, address: CheckpointAddress, snapshot: Option<&'a Snapshot>) -> Self {
        let checkpoint_id = address.checkpoint_id;
        let json = |address| CheckpointJson::new(thread_id, Cow::Owned(address));
        let parent = snapshot.and_then(CheckpointAddress::of_parent);
        let tasks = snapshot.map(|snapshot| snapshot.tasks.iter());
        Self {
            values: snapshot.map(|snapshot| snapshot.values.clone()).unwrap_or_default(),
            next: snapshot.map(|snapshot| &*snapshot.next).unwrap_or_default(),
            tasks: tasks.into_iter().flatten().map(|task| TaskJson::new(thread_id, task)).collect(),
            metadata: snapshot.map(|snapshot| MetadataJson(&snapshot.metadata)),
            created_at: snapshot.map(|snapshot| snapshot.created_at.to_rfc3339()),
            checkpoint: checkpoint_id.map(|_| json(address)),
            parent_checkpoint: parent.map(json),
            interrupts: snapshot.into_iter().flat_map(Snapshot::interrupts).map(InterruptJson::new).collect(),
            checkpoint_id,
            parent_checkpoint_id: snapshot.and_then(|snapshot| snapshot.parent),
        }
    }
}

#[derive(Serialize)]
struct TaskJson<'a> {
    id: Uuid,
    name: &'a Key,
    path: Value,
    error: Option<String>,
    interrupts: Vec<InterruptJson<'a>>,
    /// Where the state of its graph is, unless it is shown.
    checkpoint: Option<LevelJson<'a>>,
    state: Option<Box<StateJson<'a>>>,
    result: &'a Option<Value>,
}

impl<'a> TaskJson<'a> {
    fn new(thread_id: Uuid, task: &'a TaskSnapshot) -> Self {
        let TaskNote { id, name, path, failure, result, interrupts, subgraph } = &task.note;
        let state = task.state.as_deref();
        let place = subgraph.as_deref().filter(|_| state.is_none());
        let nested = |snapshot| StateJson::new(thread_id, CheckpointAddress::of(snapshot), Some(snapshot));
        Self {
            id: *id,
            name,
            path: path.to_json(),
            error: failure.as_ref().map(Failure::repr),
            interrupts: interrupts.iter().map(InterruptJson::new).collect(),
            checkpoint: place.map(|checkpoint_ns| LevelJson { thread_id, checkpoint_ns }),
            state: state.map(nested).map(Box::new),
            result,
        }
    }
}

#[derive(Serialize)]
struct LevelJson<'a> {
    thread_id: Uuid,
    checkpoint_ns: &'a str,
}

#[derive(Serialize)]
struct InterruptJson<'a> {
    id: &'a str,
    value: &'a Shared,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_schema: &'a Option<Value>,
}

impl<'a> InterruptJson<'a> {
    fn new(interrupt: &'a Interrupt) -> Self {
        let Interrupt { value, id, response_schema } = interrupt;
        Self { id, value, response_schema }
    }
}

/// A checkpoint whose id is known.
struct CheckpointJson<'a> {
    thread_id: Uuid,
    address: Cow<'a, CheckpointAddress>,
}

impl<'a> CheckpointJson<'a> {
    fn new(thread_id: Uuid, address: Cow<'a, CheckpointAddress>) -> Self {
        Self { thread_id, address }
    }
}

impl Serialize for CheckpointJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let CheckpointAddress { checkpoint_id, ns, map: levels } = &*self.address;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("checkpoint_id", checkpoint_id)?;
        map.serialize_entry("thread_id", &self.thread_id)?;
        if let Some(ns) = ns {
            map.serialize_entry("checkpoint_ns", ns)?;
        }
        if !levels.is_empty() {
            map.serialize_entry("checkpoint_map", &LevelsJson(levels))?;
        }
        map.end()
    }
}

/// `{namespace: checkpoint id}`.
struct LevelsJson<'a>(&'a [(Key, Uuid)]);

impl Serialize for LevelsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(ns, id)| (ns, id)))
    }
}

/// What is stored about a checkpoint. That it is on the root needs no saying.
struct MetadataJson<'a>(&'a Metadata);

impl Serialize for MetadataJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Metadata { extra, source, step, parents } = self.0;
        let mut map = serializer.serialize_map(None)?;
        let own = ["source", "step", "parents"];
        for (key, value) in &**extra {
            let on_the_root = key == "checkpoint_ns" && value == "";
            if !on_the_root && !own.contains(&key.as_str()) {
                map.serialize_entry(key, value)?;
            }
        }
        map.serialize_entry("source", source)?;
        map.serialize_entry("step", step)?;
        map.serialize_entry("parents", &LevelsJson(parents))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use eddyline_engine::checkpoint::Source;
    use eddyline_engine::fact::TaskPath;
    use eddyline_engine::ids::Timestamp;
    use serde_json::{Map, json};

    use super::*;
    use crate::wire::encode;

    const THREAD: Uuid = Uuid::nil();
    const ROOT: Uuid = Uuid::from_u128(1);
    const PARENT: Uuid = Uuid::from_u128(2);
    const NESTED: Uuid = Uuid::from_u128(3);

    fn snapshot(ns: &str, checkpoint: Uuid, parents: Vec<(Key, Uuid)>, tasks: Vec<TaskSnapshot>) -> Snapshot {
        let extra = Map::from_iter([("checkpoint_ns".to_owned(), json!(ns)), ("a".to_owned(), json!(1))]);
        Snapshot {
            ns: ns.into(),
            checkpoint,
            parent: Some(PARENT),
            created_at: Timestamp(0),
            metadata: Metadata {
                extra: Arc::new(extra),
                source: Source::Loop,
                step: 1,
                parents: Arc::new(parents),
            },
            values: [("topic".into(), json!("cats").into())].into_iter().collect(),
            next: vec!["sub".into()],
            tasks,
        }
    }

    fn task(state: Option<Snapshot>) -> TaskSnapshot {
        let note = TaskNote {
            id: NESTED,
            name: "sub".into(),
            path: TaskPath::Pull("sub".into()),
            failure: Some(Failure { class: "ValueError".into(), message: "boom".into(), visible: true }),
            result: None,
            interrupts: vec![Interrupt {
                value: json!("ok?").into(),
                id: "a".to_owned(),
                response_schema: None,
            }],
            subgraph: Some("sub:3".to_owned()),
        };
        TaskSnapshot { note, state: state.map(Box::new) }
    }

    #[track_caller]
    fn check(asked: CheckpointAddress, snapshot: Option<Snapshot>, expected: &Value) {
        let state = ThreadState { thread_id: THREAD, asked, snapshot };
        let json: Value = serde_json::from_slice(&encode(&ThreadStateJson(&state)).unwrap()).unwrap();
        assert_eq!(json, *expected);
    }

    fn nothing(checkpoint: &Value) -> Value {
        json!({
            "values": {}, "next": [], "tasks": [], "metadata": null, "created_at": null,
            "checkpoint": checkpoint, "parent_checkpoint": null, "interrupts": [],
            "checkpoint_id": checkpoint.get("checkpoint_id"), "parent_checkpoint_id": null,
        })
    }

    #[test]
    fn where_nothing_is_stored_the_question_is_repeated() {
        check(CheckpointAddress::default(), None, &nothing(&Value::Null));
        let checkpoint = json!({"checkpoint_id": ROOT, "thread_id": THREAD});
        check(CheckpointAddress::of_id(ROOT), None, &nothing(&checkpoint));
    }

    fn whole(asked_ns: &Value) -> Value {
        let time = "1970-01-01T00:00:00.000000+00:00";
        let mut checkpoint = json!({"checkpoint_id": ROOT, "thread_id": THREAD, "checkpoint_ns": ""});
        if asked_ns.is_null() {
            checkpoint.as_object_mut().unwrap().remove("checkpoint_ns");
        }
        let interrupts = json!([{"id": "a", "value": "ok?"}]);
        json!({
            "values": {"topic": "cats"},
            "next": ["sub"],
            "tasks": [{
                "id": NESTED, "name": "sub", "path": ["__pregel_pull", "sub"], "error": "ValueError('boom')",
                "interrupts": interrupts, "checkpoint": {"thread_id": THREAD, "checkpoint_ns": "sub:3"},
                "state": null, "result": null,
            }],
            "metadata": {"a": 1, "source": "loop", "step": 1, "parents": {}},
            "created_at": time,
            "checkpoint": checkpoint,
            "parent_checkpoint": {"checkpoint_id": PARENT, "thread_id": THREAD, "checkpoint_ns": ""},
            "interrupts": interrupts,
            "checkpoint_id": ROOT,
            "parent_checkpoint_id": PARENT,
        })
    }

    #[test]
    fn a_checkpoint_asked_for_by_its_id_has_no_level_unless_it_was_said() {
        let snapshot = || Some(snapshot("", ROOT, vec![], vec![task(None)]));
        check(CheckpointAddress::default(), snapshot(), &whole(&json!("")));
        check(CheckpointAddress::of_id(ROOT), snapshot(), &whole(&Value::Null));
        let said = CheckpointAddress { ns: Some("".into()), ..CheckpointAddress::of_id(ROOT) };
        check(said, snapshot(), &whole(&json!("")));
    }

    #[test]
    fn a_nested_state_has_the_checkpoints_around_it() {
        let nested = snapshot("sub:3", NESTED, vec![("".into(), ROOT)], vec![]);
        let state = ThreadState {
            thread_id: THREAD,
            asked: CheckpointAddress::default(),
            snapshot: Some(snapshot("", ROOT, vec![], vec![task(Some(nested))])),
        };
        let json: Value = serde_json::from_slice(&encode(&ThreadStateJson(&state)).unwrap()).unwrap();
        let task = &json["tasks"][0];
        assert_eq!(task["checkpoint"], Value::Null);
        assert_eq!(task["state"]["metadata"]["checkpoint_ns"], "sub:3");
        let checkpoint = |id: Uuid| {
            let map = json!({"": ROOT, "sub:3": id});
            json!({"checkpoint_id": id, "thread_id": THREAD, "checkpoint_ns": "sub:3", "checkpoint_map": map})
        };
        assert_eq!(task["state"]["checkpoint"], checkpoint(NESTED));
        assert_eq!(task["state"]["parent_checkpoint"], checkpoint(PARENT));
    }

    #[test]
    fn a_change_says_its_checkpoint_three_times() {
        let address = CheckpointAddress { ns: Some("".into()), ..CheckpointAddress::of_id(ROOT) };
        let json: Value =
            serde_json::from_slice(&encode(&UpdatedStateJson { thread_id: THREAD, address }).unwrap())
                .unwrap();
        let checkpoint = json!({"thread_id": THREAD, "checkpoint_ns": "", "checkpoint_id": ROOT});
        assert_eq!(
            json,
            json!({"checkpoint": checkpoint, "configurable": checkpoint, "checkpoint_id": ROOT})
        );
    }
}
