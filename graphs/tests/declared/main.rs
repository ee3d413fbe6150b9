//! Graph files: what is wrong in them is told with its place and a remedy, and nothing that they say takes all there is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic, its helpers too")]

mod bombs;
mod kinds;
mod mistakes;
mod processes;
