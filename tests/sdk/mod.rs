//! The official clients against the binary: those for Python and JavaScript, `RemoteGraph`, and curl.
//!
//! What they need is made under the target directory, pinned. Where that cannot be done a test says so and passes,
//! so that nobody needs Python or Node to work on the project; with `CI=true` it fails.

mod browser;
mod curl;
mod javascript;
mod methods;
mod network;
mod others;
mod python;
mod schemathesis;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, thread};

use self::network::Network;
use crate::server::Server;

/// Where the scripts of a client are.
fn scripts(client: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(client)
}

/// A folder under the target directory in which everything is installed that `pins` names.
fn environment(
    client: &str,
    pins: &Path,
    install: impl FnOnce(&Path) -> Result<[String; 2], String>,
) -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the directory is inside another");
    let folder = target.join(format!("sdk-{client}"));
    let pins = fs::read_to_string(pins).expect("the pins are there");
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == pins) {
        return Ok(folder);
    }
    // What is there of another time is no part of this one.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target directory can be written to");
    install(&folder)?;
    fs::write(&installed, pins).expect("the environment can be written to");
    Ok(folder)
}

/// The same for Python: a folder with an interpreter that has what `pins` names.
fn python(client: &str, pins: &Path) -> Result<PathBuf, String> {
    environment(client, pins, |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--requirement"];
        run(Command::new(folder.join("bin/python")).args(pip).arg(pins))
    })
}

/// The same for Node: a folder with the packages that `package-lock.json` pins and, beside them, the scripts. Node looks for
/// packages beside the script that asks, and nowhere else.
fn node(client: &str) -> Result<PathBuf, String> {
    let copy = |folder: &Path| {
        for entry in fs::read_dir(scripts(client)).expect("the scripts are there") {
            let file = entry.expect("an entry can be read").path();
            fs::copy(&file, folder.join(file.file_name().expect("a file has a name")))
                .expect("a file can be copied");
        }
    };
    let folder = environment(client, &scripts(client).join("package-lock.json"), |folder| {
        copy(folder);
        run(Command::new("npm").args(["ci", "--ignore-scripts"]).current_dir(folder))
    })?;
    copy(&folder);
    Ok(folder)
}

/// What a client was made of, or `None` where it is missing and may be.
fn or_skip<T: Clone>(client: &str, made: &Result<T, String>) -> Option<T> {
    match made {
        Ok(made) => Some(made.clone()),
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no {client}: {why}"),
        Err(why) => {
            eprintln!("SKIPPED: no {client}: {why}");
            None
        }
    }
}

/// What a command prints, on standard output and on standard error.
fn run(command: &mut Command) -> Result<[String; 2], String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if output.status.success() {
        return Ok(printed);
    }
    Err(format!("{command:?}: {}\n{}", output.status, printed.concat()))
}

/// A script of tests for a client that there is.
struct Script {
    runner: Command,
    path: PathBuf,
    /// How a test begins in the source.
    begins: &'static str,
    /// What stands before the number of tests in the report.
    tells: &'static str,
}

impl Script {
    /// Runs the tests against the server at `url`: all of them hold, and as many ran as the source has.
    ///
    /// Gives back what they printed.
    fn check(mut self, url: &str) -> String {
        let source = fs::read_to_string(&self.path).expect("the script is there");
        let tests = source.matches(self.begins).count();
        let printed = run(self.runner.arg(&self.path).env("EDDYLINE_URL", url));
        let report = printed.unwrap_or_else(|error| panic!("{error}")).concat();
        let ran =
            report.lines().find_map(|line| line.strip_prefix(self.tells)?.split(' ').next()?.parse().ok());
        assert!(tests > 0 && ran == Some(tests), "{tests} tests were to run\n{report}");
        report
    }

    /// The same while connections break, that many of them.
    fn check_over_breaks(self, breaks: usize) {
        let server = Server::start();
        let network = Network::before(&server);
        self.check(&network.url());
        assert_eq!(network.broken(), breaks);
    }

    /// The same while the server is killed in the middle of the first stream, and started again.
    fn check_over_a_crash(self) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{}", std::process::id()));
        let folder = folder.with_extension(self.path.extension().expect("a script has one"));
        let mut server = Server::start_over(&folder);
        let network = Network::before(&server);
        let url = network.url();
        let client = thread::spawn(move || self.check(&url));
        if network.breaks() {
            server.kill();
            server = Server::start_over(&folder);
            network.lead_to(&server);
        }
        client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        drop(server);
        fs::remove_dir_all(&folder).expect("the folder is there");
    }
}
