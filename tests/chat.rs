//! `eddyline chat`: what is typed, and what is shown.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

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
    assert!(said.ends_with("ask_a: {\"out\":[\"a:two,3\"]}\n"), "{said}");
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
    assert!(said.contains("while a server uses it, chat with `--memory`"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}
