//! `eddyline stdio` as a child process: what it prints, how it ends, and programs that embed it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::server::command;

struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut command = command();
        command.arg("stdio").arg("--memory").args(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    fn say(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).unwrap() > 0, "the output ended");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The answer to a command, past everything that comes before it.
    fn ask(&mut self, command: &Value) -> Value {
        self.say(&command.to_string());
        loop {
            let line = self.hear();
            if line["id"] == command["id"] && line["type"] != "event" {
                return line;
            }
        }
    }

    /// Says no more; everything that it prints until its end, and its exit code.
    fn end(mut self) -> (Vec<Value>, Option<i32>) {
        drop(self.input.take());
        let lines = (&mut self.output).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        let lines = lines.collect();
        (lines, self.child.wait().unwrap().code())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const THREAD: &str = "11111111-1111-4111-8111-111111111111";

fn start(graph: &str, input: &Value) -> Value {
    json!({"id": 2, "thread_id": THREAD, "method": "run.start", "params": {"assistant_id": graph, "input": input}})
}

fn subscribe(channels: &[&str]) -> Value {
    json!({"id": 1, "thread_id": THREAD, "method": "subscription.subscribe", "params": {"channels": channels}})
}

#[test]
fn nothing_to_read_is_a_clean_end_at_once() {
    let output = command().args(["stdio", "--memory"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let hello: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&hello["type"], &hello["protocol"]), (&json!("hello"), &json!("agent-streaming")));
    assert_eq!(hello["limits"], json!({"max_line": 16 << 20, "max_out_line": null}));
    let output = command().args(["stdio", "--memory", "--no-hello"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
}

#[test]
fn it_says_how_it_failed() {
    let code = |arguments: &[&str]| {
        let output = command().arg("stdio").args(arguments).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(code(&["--what"]), (Some(2), String::new()));
    for arguments in
        [&["--memory", "--config", "no-such-file.toml"][..], &["--memory", "--log-level", "x=y=z"]]
    {
        let (code, line) = code(arguments);
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((code, &line["type"], &line["id"]), (Some(3), &json!("error"), &json!(null)), "{line}");
    }
}

#[test]
fn a_run_is_told_and_the_end_of_the_input_ends_it() {
    let mut process = Process::start(&["--log-level", "trace"]);
    assert_eq!(process.hear()["type"], "hello");
    assert_eq!(process.ask(&subscribe(&["lifecycle", "custom"]))["result"]["replayed_events"], 0);
    process.ask(&start("slow", &json!({"seconds": 0.05, "steps": 10_000})));
    while process.hear()["method"] != "custom" {}
    let (lines, code) = process.end();
    assert_eq!(code, Some(0));
    let last = lines.last().expect("the run is told to its end");
    assert_eq!(last["params"]["data"], json!({"event": "interrupted", "graph_name": "slow"}), "{lines:#?}");
    assert!(lines.iter().all(|line| line["type"] == "event"), "{lines:#?}");
}

#[test]
fn runs_may_come_to_their_end_by_themselves() {
    let mut process = Process::start(&["--on-eof", "drain"]);
    process.ask(&subscribe(&["lifecycle"]));
    process.ask(&start("slow", &json!({"seconds": 0.02, "steps": 5})));
    let (lines, code) = process.end();
    assert_eq!(code, Some(0));
    assert_eq!(lines.last().unwrap()["params"]["data"]["event"], "completed", "{lines:#?}");
}

#[test]
fn the_whole_api_is_there_without_a_port() {
    let mut process = Process::start(&[]);
    let call = |id: u64, method: &str, path: &str, body: Value| json!({"id": id, "method": "rest.call", "params": {"method": method, "path": path, "body": body}});
    let made = process.ask(&call(1, "POST", "/threads", json!({"metadata": {"k": "v"}})));
    assert_eq!(made["result"]["status"], 200, "{made}");
    let thread_id = made["result"]["body"]["thread_id"].as_str().unwrap().to_owned();
    let run = json!({"assistant_id": "agent", "input": {"topic": "cats"}});
    let waited = process.ask(&call(2, "POST", &format!("/threads/{thread_id}/runs/wait"), run.clone()));
    assert_eq!(waited["result"]["body"]["joke"], "This is a joke about cats and cats");
    let found = process.ask(&call(3, "POST", "/threads/search", json!({"metadata": {"k": "v"}})));
    assert_eq!(found["result"]["headers"]["x-pagination-total"], "1", "{found}");
    let query = json!({"id": 4, "method": "rest.call", "params": {
        "method": "GET", "path": format!("/threads/{thread_id}/runs"), "query": {"limit": 1, "status": "success"},
    }});
    assert_eq!(process.ask(&query)["result"]["body"].as_array().unwrap().len(), 1);
    let missing = process.ask(&call(5, "GET", "/nowhere", Value::Null));
    assert_eq!(missing["result"]["status"], 404);
    let streams = process.ask(&call(6, "POST", "/runs/stream", run));
    assert_eq!(streams["error"], "not_supported", "{streams}");

    let info = process.ask(&json!({"id": 7, "method": "server.info"}));
    assert_eq!(info["result"]["protocol"]["name"], "agent-streaming", "{info}");
    assert_eq!(process.ask(&json!({"id": "p", "method": "server.ping"}))["result"], json!({}));
    let made = process.ask(&json!({"id": 8, "method": "thread.create", "params": {"metadata": {"m": 1}}}));
    assert_eq!(made["result"]["metadata"], json!({"m": 1}), "{made}");
    let none = json!({"id": 9, "method": "run.cancel", "params": {"run_id": THREAD}});
    assert_eq!(process.ask(&none)["error"], "unknown_error");
    process.say(r#"{"id":10,"method":"server.shutdown"}"#);
    assert_eq!(process.hear(), json!({"type": "success", "id": 10, "result": {}}));
    assert_eq!(process.end().1, Some(0));
}

#[test]
fn a_flood_of_nonsense_is_answered_line_by_line_and_changes_nothing() {
    let mut process = Process::start(&["--max-line", "200", "--no-hello"]);
    let mut text = String::new();
    for n in 0..2_000 {
        match n % 4 {
            0 => text.push_str(&"x".repeat(500)),
            1 => text.push('{'),
            2 => text.push_str(&json!({"id": n}).to_string()),
            _ => {}
        }
        text.push('\n');
    }
    // Nobody reads meanwhile.
    process.input.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    for n in (0..2_000).filter(|n| n % 4 != 3) {
        let line = process.hear();
        assert_eq!((&line["type"], &line["error"]), (&json!("error"), &json!("invalid_argument")), "{line}");
        match n % 4 {
            0 => assert_eq!(line["message"], "line exceeds 200 bytes"),
            1 => assert_eq!(line["message"], "Protocol commands must be valid JSON."),
            _ => assert_eq!(line["id"], n),
        }
    }
    assert_eq!(process.ask(&json!({"id": 1, "method": "server.ping"}))["result"], json!({}));
    assert_eq!(process.end().1, Some(0));
}

#[test]
fn a_window_holds_events_back_until_they_are_read() {
    let mut process = Process::start(&[]);
    process.ask(&start("agent", &json!({"topic": "cats"})));
    let mut wanted = subscribe(&["values", "lifecycle"]);
    wanted["params"]["window"] = json!(2);
    let id = process.ask(&wanted)["result"]["subscription_id"].clone();
    let (first, second) = (process.hear(), process.hear());
    assert!(first["seq"].as_u64() < second["seq"].as_u64());
    // Nothing comes before the answer to this, which was asked for later.
    process.say(&json!({"id": 9, "thread_id": THREAD, "method": "state.get"}).to_string());
    assert_eq!(process.hear()["id"], 9);
    process.say(
        &json!({"method": "flow.ack", "params": {"subscription_id": id, "seq": second["seq"]}}).to_string(),
    );
    assert_eq!(process.hear()["type"], "event");
}

/// Tells the process to end (SIGTERM).
#[cfg(unix)]
fn terminate(process: &Process) {
    let kill = format!("kill -TERM {}", process.child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_as_the_end_of_the_input_does_and_a_second_at_once() {
    let nap = json!({"seconds": 600, "steps": 1});
    let mut process = Process::start(&[]);
    process.ask(&start("slow", &nap));
    terminate(&process);
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
    let mut process = Process::start(&["--on-eof", "drain", "--drain-timeout", "600"]);
    process.ask(&start("slow", &nap));
    // Two that come at the same time are one.
    while process.child.try_wait().unwrap().is_none() {
        terminate(&process);
    }
    assert_eq!(process.child.wait().unwrap().code(), Some(128 + 15));
}

#[cfg(unix)]
#[test]
fn a_parent_that_is_killed_leaves_no_orphan() {
    // The shell is the parent, and holds the input of its child open for as long as it lives.
    let script = format!(
        "mkfifo \"$1\"; '{}' stdio --memory <\"$1\" 3>&- & exec 3>\"$1\"; rm \"$1\"; wait",
        env!("CARGO_BIN_EXE_eddyline")
    );
    let fifo = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fifo-{}", std::process::id()));
    let mut parent = Command::new("sh");
    parent.args(["-c", &script, "sh"]).arg(&fifo).stdout(Stdio::piped());
    let mut parent = parent.spawn().unwrap();
    let mut output = BufReader::new(parent.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert!(line.contains("hello"), "{line}");
    parent.kill().unwrap();
    parent.wait().unwrap();
    // The output ends when nobody can write to it any more: not the parent, and not its child.
    line.clear();
    assert_eq!(output.read_line(&mut line).unwrap(), 0, "{line}");
}

/// Runs an example of embedding, in a language whose interpreter may be missing.
fn embed(interpreter: &str, script: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/stdio").join(script);
    assert!(std::fs::read_to_string(&path).unwrap().lines().count() < 60);
    let mut command = Command::new(interpreter);
    let output = match command.arg(&path).arg(env!("CARGO_BIN_EXE_eddyline")).output() {
        Ok(output) => output,
        Err(error) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no {interpreter}: {error}"),
        Err(error) => return eprintln!("SKIPPED: no {interpreter}: {error}"),
    };
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        printed.lines().collect::<Vec<_>>(),
        ["running", "completed", "This is a joke about cats and cats"]
    );
}

#[test]
fn it_is_embedded_in_python() {
    embed("python3", "embed.py");
}

#[test]
fn it_is_embedded_in_node() {
    embed("node", "embed.mjs");
}
