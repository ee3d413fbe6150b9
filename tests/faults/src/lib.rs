//! What must hold when things go wrong, as recipes that tests run in short and the command of this package
//! runs at length. Each gives figures that say whether it held.

#![allow(clippy::disallowed_methods, reason = "what is measured here is time")]

mod child;
pub mod commit_points;
mod journey;
pub mod kill;
mod random;
mod time;
pub mod torn;

pub use child::{Program, serve};
pub use random::Random;
