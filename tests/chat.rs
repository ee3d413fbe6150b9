//! `eddyline chat`: what is typed, and what is shown.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::http::{get, post, read, text};
use crate::server::{Server, command};

/// Talks with a graph: types these lines, and gives back what was shown.
fn chat(words: &[&str], lines: &[&str]) -> Output {
    let mut command = command();
    command.arg("chat").args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut typed = child.stdin.take().unwrap();
    // It may end before it has read everything.
    let _ = typed.write_all((lines.join("\n") + "\n").as_bytes());
    drop(typed);
    child.wait_with_output().unwrap()
}

/// What is shown of a conversation that is not kept.
fn shown(graph: &str, lines: &[&str]) -> String {
    let output = chat(&[graph, "--memory"], lines);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn folder() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chat-{}-{number}", std::process::id()))
}

#[test]
fn words_come_and_tools_are_shown() {
    assert_eq!(shown("chat", &["hello there", "", "again"]), "You said: hello there\nYou said: again\n");
    let expected = "→ get_weather {\"city\": \"SF\"}\n← get_weather sunny in SF\nIt is sunny.\n";
    assert_eq!(shown("tools", &["how is the weather?"]), expected);
    let expected = "→ search {\"query\":\"rain\"}\n← search sunny in rain\nsearch said: sunny in rain\n";
    assert_eq!(shown("prebuilt_agent", &["rain"]), expected);
}

#[test]
fn questions_are_asked_one_after_the_other() {
    let said = shown("approval", &["rain", "yes"]);
    assert!(
        said.contains("\"question\": \"ok?\"") && said.ends_with("ask: {\"joke\":\"answer=yes\"}\n"),
        "{said}"
    );
    let said = shown("approvals", &["{}", "one", "two", "3"]);
    assert!(said.contains("b1\n") && said.contains("a1\n") && said.contains("a2\n"), "{said}");
    // Of two nodes that ask at once either may be the first.
    let ends = ["one", "two"].map(|first| format!("ask_a: {{\"out\":[\"a:{first},3\"]}}\n"));
    assert!(ends.iter().any(|end| said.ends_with(end)), "{said}");
}

#[test]
fn what_a_graph_takes_is_said() {
    let said = shown("mapreduce", &["one", r#"{"items": ["a"]}"#]);
    assert!(said.starts_with("this graph takes a JSON object with the keys items"), "{said}");
    assert!(said.contains("reduce: {\"total\":1}"), "{said}");
}

#[test]
fn a_run_that_fails_is_told_and_the_conversation_goes_on() {
    let output = chat(&["failing", "--memory"], &[r#"{"topic": "rain"}"#, r#"{"topic": "sun"}"#]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), said.matches("error: ValueError: ").count()), (Some(1), 2), "{said}");
    let output = chat(&["nobody", "--memory"], &["hi"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no graph `nobody`; there are agent"));
}

/// An agent whose only tool is reviewed by a person.
const REVIEWED: &str = "
state:
  messages: messages
tools:
  cancel_order:
    description: Cancels an order.
    arguments:
      order: string
    template: Order {{ order }} is cancelled.
    review: true
nodes:
  agent:
    agent:
      model: openai:gpt-4o-mini
      tools: [cancel_order]
edges:
  - START -> agent -> END
";

#[test]
fn calls_of_tools_are_approved_in_words() {
    let folder = folder();
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("shop.yaml");
    std::fs::write(&file, REVIEWED).unwrap();
    let file = file.to_str().unwrap();
    let asks = "May cancel_order be called with {\"order\":\"A-17\"}?\n\
                Answer `approve`, or `reject` and why, or `edit` and the arguments as JSON.\n";
    let said = shown(file, &["A-17", "perhaps", "approve"]);
    assert_eq!(said.matches(asks).count(), 2, "what is no decision is asked again: {said}");
    assert!(said.contains("← cancel_order Order A-17 is cancelled.\n"), "{said}");
    let said = shown(file, &["A-17", "reject they still want it"]);
    assert!(said.contains("← cancel_order they still want it\n") && !said.contains("is cancelled"), "{said}");
    let said = shown(file, &["A-17", r#"edit {"order": "A-18"}"#]);
    assert!(said.contains("← cancel_order Order A-18 is cancelled.\n"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[cfg(unix)]
#[test]
fn ctrl_c_cancels_the_run_and_the_conversation_goes_on() {
    let mut command = command();
    command.args(["chat", "slow", "--memory"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let mut typed = child.stdin.take().unwrap();
    let mut shown = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    writeln!(typed, r#"{{"seconds": 600}}"#).unwrap();
    assert_eq!(shown.next().unwrap(), r#"{"step":0}"#);
    let pid = child.id();
    let interrupt = || {
        let kill = format!("kill -INT {pid}");
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    };
    interrupt();
    assert_eq!(shown.next().unwrap(), "cancelled");
    writeln!(typed, r#"{{"seconds": 0}}"#).unwrap();
    let said: Vec<String> = shown.by_ref().take(3).collect();
    assert_eq!(said, [r#"{"step":0}"#, r#"nap: {"out":["napped"]}"#, r#"after: {"out":["after"]}"#]);
    // Where a line is waited for, it ends the conversation. The first may come before the end of the run is told.
    let ended = (0..100).find_map(|_| {
        interrupt();
        std::thread::sleep(Duration::from_millis(100));
        child.try_wait().unwrap()
    });
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
    drop(typed);
}

#[test]
fn what_others_left_under_way_in_the_folder_goes_on() {
    let folder = folder();
    let server = Server::start_over(&folder);
    let thread = read(post(&server, "/threads", &json!({})))["thread_id"].as_str().unwrap().to_owned();
    let nap = json!({"assistant_id": "slow", "input": {"seconds": 0.3}});
    let run = read(post(&server, &format!("/threads/{thread}/runs"), &nap));
    let run = format!("/threads/{thread}/runs/{}", run["run_id"].as_str().unwrap());
    server.kill();
    assert!(chat(&["chat", "--data-dir", folder.to_str().unwrap()], &["one"]).status.success());
    let server = Server::start_over(&folder);
    text(get(&server, &format!("{run}/join")));
    assert_eq!(read(get(&server, &run))["status"], "success");
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_thread_that_is_not_there_is_named() {
    let nobody = "00000000-0000-4000-8000-000000000000";
    let output = chat(&["chat", "--memory", "--thread", nobody], &["hi"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(1), Vec::new()));
    assert!(said.contains("error[THREAD_NOT_FOUND]: ") && said.contains(nobody), "{said}");
    assert_eq!(said.matches("a scripted model answers").count(), 1, "{said}");
}

#[test]
fn a_thread_is_taken_up_where_it_stood() {
    let folder = folder();
    let kept = ["--data-dir", folder.to_str().unwrap()];
    let output = chat(&["chat", kept[0], kept[1]], &["one"]);
    let said = String::from_utf8(output.stdout).unwrap();
    let thread = said.trim_end().rsplit("--thread ").next().unwrap();
    let output = chat(&["chat", kept[0], kept[1], "--thread", thread], &["two"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("> one\nYou said: one\nYou said: two\n"), "{said}");

    // What waits for an answer asks again.
    let output = chat(&["approval", kept[0], kept[1]], &["rain"]);
    let said = String::from_utf8(output.stdout).unwrap();
    let thread = said.trim_end().rsplit("--thread ").next().unwrap();
    let output = chat(&["approval", kept[0], kept[1], "--thread", thread], &["no"]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("ask: {\"joke\":\"answer=no\"}"));

    let _server = Server::start_over(&folder);
    let output = chat(&["chat", kept[0], kept[1]], &["three"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("error[DATA_FOLDER_LOCKED]: ") && said.contains("chat with `--memory`"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}
