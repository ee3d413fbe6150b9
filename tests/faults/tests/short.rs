//! The recipes in short. The command of this package runs them at length.

use std::path::PathBuf;
use std::time::Duration;

#[cfg(target_os = "linux")]
use eddyline_faults::disk_full;
use eddyline_faults::{Program, commit_points, kill, simulation, slow_clients, storm, torn};

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_eddyline-faults"))
}

/// An empty folder. What it holds after a test that failed is there to be looked at.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

#[test]
fn killed_it_loses_nothing() {
    let figures = kill::run(&program(), &folder("kill"), 50, 1).unwrap();
    println!("{figures}");
    assert!(figures.hold(), "{figures}");
}

#[test]
fn a_process_that_dies_at_any_point_of_any_commit_goes_on() {
    let figures = commit_points::run(&folder("commit-points"), 1).unwrap();
    println!("{figures}");
    assert!(figures.hold(), "{figures}");
}

#[test]
fn a_torn_log_holds_what_lies_before_the_cut() {
    let figures = torn::run(&folder("torn"), 500, 1).unwrap();
    println!("{figures}");
    assert!(figures.hold(), "{figures}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_runs_and_not_the_server() {
    let figures = disk_full::run(&program(), &folder("disk-full"), 3, 1).unwrap();
    println!("{figures}");
    assert!(figures.hold(), "{figures}");
}

#[test]
fn readers_who_come_back_see_every_event_once() {
    let figures = storm::run(&program(), &folder("storm"), 2, 1_500, 1).unwrap();
    println!("{figures}");
    assert!(figures.hold(), "{figures}");
}

#[test]
fn slow_clients_are_sent_away_and_slow_nobody_down() {
    let figures = slow_clients::run(&program(), &folder("slow"), 150, Duration::from_secs(8)).unwrap();
    println!("{figures}");
    assert!(figures.hold(), "{figures}");
}

#[test]
fn what_a_seed_decides_happens_twice_and_breaks_no_rule() {
    let figures = simulation::run(1, 1_000).unwrap();
    println!("{figures}");
    assert!(figures.hold(), "{figures}");
}
