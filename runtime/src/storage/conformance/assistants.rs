//! What every storage must do with assistants.

use eddyline_engine::ids::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{OTHER, THREAD, put};
use crate::assistants::{Assistant, AssistantVersion, ListVersions};
use crate::storage::{AssistantChange, Change, Storage, StoredAssistant, Transaction};
use crate::threads::Thread;

pub(super) const RULES: [fn(&mut dyn Storage); 5] = [
    assistants_come_back_as_put,
    versions_stay_as_they_were,
    versions_are_listed_newest_first,
    a_deleted_assistant_is_gone,
    threads_of_an_assistant_are_found,
];

const ASSISTANT: Uuid = Uuid::from_u128(0x30);
const STRANGER: Uuid = Uuid::from_u128(0x31);

fn assistants_come_back_as_put(storage: &mut dyn Storage) {
    assert_eq!(storage.read().assistants().expect("reads"), []);
    assert_eq!(storage.read().assistant_version(ASSISTANT, 1).expect("reads"), None);
    let first = assistant(ASSISTANT, 1);
    let odd = Assistant {
        name: "it's \"odd\"\0; DROP TABLE assistants".to_owned(),
        description: Some(String::new()),
        config: object(json!({"tags": ["a\0"], "recursion_limit": 7, "configurable": {"'": {"\"": null}}})),
        context: object(json!({"$.a": [1.5, u64::MAX, "\u{fffd}"]})),
        ..assistant(STRANGER, 1)
    };
    put_assistant(storage, first.clone());
    put_assistant(storage, odd.clone());
    check(storage, &[(&first, 1), (&odd, 1)]);
    let version = storage.read().assistant_version(STRANGER, 1).expect("reads");
    assert_eq!(version, Some(AssistantVersion::of(&odd)));
    let reader = storage.readers().open().expect("opens").assistants().expect("reads");
    assert_eq!(sorted(reader), sorted(storage.read().assistants().expect("reads")));
}

fn versions_stay_as_they_were(storage: &mut dyn Storage) {
    let [first, second] = [1, 2].map(|version| assistant(ASSISTANT, version));
    put_assistant(storage, first.clone());
    put_assistant(storage, second.clone());
    check(storage, &[(&second, 2)]);
    let back = Assistant { updated_at: Timestamp(99), name: "not looked at".to_owned(), ..first.clone() };
    put_assistant(storage, back);
    check(storage, &[(&Assistant { updated_at: Timestamp(99), ..first.clone() }, 2)]);
    for whole in [first, second] {
        let version = storage.read().assistant_version(ASSISTANT, whole.version).expect("reads");
        assert_eq!(version, Some(AssistantVersion::of(&whole)));
    }
    assert_eq!(storage.read().assistant_version(ASSISTANT, 3).expect("reads"), None);
    assert_eq!(storage.read().assistant_version(STRANGER, 1).expect("reads"), None);
}

fn versions_are_listed_newest_first(storage: &mut dyn Storage) {
    for version in 1..=12 {
        put_assistant(storage, assistant(ASSISTANT, version));
    }
    put_assistant(storage, assistant(STRANGER, 1));
    let mut list = |assistant_id, metadata, limit, offset| {
        let request = ListVersions { assistant_id, metadata: object(metadata), limit, offset };
        let versions = storage.read().assistant_versions(&request).expect("reads");
        versions.iter().map(|version| version.version).collect::<Vec<_>>()
    };
    assert_eq!(list(ASSISTANT, json!({}), 3, 0), [12, 11, 10]);
    assert_eq!(list(ASSISTANT, json!({}), 3, 10), [2, 1]);
    assert_eq!(list(ASSISTANT, json!({"tags": [{"even": true}]}), 2, 1), [10, 8]);
    assert_eq!(list(ASSISTANT, json!({"version": 7}), 10, 0), [7]);
    assert!(list(ASSISTANT, json!({}), 0, 0).is_empty());
    assert!(list(THREAD, json!({}), 10, 0).is_empty());
}

fn a_deleted_assistant_is_gone(storage: &mut dyn Storage) {
    change(storage, AssistantChange::Delete(ASSISTANT));
    let other = assistant(STRANGER, 1);
    put_assistant(storage, other.clone());
    for version in [1, 2] {
        put_assistant(storage, assistant(ASSISTANT, version));
    }
    change(storage, AssistantChange::Delete(ASSISTANT));
    check(storage, &[(&other, 1)]);
    assert_eq!(storage.read().assistant_version(ASSISTANT, 2).expect("reads"), None);
    let anew = Assistant { name: "anew".to_owned(), ..assistant(ASSISTANT, 1) };
    put_assistant(storage, anew.clone());
    check(storage, &[(&anew, 1), (&other, 1)]);
}

fn threads_of_an_assistant_are_found(storage: &mut dyn Storage) {
    assert!(storage.read().threads_of_assistant(ASSISTANT).expect("reads").is_empty());
    let text = ASSISTANT.to_string();
    for (thread_id, metadata) in [
        (THREAD, json!({"assistant_id": text})),
        (OTHER, json!({"assistant_id": STRANGER.to_string()})),
        (Uuid::from_u128(0x12), json!({"assistant_id": {"assistant_id": text}})),
        (Uuid::from_u128(0x13), json!({"other": {"assistant_id": text}})),
        (Uuid::from_u128(0x14), json!({"assistant_id": [text]})),
    ] {
        let record = Thread::new(thread_id, object(metadata), Timestamp(0));
        let changes = vec![Change::PutThread(record)];
        assert!(
            storage.write(vec![Transaction::Thread { thread_id, epoch: 0, begins: true, changes }])[0]
                .is_ok()
        );
    }
    assert_eq!(storage.read().threads_of_assistant(ASSISTANT).expect("reads"), [THREAD]);
    put(storage, 0, vec![Change::DeleteThread]);
    assert!(storage.read().threads_of_assistant(ASSISTANT).expect("reads").is_empty());
}

fn put_assistant(storage: &mut dyn Storage, assistant: Assistant) {
    change(storage, AssistantChange::Put(assistant.into()));
}

fn change(storage: &mut dyn Storage, change: AssistantChange) {
    let answers = storage.write(vec![Transaction::Assistant(change)]);
    assert!(matches!(answers[..], [Ok(())]), "{answers:?}");
}

/// Checks that these are all assistants, each with its newest version.
fn check(storage: &mut dyn Storage, expected: &[(&Assistant, u64)]) {
    let stored = |(assistant, newest_version): &(&Assistant, u64)| StoredAssistant {
        assistant: Assistant::clone(assistant),
        newest_version: *newest_version,
    };
    let found = storage.read().assistants().expect("reads");
    assert_eq!(sorted(found), sorted(expected.iter().map(stored).collect()));
}

fn sorted(mut assistants: Vec<StoredAssistant>) -> Vec<StoredAssistant> {
    assistants.sort_by_key(|stored| stored.assistant.assistant_id);
    assistants
}

/// The assistant at a version, of which everything differs from version to version.
fn assistant(assistant_id: Uuid, version: u64) -> Assistant {
    Assistant {
        assistant_id,
        graph_id: format!("graph {version}"),
        config: object(json!({"configurable": {"a": version}})),
        context: object(json!({"a": version})),
        metadata: object(json!({"version": version, "tags": [{"even": version.is_multiple_of(2)}]})),
        name: format!("version {version}"),
        created_at: Timestamp(5),
        updated_at: Timestamp(5 + version.cast_signed()),
        version,
        description: (version > 1).then(|| format!("the {version}. one")),
    }
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { unreachable!("{value} is no object") };
    map
}
