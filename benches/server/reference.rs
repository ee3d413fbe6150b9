//! The server that is measured against: `langgraph dev`, in an environment of its own under the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Folder, Process};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/reference");

/// An environment that has what `requirements.txt` pins.
pub(crate) struct Environment(PathBuf);

impl Environment {
    /// Makes it, which needs Python with `venv` and the network, unless it is there already.
    pub(crate) fn new() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the folder is inside another");
        let environment = Self(target.join("bench-reference"));
        let requirements = Path::new(HERE).join("requirements.txt");
        let pinned = fs::read_to_string(&requirements).expect("the pins are there");
        let installed = environment.0.join("installed.txt");
        if fs::read_to_string(&installed).is_ok_and(|installed| installed == pinned) {
            return environment;
        }
        eprintln!("making {}", environment.0.display());
        output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment.0));
        let mut pip = environment.command("python");
        output(pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements));
        fs::write(&installed, pinned).expect("the environment can be written to");
        environment
    }

    /// Starts the server, with its files in `folder`.
    pub(crate) fn serve(&self, folder: &Folder) -> Process {
        for file in ["graphs.py", "langgraph.json"] {
            fs::copy(Path::new(HERE).join(file), folder.path().join(file))
                .expect("the folder can be written to");
        }
        Process::told_where(|port| {
            let mut command = self.command("langgraph");
            command.args(["dev", "--no-browser", "--no-reload", "--server-log-level", "error", "--port"]);
            command.arg(port.to_string()).current_dir(folder.path());
            command
        })
    }

    /// What a script beside the graphs prints: a number.
    pub(crate) fn figure(&self, script: &str, arguments: &[String]) -> f64 {
        let printed = output(self.command("python").arg(Path::new(HERE).join(script)).args(arguments));
        printed.trim().parse().expect("the script prints a number")
    }

    /// A program of the environment, which tells nobody about its use and leaves nothing beside its source.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.0.join("bin").join(program));
        command.env("LANGSMITH_TRACING", "false").env("LANGGRAPH_CLI_NO_ANALYTICS", "1");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
