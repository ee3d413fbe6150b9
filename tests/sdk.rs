//! The official Python client against the binary.
//!
//! Makes a virtual environment under the target directory. Where that cannot be done the test says so and
//! passes, so that nobody needs Python to work on the project; with `CI=true` it fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::Server;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/python");

/// The Python of an environment that has what `requirements.txt` pins, or why there is none.
fn python() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the directory is inside another");
    let environment = target.join("sdk-python");
    let python = environment.join("bin/python");
    let requirements = Path::new(HERE).join("requirements.txt");
    let pinned = fs::read_to_string(&requirements).expect("the pins are there");
    let installed = environment.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == pinned) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements))?;
    fs::write(&installed, pinned).expect("the environment can be written to");
    Ok(python)
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// What a script prints when it is given the address of a fresh server.
fn printed_by(script: &str) -> Option<String> {
    let python = match python() {
        Ok(python) => python,
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no Python client: {why}"),
        Err(why) => {
            eprintln!("SKIPPED: no Python client: {why}");
            return None;
        }
    };
    let server = Server::start();
    let script = Path::new(HERE).join(script);
    Some(run(Command::new(python).arg(script).arg(server.url(""))).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn the_guide_prints_what_it_says() {
    let Some(printed) = printed_by("guide_updates.py") else { return };
    let lines: Vec<&str> = printed.lines().collect();
    // On a thread, and then without one.
    assert_eq!(lines.len(), 6, "{printed}");
    for lines in lines.chunks(3) {
        let run_id =
            lines[0].strip_prefix("{'run_id': '").and_then(|rest| rest.strip_suffix("', 'attempt': 1}"));
        assert!(run_id.is_some_and(|id| id.len() == 36), "{printed}");
        assert_eq!(lines[1], "{'refine_topic': {'topic': 'ice cream and cats'}}");
        assert_eq!(lines[2], "{'generate_joke': {'joke': 'This is a joke about ice cream and cats'}}");
    }
}

/// The examples of both guides, each with what it has to print.
#[test]
fn every_example_of_the_guides_holds() {
    let Some(printed) = printed_by("guides.py") else { return };
    let script = fs::read_to_string(Path::new(HERE).join("guides.py")).expect("the script is there");
    let examples = script.lines().filter_map(|line| line.strip_prefix("    Guide.")?.strip_suffix(','));
    let examples: Vec<&str> = examples.collect();
    assert!(examples.len() >= 14, "{examples:?}");
    assert_eq!(printed.lines().collect::<Vec<_>>(), examples);
}
