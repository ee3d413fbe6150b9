//! A process dies at each point of each transaction of a run, in each durability; the next one over the same
//! folder brings the run to its end. What was stored is not done again.

mod lives;
mod plan;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use eddyline::config::Durability;
use eddyline::runtime::RunStatus;

use self::lives::{FirstLife, INPUT, SecondLife};
use self::plan::Point;
use crate::journey::{NODES, runs};

const DURABILITIES: [(Durability, &str); 3] =
    [(Durability::Sync, "sync"), (Durability::Async, "async"), (Durability::Exit, "exit")];

/// What came of it.
#[derive(Clone, Debug)]
pub struct Figures {
    rows: Vec<Row>,
}

/// The deaths at one point in one durability.
#[derive(Clone, Debug)]
struct Row {
    point: Point,
    durability: &'static str,
    /// Deaths, each in another transaction.
    places: u64,
    /// The client had to ask for the run again, which nobody had told it of.
    asked_again: u64,
    /// The run went on with a further attempt.
    further_attempts: u64,
    /// Of these, from its input: no checkpoint was stored.
    from_input: u64,
    /// Executions of nodes that had begun before.
    nodes_again: u64,
    /// After one death.
    nodes_again_at_most: u64,
    /// What must not have happened.
    broken: Vec<String>,
}

impl Figures {
    /// Whether every death was overcome.
    pub fn hold(&self) -> bool {
        self.rows.iter().all(|row| row.places > 0 && row.broken.is_empty())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns =
            ["places", "asked again", "further attempts", "from input", "nodes again", "at most", "broken"];
        write!(f, "{:<36}{:<10}", "died", "durability")?;
        columns.iter().try_for_each(|column| write!(f, "{column:>17}"))?;
        for row in &self.rows {
            write!(f, "\n{:<36}{:<10}", row.point, row.durability)?;
            row.figures().iter().try_for_each(|figure| write!(f, "{figure:>17}"))?;
        }
        writeln!(f)?;
        let passed = self.rows.iter().filter(|row| row.broken.is_empty()).count();
        writeln!(f, "points × durabilities passed: {passed} of {}", self.rows.len())?;
        self.rows.iter().flat_map(|row| &row.broken).try_for_each(|broken| writeln!(f, "{broken}"))
    }
}

/// Goes through all points so many times, each death in an empty folder below `folder`.
///
/// Fails when a runtime cannot be started or a run is gone; what else broke is in the figures.
pub fn run(folder: &Path, count: u64) -> Result<Figures> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rows = Vec::new();
    for point in Point::ALL {
        for (durability, name) in DURABILITIES {
            let mut row = Row::new(point, name);
            for _ in 0..count {
                executor.block_on(every_place(folder, durability, &mut row))?;
            }
            rows.push(row);
        }
    }
    Ok(Figures { rows })
}

/// Lets the process die in the first transaction of the run, the second, and so on to the last.
async fn every_place(folder: &Path, durability: Durability, row: &mut Row) -> Result<()> {
    for place in 1.. {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        let Some(before) = lives::first(folder, durability, row.point, place).await? else { break };
        let after = lives::second(folder, &before, durability).await;
        let after = after
            .with_context(|| format!("died {}, {}, in transaction {place}", row.point, row.durability))?;
        row.add(place, &before, &after);
    }
    Ok(())
}

impl Row {
    fn new(point: Point, durability: &'static str) -> Self {
        Self {
            point,
            durability,
            places: 0,
            asked_again: 0,
            further_attempts: 0,
            from_input: 0,
            nodes_again: 0,
            nodes_again_at_most: 0,
            broken: Vec::new(),
        }
    }

    /// In the order of the columns.
    fn figures(&self) -> [u64; 7] {
        let broken = u64::try_from(self.broken.len()).expect("a count fits");
        let Self {
            places, asked_again, further_attempts, from_input, nodes_again, nodes_again_at_most, ..
        } = *self;
        [places, asked_again, further_attempts, from_input, nodes_again, nodes_again_at_most, broken]
    }

    fn add(&mut self, place: u32, before: &FirstLife, after: &SecondLife) {
        self.places += 1;
        self.asked_again += u64::from(after.asked_again);
        let further = after.run.attempt > 1;
        self.further_attempts += u64::from(further);
        self.from_input += u64::from(further && before.stored.checkpoints.is_empty());
        let begun: BTreeSet<&str> = before.entries.iter().map(|entry| &*entry.node).collect();
        let again = after.entries.iter().filter(|entry| begun.contains(&*entry.node)).count();
        let again = u64::try_from(again).expect("a count fits");
        self.nodes_again += again;
        self.nodes_again_at_most = self.nodes_again_at_most.max(again);
        for broken in broken(before, after) {
            self.broken.push(format!("{}, {}, transaction {place}: {broken}", self.point, self.durability));
        }
    }
}

/// What must not have happened.
fn broken(before: &FirstLife, after: &SecondLife) -> Vec<String> {
    let FirstLife { seen, stored, .. } = before;
    let done: Vec<&str> = after.done.iter().map(|name| &**name).collect();
    let again: Vec<_> = after.entries.iter().filter(|entry| stored.nodes.contains(&entry.node)).collect();
    let often: Vec<_> = NODES.iter().filter(|node| executions(&after.entries, node) > 1).collect();
    let lost = stored.checkpoints.difference(&after.checkpoints).count();
    let unknown = seen.checkpoints.difference(&stored.checkpoints).count();
    let rules = [
        (after.run.status == RunStatus::Success, format!("the run is {:?}", after.run.status)),
        (runs(&done).is_some_and(|runs| runs == [INPUT]), format!("what was done is {done:?}")),
        (seen.run.is_none_or(|run| run == after.run.run_id), "the run that a client saw is lost".to_owned()),
        (!seen.failed, "a client was told that the run failed".to_owned()),
        (lost == 0, format!("{lost} checkpoints are lost")),
        (unknown == 0, format!("a client was told of {unknown} checkpoints that were not stored")),
        (again.is_empty(), format!("{again:?} ran again, although what they wrote was stored")),
        (often.is_empty(), format!("{often:?} ran more than once in one life")),
        (!seen.ended || after.run.attempt == 1, "a run whose end was told went on".to_owned()),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, broken)| broken).collect()
}

fn executions(entries: &[crate::journey::Entry], node: &str) -> usize {
    entries.iter().filter(|entry| entry.node == node).count()
}
