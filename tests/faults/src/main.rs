//! The long forms of the fault recipes: `cargo run --release -p eddyline-faults -- kill --count 500 --seed 7`.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use eddyline_faults::{Program, commit_points, disk_full, kill, simulation, slow_clients, storm, torn};

/// Breaks a server in every way that has a recipe, and prints what it lost.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    recipe: Recipe,
}

#[derive(Subcommand)]
enum Recipe {
    /// Kill a server while clients start runs
    Kill {
        /// How many times
        #[arg(long, default_value_t = 500)]
        count: u64,
        /// Decides what clients do and when the server dies
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// End a process at every point of every transaction of a run
    CommitPoints {
        /// How often to go through them all
        #[arg(long, default_value_t = 10)]
        count: u64,
    },
    /// Cut off the log of a busy database
    Torn {
        /// At how many places
        #[arg(long, default_value_t = 5000)]
        count: usize,
        /// Decides the places that are not around the end of a frame
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Let a server find no room on its disk, and then some again (needs `prlimit`, of Linux)
    DiskFull {
        /// How many times
        #[arg(long, default_value_t = 50)]
        count: u64,
        /// Decides how much room there is, and how much is wanted
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Kill a server while clients read runs, hang up and come back with their last id
    Storm {
        /// How many runs, one after the other; the server is killed twice in each
        #[arg(long, default_value_t = 5)]
        runs: u64,
        /// How many events each writes beside those of its steps
        #[arg(long, default_value_t = 20_000)]
        events: u64,
        /// Decides when clients hang up and when the server dies
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Ask a server beside clients that never say what they want, or a byte at a time
    SlowClients {
        /// How many of either kind
        #[arg(long, default_value_t = 2_000)]
        sockets: u64,
        /// For how many seconds to ask without them, and for how many beside them
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Live through seeds in a world of one OS thread and a clock of its own, twice each
    Simulate {
        /// How many
        #[arg(long, default_value_t = 100_000)]
        seeds: u64,
        /// The first of them
        #[arg(long, default_value_t = 1)]
        first: u64,
        /// Print what happens with the first one instead
        #[arg(long)]
        trace: bool,
    },
    /// Be the server that other recipes break
    #[command(hide = true)]
    Serve { folder: PathBuf },
}

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("eddyline-faults-{}", std::process::id()));
    let program = Program::new(std::env::current_exe()?);
    let (figures, hold) = match Cli::parse().recipe {
        Recipe::Kill { count, seed } => {
            let figures = kill::run(&program, &folder, count, seed)?;
            (figures.to_string(), figures.hold())
        }
        Recipe::CommitPoints { count } => {
            let figures = commit_points::run(&folder, count)?;
            (figures.to_string(), figures.hold())
        }
        Recipe::Torn { count, seed } => {
            let figures = torn::run(&folder, count, seed)?;
            (figures.to_string(), figures.hold())
        }
        Recipe::DiskFull { count, seed } => {
            let figures = disk_full::run(&program, &folder, count, seed)?;
            (figures.to_string(), figures.hold())
        }
        Recipe::Storm { runs, events, seed } => {
            let figures = storm::run(&program, &folder, runs, events, seed)?;
            (figures.to_string(), figures.hold())
        }
        Recipe::SlowClients { sockets, seconds } => {
            let figures = slow_clients::run(&program, &folder, sockets, Duration::from_secs(seconds))?;
            (figures.to_string(), figures.hold())
        }
        Recipe::Simulate { first, trace: true, .. } => (simulation::trace(first)?, true),
        Recipe::Simulate { seeds, first, trace: false } => {
            let figures = simulation::run(first, seeds)?;
            (figures.to_string(), figures.hold())
        }
        Recipe::Serve { folder } => return eddyline_faults::serve(&folder),
    };
    std::io::stdout().write_all(figures.as_bytes())?;
    ensure!(hold, "it did not hold; what is left is in {}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(())
}
