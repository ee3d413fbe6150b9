//! Clients read a run, hang up after a few events and come back with their last id, and the server is killed in
//! mid-run and started again. Each of them sees every event, once and in order.

pub(crate) mod graph;
mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use self::reader::{Event, Place, Source, client, read, read_all, word};
use crate::child::{Child, Program, document};
use crate::random::Random;

/// How many read the run's own stream; one more reads that of its thread.
const READERS: usize = 3;

/// A run is picked up three times, so it outlives two deaths of its server.
const DEATHS: u64 = 2;

/// Words that a node says at a time. The graph says three times as many in a round.
const WORDS: u64 = 50;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    runs: u64,
    kills: u64,
    /// How often runs were picked up.
    attempts: u64,
    cuts: u64,
    /// Streams that the server broke off, by its death.
    lost: u64,
    /// Events of the runs, as they are read in the end.
    events: u64,
    /// Events that readers have seen, all together.
    read: u64,
    missing: u64,
    doubled: u64,
    out_of_order: u64,
    /// Events that are others than those of the same id in the end.
    altered: u64,
    /// Words that no stream says, although the run has gone on behind them.
    unsaid: u64,
}

impl Figures {
    /// Whether every reader saw everything once and in order.
    pub fn hold(&self) -> bool {
        let bad = [self.missing, self.doubled, self.out_of_order, self.altered, self.unsaid];
        // One that is killed again at once may not have come to tell of its attempt.
        let is_storm = self.cuts > 0 && self.attempts > self.runs;
        is_storm && bad.iter().all(|count| *count == 0)
    }

    /// Holds what a reader saw against all that there was.
    fn compare(&mut self, seen: &[Event], all: &[Event]) {
        let there: BTreeMap<u64, &Event> = all.iter().map(|event| (event.id, event)).collect();
        let ids: BTreeSet<u64> = seen.iter().map(|event| event.id).collect();
        let count = |count: usize| u64::try_from(count).expect("a length fits");
        self.read += count(seen.len());
        self.missing += count(there.keys().filter(|id| !ids.contains(id)).count());
        self.doubled += count(seen.len() - ids.len());
        self.out_of_order += count(seen.windows(2).filter(|pair| pair[0].id > pair[1].id).count());
        self.altered += count(seen.iter().filter(|event| there.get(&event.id) != Some(event)).count());
    }

    /// The words of each attempt follow each other, and none is left out between two attempts.
    fn listen(&mut self, all: &[Event], until: u64) {
        let (mut next, mut begins) = (0, true);
        for event in all {
            begins |= event.name == "metadata";
            self.attempts += u64::from(event.name == "metadata");
            if event.name.split('|').next() != Some("custom") {
                continue;
            }
            let word = word(event);
            let fits = if begins { word <= next } else { word == next };
            self.unsaid += u64::from(!fits);
            (next, begins) = (word + 1, false);
        }
        self.unsaid += u64::from(next != until);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "runs: {}, kills: {}, attempts: {}", self.runs, self.kills, self.attempts)?;
        writeln!(f, "cuts: {}, streams that died with their server: {}", self.cuts, self.lost)?;
        writeln!(f, "events: {}, read: {}", self.events, self.read)?;
        let Self { missing, doubled, out_of_order, altered, unsaid, .. } = self;
        writeln!(
            f,
            "missing: {missing}, doubled: {doubled}, out of order: {out_of_order}, altered: {altered}"
        )?;
        writeln!(f, "words that were said and are not told: {unsaid}")
    }
}

/// Lets so many runs say so many words each, one run after the other.
///
/// Fails when the server cannot be started or answers what it must not; what readers lost is in the figures.
pub fn run(program: &Program, folder: &Path, runs: u64, words: u64, seed: u64) -> Result<Figures> {
    fs::create_dir_all(folder)?;
    let mut random = Random::new(seed);
    let mut figures = Figures::default();
    let mut child = Child::start(program, folder)?;
    for _ in 0..runs {
        child = storm(program, folder, child, words, &mut random, &mut figures)?;
        figures.runs += 1;
    }
    Ok(figures)
}

fn storm(
    program: &Program,
    folder: &Path,
    child: Child,
    words: u64,
    random: &mut Random,
    figures: &mut Figures,
) -> Result<Child> {
    let durability = random.pick(&["sync", "async"]);
    let source = begin(&child, words, durability)?;
    let place: Place = Mutex::new(Some(child));
    let mut targets: Vec<u64> = (0..DEATHS).map(|_| random.below(words * 9 / 10)).collect();
    targets.sort_unstable();
    let seen = thread::scope(|scope| {
        let readers: Vec<_> = (0..=READERS)
            .map(|number| {
                let (source, random) = (Source { whole: number == READERS, ..source.clone() }, random.fork());
                let place = &place;
                scope.spawn(move || read(place, &source, random))
            })
            .collect();
        for target in targets {
            until_said(&place, &source, target)?;
            thread::sleep(Duration::from_millis(random.below(50)));
            let killed = place.lock().unwrap_or_else(PoisonError::into_inner).take();
            killed.context("the server is there")?.kill()?;
            figures.kills += 1;
            let next = Child::start(program, folder)?;
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
        }
        let mut seen = Vec::new();
        for reader in readers {
            seen.push(reader.join().expect("a reader does not panic")?);
        }
        anyhow::Ok(seen)
    })?;
    let all = read_all(&client(&place).context("the server is there")?, &source)?;
    figures.events += u64::try_from(all.len())?;
    for seen in seen {
        figures.cuts += seen.cuts;
        figures.lost += seen.lost;
        figures.compare(&seen.events, &all);
    }
    figures.listen(&all, words.div_ceil(3 * WORDS) * 3 * WORDS);
    // What is stored is what was told.
    place.into_inner().unwrap_or_else(PoisonError::into_inner).context("the server is there")?.kill()?;
    let child = Child::start(program, folder)?;
    figures.compare(&read_all(&child.client(), &source)?, &all);
    Ok(child)
}

/// Waits until so many words were said by what is stored.
fn until_said(place: &Place, source: &Source, words: u64) -> Result<()> {
    let client = client(place).context("the server is there")?;
    loop {
        let state = client.get(&format!("/threads/{}/state", source.thread))?;
        if state["values"]["said"].as_u64().unwrap_or_default() >= words {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn begin(child: &Child, words: u64, durability: &str) -> Result<Source> {
    let text = |value: &Value| value.as_str().map(str::to_owned).context("an id is a text");
    let client = child.client();
    let thread = text(&document(client.post("/threads", &json!({}))?)?["thread_id"])?;
    let order = json!({
        "assistant_id": graph::GRAPH,
        "input": {"said": 0, "words": WORDS, "until": words},
        "durability": durability,
        "stream_mode": ["custom", "updates", "values", "tasks", "checkpoints"],
        "stream_subgraphs": true,
        "stream_resumable": true,
        "config": {"recursion_limit": 10 + words},
    });
    let run = document(client.post(&format!("/threads/{thread}/runs"), &order)?)?;
    ensure!(run["status"] == "pending", "the run begins as {run}");
    Ok(Source { thread, run: text(&run["run_id"])?, whole: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(ids: &[u64]) -> Vec<Event> {
        let event = |id: &u64| Event { id: *id, name: "custom".to_owned(), data: id.to_string() };
        ids.iter().map(event).collect()
    }

    #[track_caller]
    fn check(seen: &[u64], all: &[u64], expected: [u64; 4]) {
        let mut figures = Figures::default();
        figures.compare(&events(seen), &events(all));
        let Figures { missing, doubled, out_of_order, altered, .. } = figures;
        assert_eq!([missing, doubled, out_of_order, altered], expected, "{seen:?} of {all:?}");
    }

    #[test]
    fn what_is_wrong_is_counted() {
        check(&[1, 2, 3], &[1, 2, 3], [0; 4]);
        check(&[1, 3], &[1, 2, 3], [1, 0, 0, 0]);
        check(&[1, 2, 2, 3], &[1, 2, 3], [0, 1, 0, 0]);
        check(&[1, 3, 2], &[1, 2, 3], [0, 0, 1, 0]);
        check(&[1, 2, 9], &[1, 2, 3], [1, 0, 0, 1]);
    }

    #[test]
    fn words_follow_each_other() {
        let begins = Event { id: 0, name: "metadata".to_owned(), data: String::new() };
        let unsaid = |attempts: &[&[u64]], until| {
            let attempt = |words: &&[u64]| [vec![begins.clone()], events(words)].concat();
            let mut figures = Figures::default();
            figures.listen(&attempts.iter().flat_map(attempt).collect::<Vec<_>>(), until);
            figures.unsaid
        };
        assert_eq!(unsaid(&[&[0, 1, 2], &[1, 2, 3]], 4), 0);
        assert_eq!(unsaid(&[&[0, 1], &[3]], 4), 1, "2 was committed and is not told");
        assert_eq!(unsaid(&[&[0, 2, 3]], 4), 1);
        assert_eq!(unsaid(&[&[0, 1]], 4), 1, "the end is missing");
    }
}
