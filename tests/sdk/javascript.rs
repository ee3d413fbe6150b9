//! The JavaScript client: `@langchain/langgraph-sdk`, in the newest version and in the line that has the streaming protocol.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use super::{Script, node, or_skip};
use crate::server::Server;

/// A folder with the scripts and, beside them, the packages that they need; or why there is none.
static FOLDER: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| node("javascript"));

pub(super) fn script(name: &str) -> Option<Script> {
    let path = or_skip("JavaScript client", &FOLDER)?.join(name);
    let mut runner = Command::new("node");
    runner.arg("--test-reporter=tap");
    Some(Script { runner, path, begins: "\ntest(", tells: "# pass " })
}

fn check(name: &str) {
    let Some(script) = script(name) else { return };
    script.check(&Server::start().url(""));
}

#[test]
fn every_example_of_the_guides_holds() {
    check("guides.js");
}

#[test]
fn runs() {
    check("runs.js");
}

#[test]
fn threads_and_assistants() {
    check("threads.js");
}

#[test]
fn crons() {
    check("crons.js");
}

#[test]
fn the_streaming_protocol() {
    let Some(mut script) = script("streams.js") else { return };
    // Newer ones have WebSockets without being told.
    script.runner.arg("--experimental-websocket");
    script.check(&Server::start().url(""));
}

#[test]
fn a_stream_that_breaks_is_taken_up_again() {
    let Some(script) = script("broken.js") else { return };
    // With and without a thread.
    script.check_over_breaks(2);
}

#[test]
fn a_stream_goes_on_after_a_crash_of_the_server() {
    let Some(script) = script("crashed.js") else { return };
    script.check_over_a_crash();
}
