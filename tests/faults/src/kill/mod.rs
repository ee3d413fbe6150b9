//! A server is killed while clients start runs. What one of them saw is there after the restart, and every run
//! comes to its end.

mod check;
mod traffic;

use std::fmt;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use self::check::Checker;
use crate::child::{self, Child, Program};
use crate::random::Random;
use crate::time::Times;

/// How many clients start runs at once.
const CLIENTS: usize = 8;

/// For how long clients start runs before their server is killed, at most.
const LIFE: Duration = Duration::from_millis(500);

/// One of so many restarts is killed again in the middle of its recovery.
const AGAIN: u64 = 4;

/// After how long at most.
const RECOVERY: Duration = Duration::from_millis(50);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    kills: u64,
    /// Of these, in the middle of a recovery.
    recoveries_killed: u64,
    runs_acknowledged: u64,
    runs_lost: u64,
    states_acknowledged: u64,
    /// Checkpoints that are gone, and threads whose state is not what their runs make it.
    states_lost: u64,
    not_ended: u64,
    /// Executions of nodes beyond the first, of runs that were cut off.
    run_again: u64,
    run_again_after_acknowledged: u64,
    first_answer: Times,
    last_run_recovered: Times,
}

impl Figures {
    /// Whether clients were told of runs, and nothing of that was lost.
    pub fn hold(&self) -> bool {
        let bad = [self.runs_lost, self.states_lost, self.not_ended, self.run_again_after_acknowledged];
        self.runs_acknowledged > 0 && bad.iter().all(|count| *count == 0)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "kills: {}, of which in a recovery: {}", self.kills, self.recoveries_killed)?;
        writeln!(f, "acknowledged runs lost: {} of {}", self.runs_lost, self.runs_acknowledged)?;
        writeln!(f, "acknowledged states lost: {} of {}", self.states_lost, self.states_acknowledged)?;
        writeln!(f, "runs not ended after recovery: {}", self.not_ended)?;
        let wrong = self.run_again_after_acknowledged;
        writeln!(f, "nodes run again after their commit was acknowledged: {wrong}")?;
        writeln!(f, "nodes run again at all: {}", self.run_again)?;
        writeln!(f, "restart to first answer: {}", self.first_answer)?;
        writeln!(f, "restart to last run recovered: {}", self.last_run_recovered)
    }
}

/// Kills a server over an empty folder so many times.
///
/// Fails when the server cannot be started or answers what it must not; what it lost is in the figures.
pub fn run(program: &Program, folder: &Path, count: u64, seed: u64) -> Result<Figures> {
    fs::create_dir_all(folder)?;
    let mut random = Random::new(seed);
    let mut figures = Figures::default();
    let mut checker = Checker::new(child::side_file(folder));
    let mut child = Child::start(program, folder)?;
    while figures.kills < count {
        let life = random_up_to(LIFE, &mut random);
        let seen = traffic::until_killed(child, CLIENTS, life, &mut random)?;
        figures.kills += 1;
        checker.killed(seen)?;
        child = Child::start(program, folder)?;
        if random.below(AGAIN) == 0 && figures.kills < count {
            thread::sleep(random_up_to(RECOVERY, &mut random));
            child.kill()?;
            figures.kills += 1;
            figures.recoveries_killed += 1;
            child = Child::start(program, folder)?;
        }
        figures.first_answer.add(child.first_answer);
        checker.recovered(&child, &mut figures)?;
    }
    checker.at_the_end(&child.client(), &mut figures)?;
    Ok(figures)
}

fn random_up_to(end: Duration, random: &mut Random) -> Duration {
    let micros = u64::try_from(end.as_micros()).expect("a short time");
    Duration::from_micros(random.below(micros + 1))
}
