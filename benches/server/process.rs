//! Servers as processes of their own, and what the operating system says about them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A server that is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// The server of this project, over a folder. Returns when it says that it listens.
    pub(crate) fn eddyline(folder: &Path) -> Self {
        Self::eddyline_with(folder, &[])
    }

    /// The same, with these variables in its environment.
    pub(crate) fn eddyline_with(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eddyline"));
        command.env("EDDYLINE__HTTP__PORT", "0").envs(variables.iter().copied());
        Self::saying_where(command.arg("--data-dir").arg(folder))
    }

    /// This program again, as one of the servers in it.
    pub(crate) fn ourselves(role: &str, folder: &Path) -> Self {
        let program = std::env::current_exe().expect("a program knows where it is");
        let mut command = Command::new(program);
        command.arg(role).env("EDDYLINE__HTTP__PORT", "0").env("EDDYLINE__STORAGE__DATA_DIR", folder);
        Self::saying_where(&mut command)
    }

    /// A server that says on stderr which port it took.
    fn saying_where(command: &mut Command) -> Self {
        command.env("EDDYLINE__LOG__FORMAT", "json");
        // A settings file of whoever measures is none of its business.
        command.current_dir(env!("CARGO_TARGET_TMPDIR"));
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the server starts");
        let log = child.stderr.take().expect("stderr is a pipe");
        let mut lines = BufReader::new(log).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let (_, address) = line.split_once("\"address\":\"http://")?;
            address.split('"').next()?.parse().ok()
        });
        // A pipe that nobody reads fills up; what goes wrong is worth knowing.
        thread::spawn(move || {
            let wrong = lines.filter(|line| !line.contains("\"INFO\""));
            wrong.for_each(|line| eprintln!("{line}"));
        });
        Self { child, address: address.expect("the server says where it listens") }
    }

    /// A server that is told its port. Returns when it accepts connections.
    pub(crate) fn told_where(command: impl FnOnce(u16) -> Command) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("there is a free port");
        let mut command = command(address.port());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = Self { child: command.spawn().expect("the server starts"), address };
        let patience = Instant::now() + Duration::from_mins(1);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < patience, "{command:?} does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        started
    }

    /// Tells the server to end, and waits until it has.
    pub(crate) fn end(mut self) {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(kill.expect("there is a `kill`").success());
        assert!(self.child.wait().expect("the server ends").success(), "the server ended in an error");
    }

    /// The bytes of memory that are its own or shared, and in memory now.
    pub(crate) fn resident_bytes(&self) -> f64 {
        self.status("VmRSS:")
    }

    /// The most that they ever were.
    pub(crate) fn peak_bytes(&self) -> f64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> f64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("there is a line");
        first_number(line) * 1024.0
    }

    /// What it took of a core since it started, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        let tasks = format!("/proc/{}/task", self.child.id());
        let tasks = fs::read_dir(tasks).expect("Linux tells about tasks").flatten();
        tasks.map(|task| on_cpu(&task.path().join("schedstat"))).sum()
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("Linux tells about processes")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What this OS thread took of a core since it started, in seconds.
pub(crate) fn cpu_of_this_thread() -> f64 {
    on_cpu(Path::new("/proc/thread-self/schedstat"))
}

/// A task that ended meanwhile counts for nothing.
fn on_cpu(schedstat: &Path) -> f64 {
    fs::read_to_string(schedstat).map_or(0.0, |text| first_number(&text) / 1e9)
}

fn first_number(text: &str) -> f64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).expect("there is a number")
}

/// An empty folder that is removed with its value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the target folder can be written to");
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The bytes of the files in it.
    pub(crate) fn bytes(&self) -> f64 {
        let files = fs::read_dir(&self.0).expect("the folder is there").flatten();
        files.map(|file| file.metadata().map_or(0, |file| file.len()) as f64).sum()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
