//! A server as a child process, and how to ask it things.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use eddyline::{Server, Settings};
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::bulk;
use crate::journey::{self, SideFile, World};
use crate::storm::graph as talk;

/// How long a node takes at least.
const PACE: Duration = Duration::from_millis(1);

/// How much is kept of what happens on a thread: nobody who reads it comes too late.
const KEPT: i64 = 1 << 28;

/// An answer that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The command of this package: it is its own child.
#[derive(Clone, Debug)]
pub struct Program(PathBuf);

impl Program {
    /// The command lies there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// How it serves a folder.
    fn serve(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.arg("serve").arg(folder);
        command
    }

    /// As [`serve`](Self::serve); the process is not ended by a file that becomes too large, but told.
    fn serve_limited(&self, folder: &Path) -> Command {
        let mut command = Command::new("sh");
        // What a shell ignores, the program that takes its place ignores too.
        command.args(["-c", r#"trap "" XFSZ; exec "$0" serve "$1""#]).arg(&self.0).arg(folder);
        command
    }
}

/// What a child does: serves the graphs of the recipes over `folder` until it is ended.
pub fn serve(folder: &Path) -> Result<()> {
    let settings = Settings::loader()
        .set("http.port", 0)
        .set("storage.data_dir", data(folder).display().to_string())
        .set("streams.kept_bytes", KEPT)
        .set("log.format", "json")
        .set("log.level", "warn,eddyline::server=info")
        .load()?;
    let world: Arc<dyn World> = Arc::new(SideFile::open(&side_file(folder))?);
    Server::new(settings)
        .graph(journey::GRAPH, journey::graph(&world, PACE)?)
        .graph(bulk::GRAPH, bulk::graph()?)
        .graph(talk::GRAPH, talk::graph()?)
        .run()?;
    Ok(())
}

/// Where the server keeps what it does.
pub(crate) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Where the nodes leave their traces.
pub(crate) fn side_file(folder: &Path) -> PathBuf {
    folder.join("nodes.txt")
}

/// A server that runs until it is killed or dropped.
pub(crate) struct Child {
    process: std::process::Child,
    address: String,
    started: Instant,
    /// From its start to its first answer.
    pub(crate) first_answer: Duration,
}

impl Child {
    /// Starts a server over the folder and waits for its first answer.
    pub(crate) fn start(program: &Program, folder: &Path) -> Result<Self> {
        Self::spawn(program.serve(folder))
    }

    /// As [`start`](Self::start), ready for [`limit_files`](Self::limit_files).
    pub(crate) fn start_limited(program: &Program, folder: &Path) -> Result<Self> {
        Self::spawn(program.serve_limited(folder))
    }

    /// From now on it can write no file beyond so many bytes.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let pid = self.process.id().to_string();
        let mut command = Command::new("prlimit");
        command.args(["--pid", &pid, &format!("--fsize={limit}:unlimited")]);
        ensure!(command.status().context("`prlimit` is there")?.success(), "the limit is refused");
        Ok(())
    }

    fn spawn(mut command: Command) -> Result<Self> {
        let started = Instant::now();
        let mut process = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let log = process.stderr.take().context("the log is a pipe")?;
        let mut child = Self { process, address: String::new(), started, first_answer: Duration::ZERO };
        child.address = address(log)?;
        child.client().get("/ok")?;
        child.first_answer = started.elapsed();
        Ok(child)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.address.trim_start_matches("http://").parse()?)
    }

    /// How long ago it was started.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// A client with connections of its own.
    pub(crate) fn client(&self) -> Client {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        Client { agent: config.build().new_agent(), address: self.address.clone() }
    }

    /// Ends it at once (SIGKILL): nothing in it hears of it.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the log up to the line that tells the address, and goes on reading so that the pipe never fills.
fn address(log: ChildStderr) -> Result<String> {
    let mut lines = BufReader::new(log).lines();
    let address = loop {
        let line = lines.next().context("the server ended before it listened")??;
        let Ok(read) = serde_json::from_str::<Value>(&line) else { bail!("the server says: {line}") };
        if let Some(address) = read["fields"]["address"].as_str() {
            break address.to_owned();
        }
    };
    thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("server: {line}")));
    Ok(address)
}

/// Asks a server.
pub(crate) struct Client {
    agent: Agent,
    address: String,
}

impl Client {
    /// The document at a path.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        let answer = self.agent.get(format!("{}{path}", self.address)).call()?;
        document(answer).with_context(|| format!("GET {path}"))
    }

    /// The events at a path behind the one of that id, as they come.
    pub(crate) fn stream(&self, path: &str, last_event_id: &str) -> Result<Response<Body>> {
        let get = self.agent.get(format!("{}{path}", self.address)).header("last-event-id", last_event_id);
        Ok(get.call()?)
    }

    /// The answer to a document; its body may still be on its way.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Response<Body>> {
        let post = self.agent.post(format!("{}{path}", self.address)).content_type("application/json");
        Ok(post.send(body.to_string())?)
    }
}

/// The document that an answer brings.
pub(crate) fn document(mut answer: Response<Body>) -> Result<Value> {
    let (status, text) = (answer.status(), answer.body_mut().read_to_string()?);
    ensure!(status.is_success(), "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}
