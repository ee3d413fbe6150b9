//! The streaming protocol in lines: one JSON document on each, all threads on one connection.
//!
//! What carries the lines - a pipe, a socket - is whatever can be read and written. Reading, understanding and writing
//! do not wait for each other: who writes commands and does not read the answers yet is not held up, up to bounds.

mod input;
mod output;
mod own;
mod router;

use std::io::{Read, Write};
use std::time::Duration;

use eddyline_runtime::Handle;

#[cfg(any(test, feature = "fuzz"))]
pub(crate) use self::input::cut;
use self::router::Router;
use crate::Shutdown;

/// How a connection of lines is served: plain numbers, each with a default.
#[derive(Clone, Debug)]
pub struct LineOptions {
    /// The longest line that is taken in, in bytes. Default: 16 MiB.
    pub max_line: usize,
    /// The longest event that is written, in bytes; a longer one goes without its data. Default: none.
    pub max_out_line: Option<usize>,
    /// Whether the first line says who speaks. Default: true.
    pub hello: bool,
    /// What becomes of runs when the client says no more. Default: [`OnEnd::Leave`].
    pub on_end: OnEnd,
}

impl Default for LineOptions {
    fn default() -> Self {
        Self { max_line: 16 << 20, max_out_line: None, hello: true, on_end: OnEnd::Leave }
    }
}

/// What becomes of runs when a client says no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnEnd {
    /// They go on, and nobody hears of it here.
    Leave,
    /// The server ends, and they reach a commit: for clients whose runtime it is, and so are the next two.
    Detach,
    /// All runs of the runtime are stopped, and told to their end.
    Cancel,
    /// The same, but each run may come to its end by itself for so long.
    Drain(Duration),
}

/// Why a conversation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client says no more.
    EndOfInput,
    /// The client wants the server to end, and gives it so long.
    Shutdown(Option<Duration>),
    /// The server ends.
    Stopped,
    /// The client reads no more.
    Gone,
}

/// Talks with one client until one of them ends it, and then until everything is told.
///
/// Needs the OS thread of an actix System; reads and writes on OS threads of its own. `quit` ends the conversation as
/// the end of the input does. With an [`OnEnd`] that ends runs, `stop` is given once they are over.
///
/// Dropping the future ends the conversation at once.
pub async fn converse(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    runtime: Handle,
    (quit, stop): (Shutdown, Shutdown),
    options: LineOptions,
) -> Ended {
    Router::start(input, output, runtime, (quit, stop), options).await
}
