//! States read and changed by hand.

use eddyline_engine::checkpoint::Source;
use eddyline_engine::prelude::*;
use eddyline_engine::snapshot::Snapshot;
use eddyline_engine::update::StateUpdate;
use eddyline_engine::{Key, Shared};
use eddyline_runtime::{
    CheckpointAddress, CreateThread, Error, Handle, ReadHistory, ReadState, RunStatus, Runtime, StartRun,
    Subscription, ThreadState, ThreadStatus, UpdateState,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{Joke, ask, nap, pair, refine};

async fn fail(_: Joke) -> Result<Update<Joke>> {
    Err(NodeError::visible("ValueError", "no"))
}

// Routes take the state by value, as nodes do.
#[allow(clippy::needless_pass_by_value)]
fn explode_on_dogs(state: Joke) -> &'static str {
    assert!(!state.topic.contains("dogs"), "route boom");
    END
}

fn exploding() -> CompiledGraph<Joke> {
    StateGraph::<Joke>::new()
        .node("refine", refine)
        .edge(START, "refine")
        .conditional_edges("refine", explode_on_dogs, [END])
        .compile()
        .unwrap()
}

fn runtime() -> Runtime {
    let builder =
        Runtime::builder().graph("agent", pair(refine)).graph("ask", pair(ask)).graph("fail", pair(fail));
    builder.graph("nap", pair(nap)).graph("exploding", exploding()).start().unwrap()
}

async fn thread(handle: &Handle) -> Uuid {
    handle.create_thread(CreateThread::default()).await.unwrap().thread_id
}

async fn begin(handle: &Handle, thread_id: Uuid, graph: &str) -> Subscription {
    let input = Some(json!({"topic": "x"}).into());
    let request = StartRun { thread_id: Some(thread_id), input, ..StartRun::new(graph) };
    handle.start_run(request).await.unwrap().1
}

async fn end(mut events: Subscription) {
    while events.next().await.is_some() {}
}

/// A thread on which the graph ran to an end or a pause.
async fn used(handle: &Handle, graph: &str) -> Uuid {
    let thread_id = thread(handle).await;
    end(begin(handle, thread_id, graph).await).await;
    thread_id
}

fn write(thread_id: Uuid, values: Value, as_node: &str) -> UpdateState {
    UpdateState::new(thread_id, Some(Shared::from(values)), Some(as_node.into()))
}

async fn newest(handle: &Handle, thread_id: Uuid) -> Snapshot {
    handle.state(ReadState::new(thread_id)).await.unwrap().snapshot.unwrap()
}

fn next(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.next.iter().map(|name| &**name).collect()
}

fn steps(states: &[ThreadState]) -> Vec<i64> {
    states.iter().map(|state| state.snapshot.as_ref().unwrap().metadata.step).collect()
}

#[tokio::test]
async fn states_of_the_past_are_found_by_id_age_and_metadata() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = used(&handle, "agent").await;
    let all = handle.history(ReadHistory::new(thread_id, 10)).await.unwrap();
    assert_eq!(steps(&all), [2, 1, 0, -1]);
    let id = |place: usize| all[place].address().checkpoint_id.unwrap();
    assert_eq!(
        all[0].address(),
        CheckpointAddress { ns: Some("".into()), ..CheckpointAddress::of_id(id(0)) }
    );

    let history = async |request: ReadHistory| steps(&handle.history(request).await.unwrap());
    let some = || ReadHistory::new(thread_id, 2);
    assert_eq!(history(some()).await, [2, 1]);
    assert_eq!(history(ReadHistory { before: Some(id(1)), ..some() }).await, [0, -1]);
    let metadata = Map::from_iter([("source".to_owned(), json!("loop"))]);
    assert_eq!(history(ReadHistory { metadata, limit: 5, ..some() }).await, [2, 1, 0]);
    let metadata = Map::from_iter([("step".to_owned(), json!(0))]);
    assert_eq!(history(ReadHistory { metadata, ..some() }).await, [0]);
    let checkpoint = CheckpointAddress::of_id(id(1));
    assert_eq!(history(ReadHistory { checkpoint: checkpoint.clone(), ..some() }).await, [1]);
    assert_eq!(history(ReadHistory { limit: 0, ..some() }).await, [0_i64; 0]);

    let state = handle.state(ReadState { checkpoint, ..ReadState::new(thread_id) }).await.unwrap();
    assert_eq!(state.address(), CheckpointAddress::of_id(id(1)), "no more than was asked");
    assert_eq!(next(state.snapshot.as_ref().unwrap()), ["second"]);
    let checkpoint = CheckpointAddress::of_id(Uuid::nil());
    let state = handle.state(ReadState { checkpoint: checkpoint.clone(), ..ReadState::new(thread_id) }).await;
    let state = state.unwrap();
    assert!(state.snapshot.is_none() && state.address() == checkpoint);
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_filtered_history_is_read_page_by_page() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = used(&handle, "agent").await;
    // More than a page of checkpoints after those of the run.
    let supersteps =
        vec![vec![StateUpdate { as_node: Some("refine".into()), ..StateUpdate::default() }]; 150];
    handle.update_state(UpdateState { supersteps, ..write(thread_id, json!({}), "refine") }).await.unwrap();
    let metadata = Map::from_iter([("source".to_owned(), json!("loop"))]);
    let request = ReadHistory { metadata, ..ReadHistory::new(thread_id, 2) };
    assert_eq!(steps(&handle.history(request).await.unwrap()), [2, 1]);
    assert_eq!(handle.history(ReadHistory::new(thread_id, 1000)).await.unwrap().len(), 154);
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_thread_without_a_graph_has_no_state() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    assert!(handle.state(ReadState::new(thread_id)).await.unwrap().snapshot.is_none());
    assert!(handle.history(ReadHistory::new(thread_id, 10)).await.unwrap().is_empty());
    let error = handle.update_state(write(thread_id, json!({}), "refine")).await.unwrap_err();
    assert_eq!(error.code(), "NO_GRAPH");

    let nobody = Uuid::nil();
    for error in [
        handle.state(ReadState::new(nobody)).await.unwrap_err(),
        handle.history(ReadHistory::new(nobody, 10)).await.unwrap_err(),
        handle.update_state(write(nobody, json!({}), "refine")).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), "THREAD_NOT_FOUND");
    }
    let metadata = Map::from_iter([("graph_id".to_owned(), json!("gone"))]);
    let gone = handle.create_thread(CreateThread { metadata, ..CreateThread::default() }).await.unwrap();
    let error = handle.state(ReadState::new(gone.thread_id)).await.unwrap_err();
    assert!(error.to_string().starts_with("graph 'gone' not found. Expected one of: ["), "{error}");
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_fresh_thread_that_names_its_graph_takes_a_state() {
    let runtime = runtime();
    let handle = runtime.handle();
    let metadata = Map::from_iter([("graph_id".to_owned(), json!("agent"))]);
    let thread = handle.create_thread(CreateThread { metadata, ..CreateThread::default() }).await.unwrap();
    let update = UpdateState::new(thread.thread_id, Some(json!({"topic": "t"}).into()), None);
    let address = handle.update_state(update).await.unwrap();
    let snapshot = newest(&handle, thread.thread_id).await;
    assert_eq!(address, CheckpointAddress::of(&snapshot));
    assert_eq!(next(&snapshot), ["refine"]);
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_change_refreshes_the_threads_record() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = used(&handle, "ask").await;
    let waiting = handle.thread(thread_id).await.unwrap();
    assert_eq!((waiting.status, waiting.interrupts.len()), (ThreadStatus::Interrupted, 1));

    handle.update_state(write(thread_id, json!({"joke": "mine"}), "second")).await.unwrap();
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!((thread.status, thread.interrupts), (ThreadStatus::Idle, vec![]));
    assert_eq!(thread.values.unwrap().get("joke").unwrap().json(), "mine");
    assert!(thread.state_updated_at >= waiting.state_updated_at);

    handle.update_state(write(thread_id, json!({"topic": "again"}), "refine")).await.unwrap();
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!(thread.status, ThreadStatus::Interrupted, "`second` follows");
    let snapshot = newest(&handle, thread_id).await;
    assert_eq!((next(&snapshot), snapshot.metadata.source), (vec!["second"], Source::Update));
    let stored: Vec<&String> = snapshot.metadata.extra.keys().collect();
    assert_eq!(stored, ["graph_id", "thread_id"]);

    let failed = used(&handle, "fail").await;
    assert!(handle.thread(failed).await.unwrap().error.is_some());
    handle.update_state(write(failed, json!({"joke": "fine"}), "second")).await.unwrap();
    let thread = handle.thread(failed).await.unwrap();
    assert_eq!((thread.status, thread.error), (ThreadStatus::Idle, None));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_change_may_begin_at_a_checkpoint_of_the_past() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = used(&handle, "agent").await;
    let history = handle.history(ReadHistory::new(thread_id, 10)).await.unwrap();
    let old = history[2].address();
    let update = UpdateState {
        checkpoint: CheckpointAddress::of_id(old.checkpoint_id.unwrap()),
        ..write(thread_id, json!({"topic": "forked"}), "refine")
    };
    handle.update_state(update).await.unwrap();
    let snapshot = newest(&handle, thread_id).await;
    assert_eq!((snapshot.parent, next(&snapshot)), (old.checkpoint_id, vec!["second"]));
    assert_eq!(snapshot.metadata.extra["checkpoint_id"], json!(old.checkpoint_id));
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!(thread.values.unwrap().get("topic").unwrap().json(), "forked", "the record has the new state");
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_change_that_the_graph_does_not_take_changes_nothing() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = used(&handle, "agent").await;
    let before = (handle.thread(thread_id).await.unwrap(), newest(&handle, thread_id).await.checkpoint);
    let nested = CheckpointAddress { ns: Some("sub:1".into()), ..CheckpointAddress::default() };
    for (update, expected) in [
        (write(thread_id, json!({}), "nobody"), "Node nobody does not exist"),
        (
            UpdateState { supersteps: vec![], ..write(thread_id, json!({}), "refine") },
            "No supersteps provided",
        ),
        (
            UpdateState { checkpoint: nested, ..write(thread_id, json!({}), "refine") },
            "Subgraph sub not found",
        ),
    ] {
        let error = handle.update_state(update).await.unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("INVALID_UPDATE", expected));
    }
    assert_eq!(
        (handle.thread(thread_id).await.unwrap(), newest(&handle, thread_id).await.checkpoint),
        before
    );
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_route_that_panics_is_an_error_of_the_change() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = used(&handle, "exploding").await;
    let error = handle.update_state(write(thread_id, json!({"topic": "dogs"}), "refine")).await.unwrap_err();
    assert_eq!(error.code(), "RUN_PANICKED");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the run panicked: route boom");

    handle.update_state(write(thread_id, json!({"topic": "cats"}), "refine")).await.unwrap();
    end(begin(&handle, thread_id, "exploding").await).await;
    assert_eq!(handle.thread(thread_id).await.unwrap().status, ThreadStatus::Idle);
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_busy_thread_is_read_and_not_changed() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = thread(&handle).await;
    let events = begin(&handle, thread_id, "nap").await;
    assert!(handle.state(ReadState::new(thread_id)).await.is_ok());
    let error = handle.update_state(write(thread_id, json!({}), "refine")).await.unwrap_err();
    assert!(matches!(error, Error::ThreadBusy { .. }) && error.code() == "THREAD_BUSY");
    end(events).await;
    handle.update_state(write(thread_id, json!({"joke": "mine"}), "second")).await.unwrap();
    runtime.shutdown().await;
}

#[tokio::test]
async fn changes_and_runs_of_one_thread_take_turns() {
    let runtime = runtime();
    let handle = runtime.handle();
    let thread_id = used(&handle, "agent").await;
    let log = |name: &str| json!({"log": [name]});
    let changes = (0..8).map(|_| handle.update_state(write(thread_id, log("hand"), "second")));
    let (changed, events) =
        futures_util::join!(futures_util::future::join_all(changes), begin(&handle, thread_id, "agent"));
    end(events).await;
    let made = changed.iter().filter(|change| change.is_ok()).count();
    assert!(changed.iter().all(|change| change.is_ok() || matches!(change, Err(Error::ThreadBusy { .. }))));
    let snapshot = newest(&handle, thread_id).await;
    let log = snapshot.values.get("log").unwrap().json().as_array().unwrap().clone();
    assert_eq!(log.iter().filter(|name| *name == "hand").count(), made, "none is lost");
    assert_eq!(log.len(), made + 4, "nor any of a run");
    assert_eq!(handle.thread(thread_id).await.unwrap().status, ThreadStatus::Idle);
    let runs = eddyline_runtime::ListRuns { thread_id, status: None, limit: 10, offset: 0 };
    assert!(handle.runs(runs).await.unwrap().iter().all(|run| run.status == RunStatus::Success));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_nested_state_is_read_at_its_level() {
    let inner = pair(ask);
    let outer = StateGraph::<Joke>::new().node("sub", inner).edge(START, "sub").compile().unwrap();
    let runtime = Runtime::builder().graph("outer", outer).start().unwrap();
    let handle = runtime.handle();
    let thread_id = used(&handle, "outer").await;
    let request = ReadState { subgraphs: true, ..ReadState::new(thread_id) };
    let state = handle.state(request).await.unwrap().snapshot.unwrap();
    let nested = state.tasks[0].state.as_deref().unwrap();
    assert_eq!(next(nested), ["second"]);

    let level = CheckpointAddress { ns: Some(nested.ns.clone()), ..CheckpointAddress::default() };
    let request = ReadState { checkpoint: level.clone(), ..ReadState::new(thread_id) };
    let alone = handle.state(request).await.unwrap();
    assert_eq!(alone.address(), CheckpointAddress::of(nested));
    let levels: Vec<Key> = alone.address().map.into_iter().map(|(ns, _)| ns).collect();
    assert_eq!(levels, ["".into(), nested.ns.clone()]);
    let request = ReadHistory { checkpoint: level.clone(), ..ReadHistory::new(thread_id, 10) };
    assert_eq!(steps(&handle.history(request).await.unwrap()), [1, 0, -1]);

    let update = UpdateState { checkpoint: level, ..write(thread_id, json!({"joke": "mine"}), "second") };
    let address = handle.update_state(update).await.unwrap();
    assert_eq!(address.map.len(), 2);
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!(thread.status, ThreadStatus::Interrupted, "the root's task is not done");
    let request = StartRun { thread_id: Some(thread_id), ..StartRun::new("outer") };
    end(handle.start_run(request).await.unwrap().1).await;
    let snapshot = newest(&handle, thread_id).await;
    assert_eq!((next(&snapshot), snapshot.values.get("joke").unwrap().json()), (vec![], &json!("mine")));
    runtime.shutdown().await;
}
