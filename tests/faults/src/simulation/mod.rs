//! The engine, the actors and storage in a world of one OS thread, in which a seed decides what happens and when:
//! clients ask for everything, processes die and begin again, storage refuses and keeps people waiting. Each seed is
//! lived through twice, and both times must be alike to the last word.
//!
//! The OS thread itself goes by the order in which things become ready, so the seed decides by when they do: how long
//! each client, each node and each batch for storage waits, by a clock that stands still while anything can be done.

mod client;
mod clock;
mod disk;
mod graph;
mod life;
mod listener;
mod scene;
mod verdict;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::iter::repeat;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::{self, available_parallelism};

use anyhow::{Result, anyhow};

use self::scene::Scene;
use self::world::{Notes, World};

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    seeds: u64,
    identical: u64,
    events: u64,
    crashes: u64,
    /// By seed.
    failures: BTreeMap<u64, Vec<String>>,
}

impl Figures {
    /// Whether every seed was the same twice, and nothing happened that must not.
    pub fn hold(&self) -> bool {
        self.seeds > 0 && self.identical == self.seeds && self.failures.is_empty()
    }

    fn of(seed: u64) -> Result<Self> {
        let (one, other) = (live_through(seed)?, live_through(seed)?);
        let difference = difference(&one.trace, &other.trace);
        let failures: Vec<String> =
            one.broken.first().cloned().into_iter().chain(difference.clone()).collect();
        Ok(Self {
            seeds: 1,
            identical: u64::from(difference.is_none()),
            events: u64::try_from(one.trace.len()).expect("a length fits"),
            crashes: one.crashes,
            failures: (!failures.is_empty()).then_some((seed, failures)).into_iter().collect(),
        })
    }

    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.identical += other.identical;
        self.events += other.events;
        self.crashes += other.crashes;
        self.failures.extend(other.failures);
    }
}

/// Where two lives with one seed part.
fn difference(one: &[String], other: &[String]) -> Option<String> {
    let lines = one.iter().map(Some).chain(repeat(None)).zip(other.iter().map(Some).chain(repeat(None)));
    let all = lines.take(one.len().max(other.len()));
    let (one, other) = all.into_iter().find(|(one, other)| one != other)?;
    Some(format!("first {one:?} and then {other:?}"))
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, identical, events, crashes, failures } = self;
        writeln!(f, "seeds run: {seeds}")?;
        writeln!(f, "identical replays: {identical}")?;
        writeln!(f, "events simulated: {events}")?;
        writeln!(f, "processes that died: {crashes}")?;
        writeln!(f, "seeds with failures: {}", failures.len())?;
        failures.iter().try_for_each(|(seed, found)| writeln!(f, "seed {seed}: {}", found.join("; ")))
    }
}

/// Lives through so many seeds from `first` on, twice each. As many at once as there are cores: each is on an OS thread
/// that it shares with none.
///
/// Fails when a runtime cannot be started; what else went wrong is in the figures.
pub fn run(first: u64, seeds: u64) -> Result<Figures> {
    let workers = available_parallelism().map_or(1, NonZero::get);
    let figures: Vec<Result<Figures>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || every((first..first + seeds).skip(worker).step_by(workers))))
            .collect();
        let lost = |_| Err(anyhow!("an OS thread panicked"));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(lost)).collect()
    });
    let mut all = Figures::default();
    for figures in figures {
        all.add(figures?);
    }
    Ok(all)
}

fn every(seeds: impl Iterator<Item = u64>) -> Result<Figures> {
    let mut all = Figures::default();
    for seed in seeds {
        all.add(Figures::of(seed)?);
    }
    Ok(all)
}

/// What happens with a seed, as text.
pub fn trace(seed: u64) -> Result<String> {
    Ok(live_through(seed)?.trace.join("\n"))
}

fn live_through(seed: u64) -> Result<Notes> {
    let world = Arc::new(World::new(seed));
    let scene = Arc::new(Scene::new(&world)?);
    let mut finished = false;
    for end in &scene.ends {
        finished = life::live(&scene, Some(*end))?;
        world.notes().crashes += u64::from(!finished);
        if finished {
            break;
        }
    }
    if !finished {
        life::live(&scene, None)?;
    }
    verdict::pass(&scene);
    Ok(std::mem::take(&mut *world.notes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_found() {
        let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(difference(&lines("a b"), &lines("a b")), None);
        let found = difference(&lines("a b c"), &lines("a x c"));
        assert_eq!(found.as_deref(), Some(r#"first Some("b") and then Some("x")"#));
        let found = difference(&lines("a"), &lines("a b"));
        assert_eq!(found.as_deref(), Some(r#"first None and then Some("b")"#));
    }
}
