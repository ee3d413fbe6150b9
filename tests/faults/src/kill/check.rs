//! What clients saw, held against what is there after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use super::Figures;
use super::traffic::{SeenRun, SeenThread, text};
use crate::child::{Child, Client, document};
use crate::journey::{Entry, names, runs};

/// Remembers all that was seen.
pub(super) struct Checker {
    side_file: PathBuf,
    /// How many traces there were when the server was killed.
    traces_before: usize,
    /// What clients saw of the server that was killed last.
    seen: Vec<SeenThread>,
    /// The states of threads that were checked already, which nobody has changed since.
    settled: BTreeMap<String, Value>,
}

impl Checker {
    pub(super) fn new(side_file: PathBuf) -> Self {
        Self { side_file, traces_before: 0, seen: Vec::new(), settled: BTreeMap::new() }
    }

    /// The server is dead, and clients had seen this of it.
    pub(super) fn killed(&mut self, seen: Vec<SeenThread>) -> Result<()> {
        self.seen = seen;
        self.traces_before = self.traces()?.len();
        Ok(())
    }

    /// Waits until the next server has taken up what was left, and checks that all of it is there.
    pub(super) fn recovered(&mut self, child: &Child, figures: &mut Figures) -> Result<()> {
        let client = child.client();
        for thread in &self.seen {
            if thread.runs.iter().any(|run| !run.ended) {
                // Runs that nobody was told of are listed too. A thread that is lost shows below.
                for run in listed(&client, &thread.id).unwrap_or_default() {
                    let run = text(&run["run_id"])?;
                    // One that does not end shows by its status.
                    let _ = client.get(&format!("/threads/{}/runs/{run}/join", thread.id));
                }
            }
        }
        figures.last_run_recovered.add(child.age());
        for thread in std::mem::take(&mut self.seen) {
            self.check_thread(&client, &thread, figures)?;
            self.seen.push(thread);
        }
        self.check_traces(figures)
    }

    fn check_thread(&mut self, client: &Client, thread: &SeenThread, figures: &mut Figures) -> Result<()> {
        figures.states_acknowledged += 1;
        let Ok(record) = client.get(&format!("/threads/{}", thread.id)) else {
            figures.states_lost += 1;
            return Ok(());
        };
        let listed = listed(client, &thread.id)?;
        figures.not_ended += count(listed.iter().filter(|run| run["status"] != "success"));
        let ids: BTreeSet<&str> = listed.iter().filter_map(|run| run["run_id"].as_str()).collect();
        let known = thread.runs.iter().filter_map(|run| run.id.as_deref());
        figures.runs_acknowledged += count(known.clone());
        figures.runs_lost += count(known.filter(|id| !ids.contains(id)));
        let there = history(client, &thread.id)?;
        let told = thread.runs.iter().flat_map(|run| &run.checkpoints);
        figures.states_acknowledged += count(told.clone());
        figures.states_lost += count(told.filter(|id| !there.contains(*id)));
        if !is_made_by(&record["values"], &thread.runs) {
            eprintln!("thread {}: {} is not what {:?} make it", thread.id, record["values"], thread.runs);
            figures.states_lost += 1;
        }
        self.settled.insert(thread.id.clone(), record["values"].clone());
        Ok(())
    }

    /// What clients were told of does not happen again.
    fn check_traces(&self, figures: &mut Figures) -> Result<()> {
        let traces = self.traces()?;
        let runs = self.seen.iter().flat_map(|thread| &thread.runs);
        let told: BTreeSet<(&str, &str)> = runs
            .filter_map(|run| Some((run.id.as_deref()?, &run.nodes)))
            .flat_map(|(id, nodes)| nodes.iter().map(move |node| (id, &**node)))
            .collect();
        let since = traces.iter().skip(self.traces_before);
        let again = since.filter(|entry| told.contains(&(&*entry.run, &*entry.node)));
        for entry in again {
            eprintln!("ran again although it was acknowledged: {entry}");
            figures.run_again_after_acknowledged += 1;
        }
        Ok(())
    }

    /// Everything is still there.
    pub(super) fn at_the_end(&self, client: &Client, figures: &mut Figures) -> Result<()> {
        for (thread, values) in &self.settled {
            let found = client.get(&format!("/threads/{thread}"));
            if !found.is_ok_and(|record| record["values"] == *values) {
                figures.states_lost += 1;
            }
        }
        let traces = self.traces()?;
        let once: BTreeSet<_> = traces.iter().map(|entry| (&entry.run, &entry.node)).collect();
        figures.run_again = count(&traces) - count(&once);
        Ok(())
    }

    fn traces(&self) -> Result<Vec<Entry>> {
        // The file comes with the first server.
        Ok(fs::read_to_string(&self.side_file)?.lines().filter_map(Entry::parse).collect())
    }
}

/// Whether the state tells each run at most once, whole and in order, and all that are known.
fn is_made_by(values: &Value, started: &[SeenRun]) -> bool {
    let names = names(values);
    let Some(told) = runs(&names) else { return false };
    let mut told = told.into_iter().peekable();
    let all = started.iter().all(|run| told.next_if_eq(&&*run.input).is_some() || run.id.is_none());
    all && told.next().is_none()
}

fn listed(client: &Client, thread: &str) -> Result<Vec<Value>> {
    let runs = client.get(&format!("/threads/{thread}/runs?limit=1000"))?;
    Ok(runs.as_array().cloned().unwrap_or_default())
}

/// The ids of a thread's checkpoints.
fn history(client: &Client, thread: &str) -> Result<BTreeSet<String>> {
    let answer = client.post(&format!("/threads/{thread}/history"), &json!({"limit": 1000}))?;
    let history = document(answer)?;
    let checkpoints = history.as_array().into_iter().flatten();
    checkpoints.map(|checkpoint| text(&checkpoint["checkpoint"]["checkpoint_id"])).collect()
}

fn count(things: impl IntoIterator) -> u64 {
    u64::try_from(things.into_iter().count()).expect("a count fits")
}
