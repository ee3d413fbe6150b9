//! The Python clients: `langgraph-sdk`, and `RemoteGraph` of `langgraph`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use super::{Script, or_skip, python, scripts};
use crate::server::Server;

/// The interpreter of an environment that has what `requirements.txt` pins, or why there is none.
static PYTHON: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let pins = scripts("python").join("requirements.txt");
    Ok(python("python", &pins)?.join("bin/python"))
});

pub(super) fn script(name: &str) -> Option<Script> {
    let mut runner = Command::new(or_skip("Python client", &PYTHON)?);
    // Bytecode would lie beside the scripts, and traces would leave the machine.
    runner.arg("-B").env("LANGSMITH_TRACING", "false");
    Some(Script { runner, path: scripts("python").join(name), begins: "def test_", tells: "Ran " })
}

fn check(name: &str) {
    let Some(script) = script(name) else { return };
    script.check(&Server::start().url(""));
}

#[test]
fn every_example_of_the_guides_holds() {
    check("guides.py");
}

#[test]
fn runs() {
    check("runs.py");
}

#[test]
fn threads_and_assistants() {
    check("threads.py");
}

#[test]
fn threads_in_number() {
    check("many_threads.py");
}

#[test]
fn the_store() {
    check("store.py");
}

#[test]
fn crons() {
    check("crons.py");
}

#[test]
fn assistants_of_ones_own() {
    check("assistants.py");
}

#[test]
fn agents() {
    check("agents.py");
}

#[test]
fn the_client_that_blocks() {
    check("blocking.py");
}

#[test]
fn the_streaming_protocol_over_sse() {
    check_protocol("sse");
}

#[test]
fn the_streaming_protocol_over_a_websocket() {
    check_protocol("websocket");
}

fn check_protocol(transport: &str) {
    let Some(mut script) = script("protocol.py") else { return };
    script.runner.env("EDDYLINE_TRANSPORT", transport);
    script.check(&Server::start().url(""));
}

#[test]
fn remote_graphs() {
    check("remote_graph.py");
}

#[test]
fn a_stream_that_breaks_is_taken_up_again() {
    let Some(script) = script("broken.py") else { return };
    // With and without `async`, with and without a thread.
    script.check_over_breaks(4);
}

#[test]
fn a_stream_goes_on_after_a_crash_of_the_server() {
    let Some(script) = script("crashed.py") else { return };
    script.check_over_a_crash();
}
