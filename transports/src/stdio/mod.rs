//! The streaming protocol over standard input and output, for programs that start the server as their child.
//!
//! Standard output belongs to the protocol: it is taken away from everything else in the process before anything else
//! runs, so that no stray line ever stands between two documents.

mod claim;

use std::fs::File;
use std::io;

use eddyline_runtime::Handle;

use crate::lines::{LineOptions, converse};
use crate::{Ended, Error, Shutdown, Transport};

/// Standard input and output, taken away from the rest of the process.
///
/// ```no_run
/// use eddyline_transports::{LineOptions, OnEnd, Shutdown, Stdio};
///
/// # fn begin() -> std::io::Result<()> {
/// // First of all, before anything can write to standard output.
/// let quit = Shutdown::new();
/// let options = LineOptions { on_end: OnEnd::Cancel, ..LineOptions::default() };
/// let transport = Stdio::claim(options, quit)?;
/// # let _ = transport;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Stdio {
    input: File,
    output: File,
    options: LineOptions,
    quit: Shutdown,
}

impl Stdio {
    /// Takes standard input and output for the protocol alone: what else reads the one finds its end, what else writes
    /// to the other is led to standard error. `quit` ends the conversation as the end of the input does.
    ///
    /// On systems other than Unix they are shared with the rest of the process, which must not use them.
    pub fn claim(options: LineOptions, quit: Shutdown) -> io::Result<Self> {
        let (input, output) = claim::claim()?;
        Ok(Self { input, output, options, quit })
    }

    /// Writes the one line that a client reads when the server does not start.
    pub fn fail(mut self, message: &str) -> io::Result<()> {
        use std::io::Write as _;
        self.output.write_all(&crate::wire::protocol::failure(message))?;
        self.output.write_all(b"\n")
    }
}

impl Transport for Stdio {
    async fn serve(self, runtime: Handle, stop: Shutdown) -> Result<(), Error> {
        let Self { input, output, options, quit } = self;
        let ended = converse(input, output, runtime, (quit, stop), options).await;
        tracing::debug!(?ended, "the conversation on standard input and output is over");
        match ended {
            Ended::EndOfInput | Ended::Shutdown(_) | Ended::Stopped | Ended::Gone => Ok(()),
        }
    }
}
