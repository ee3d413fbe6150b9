//! The cases: which are played in process, and which wait for what.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Cases that need no more than the engine.
const PLAYED: &[&str] = &[
    // Linear graphs, cycles, routing.
    "agent-updates",
    "agent-values",
    "agent-multi",
    "agent-no-mode",
    "agent-custom",
    "agent-stateless",
    "custom-custom",
    "custom-both",
    "bench-custom",
    "slow-custom",
    "router-l",
    "router-r",
    "bad-limit",
    "input-null",
    "config-context",
    // Checkpoints, tasks, debug.
    "agent-tasks",
    "agent-checkpoints",
    "agent-debug",
    "agent-twice",
    "loop-ends",
    "loop-limit",
    "private-values",
    "private-updates",
    // Failure and retry.
    "failing-updates",
    "flaky-updates",
    // Fan-out.
    "mapreduce-updates",
    "mapreduce-values",
    "mapreduce-tasks",
    "parallel-updates",
    "parallel-values",
    "parallel-tasks",
    // Interrupts, commands.
    "approval-resume",
    "approval-debug",
    "approval-tasks",
    "before-after",
    "command-goto",
    // Subgraphs.
    "nested-updates",
    "nested-updates-subgraphs",
    "nested-values",
    "nested-values-subgraphs",
    "nested-many-subgraphs",
    "nested-custom",
    "nested-custom-subgraphs",
    "nested-debug",
    "nested-debug-subgraphs",
    "nested-before",
    "deep-resume",
    // Messages.
    "agent-messages-tuple",
    "chat-messages",
    "chat-messages-tuple",
    "chat-updates",
    "chat-values",
    "chat-many",
    "chat-two-turns",
    "tools-messages",
    "tools-messages-tuple",
    "tools-updates",
    "tools-values",
    "tagged-messages",
    "tagged-messages-tuple",
    "tagged-updates",
    "tagged-values",
    // Events.
    "agent-events",
    "chat-events",
    "nested-events",
    "nested-events-subgraphs",
    // Durability.
    "durability",
    // States, by hand and of the past.
    "approvals-map",
    "update-state",
    "time-travel",
    "threads-empty-state",
    // Stopped while it is under way.
    "runs-cancel",
];

/// Cases that wait, and for what.
pub(crate) const WAITING: &[(&str, &[&str])] = &[
    (
        "waiting for a run, as the HTTP API does it",
        &["approval-wait", "failing-wait", "runs-wait", "threads-if-not-exists"],
    ),
    (
        "runs that nobody streams, and how they meet: join, multitask, batch",
        &["runs-background", "runs-batch", "runs-enqueue", "runs-interrupt", "runs-reject", "runs-rollback"],
    ),
    ("event ids, which the HTTP API makes", &["resume-mid", "runs-join-stream", "runs-resumable"]),
    ("the routes of threads", &["threads-copy-used", "threads-crud", "threads-exists", "threads-missing"]),
    ("the routes of assistants", &["assistants", "assistants-crud", "assistants-schemas"]),
    ("the routes of the store and of crons", &["crons-crud", "store", "store-filters"]),
    ("refusals by the HTTP API", &["bad-input"]),
];

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"))
}

/// What is played: every case, in the order of the file.
pub(crate) fn cases() -> Vec<Value> {
    match read(&folder().join("cases.json")) {
        Value::Array(cases) => cases,
        other => panic!("cases.json is a list, not {other}"),
    }
}

/// What the reference server answered to a case.
pub(crate) fn transcript(name: &str) -> Value {
    read(&folder().join("transcripts").join(format!("{name}.json")))
}

/// Whether a case needs no more than the engine.
pub(crate) fn is_played(case: &Value) -> bool {
    PLAYED.contains(&name(case))
}

/// The name of a case.
pub(crate) fn name(case: &Value) -> &str {
    case["name"].as_str().expect("a case has a name")
}

/// Every transcript by the name of its case.
#[cfg(test)]
pub(crate) fn transcripts() -> impl Iterator<Item = (String, Value)> {
    cases().into_iter().map(|case| (name(&case).to_owned(), transcript(name(&case))))
}

#[test]
fn every_case_is_played_or_waits_for_something() {
    let mut listed: Vec<&str> = PLAYED.to_vec();
    listed.extend(WAITING.iter().flat_map(|(_, names)| names.iter()));
    listed.sort_unstable();
    let cases = cases();
    let mut known: Vec<&str> = cases.iter().map(name).collect();
    known.sort_unstable();
    assert_eq!(listed, known);
}
