//! A client that reads the events of a run, hangs up after a few of them, and comes back with the last id that it has.

use std::io::{BufRead as _, BufReader};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::child::{Child, Client};
use crate::random::Random;

/// A client hangs up after so many events at most.
const MOST: u64 = 50;

/// How long a client waits before it tries again to reach a server that is away.
const PAUSE: Duration = Duration::from_millis(5);

/// A server that has too much to do may say so; a client comes again.
const BUSY: [u16; 2] = [408, 503];

/// A run that is not over by then never is.
const PATIENCE: Duration = Duration::from_mins(30);

/// An event as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) data: String,
}

impl Event {
    /// The stream of a thread says at the end of a run that it is done, which the run's own stream does not.
    fn is_of_thread(&self) -> bool {
        self.name == "metadata" && self.data.contains("run_done")
    }
}

/// Where clients find the server, which is not always there.
pub(super) type Place = Mutex<Option<Child>>;

pub(super) fn client(place: &Place) -> Option<Client> {
    place.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Child::client)
}

/// What is read, and by what it is known to be over.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) thread: String,
    pub(super) run: String,
    /// The stream of the whole thread, and not that of the run.
    pub(super) whole: bool,
}

impl Source {
    fn stream(&self) -> String {
        let Self { thread, run, whole } = self;
        if *whole {
            format!("/threads/{thread}/stream")
        } else {
            format!("/threads/{thread}/runs/{run}/stream")
        }
    }

    fn is_over(&self, client: &Client) -> Result<bool> {
        let run = client.get(&format!("/threads/{}/runs/{}", self.thread, self.run))?;
        let status = run["status"].as_str().context("a run has a status")?;
        ensure!(matches!(status, "pending" | "running" | "success"), "the run has ended as {run}");
        Ok(status == "success")
    }
}

/// What one client has seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) events: Vec<Event>,
    /// How often it hung up.
    pub(super) cuts: u64,
    /// How often the server did.
    pub(super) lost: u64,
}

/// How a stream came to its end.
enum End {
    Cut,
    Lost,
    Whole,
}

/// Reads to the end of the run.
pub(super) fn read(place: &Place, source: &Source, mut random: Random) -> Result<Seen> {
    let mut seen = Seen::default();
    let begun = Instant::now();
    loop {
        ensure!(begun.elapsed() < PATIENCE, "the run does not end; seen are {} events", seen.events.len());
        let Some(client) = client(place) else {
            thread::sleep(PAUSE);
            continue;
        };
        match some(&client, source, &mut seen, 1 + random.below(MOST)) {
            Ok(End::Cut) => seen.cuts += 1,
            Ok(End::Whole) if source.whole || source.is_over(&client).unwrap_or_default() => return Ok(seen),
            Ok(End::Whole | End::Lost) => seen.lost += 1,
            // A server that is away refuses; one that is there may be asked what it means.
            Err(error) if client.get("/ok").is_ok() => return Err(error),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// Reads all that there is of a run, at once.
pub(super) fn read_all(client: &Client, source: &Source) -> Result<Vec<Event>> {
    let mut seen = Seen::default();
    let end = some(client, source, &mut seen, u64::MAX)?;
    ensure!(matches!(end, End::Whole), "the stream of a run that is over breaks off");
    Ok(seen.events)
}

/// Reads at most so many events from where the client stands.
fn some(client: &Client, source: &Source, seen: &mut Seen, most: u64) -> Result<End> {
    let last = seen.events.last().map_or("-".to_owned(), |event| event.id.to_string());
    let answer = client.stream(&source.stream(), &last)?;
    if BUSY.contains(&answer.status().as_u16()) {
        return Ok(End::Lost);
    }
    ensure!(answer.status().is_success(), "{}", answer.status());
    let mut read = 0;
    let (mut id, mut name, mut data) = (None, String::new(), None);
    for line in BufReader::new(answer.into_body().into_reader()).lines() {
        let Ok(line) = line else { return Ok(End::Lost) };
        if let Some(text) = line.strip_prefix("id: ") {
            id = Some(text.parse()?);
        } else if let Some(text) = line.strip_prefix("event: ") {
            text.clone_into(&mut name);
        } else if let Some(text) = line.strip_prefix("data: ") {
            data = Some(text.to_owned());
        } else if line.is_empty()
            && let Some(data) = data.take()
        {
            let id = id.take().context("every event of a resumable run has an id")?;
            let event = Event { id, name: std::mem::take(&mut name), data };
            ensure!(event.name != "error", "the stream says {event:?}");
            if event.is_of_thread() {
                return Ok(End::Whole);
            }
            seen.events.push(event);
            read += 1;
            if read == most {
                return Ok(End::Cut);
            }
        }
    }
    Ok(End::Whole)
}

/// The number that an event says aloud; 0 for any other.
pub(super) fn word(event: &Event) -> u64 {
    let is_word = event.name.split('|').next() == Some("custom");
    let number = || serde_json::from_str::<Value>(&event.data).ok()?.as_u64();
    number().filter(|_| is_word).unwrap_or_default()
}
