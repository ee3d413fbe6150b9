//! Chat frontends in Chromium: hooks of React for the API, in a page that they are bundled into.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use super::{Script, node, or_skip};
use crate::server::Server;

/// A folder with the pages, the scripts that use them, and the packages that both need; or why there is none.
static FOLDER: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| node("browser"));

/// The browser: that of the variable `CHROMIUM`, or one that is installed.
fn chromium() -> Option<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM") {
        return Some(path.into());
    }
    let folders = env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    env::split_paths(&folders)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|path| path.is_file())
}

fn check(name: &str, transport: &str) {
    // Nobody needs a browser to work on the project, and not every machine has one for its gate.
    let Some(chromium) = chromium() else { return eprintln!("SKIPPED: no Chromium, nor any in CHROMIUM") };
    let Some(folder) = or_skip("packages of the browser", &FOLDER) else { return };
    let mut runner = Command::new("node");
    runner.arg("--test-reporter=tap").env("CHROMIUM", chromium).env("EDDYLINE_TRANSPORT", transport);
    let script = Script { runner, path: folder.join(name), begins: "\ntest(", tells: "# pass " };
    script.check(&Server::start().url(""));
}

#[test]
fn a_chat_by_the_api_of_runs() {
    check("chat.js", "");
}

#[test]
fn a_chat_by_the_streaming_protocol_over_sse() {
    check("protocol.js", "sse");
}

#[test]
fn a_chat_by_the_streaming_protocol_over_a_websocket() {
    check("protocol.js", "websocket");
}
