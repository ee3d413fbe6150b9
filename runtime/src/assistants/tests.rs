//! Tables of what becomes of an assistant, and of what a start does about the default ones.

use eddyline_engine::Graph;
use eddyline_engine::prelude::*;
use serde_json::json;

use super::*;
use crate::access::Rows;
use crate::error::Error;
use crate::storage::{AssistantChange, MemoryStorage, Storage, Transaction};

const ID: Uuid = Uuid::from_u128(1);

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("{value} is no object") };
    map
}

fn assistant(config: Value, context: Value) -> Assistant {
    let (config, context) = (object(config), object(context));
    Assistant::new(ID, CreateAssistant { config, context, ..CreateAssistant::new("agent") }, Timestamp(1))
}

#[test]
fn a_new_assistant_is_untitled_and_at_its_first_version() {
    let made = assistant(json!({}), json!({}));
    assert_eq!((made.name.as_str(), made.version, made.description), ("Untitled", 1, None));
    assert_eq!((made.created_at, made.updated_at), (Timestamp(1), Timestamp(1)));
}

#[test]
fn configurable_values_and_context_mirror_each_other() {
    let check = |config: Value, context: Value, expected: (Value, Value)| {
        let made = assistant(config, context);
        assert_eq!((Value::Object(made.config), Value::Object(made.context)), expected);
    };
    let values = || json!({"a": 1});
    let whole = || json!({"configurable": {"a": 1}});
    check(json!({}), json!({}), (json!({}), json!({})));
    check(whole(), json!({}), (whole(), values()));
    check(json!({}), values(), (whole(), values()));
    check(json!({"configurable": {}}), values(), (whole(), values()));
    check(json!({"tags": ["x"]}), values(), (json!({"tags": ["x"], "configurable": {"a": 1}}), values()));
}

#[test]
fn a_revision_replaces_what_it_names() {
    let before = assistant(json!({"tags": ["x"], "configurable": {"a": 1}}), json!({}));
    let check = |config: Value, context: Option<Value>, expected: (Value, Value)| {
        let (config, context) = (object(config), context.map(object));
        let request = UpdateAssistant { config, context, ..UpdateAssistant::default() };
        let revised = before.revised(request, 2, Timestamp(2));
        assert_eq!((Value::Object(revised.config), Value::Object(revised.context)), expected);
    };
    let kept = || json!({"tags": ["x"], "configurable": {"a": 1}});
    let (one, two) = (|| json!({"a": 1}), || json!({"b": 2}));
    check(json!({}), None, (kept(), one()));
    check(json!({"tags": []}), None, (json!({"tags": []}), one()));
    check(json!({"configurable": {"b": 2}}), None, (json!({"configurable": {"b": 2}}), two()));
    check(json!({"configurable": {"b": 2}}), Some(json!({})), (json!({"configurable": {"b": 2}}), two()));
    check(json!({}), Some(two()), (json!({"tags": ["x"], "configurable": {"b": 2}}), two()));
    check(json!({"tags": []}), Some(two()), (json!({"tags": [], "configurable": {"b": 2}}), two()));
    check(json!({}), Some(json!({})), (kept(), json!({})));
}

#[test]
fn a_revision_without_a_change_is_a_version_all_the_same() {
    let mut before = assistant(json!({}), json!({}));
    before.metadata = object(json!({"a": {"x": 1}, "b": 1}));
    before.description = Some("kept".to_owned());
    let revised = before.revised(UpdateAssistant::default(), 7, Timestamp(9));
    assert_eq!(revised, Assistant { version: 7, updated_at: Timestamp(9), ..before.clone() });
    let metadata = object(json!({"a": {"y": 2}, "c": 3}));
    let name = Some("new".to_owned());
    let revised =
        before.revised(UpdateAssistant { metadata, name, ..UpdateAssistant::default() }, 8, Timestamp(9));
    assert_eq!(Value::Object(revised.metadata), json!({"a": {"y": 2}, "b": 1, "c": 3}));
    assert_eq!((revised.name.as_str(), revised.graph_id.as_str()), ("new", "agent"));
}

#[state]
struct Foo {
    foo: String,
}

fn graph(name: Option<&str>) -> Graph {
    let graph = StateGraph::<Foo>::new().node("keep", |foo: Foo| async move { Foo::update().foo(foo.foo) });
    let graph = graph.edge(START, "keep");
    let graph = if let Some(name) = name { graph.name(name) } else { graph };
    graph.compile().unwrap().into()
}

/// What a start over the storage knows.
fn start(storage: &mut dyn Storage, graphs: &[(&str, Option<&str>)], now: i64) -> Registry {
    let graphs = graphs.iter().map(|(graph_id, name)| ((*graph_id).to_owned(), graph(*name)));
    let registry = Registry::new(graphs.collect()).unwrap();
    upsert_defaults(&registry, storage, Timestamp(now)).unwrap();
    registry
}

#[test]
fn each_graph_has_an_assistant_that_stays() {
    let mut storage = MemoryStorage::default();
    let first =
        start(&mut storage, &[("agent", None), ("joker", Some("Joker")), ("plain", Some("LangGraph"))], 1);
    let names: Vec<_> = first.assistants().iter().map(|assistant| assistant.name.clone()).collect();
    assert_eq!(names, ["agent", "Joker", "plain"]);
    let agent = first.find("agent", &Rows::all()).unwrap();
    assert_eq!(Value::Object(agent.metadata.clone()), json!({"created_by": "system"}));
    assert_eq!(first.find(&default_assistant_id("agent").to_string(), &Rows::all()).unwrap(), agent);

    let again = start(&mut storage, &[("agent", None), ("plain", None), ("fresh", None)], 2);
    assert_eq!(again.find("agent", &Rows::all()).unwrap(), agent, "nothing of it changed");
    assert_eq!(again.find("fresh", &Rows::all()).unwrap().created_at, Timestamp(2));
    let gone = default_assistant_id("joker");
    assert!(
        matches!(again.find(&gone.to_string(), &Rows::all()), Err(Error::AssistantNotFound { assistant_id }) if assistant_id == gone)
    );
    assert!(matches!(again.find("joker", &Rows::all()), Err(Error::InvalidAssistant { .. })));
    assert_eq!(again.assistants().len(), 3);
}

#[test]
fn a_default_assistant_goes_by_the_name_of_its_graph() {
    let mut storage = MemoryStorage::default();
    let made = start(&mut storage, &[("agent", Some("One"))], 1).find("agent", &Rows::all()).unwrap();
    let request = UpdateAssistant { name: Some("Mine".to_owned()), ..UpdateAssistant::default() };
    let mut patched = made.revised(request, 2, Timestamp(2));
    patched.context = object(json!({"a": 1}));
    let put = Transaction::Assistant(AssistantChange::Put(patched.clone().into()));
    assert!(storage.write(vec![put])[0].is_ok());

    let renamed = start(&mut storage, &[("agent", Some("Two"))], 3).find("agent", &Rows::all()).unwrap();
    let expected = Assistant { name: "Two".to_owned(), version: 3, updated_at: Timestamp(3), ..patched };
    assert_eq!(*renamed, expected);
    assert_eq!(
        start(&mut storage, &[("agent", Some("Two"))], 4).find("agent", &Rows::all()).unwrap(),
        renamed
    );
}
