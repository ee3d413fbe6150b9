//! Handles that may do some things with some rows: what is not theirs is as if it were not there, in memory and over
//! a database alike.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

use eddyline_engine::prelude::*;
use eddyline_engine::store::{GetItem, ListNamespaces, Place, PutItem, SearchItems};
use eddyline_runtime::{
    Action, Begin, CancelAction, CancelRuns, CreateAssistant, CreateCron, CreateThread, CronFilter,
    CronTerms, Delivery, Error, Handle, IfExists, IfNotExists, ListRuns, PruneStrategy, PruneThreads,
    ReadHistory, ReadState, Resource, Runtime, SearchCrons, SearchThreads, StartRun, ThreadFilter,
    UpdateState, UpdateThread, Verdict, WhichRuns,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

#[state]
struct Talk {
    said: String,
}

async fn answer(state: Talk) -> Update<Talk> {
    Talk::update().said(format!("{}!", state.said))
}

fn builder() -> eddyline_runtime::Builder {
    let talk = StateGraph::<Talk>::new().node("answer", answer).edge(START, "answer").compile().unwrap();
    Runtime::builder().graph("talk", talk)
}

/// The runtime for somebody who has what they made.
fn owner(handle: &Handle, name: &'static str) -> Handle {
    handle.limited_to(move |resource, _| match resource {
        Resource::Store => Verdict::Below(vec![name.to_owned()]),
        _ => Verdict::rows("owner", name),
    })
}

fn say(thread_id: Option<Uuid>) -> StartRun {
    StartRun { thread_id, input: Some(json!({"said": "hello"}).into()), ..StartRun::new("talk") }
}

#[track_caller]
fn check<T: std::fmt::Debug>(answer: Result<T, Error>, code: &str) {
    assert_eq!(answer.unwrap_err().code(), code);
}

/// Everything that somebody can ask about a thread, its runs and states that are others'.
async fn is_hidden(lee: &Handle, thread_id: Uuid, run_id: Uuid) {
    check(lee.thread(thread_id).await, "THREAD_NOT_FOUND");
    check(lee.state(ReadState::new(thread_id)).await, "THREAD_NOT_FOUND");
    check(lee.history(ReadHistory::new(thread_id, 9)).await, "THREAD_NOT_FOUND");
    check(lee.update_state(UpdateState::new(thread_id, None, None)).await, "THREAD_NOT_FOUND");
    check(lee.update_thread(UpdateThread { thread_id, ..UpdateThread::default() }).await, "THREAD_NOT_FOUND");
    check(lee.copy_thread(thread_id).await, "THREAD_NOT_FOUND");
    check(lee.thread_usage(thread_id).await, "THREAD_NOT_FOUND");
    check(lee.delete_thread(thread_id).await, "THREAD_NOT_FOUND");
    check(lee.start_run(say(Some(thread_id))).await.map(|(run, _)| run), "THREAD_NOT_FOUND");
    let create = StartRun { if_not_exists: IfNotExists::Create, ..say(Some(thread_id)) };
    check(lee.start_run(create).await.map(|(run, _)| run), "THREAD_NOT_FOUND");
    check(lee.run(thread_id, run_id).await, "RUN_NOT_FOUND");
    check(lee.settled_run(thread_id, run_id).await, "RUN_NOT_FOUND");
    check(lee.find_run(run_id).await, "RUN_NOT_FOUND");
    check(lee.delete_run(thread_id, run_id).await, "RUN_NOT_FOUND");
    let runs = ListRuns { thread_id, status: None, limit: 9, offset: 0 };
    check(lee.runs(runs).await, "THREAD_NOT_FOUND");
    check(lee.listen_for(thread_id, Begin::Oldest).await.map(drop), "THREAD_NOT_FOUND");
    for if_exists in [IfExists::Raise, IfExists::DoNothing] {
        let thread_id = Some(thread_id);
        check(
            lee.create_thread(CreateThread { thread_id, if_exists, ..CreateThread::default() }).await,
            "THREAD_EXISTS",
        );
    }
    for strategy in [PruneStrategy::Delete, PruneStrategy::KeepLatest] {
        let thread_ids = vec![thread_id];
        assert_eq!(lee.prune_threads(PruneThreads { thread_ids, strategy }).await.unwrap(), 0);
    }
    let reason = String::new;
    let all = CancelRuns { which: WhichRuns::All, action: CancelAction::Interrupt, reason: reason() };
    assert_eq!(lee.cancel_runs(all).await.unwrap(), 0);
    for filter in [json!({}), json!({"owner": "kim"})] {
        let metadata = filter.as_object().unwrap().clone();
        let filter = ThreadFilter { metadata, ..ThreadFilter::default() };
        assert_eq!(lee.count_threads(filter.clone()).await.unwrap(), 0);
        let search = SearchThreads { filter, ..SearchThreads::default() };
        assert_eq!(lee.search_threads(search).await.unwrap().threads, []);
    }
}

async fn each_has_their_own(runtime: Runtime) {
    let all = runtime.handle();
    let (kim, lee) = (owner(&all, "kim"), owner(&all, "lee"));
    let thread = kim.create_thread(CreateThread::default()).await.unwrap();
    assert_eq!(Value::Object(thread.metadata), json!({"owner": "kim"}));
    let thread_id = thread.thread_id;
    let (run, mut events) = kim.start_run(say(Some(thread_id))).await.unwrap();
    while events.next().await.is_some() {}
    is_hidden(&lee, thread_id, run.run_id).await;
    assert_eq!(kim.count_threads(ThreadFilter::default()).await.unwrap(), 1);
    assert_eq!(kim.find_run(run.run_id).await.unwrap().run_id, run.run_id);
    assert!(kim.state(ReadState::new(thread_id)).await.unwrap().snapshot.is_some());

    let cron = |thread_id| CreateCron { thread_id, terms: CronTerms::new("0 0 1 1 *", say(None)) };
    check(lee.create_cron(cron(Some(thread_id))).await, "THREAD_NOT_FOUND");
    let made = kim.create_cron(cron(Some(thread_id))).await.unwrap();
    check(lee.cron(made.cron_id).await, "CRON_NOT_FOUND");
    check(lee.delete_cron(made.cron_id).await, "CRON_NOT_FOUND");
    check(lee.update_cron(made.cron_id, |_| Ok(())).await, "CRON_NOT_FOUND");
    assert_eq!(lee.count_crons(CronFilter::default()).await.unwrap(), 0);
    assert_eq!(lee.search_crons(SearchCrons::default()).await.unwrap().crons, []);
    let forget = |terms: &mut CronTerms| {
        terms.metadata.clear();
        Ok(())
    };
    let revised = kim.update_cron(made.cron_id, forget).await.unwrap();
    assert_eq!(revised.terms.metadata["owner"], "kim");

    let assistant = kim.create_assistant(CreateAssistant::new("talk")).await.unwrap();
    let name = assistant.assistant_id.to_string();
    check(lee.assistant(&name), "ASSISTANT_NOT_FOUND");
    check(lee.graph(&name), "ASSISTANT_NOT_FOUND");
    let of_kim = StartRun { assistant: name, ..say(None) };
    check(lee.start_run(of_kim).await.map(|(run, _)| run), "ASSISTANT_NOT_FOUND");
    assert_eq!((lee.assistants().unwrap().len(), kim.assistants().unwrap().len()), (1, 2));

    let value = Map::from_iter([("v".to_owned(), json!(1))]);
    kim.put_item(PutItem::new(&["kim", "a"], "k", value.clone())).await.unwrap();
    check(lee.put_item(PutItem::new(&["kim", "a"], "k", value)).await, "FORBIDDEN");
    check(lee.delete_item(Place::new(&["kim", "a"], "k")).await, "FORBIDDEN");
    assert_eq!(lee.item(GetItem::new(&["kim", "a"], "k")).await.unwrap(), None);
    assert_eq!(lee.search_items(SearchItems::below(&["kim"])).await.unwrap(), []);
    assert_eq!(lee.search_items(SearchItems::below(&[])).await.unwrap(), []);
    let list = || ListNamespaces { prefix: vec!["*".to_owned()], ..ListNamespaces::default() };
    assert_eq!(lee.item_namespaces(list()).await.unwrap(), [[""; 0]; 0]);
    assert_eq!(kim.item_namespaces(list()).await.unwrap(), [["kim", "a"]]);
    assert_eq!(kim.search_items(SearchItems::below(&[])).await.unwrap().len(), 1);
    runtime.shutdown().await;
}

#[tokio::test]
async fn each_has_their_own_in_memory() {
    each_has_their_own(builder().start().unwrap()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn each_has_their_own_in_a_database() {
    let folder = std::env::temp_dir().join(format!("eddyline-limits-{}", std::process::id()));
    each_has_their_own(builder().data_dir(&folder).start().unwrap()).await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn who_waits_for_a_thread_hears_nothing_when_it_is_somebody_elses() {
    let runtime = builder().start().unwrap();
    let all = runtime.handle();
    let (kim, lee) = (owner(&all, "kim"), owner(&all, "lee"));
    for by_run in [false, true] {
        let thread_id = all.new_request_id();
        let mut strange = lee.listen_for(thread_id, Begin::Oldest).await.unwrap();
        let mut own = kim.listen_for(thread_id, Begin::Oldest).await.unwrap();
        if !by_run {
            let create = CreateThread { thread_id: Some(thread_id), ..CreateThread::default() };
            kim.create_thread(create).await.unwrap();
        }
        let start = StartRun { if_not_exists: IfNotExists::Create, ..say(Some(thread_id)) };
        let (run, mut events) = kim.start_run(start).await.unwrap();
        while events.next().await.is_some() {}
        assert!(strange.next().await.is_none(), "not a word");
        let Some(Delivery::Fact(heard)) = own.next().await else { panic!("nothing is told to its owner") };
        assert_eq!(heard.run_id, run.run_id);
    }
}

#[tokio::test]
async fn what_may_not_be_done_is_refused_with_the_reason() {
    let runtime = builder().start().unwrap();
    let reader = runtime.handle().limited_to(|_, action| match action {
        Action::Read | Action::Search => Verdict::All,
        _ => Verdict::Deny("you only read".to_owned()),
    });
    let refused = reader.create_thread(CreateThread::default()).await.unwrap_err();
    assert_eq!((refused.code(), refused.to_string().as_str()), ("FORBIDDEN", "you only read"));
    check(reader.start_run(say(None)).await.map(|(run, _)| run), "FORBIDDEN");
    assert_eq!(reader.count_threads(ThreadFilter::default()).await.unwrap(), 0);
    // A verdict about namespaces says nothing of threads.
    let lost = runtime.handle().limited_to(|_, _| Verdict::Below(Vec::new()));
    check(lost.count_threads(ThreadFilter::default()).await, "FORBIDDEN");
}
