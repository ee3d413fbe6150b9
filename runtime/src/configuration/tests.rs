//! Tables of what comes out of which request.

use eddyline_engine::ids::Timestamp;

use super::*;
use crate::runs::{Derived, MultitaskStrategy, RunStatus};

const THREAD: Uuid = Uuid::from_u128(1);
const RUN: Uuid = Uuid::from_u128(2);

fn object(value: Value) -> Json {
    let Value::Object(map) = value else { panic!("{value} is no object") };
    map
}

fn assistant(config: Value, context: Value) -> Assistant {
    Assistant {
        assistant_id: Uuid::from_u128(3),
        graph_id: "agent".to_owned(),
        config: object(config),
        context: object(context),
        metadata: object(json!({"created_by": "system"})),
        name: "agent".to_owned(),
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        version: 1,
        description: None,
    }
}

fn request(config: Value, context: Value, metadata: Value) -> StartRun {
    StartRun {
        config: object(config),
        context: object(context),
        metadata: object(metadata),
        ..StartRun::new("agent")
    }
}

fn derived(request: StartRun, thread: &Inherited) -> (RunConfig, Kwargs) {
    let assistant = assistant(json!({"configurable": {"a": 1, "who": "assistant"}}), json!({"a": 1}));
    let (kwargs, metadata) = derive(request, &assistant, thread, (THREAD, RUN), false);
    let run = Run {
        run_id: RUN,
        thread_id: THREAD,
        assistant_id: assistant.assistant_id,
        graph_id: assistant.graph_id,
        metadata,
        status: RunStatus::Pending,
        kwargs: Arc::new(kwargs.clone()),
        multitask_strategy: MultitaskStrategy::Enqueue,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        attempt: 0,
        derived: Derived::default(),
    };
    (run_config(&run), kwargs)
}

fn keys(map: &Json) -> Vec<&str> {
    map.keys().map(String::as_str).collect()
}

#[test]
fn configurable_values_overlay_assistant_thread_request_server() {
    let thread = Inherited {
        config: object(json!({"configurable": {"t": 1, "who": "thread"}})),
        ..Inherited::default()
    };
    let (config, kwargs) =
        derived(request(json!({"configurable": {"r": 1, "who": "run"}}), json!({}), json!({})), &thread);
    assert_eq!(
        keys(&config.configurable),
        ["a", "who", "t", "r", "run_id", "thread_id", "graph_id", "assistant_id"]
    );
    assert_eq!(config.configurable["who"], "run");
    assert_eq!(Value::Object(kwargs.context), json!({"a": 1, "r": 1, "who": "run"}));
}

#[test]
fn a_context_is_also_configurable() {
    let (config, _) = derived(request(json!({}), json!({"user": "u"}), json!({})), &Inherited::default());
    assert_eq!(config.configurable["user"], "u");
    assert_eq!(config.context.json(), &json!({"a": 1, "user": "u"}));
}

#[test]
fn metadata_stands_in_wire_order() {
    let known = object(json!({"graph_id": "agent", "assistant_id": Uuid::from_u128(3)}));
    let fresh = ["created_by", "m", "assistant_id", "run_attempt", "thread_id", "run_id", "graph_id"];
    let used = ["created_by", "graph_id", "assistant_id", "m", "run_attempt", "thread_id", "run_id"];
    for (thread, expected) in [(Json::new(), fresh), (known, used)] {
        let thread = Inherited { metadata: thread, ..Inherited::default() };
        let (config, _) = derived(request(json!({}), json!({}), json!({"m": 1})), &thread);
        assert_eq!(keys(&config.metadata), expected);
    }
}

#[test]
fn stored_metadata_leaves_out_what_belongs_to_one_request() {
    let known = object(json!({"graph_id": "agent", "assistant_id": Uuid::from_u128(3)}));
    let thread = Inherited { metadata: known, ..Inherited::default() };
    let configurable =
        json!({"tone": "dry", "__secret": 1, "langgraph_auth_user": null, "langgraph_request_id": "x"});
    let mut request = request(json!({"configurable": configurable}), json!({}), json!({}));
    request.checkpoint_id = Some(Uuid::from_u128(9));
    let (config, _) = derived(request, &thread);
    let expected = [
        "a",
        "who",
        "tone",
        "graph_id",
        "assistant_id",
        "created_by",
        "run_attempt",
        "thread_id",
        "checkpoint_id",
        "run_id",
    ];
    assert_eq!(keys(&config.stored_metadata), expected);
    assert_eq!(config.checkpoint_id, Some(Uuid::from_u128(9)));
}

#[test]
fn a_thread_keeps_who_ran_and_not_the_runs_own_values() {
    let mut thread = Thread::new(THREAD, object(json!({"k": 1})), Timestamp(0));
    let run = request(json!({"configurable": {"r": 1}, "tags": ["x"]}), json!({}), json!({"m": 1}));
    mark_thread(&mut thread, &run, &assistant(json!({}), json!({})));
    assert_eq!(Value::Object(thread.config), json!({"configurable": {}, "tags": ["x"]}));
    assert_eq!(keys(&thread.metadata), ["k", "graph_id", "assistant_id"]);
    let made = new_thread_metadata(&run, &assistant(json!({}), json!({})));
    assert_eq!(keys(&made), ["graph_id", "assistant_id", "m"]);
}

#[test]
fn wrong_shapes_are_refused() {
    for (config, context) in [
        (json!({"configurable": []}), json!({})),
        (json!({"configurable": {"a": 1}}), json!({"b": 1})),
        (json!({"recursion_limit": "many"}), json!({})),
        (json!({"tags": [1]}), json!({})),
        (json!({"max_concurrency": 0}), json!({})),
    ] {
        let text = format!("{config} {context}");
        assert!(check(&request(config, context, json!({}))).is_err(), "{text}");
    }
    assert!(check(&request(json!({"configurable": {}}), json!({"b": 1}), json!({}))).is_ok());
}

#[test]
fn a_graph_elsewhere_says_that_it_resumes_and_with_what() {
    let resumed = |configurable: Value| {
        let request = request(json!({"configurable": configurable}), json!({}), json!({}));
        derived(request, &Inherited::default()).0.resumed_from_outside.map(|answers| (*answers).clone())
    };
    assert_eq!(resumed(json!({})), None);
    assert_eq!(resumed(json!({"__pregel_resuming": false})), None);
    assert_eq!(resumed(json!({"__pregel_resuming": true})), Some(Json::new()));
    let answers = json!({"__pregel_resuming": true, "__pregel_resume_map": {"id": "yes"}});
    assert_eq!(resumed(answers), Some(object(json!({"id": "yes"}))));
}

#[test]
fn the_input_is_a_command_a_value_or_nothing() {
    let input = |input: Value, command: Option<Value>| {
        let request = StartRun { input: Some(input.into()), command, ..StartRun::new("agent") };
        let (_, kwargs) = derived(request, &Inherited::default());
        match run_input(&kwargs) {
            RunInput::Command(_) => "command",
            RunInput::Value(_) => "value",
            RunInput::Nothing => "nothing",
        }
    };
    assert_eq!(input(json!({"a": 1}), Some(json!({"resume": 1}))), "command");
    assert_eq!(input(json!({"a": 1}), Some(json!({}))), "value");
    assert_eq!(input(json!(null), None), "nothing");
}
