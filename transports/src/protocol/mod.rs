//! The streaming protocol of a thread: commands in, an ordered tape of events out, whatever carries them.
//!
//! Knows no transport and no JSON. A transport reads requests, hands them to a [`Session`] for each thread, and writes
//! what comes out of its channel; that the channel is full is all that a session knows of a slow client.

mod commands;
mod past;
mod reader;
mod session;

pub(crate) use commands::{perform, position};
pub(crate) use session::{Session, tell};
