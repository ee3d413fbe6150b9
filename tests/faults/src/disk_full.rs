//! A server whose disk is full: it lives, what finds no room ends in an error, and once there is room
//! everything works again.
//!
//! The disk is full when the operating system lets the process write no file beyond a size (`RLIMIT_FSIZE`),
//! which needs no rights and can be taken back.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::bulk::GRAPH;
use crate::child::{Child, Client, Program, data, document};
use crate::random::Random;
use crate::sqlite;

/// Bytes of a run that finds room as long as there is any.
const LITTLE: u64 = 10;

/// Bytes that are left on the disk at least, and twice as many at most.
const ROOM: u64 = 384 << 10;

/// Bytes of a run that finds none, and twice as many at most.
const MUCH: u64 = 1 << 20;

/// In a file of so many bytes there is no room for anything.
const NOTHING: u64 = 4 << 10;

/// How often a run that is refused is asked for again, and after how long.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    disks_filled: u64,
    /// Runs that found no room, by the error that their clients were told of.
    failed: BTreeMap<String, u64>,
    /// Of these, those whose records said so at once.
    recorded: u64,
    /// Requests that were refused when there was no room at all.
    refused: u64,
    /// Runs beside those that failed, and after there was room again.
    succeeded: u64,
    broken: Vec<String>,
    corrupted_files: u64,
}

impl Figures {
    /// Whether the server did what can be done on a full disk.
    pub fn hold(&self) -> bool {
        let is_full = self.disks_filled > 0 && self.refused == 2 * self.disks_filled;
        is_full && self.recorded == self.disks_filled && self.broken.is_empty() && self.corrupted_files == 0
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "disks filled, while the process lived: {}", self.disks_filled)?;
        writeln!(f, "runs that found no room and ended in an error: {:?}", self.failed)?;
        writeln!(f, "of these, recorded with their cause at once: {}", self.recorded)?;
        writeln!(f, "requests refused without any room: {}", self.refused)?;
        writeln!(f, "runs that found room, beside these and afterwards: {}", self.succeeded)?;
        writeln!(f, "corrupted files: {}", self.corrupted_files)?;
        writeln!(f, "what did not work: {}", self.broken.len())?;
        self.broken.iter().try_for_each(|broken| writeln!(f, "{broken}"))
    }
}

/// Fills the disks of so many servers, each over an empty folder below `folder`.
///
/// Fails when the server dies; what else it did wrong is in the figures. Needs the command `prlimit` of Linux.
pub fn run(program: &Program, folder: &Path, count: u64, seed: u64) -> Result<Figures> {
    let mut random = Random::new(seed);
    let mut figures = Figures::default();
    for nth in 0..count {
        let folder = folder.join(nth.to_string());
        fs::create_dir_all(&folder)?;
        let child = Child::start_limited(program, &folder)?;
        let thread = fill(&child, &data(&folder), &mut random, &mut figures)?;
        child.kill()?;
        if let Err(error) = sqlite::check_integrity(&data(&folder)) {
            figures.corrupted_files += 1;
            figures.broken.push(format!("{error:#}"));
        }
        let child = Child::start(program, &folder)?;
        let same = thread.has_little(&child.client())?;
        figures.expect(same, "a thread is as it was before the process was killed");
    }
    Ok(figures)
}

/// Fills the disk and makes room again; the thread had its runs before, meanwhile and afterwards.
fn fill(child: &Child, data: &Path, random: &mut Random, figures: &mut Figures) -> Result<Thread> {
    let client = child.client();
    let (hungry, modest) = (Thread::new(&client)?, Thread::new(&client)?);
    figures.succeed(&modest.run(&client, LITTLE)?, "before");

    child.limit_files(Some(largest(data)? + ROOM + random.below(ROOM)))?;
    let told = hungry.run(&client, MUCH + random.below(MUCH))?;
    if let Told::Failure(error) = told {
        *figures.failed.entry(error).or_default() += 1;
    }
    figures.recorded += u64::from(hungry.says_it_failed(&client)?);
    figures.succeed(&modest.run(&client, LITTLE)?, "beside one that found no room");

    child.limit_files(Some(NOTHING))?;
    for thread in [&modest, &hungry] {
        let told = thread.run(&client, LITTLE)?;
        figures.refused += u64::from(matches!(told, Told::Refused));
        figures.expect(!matches!(told, Told::Success), "a run without any room does not succeed");
    }
    client.get("/ok").context("the process is gone")?;
    figures.expect(modest.has_little(&client)?, "a thread is read without any room");

    child.limit_files(None)?;
    for thread in [&modest, &hungry] {
        figures.succeed(&thread.run(&client, LITTLE)?, "once there is room");
        figures.expect(thread.is_at_rest(&client)?, "all runs have ended");
    }
    figures.disks_filled += 1;
    Ok(modest)
}

impl Figures {
    fn succeed(&mut self, told: &Told, when: &str) {
        self.succeeded += u64::from(matches!(told, Told::Success));
        self.expect(matches!(told, Told::Success), &format!("a run succeeds {when}: {told:?}"));
    }

    fn expect(&mut self, holds: bool, what: &str) {
        if !holds {
            self.broken.push(format!("it does not hold that {what}"));
        }
    }
}

/// What a client was told of a run.
#[derive(Debug)]
enum Told {
    Success,
    /// It failed with such an error.
    Failure(String),
    /// It was not started, however often it was asked for.
    Refused,
}

/// A thread by its path.
struct Thread(String);

impl Thread {
    fn new(client: &Client) -> Result<Self> {
        let thread = document(client.post("/threads", &json!({}))?)?;
        Ok(Self(format!("/threads/{}", thread["thread_id"].as_str().context("a thread has an id")?)))
    }

    /// Runs something that leaves so many bytes. A thread that just failed may have to be asked again.
    fn run(&self, client: &Client, bytes: u64) -> Result<Told> {
        let order =
            json!({"assistant_id": GRAPH, "input": {"bytes": bytes}, "multitask_strategy": "enqueue"});
        for _ in 0..ATTEMPTS {
            let answer = client.post(&format!("{}/runs/wait", self.0), &order)?;
            if answer.status().as_u16() == 503 {
                thread::sleep(PAUSE);
                continue;
            }
            let values = document(answer)?;
            let error = values["__error__"]["error"].as_str();
            return Ok(error.map_or(Told::Success, |error| Told::Failure(error.to_owned())));
        }
        Ok(Told::Refused)
    }

    fn runs(&self, client: &Client) -> Result<Vec<Value>> {
        let runs = client.get(&format!("{}/runs?limit=100", self.0))?;
        Ok(runs.as_array().cloned().unwrap_or_default())
    }

    /// Whether its newest run and its record say that storage failed.
    fn says_it_failed(&self, client: &Client) -> Result<bool> {
        let run = self.runs(client)?.into_iter().next().context("there is a run")?;
        let error = client.get(&self.0)?["error"]["error"].clone();
        Ok(run["status"] == "error" && error == "StorageError")
    }

    fn is_at_rest(&self, client: &Client) -> Result<bool> {
        let ended = |run: &Value| run["status"] == "success" || run["status"] == "error";
        Ok(self.runs(client)?.iter().all(ended) && client.get(&self.0)?["status"] == "idle")
    }

    fn has_little(&self, client: &Client) -> Result<bool> {
        let expected = "x".repeat(usize::try_from(LITTLE)?);
        Ok(client.get(&self.0)?["values"]["text"] == *expected)
    }
}

/// Bytes of the largest file.
fn largest(data: &Path) -> Result<u64> {
    let database = fs::metadata(sqlite::file(data))?.len();
    let log = fs::metadata(sqlite::log_file(data)).map_or(0, |log| log.len());
    Ok(database.max(log))
}
