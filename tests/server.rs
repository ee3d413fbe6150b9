//! The binary as a child process, on a port of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

use crate::http;

/// A server that runs until it is stopped or dropped.
pub(crate) struct Server {
    child: Child,
    url: String,
    /// What it has logged so far.
    log: Arc<Mutex<String>>,
    /// Removed with the server.
    own_folder: Option<PathBuf>,
}

/// The command, told nothing by the environment of the test.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eddyline"));
    let ours = |name: &str| {
        name.starts_with("EDDYLINE") || name.ends_with("_API_KEY") || name.ends_with("_BASE_URL")
    };
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    // A settings file of whoever runs the tests is none of their business.
    command.current_dir(env!("CARGO_TARGET_TMPDIR")).stdin(Stdio::null());
    command
}

impl Server {
    /// Starts a server over a folder of its own and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server over a folder of its own, with these variables in its environment.
    pub(crate) fn start_with(variables: &[(&str, &str)]) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let count = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("data-{}-{count}", std::process::id()));
        let mut server = Self::start_over_with(&folder, variables);
        server.own_folder = Some(folder);
        server
    }

    /// Starts a server over a folder that stays.
    pub(crate) fn start_over(folder: &Path) -> Self {
        Self::start_over_with(folder, &[])
    }

    /// The same, with these variables in its environment.
    pub(crate) fn start_over_with(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = command();
        command.envs(variables.iter().copied());
        command.args(["serve", "--port", "0", "--data-dir"]).arg(folder);
        Self::of(command)
    }

    /// The server that this command starts.
    pub(crate) fn of(mut command: Command) -> Self {
        command.env("EDDYLINE__LOG__FORMAT", "json").stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let log = child.stderr.take().expect("stderr is a pipe");
        let logged = Arc::<Mutex<String>>::default();
        let server = Self { child, url: address(log, logged.clone()), log: logged, own_folder: None };
        let answer = ureq::get(server.url("/ok")).call().expect("the server answers");
        assert_eq!(answer.status(), 200);
        server
    }

    /// A path of the server as a URL.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody panicked").clone()
    }

    /// The folder that goes with it.
    pub(crate) fn folder(&self) -> &Path {
        self.own_folder.as_deref().expect("it was started over a folder of its own")
    }

    /// The most bytes of memory that it ever had.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("there is a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Tells the server to end (SIGTERM), as a service manager does.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh runs").success());
    }

    /// Ends the server at once (SIGKILL): nothing in it hears of it.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the child runs");
        self.child.wait().expect("the child can be waited for");
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("the child can be waited for")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(folder) = &self.own_folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// Reads the log up to the line that tells the address, and goes on reading so that the pipe never fills.
fn address(log: ChildStderr, logged: Arc<Mutex<String>>) -> String {
    let keep = move |line: &str| {
        eprintln!("server: {line}");
        logged.lock().expect("nobody panicked").extend([line, "\n"]);
    };
    let mut lines = BufReader::new(log).lines();
    let address = loop {
        let line = lines.next().expect("the server said where it listens before it ended").expect("UTF-8");
        keep(&line);
        let line: serde_json::Value = serde_json::from_str(&line).expect("a line of the log is JSON");
        if line["fields"]["message"] == "listening" {
            break line["fields"]["address"].as_str().expect("the address is a text").to_owned();
        }
    };
    thread::spawn(move || lines.map_while(Result::ok).for_each(|line| keep(&line)));
    address
}

fn refused(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = command().args(arguments).output().expect("the binary starts");
    assert!(!status.success() && stdout.is_empty(), "{arguments:?} were taken");
    String::from_utf8(stderr).expect("UTF-8")
}

#[test]
fn an_address_that_other_machines_reach_is_refused() {
    let said = refused(&["serve", "--host", "0.0.0.0"]);
    assert!(said.contains("other machines can reach 0.0.0.0") && said.contains("--allow-remote"), "{said}");
}

#[test]
fn what_is_wrong_with_the_settings_is_said() {
    let said = refused(&["--config", "no-such-file.toml"]);
    assert!(said.contains("no-such-file.toml"), "{said}");
    let said = refused(&["--host", "nowhere"]);
    assert!(said.contains("setting `http.host` is an IP address or `localhost`, not `nowhere`"), "{said}");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let said = refused(&["--port", &port.to_string()]);
    assert!(said.starts_with("error[ADDRESS_UNAVAILABLE]: "), "{said}");
    assert!(said.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{said}");
    assert!(said.contains("choose another port with --port"), "{said}");
    let said = refused(&["--port", &port.to_string(), "--log-format", "json"]);
    let line: serde_json::Value = serde_json::from_str(said.trim()).expect("one line of JSON");
    assert_eq!((&line["level"], &line["fields"]["code"]), (&json!("ERROR"), &json!("ADDRESS_UNAVAILABLE")));
}

#[test]
fn what_is_wrong_with_the_log_is_said_once() {
    let said = refused(&["--log-level", "loud"]);
    assert!(said.starts_with("error[LOG_LEVEL]: ") && said.matches("expected one of").count() == 1, "{said}");
}

#[test]
fn what_is_no_data_folder_of_ours_is_left_alone() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("foreign-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("eddyline.db");
    std::fs::write(&file, "no database at all").expect("a file");
    let refused_over = |place: &Path| refused(&["--port", "0", "--data-dir", place.to_str().expect("UTF-8")]);
    let said = refused_over(&file);
    assert!(said.contains("error[DATA_FOLDER_NOT_A_FOLDER]") && said.contains("is not a folder"), "{said}");
    let said = refused_over(&folder);
    assert!(said.contains("error[DATABASE_FOREIGN]") && said.contains("eddyline.db"), "{said}");
    assert_eq!(std::fs::read(&file).expect("the file"), b"no database at all");
    std::fs::remove_dir_all(folder).expect("the folder is there");
}

#[cfg(unix)]
#[test]
fn a_second_signal_cuts_runs_off_and_says_so() {
    let server = Server::start();
    let nap = json!({"assistant_id": "slow", "input": {"seconds": 20, "steps": 1}, "stream_mode": "custom"});
    let stream = http::post(&server, "/runs/stream", &nap).into_body().into_reader();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "event: metadata"));
    // Two kinds, so that the one is not taken for the other.
    server.terminate();
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(1));
}

#[cfg(unix)]
#[test]
fn a_second_signal_to_a_server_without_runs_is_no_failure() {
    let server = Server::start();
    server.terminate();
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn sigterm_ends_streams_and_then_the_server_with_exit_code_0() {
    let server = Server::start();
    let nap = json!({"assistant_id": "slow", "input": {"seconds": 0.2, "steps": 5}, "stream_mode": "custom"});
    let stream = http::post(&server, "/runs/stream", &nap).into_body().into_reader();
    // It breaks off in the end: the run reaches a commit, and goes on with the next start.
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "event: custom"));
    server.terminate();
    assert_eq!(
        lines.filter(|line| line == "event: custom").count(),
        4,
        "the node under way is told to its end"
    );
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn why_a_run_failed_is_in_the_log_alone() {
    let mut command = command();
    command.args(["serve", "--port", "0", "--memory"]).env("EDDYLINE__LOG__FORMAT", "json");
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary starts");
    let lines = BufReader::new(child.stderr.take().expect("stderr is a pipe")).lines();
    let mut lines =
        lines.map(|line| serde_json::from_str::<serde_json::Value>(&line.expect("UTF-8")).expect("JSON"));
    let listening = lines.find(|line| line["fields"]["message"] == "listening").expect("it listens");
    let url = listening["fields"]["address"].as_str().expect("a text").to_owned();
    let run = json!({"assistant_id": "slow", "input": {"seconds": -1}});
    let told = ureq::post(format!("{url}/runs/wait")).content_type("application/json").send(run.to_string());
    let told = http::text(told.expect("it answers"));
    let failed = lines.find(|line| line["fields"]["message"] == "a run failed").expect("it is said");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let fields = &failed["fields"];
    assert_eq!((&fields["code"], &fields["class"]), (&json!("NODE_FAILED"), &json!("TryFromFloatSecsError")));
    let why = fields["cause"].as_str().expect("a text");
    assert!(why.contains("negative") && !told.contains(why), "{why} {told}");
}

#[test]
fn a_langgraph_json_is_taken_over_as_far_as_it_means_something() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("langgraph-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("langgraph.json");
    let said = r#"{
        "dependencies": ["."], "env": {"OPENAI_API_KEY": "canary"}, "http": {"app": "./app.py:app"},
        "graphs": {"agent": "./agent.py:graph", "mine": "./mine.py:graph"}
    }"#;
    std::fs::write(&file, said).unwrap();
    let mut command = command();
    command.args(["serve", "--port", "0", "--memory", "--langgraph"]).arg(&file);
    let server = Server::of(command);
    let found = http::read(http::post(&server, "/assistants/search", &json!({})));
    let graphs: Vec<_> = found.as_array().unwrap().iter().map(|found| &found["graph_id"]).collect();
    assert_eq!(graphs, ["agent"]);
    let log = server.log();
    assert!(log.contains("mine (./mine.py:graph)") && log.contains("http.app"), "{log}");
    assert!(!log.contains("canary") && !log.contains("\"OPENAI_API_KEY"), "{log}");

    std::fs::write(&file, r#"{"graphs": {"mine": "./mine.py:graph"}}"#).unwrap();
    let refused = self::command().args(["serve", "--langgraph"]).arg(&file).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("LANGGRAPH_JSON"));
    std::fs::remove_dir_all(folder).unwrap();
}
