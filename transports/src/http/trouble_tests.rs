//! What a client hears when there is no room, and when its request comes at a bad moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use eddyline_engine::prelude::*;
use eddyline_runtime::storage::{Error as StorageError, MemoryStorage, Read, Readers, Storage, Transaction};
use eddyline_runtime::{CreateThread, Handle, Options, Runtime, StartRun};
use serde_json::{Value, json};

use super::request::Served;
use super::routes;
use crate::{HttpOptions, Shutdown};

/// Memory on a disk that may be full.
struct Disk {
    memory: MemoryStorage,
    full: Arc<AtomicBool>,
    /// Whether what finds no room might have found some, for all that is said.
    in_doubt: bool,
}

impl Storage for Disk {
    fn read(&mut self) -> &mut dyn Read {
        self.memory.read()
    }

    fn readers(&self) -> Arc<dyn Readers> {
        self.memory.readers()
    }

    fn write(&mut self, batch: Vec<Transaction>) -> Vec<Result<(), StorageError>> {
        if !self.full.load(Ordering::SeqCst) {
            return self.memory.write(batch);
        }
        let message = || "the disk is full".to_owned();
        let refused = |_| {
            Err(if self.in_doubt {
                StorageError::Unknown { message: message() }
            } else {
                StorageError::Failed { message: message() }
            })
        };
        batch.iter().map(refused).collect()
    }
}

#[state]
struct Work {
    input: String,
}

async fn quick(work: Work) -> Update<Work> {
    Work::update().input(work.input)
}

fn graph() -> CompiledGraph<Work> {
    StateGraph::<Work>::new().node("quick", quick).edge(START, "quick").compile().unwrap()
}

/// An answer: status, `retry-after`, the document.
async fn ask(runtime: &Handle, request: TestRequest) -> (u16, Option<String>, Value) {
    let options =
        HttpOptions { max_body_bytes: 1 << 16, stop_grace: Duration::ZERO, ..HttpOptions::default() };
    let served = Served::new(runtime.clone(), None, Shutdown::new(), &options);
    let app = App::new().app_data(web::Data::new(served)).configure(routes::configure);
    let answer = call_service(&init_service(app).await, request.to_request()).await;
    let retry = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    (status, retry, serde_json::from_slice(&read_body(answer).await).unwrap_or_default())
}

async fn check_unavailable(runtime: &Handle, request: TestRequest, said: &str) {
    let (status, retry, document) = ask(runtime, request).await;
    let detail = document["detail"].as_str().unwrap_or_default();
    assert_eq!((status, retry.as_deref()), (503, Some("5")), "{document}");
    assert!(detail.contains(said), "{detail}");
}

#[actix_web::test]
async fn a_full_disk_is_no_fault_of_the_server() {
    for (in_doubt, code) in [(false, "STORAGE_FAILED: "), (true, "STORAGE_UNKNOWN: ")] {
        let full = Arc::<AtomicBool>::default();
        let storage = Disk { memory: MemoryStorage::default(), full: Arc::clone(&full), in_doubt };
        let runtime = Runtime::builder().storage(Box::new(storage)).start().unwrap();
        let handle = runtime.handle();
        let thread_id = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
        full.store(true, Ordering::SeqCst);
        let item = json!({"namespace": ["a"], "key": "k", "value": {}});
        let put = TestRequest::put().uri("/store/items").set_payload(item.to_string());
        check_unavailable(&handle, put, code).await;
        for strategy in ["delete", "keep_latest"] {
            let body = json!({"thread_ids": [thread_id], "strategy": strategy});
            let prune = TestRequest::post().uri("/threads/prune").set_payload(body.to_string());
            check_unavailable(&handle, prune, code).await;
        }
        let made = TestRequest::post().uri("/threads").set_payload("{}");
        check_unavailable(&handle, made, code).await;
        runtime.shutdown().await;
        let late = TestRequest::post().uri("/threads").set_payload("{}");
        check_unavailable(&handle, late, "shutting down").await;
    }
}

#[actix_web::test]
async fn too_many_runs_name_the_setting_that_bounds_them() {
    let options = Options { open_runs: 0, ..Options::default() };
    let runtime = Runtime::builder().graph("quick", graph()).options(options).start().unwrap();
    let body = r#"{"assistant_id": "quick", "input": {}}"#;
    let start = TestRequest::post().uri("/runs").set_payload(body);
    check_unavailable(&runtime.handle(), start, "the setting `runs.max_open`").await;
}

#[actix_web::test]
async fn a_run_that_ends_by_itself_meanwhile_is_not_said_to_be_cancelled() {
    let runtime = Runtime::builder().graph("quick", graph());
    // Its end is under way to storage for a while.
    let runtime = runtime.start_here(|| Duration::from_millis(5)).unwrap();
    let handle = runtime.handle();
    let mut too_late = 0;
    for turns in 0..60 {
        let thread_id = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
        let input = Some(json!({"input": "x"}).into());
        let request = StartRun { thread_id: Some(thread_id), input, ..StartRun::new("quick") };
        let (run, _events) = handle.start_run(request).await.unwrap();
        for _ in 0..turns {
            actix_web::rt::task::yield_now().await;
        }
        let at = format!("/threads/{thread_id}/runs/{}/cancel?wait=1&action=rollback", run.run_id);
        let (status, _, document) = ask(&handle, TestRequest::post().uri(&at)).await;
        let is_there = handle.run(thread_id, run.run_id).await.is_ok();
        match status {
            200 => assert!(!is_there, "the run is there, and was said to be rolled back"),
            404 => assert!(is_there, "{document}"),
            other => panic!("{other}: {document}"),
        }
        too_late += u32::from(status == 404);
    }
    assert!(too_late > 0, "no run ended by itself before it was cancelled");
    runtime.shutdown().await;
}
