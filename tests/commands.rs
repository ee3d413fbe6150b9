//! The commands beside the server: run a graph here, draw one.

use std::process::Command;

/// Runs the binary; its exit code, and what it said on both outputs.
fn eddyline(words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_eddyline")).args(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn run_prints_events_one_a_line() {
    let (code, out, _) = eddyline(&[
        "run",
        "agent",
        "--input",
        r#"{"topic": "rain"}"#,
        "--stream",
        "updates",
        "--stream",
        "values",
    ]);
    assert_eq!(code, Some(0));
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        [
            r#"values {"topic":"rain"}"#,
            r#"updates {"refine_topic":{"topic":"rain and cats"}}"#,
            r#"values {"topic":"rain and cats"}"#,
            r#"updates {"generate_joke":{"joke":"This is a joke about rain and cats"}}"#,
            r#"values {"topic":"rain and cats","joke":"This is a joke about rain and cats"}"#,
        ]
    );
}

#[test]
fn draw_prints_mermaid() {
    let (code, out, _) = eddyline(&["draw", "tools"]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("graph TD;\n") && out.contains("agent -.-> action;"), "{out}");
    let (_, opened, _) = eddyline(&["draw", "nested", "--depth", "1"]);
    assert!(opened.contains("node_1 --> node_2_subgraph_node_1;"), "{opened}");
}

#[test]
fn a_graph_that_uses_the_store_has_one() {
    let (code, out, err) = eddyline(&["run", "memory", "--input", r#"{"topic": "rain"}"#]);
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "updates {\"remember\":{\"joke\":\"before: nothing\"}}\n"),
        "{err}"
    );
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    use std::process::Stdio;

    let mut command = Command::new(env!("CARGO_BIN_EXE_eddyline"));
    command.args(["run", "slow", "--input", r#"{"seconds": 0.05, "steps": 3}"#, "--stream", "custom"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn what_cannot_run_is_named_and_ends_with_a_code() {
    for (words, said) in [
        (&["run", "agent", "--input", "null"][..], "error[EMPTY_INPUT]: "),
        (&["run", "agnt"], "there is no graph `agnt`; there are agent, "),
        (&["run", "agent", "--input", "{topic"], "the input is not JSON"),
        (&["run", "agent", "--stream", "zzz"], "unknown stream mode `zzz`"),
        (&["run", "failing", "--input", r#"{"out": []}"#], "ValueError: boom"),
        (
            &["run", "agent", "--input", r#"{"topic": 5}"#],
            "node `refine_topic` cannot read its input: key `topic`",
        ),
    ] {
        let (code, _, err) = eddyline(words);
        assert!(code != Some(0) && err.contains(said), "{words:?} said {err}");
    }
}
