//! Assistants as a program that embeds the runtime sees them: made, changed, deleted, and run.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eddyline_engine::prelude::*;
use eddyline_runtime::storage::{Error as StorageError, MemoryStorage, Read, Readers, Storage, Transaction};
use eddyline_runtime::{
    CreateAssistant, CreateThread, DeleteAssistant, Error, Handle, IfExists, IfNotExists, ListVersions,
    OnCompletion, Run, RunStatus, Runtime, StartRun, UpdateAssistant, default_assistant_id,
};
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use uuid::Uuid;

#[state]
struct Seen {
    seen: Option<Value>,
    turns: u64,
}

/// Writes down what it was told.
async fn look(_: Seen, ctx: NodeContext) -> Result<Update<Seen>> {
    let told = ["tone", "who", "graph_id", "assistant_id"].map(|key| ctx.configurable(key).cloned());
    Ok(Seen::update().seen(json!({"configurable": told, "context": ctx.context::<Value>()?})))
}

async fn turn(state: Seen) -> Update<Seen> {
    Seen::update().turns(state.turns + 1)
}

async fn nap(_: Seen) -> Update<Seen> {
    std::future::pending().await
}

fn graph<M>(node: impl eddyline_engine::node::IntoNode<Seen, M>) -> CompiledGraph<Seen> {
    StateGraph::<Seen>::new().node("node", node).edge(START, "node").compile().unwrap()
}

fn builder() -> eddyline_runtime::Builder {
    let turns = StateGraph::<Seen>::new().node("turn", turn).edge(START, "turn").edge("turn", "turn");
    Runtime::builder()
        .graph("look", graph(look))
        .graph("nap", graph(nap))
        .graph("turns", turns.compile().unwrap())
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("{value} is no object") };
    map
}

/// A run of the assistant on a thread that stays, to its end.
async fn ran(handle: &Handle, assistant: Uuid, request: StartRun) -> Run {
    let request = StartRun {
        assistant: assistant.to_string(),
        input: Some(json!({"turns": 0}).into()),
        on_completion: OnCompletion::Keep,
        ..request
    };
    let (run, mut events) = handle.start_run(request).await.unwrap();
    while events.next().await.is_some() {}
    handle.run(run.thread_id, run.run_id).await.unwrap()
}

#[tokio::test]
async fn runs_inherit_what_their_assistant_says() {
    let runtime = builder().start().unwrap();
    let handle = runtime.handle();
    let request = CreateAssistant {
        config: object(json!({"configurable": {"tone": "dry", "who": "assistant"}, "tags": ["t"]})),
        metadata: object(json!({"team": "blue", "m": "assistant"})),
        ..CreateAssistant::new("look")
    };
    let assistant = handle.create_assistant(request).await.unwrap();
    let (id, text) = (assistant.assistant_id, assistant.assistant_id.to_string());

    let mut request = StartRun::new("");
    request.context = object(json!({"who": "run"}));
    request.metadata = object(json!({"m": "run"}));
    let run = ran(&handle, id, request).await;
    assert_eq!((run.status, run.assistant_id, run.graph_id.as_str()), (RunStatus::Success, id, "look"));
    let metadata = json!({"team": "blue", "m": "run", "assistant_id": text});
    assert_eq!(Value::Object(run.metadata.clone()), metadata);
    let thread = handle.thread(run.thread_id).await.unwrap();
    assert_eq!(thread.metadata["assistant_id"], text);
    let seen = thread.values.unwrap().get("seen").unwrap().json().clone();
    assert_eq!(seen["context"], json!({"tone": "dry", "who": "run"}));
    assert_eq!(seen["configurable"], json!(["dry", "run", "look", text]));
    assert_eq!(run.kwargs.config["tags"], json!(["t"]));

    // A change is for the runs that come.
    let context = Some(object(json!({"tone": "wry"})));
    handle
        .update_assistant(UpdateAssistant { assistant_id: id, context, ..UpdateAssistant::default() })
        .await
        .unwrap();
    let run = ran(&handle, id, StartRun::new("")).await;
    let seen =
        handle.thread(run.thread_id).await.unwrap().values.unwrap().get("seen").unwrap().json().clone();
    assert_eq!(seen["context"], json!({"tone": "wry"}));
    assert_eq!(run.kwargs.config["tags"], json!(["t"]));
    runtime.shutdown().await;
}

#[tokio::test]
async fn the_limit_of_an_assistant_ends_its_runs() {
    let runtime = builder().start().unwrap();
    let handle = runtime.handle();
    let config = object(json!({"recursion_limit": 3}));
    let limited =
        handle.create_assistant(CreateAssistant { config, ..CreateAssistant::new("turns") }).await.unwrap();
    let run = ran(&handle, limited.assistant_id, StartRun::new("")).await;
    let error = handle.thread(run.thread_id).await.unwrap().error.unwrap();
    assert_eq!((run.status, &*error.class), (RunStatus::Error, "GraphRecursionError"));
    let values = handle.thread(run.thread_id).await.unwrap().values.unwrap();
    assert_eq!(values.get("turns").unwrap().json(), &json!(3));
    runtime.shutdown().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let runtime = builder().start().unwrap();
    let handle = runtime.handle();
    let nobody = Uuid::from_u128(1);
    let made = handle.create_assistant(CreateAssistant::new("look")).await.unwrap();
    let id = made.assistant_id;
    let again = CreateAssistant { assistant_id: Some(id), ..CreateAssistant::new("nap") };
    let refused = handle.create_assistant(again.clone()).await;
    assert!(matches!(refused, Err(Error::AssistantExists { assistant_id }) if assistant_id == id));
    let tolerant = CreateAssistant { if_exists: IfExists::DoNothing, ..again };
    assert_eq!(handle.create_assistant(tolerant).await.unwrap(), made);

    let refused = handle.create_assistant(CreateAssistant::new("nope")).await.unwrap_err();
    assert_eq!(refused.to_string(), r#"graph 'nope' not found. Expected one of: ["look", "nap", "turns"]"#);
    let config = object(json!({"configurable": {"a": 1}}));
    let (context, bad) = (object(json!({"b": 1})), object(json!({"tags": 7})));
    let both =
        CreateAssistant { config: config.clone(), context: context.clone(), ..CreateAssistant::new("look") };
    assert_eq!(handle.create_assistant(both).await.unwrap_err().code(), "CONTRADICTING_REQUEST");
    let shape = CreateAssistant { config: bad, ..CreateAssistant::new("look") };
    assert_eq!(handle.create_assistant(shape).await.unwrap_err().code(), "INVALID_REQUEST");

    let update = |assistant_id| UpdateAssistant { assistant_id, ..UpdateAssistant::default() };
    let both = UpdateAssistant { config, context: Some(context), ..update(id) };
    let elsewhere = UpdateAssistant { graph_id: Some("nope".to_owned()), ..update(id) };
    for (request, code) in [
        (both, "CONTRADICTING_REQUEST"),
        (elsewhere, "GRAPH_NOT_FOUND"),
        (update(nobody), "ASSISTANT_NOT_FOUND"),
    ] {
        assert_eq!(handle.update_assistant(request).await.unwrap_err().code(), code);
    }
    let versions = ListVersions { assistant_id: nobody, metadata: Map::new(), limit: 1, offset: 0 };
    assert_eq!(handle.assistant_versions(versions).await.unwrap_err().code(), "ASSISTANT_NOT_FOUND");
    for (id, version) in [(id, 2), (nobody, 1)] {
        assert_eq!(handle.set_latest_version(id, version).await.unwrap_err().code(), "VERSION_NOT_FOUND");
    }
    let delete = DeleteAssistant { assistant_id: nobody, threads: true };
    assert_eq!(handle.delete_assistant(delete).await.unwrap_err().code(), "ASSISTANT_NOT_FOUND");
    assert_eq!(handle.assistant(&id.to_string()).unwrap(), made, "nothing of it was done");
    runtime.shutdown().await;
}

#[tokio::test]
async fn changes_at_once_are_versions_one_after_the_other() {
    let runtime = builder().start().unwrap();
    let handle = runtime.handle();
    let id = handle.create_assistant(CreateAssistant::new("look")).await.unwrap().assistant_id;
    let change = |n: u64| {
        let metadata = object(json!({ n.to_string(): n }));
        handle.update_assistant(UpdateAssistant { assistant_id: id, metadata, ..UpdateAssistant::default() })
    };
    let changed = join_all((0..20).map(change)).await;
    let mut versions: Vec<u64> = changed.into_iter().map(|changed| changed.unwrap().version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=21).collect::<Vec<_>>());
    assert_eq!(handle.assistant(&id.to_string()).unwrap().metadata.len(), 20, "no change was lost");

    let back = handle.set_latest_version(id, 3).await.unwrap();
    assert_eq!((back.version, back.metadata.len()), (3, 2));
    let update = UpdateAssistant { assistant_id: id, ..UpdateAssistant::default() };
    let next = handle.update_assistant(update).await.unwrap();
    assert_eq!((next.version, next.metadata.len()), (22, 2));
    let page = ListVersions { assistant_id: id, metadata: object(json!({"0": 0})), limit: 2, offset: 0 };
    let page = handle.assistant_versions(page).await.unwrap();
    assert!(page.iter().all(|version| version.metadata["0"] == 0), "{page:?}");
    runtime.shutdown().await;
}

#[tokio::test]
async fn an_assistant_takes_its_runs_and_threads_with_it() {
    let runtime = builder().start().unwrap();
    let handle = runtime.handle();
    let make = || handle.create_assistant(CreateAssistant::new("nap"));
    let start = |assistant: Uuid, thread: u128| {
        let thread_id = Some(Uuid::from_u128(thread));
        let (input, if_not_exists) = (Some(json!({"turns": 0}).into()), IfNotExists::Create);
        handle.start_run(StartRun { thread_id, input, if_not_exists, ..StartRun::new(assistant.to_string()) })
    };
    let (one, other) = (make().await.unwrap().assistant_id, make().await.unwrap().assistant_id);
    let (running, _) = start(one, 1).await.unwrap();
    let (waiting, _) = start(one, 1).await.unwrap();
    let (elsewhere, mut events) = start(one, 2).await.unwrap();
    let (stranger, _) = start(other, 3).await.unwrap();
    handle.delete_assistant(DeleteAssistant { assistant_id: one, threads: false }).await.unwrap();
    for run in [running, waiting, elsewhere] {
        let run = handle.run(run.thread_id, run.run_id).await.unwrap();
        assert_eq!(run.status.as_str(), "interrupted");
    }
    let gone = start(one, 1).await.map(|_| ()).unwrap_err();
    assert_eq!(gone.to_string(), format!("assistant with ID {one} not found"));
    let stranger = handle.run(stranger.thread_id, stranger.run_id).await.unwrap();
    assert!(!stranger.status.is_final(), "it works for somebody else");
    while events.next().await.is_some() {}
    let idle = handle.thread(Uuid::from_u128(2)).await.unwrap();
    assert_eq!(&*idle.error.unwrap().message, format!("assistant {one} was deleted"));

    let untouched = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
    handle.delete_assistant(DeleteAssistant { assistant_id: other, threads: true }).await.unwrap();
    let gone = handle.thread(Uuid::from_u128(3)).await;
    assert!(matches!(gone, Err(Error::ThreadNotFound { .. })));
    for thread in [Uuid::from_u128(1), untouched] {
        handle.thread(thread).await.unwrap();
    }
    let of_the_graph = DeleteAssistant { assistant_id: default_assistant_id("nap"), threads: false };
    handle.delete_assistant(of_the_graph).await.unwrap();
    assert!(matches!(handle.assistant("nap"), Err(Error::AssistantNotFound { .. })));
    runtime.shutdown().await;
}

/// Memory that can store something and lose the answer.
#[derive(Default)]
struct Forgetful {
    memory: MemoryStorage,
    forgets: Arc<AtomicBool>,
}

impl Storage for Forgetful {
    fn read(&mut self) -> &mut dyn Read {
        self.memory.read()
    }

    fn readers(&self) -> Arc<dyn Readers> {
        self.memory.readers()
    }

    fn write(&mut self, batch: Vec<Transaction>) -> Vec<Result<(), StorageError>> {
        let written = self.memory.write(batch);
        if self.forgets.load(Ordering::SeqCst) {
            let unknown = || StorageError::Unknown { message: "no answer came".to_owned() };
            return written.iter().map(|_| Err(unknown())).collect();
        }
        written
    }
}

#[tokio::test]
async fn what_was_stored_without_an_answer_is_found() {
    let storage = Forgetful::default();
    let forgets = Arc::clone(&storage.forgets);
    let runtime = builder().storage(Box::new(storage)).start().unwrap();
    let handle = runtime.handle();
    forgets.store(true, Ordering::SeqCst);
    let assistant_id = Uuid::from_u128(9);
    let request = CreateAssistant { assistant_id: Some(assistant_id), ..CreateAssistant::new("look") };
    let unknown = handle.create_assistant(request.clone()).await;
    assert!(matches!(unknown, Err(Error::Storage(StorageError::Unknown { .. }))));
    forgets.store(false, Ordering::SeqCst);
    // The next order finds what is stored.
    let refused = handle.create_assistant(request).await;
    assert!(matches!(refused, Err(Error::AssistantExists { .. })));
    let update = UpdateAssistant { assistant_id, ..UpdateAssistant::default() };
    assert_eq!(handle.update_assistant(update).await.unwrap().version, 2);
    runtime.shutdown().await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn assistants_are_there_after_a_restart() {
    let folder = std::env::temp_dir().join(format!("eddyline-assistants-{}", std::process::id()));
    let runtime = builder().data_dir(&folder).start().unwrap();
    let handle = runtime.handle();
    let mine = handle.create_assistant(CreateAssistant::new("look")).await.unwrap().assistant_id;
    let change = |assistant_id, context: Value| {
        let context = Some(object(context));
        handle.update_assistant(UpdateAssistant { assistant_id, context, ..UpdateAssistant::default() })
    };
    change(mine, json!({"a": 2})).await.unwrap();
    change(mine, json!({"a": 3})).await.unwrap();
    let before = handle.set_latest_version(mine, 2).await.unwrap();
    let default = default_assistant_id("look");
    let patched = change(default, json!({"tone": "dry"})).await.unwrap();
    let gone = handle.create_assistant(CreateAssistant::new("look")).await.unwrap().assistant_id;
    handle.delete_assistant(DeleteAssistant { assistant_id: gone, threads: false }).await.unwrap();
    let all = handle.assistants().unwrap();
    runtime.shutdown().await;

    let runtime = builder().data_dir(&folder).start().unwrap();
    let handle = runtime.handle();
    assert_eq!(handle.assistants().unwrap(), all);
    assert_eq!(handle.assistant(&mine.to_string()).unwrap(), before);
    assert_eq!(handle.assistant("look").unwrap(), patched);
    let versions = ListVersions { assistant_id: mine, metadata: Map::new(), limit: 10, offset: 0 };
    let versions = handle.assistant_versions(versions).await.unwrap();
    assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(Value::Object(versions[0].context.clone()), json!({"a": 3}));
    let update = UpdateAssistant { assistant_id: mine, ..UpdateAssistant::default() };
    assert_eq!(handle.update_assistant(update).await.unwrap().version, 4);
    let run = ran(&handle, default, StartRun::new("")).await;
    assert_eq!(Value::Object(run.kwargs.context.clone()), json!({"tone": "dry"}));
    runtime.shutdown().await;

    // Where its graph is not served, an assistant is hidden, and its id stays taken.
    let other = Runtime::builder().graph("nap", graph(nap)).data_dir(&folder).start().unwrap();
    let handle = other.handle();
    assert!(matches!(handle.assistant(&mine.to_string()), Err(Error::AssistantNotFound { .. })));
    assert_eq!(handle.assistants().unwrap().len(), 1);
    let request = CreateAssistant { assistant_id: Some(mine), ..CreateAssistant::new("nap") };
    assert!(matches!(handle.create_assistant(request).await, Err(Error::AssistantExists { .. })));
    other.shutdown().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
