//! What must hold when things go wrong, as recipes that tests run in short and the command of this package
//! runs at length. Each gives figures that say whether it held.

#![allow(clippy::disallowed_methods, reason = "what is measured here is time")]

mod bulk;
mod child;
pub mod commit_points;
pub mod disk_full;
mod journey;
pub mod kill;
mod random;
pub mod simulation;
pub mod slow_clients;
mod sqlite;
pub mod storm;
mod time;
pub mod torn;

pub use child::{Program, serve};
pub use random::Random;
