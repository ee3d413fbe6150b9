//! Clients of other protocols: the Model Context Protocol, and A2A.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use super::{Script, or_skip, python, scripts};
use crate::server::Server;

static PYTHON: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let pins = scripts("others").join("requirements.txt");
    Ok(python("others", &pins)?.join("bin/python"))
});

fn check(name: &str) {
    let Some(python) = or_skip("client of other protocols", &PYTHON) else { return };
    let mut runner = Command::new(python);
    runner.arg("-B");
    let script = Script { runner, path: scripts("others").join(name), begins: "def test_", tells: "Ran " };
    script.check(&Server::start().url(""));
}

#[test]
fn assistants_are_agents() {
    check("agents.py");
}

#[test]
fn assistants_are_tools() {
    check("tools.py");
}
