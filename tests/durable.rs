//! What a server keeps when it is ended, or killed.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::http::{get, post, read, text};
use crate::server::Server;

/// A folder that no other test uses; what an earlier run of the tests left there is gone.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("durable-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// A thread on which the joke was told to the end, as its client saw it.
fn joke(server: &Server) -> String {
    let thread = read(post(server, "/threads", &json!({})));
    let thread = thread["thread_id"].as_str().unwrap().to_owned();
    let run = json!({"assistant_id": "agent", "input": {"topic": "ice cream"}});
    let told = text(post(server, &format!("/threads/{thread}/runs/stream"), &run));
    assert!(told.contains("This is a joke about ice cream and cats"), "{told}");
    thread
}

fn values(server: &Server, thread: &str) -> Value {
    read(get(server, &format!("/threads/{thread}")))["values"].clone()
}

fn expected() -> Value {
    json!({"topic": "ice cream and cats", "joke": "This is a joke about ice cream and cats"})
}

#[test]
fn a_thread_is_there_after_a_restart() {
    let folder = folder("restart");
    let server = Server::start_over(&folder);
    let thread = joke(&server);
    server.terminate();
    assert!(server.wait().success());
    assert_eq!(values(&Server::start_over(&folder), &thread), expected());
}

#[test]
fn what_a_client_saw_survives_a_kill() {
    let folder = folder("kill");
    for _ in 0..3 {
        let server = Server::start_over(&folder);
        let threads: Vec<String> = (0..5).map(|_| joke(&server)).collect();
        server.kill();
        let server = Server::start_over(&folder);
        for thread in &threads {
            assert_eq!(values(&server, thread), expected());
        }
    }
}

#[test]
fn a_run_that_was_killed_goes_on() {
    let folder = folder("mid-run");
    let server = Server::start_over(&folder);
    let thread = read(post(&server, "/threads", &json!({})))["thread_id"].as_str().unwrap().to_owned();
    let run = json!({"assistant_id": "slow", "input": {"seconds": 0.3, "steps": 2}});
    let run =
        read(post(&server, &format!("/threads/{thread}/runs"), &run))["run_id"].as_str().unwrap().to_owned();
    server.kill();
    let server = Server::start_over(&folder);
    let end = text(get(&server, &format!("/threads/{thread}/runs/{run}/join")));
    assert!(end.contains("napped") && end.contains("after"), "{end}");
    let run = read(get(&server, &format!("/threads/{thread}/runs/{run}")));
    assert_eq!(run["status"], "success");
}

#[test]
fn an_interrupted_thread_is_answered_after_a_restart() {
    let folder = folder("question");
    let server = Server::start_over(&folder);
    let thread = read(post(&server, "/threads", &json!({})))["thread_id"].as_str().unwrap().to_owned();
    let runs = format!("/threads/{thread}/runs/stream");
    text(post(&server, &runs, &json!({"assistant_id": "approval", "input": {"topic": "x"}})));
    server.kill();
    let server = Server::start_over(&folder);
    let answer = json!({"assistant_id": "approval", "command": {"resume": "yes"}});
    let told = text(post(&server, &runs, &answer));
    assert!(told.contains("answer=yes"), "{told}");
}

#[test]
fn what_a_node_put_into_the_store_survives_a_kill() {
    let folder = folder("items");
    let remember = |server: &Server, topic: &str| {
        let run = json!({"assistant_id": "memory", "input": {"topic": topic}});
        read(post(server, "/runs/wait", &run))["joke"].clone()
    };
    let server = Server::start_over(&folder);
    assert_eq!(remember(&server, "sea"), "before: nothing");
    server.kill();
    let server = Server::start_over(&folder);
    let items = read(post(&server, "/store/items/search", &json!({"namespace_prefix": ["users"]})));
    assert_eq!(items["items"][0]["value"], json!({"topic": "sea"}));
    assert_eq!(remember(&server, "hills"), "before: sea");
}

#[test]
fn a_folder_in_use_is_refused_by_name() {
    let folder = folder("locked");
    let _first = Server::start_over(&folder);
    let second =
        crate::server::command().args(["serve", "--port", "0", "--data-dir"]).arg(&folder).output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success() && said.contains(&*folder.to_string_lossy()), "{said}");
}

#[test]
fn a_copy_made_while_the_server_works_can_be_served() {
    let (folder, copy) = (folder("backup"), folder("backup-copy"));
    std::fs::create_dir_all(&copy).unwrap();
    let server = Server::start_over(&folder);
    let thread = joke(&server);
    let backup = |file: &str| {
        let file = copy.join(file);
        let words = ["backup", file.to_str().unwrap(), "--data-dir", folder.to_str().unwrap()];
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_eddyline")).args(words).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(backup("eddyline.db"), (true, String::new()));
    let (done, said) = backup("eddyline.db");
    assert!(!done && said.contains("there is a file") && said.contains("choose another name"), "{said}");
    assert_eq!(values(&Server::start_over(&copy), &thread), expected());
    assert_eq!(values(&server, &thread), expected(), "the server went on");
}

#[test]
fn large_inputs_reach_readers_who_were_there_from_the_start() {
    let server = Server::start();
    // All that happens weighs more than the tape keeps.
    for size in [700_000, 1_900_000] {
        let topic = "x".repeat(size);
        let run = json!({"assistant_id": "agent", "input": {"topic": topic}, "stream_mode": "updates"});
        let told = text(post(&server, "/runs/stream", &run));
        assert!(told.ends_with("and cats\"}}\r\n\r\n"), "{size} bytes: {}", &told[..told.len().min(300)]);
        assert_eq!(told.matches("event: ").count(), 3, "{size} bytes");
    }
}
