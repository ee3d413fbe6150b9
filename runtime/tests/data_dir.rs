//! A runtime that keeps its threads in a folder.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "sqlite")]

use std::fs;
use std::path::{Path, PathBuf};

use eddyline_engine::prelude::*;
use eddyline_runtime::{CreateThread, Handle, Runtime, StartError, StartRun, ThreadStatus};
use serde_json::json;
use uuid::Uuid;

#[state]
struct Talk {
    #[state(reduce = append)]
    said: Vec<String>,
}

async fn answer(state: Talk) -> Update<Talk> {
    Talk::update().said(vec![format!("{} turns", state.said.len())])
}

fn runtime(folder: &Path) -> Result<Runtime, StartError> {
    let talk = StateGraph::<Talk>::new().node("answer", answer).edge(START, "answer").compile().unwrap();
    Runtime::builder().graph("talk", talk).data_dir(folder).start()
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("eddyline-{name}-{}", std::process::id())))
    }

    fn bytes(&self) -> u64 {
        fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn say(handle: &Handle, thread_id: Uuid, text: &str) {
    let input = Some(json!({"said": [text]}).into());
    let request = StartRun { thread_id: Some(thread_id), input, ..StartRun::new("talk") };
    let (_, mut events) = handle.start_run(request).await.unwrap();
    while events.next().await.is_some() {}
}

#[tokio::test]
async fn a_thread_goes_on_after_a_restart() {
    let folder = Folder::new("restart");
    let first = runtime(&folder.0).unwrap();
    let thread_id = first.handle().create_thread(CreateThread::default()).await.unwrap().thread_id;
    say(&first.handle(), thread_id, "hello").await;
    let before = first.handle().thread(thread_id).await.unwrap();

    let refused = runtime(&folder.0).unwrap_err();
    assert_eq!(refused.code(), "DATA_FOLDER_LOCKED");
    first.shutdown().await;

    let second = runtime(&folder.0).unwrap();
    let thread = second.handle().thread(thread_id).await.unwrap();
    assert_eq!((&thread, thread.status), (&before, ThreadStatus::Idle));
    say(&second.handle(), thread_id, "again").await;
    let thread = second.handle().thread(thread_id).await.unwrap();
    assert_eq!(thread.values.unwrap().to_json(), json!({"said": ["hello", "1 turns", "again", "3 turns"]}));
    second.shutdown().await;
}

#[tokio::test]
async fn four_hundred_turns_take_less_than_a_megabyte() {
    // `EDDYLINE_TURNS` asks for more; they take a straight line.
    let turns = std::env::var("EDDYLINE_TURNS").ok().and_then(|turns| turns.parse().ok()).unwrap_or(400);
    let folder = Folder::new("turns");
    let runtime = runtime(&folder.0).unwrap();
    let handle = runtime.handle();
    let thread_id = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
    for turn in 0..turns {
        say(&handle, thread_id, &format!("{turn:0>128}")).await;
    }
    runtime.shutdown().await;
    let bytes = folder.bytes();
    println!("{turns} turns of 128 B: {bytes} bytes on disk, {} a turn", bytes / turns);
    assert!(bytes / turns <= 1_000_000 / 400, "{bytes} bytes");
}
