//! `eddyline stdio`: flags to a conversation, and its end to an exit code.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use eddyline::transports::{LineOptions, OnEnd, Shutdown, Stdio as Transport};
use eddyline::{Error, Server};

use super::Common;

/// Something went wrong while it served.
const FAILED: u8 = 1;

/// It did not start: settings, graphs, the data folder.
const NOT_STARTED: u8 = 3;

/// What a shell adds to the number of the signal that ended a program.
const SIGNALLED: u8 = 128;

/// The conversation on standard input and output. Everything else that would be printed goes to standard error.
#[derive(Args)]
pub(super) struct Stdio {
    #[command(flatten)]
    common: Common,
    /// The longest line to take in, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    max_line: usize,
    /// The longest event to write, in bytes; a longer one goes without its data [default: none]
    #[arg(long, value_name = "BYTES")]
    max_out_line: Option<usize>,
    /// Do not say who speaks in a first line
    #[arg(long)]
    no_hello: bool,
    /// What becomes of runs when the input ends
    #[arg(long, value_name = "WHAT", default_value = "cancel")]
    on_eof: OnEof,
    /// How many seconds runs may take to come to their end, with `--on-eof drain`
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    drain_timeout: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum OnEof {
    /// They are stopped, and told to their end
    Cancel,
    /// They come to their end by themselves
    Drain,
    /// They reach a commit, and go on with the next start over the same folder
    Detach,
}

impl Stdio {
    pub(super) fn serve(self) -> ExitCode {
        let quit = Shutdown::new();
        // Before anything else can write to standard output.
        let transport = match Transport::claim(self.options(), quit.clone()) {
            Ok(transport) => transport,
            Err(error) => {
                eprintln!("error: standard input and output cannot be used: {error}");
                return ExitCode::from(FAILED);
            }
        };
        let grace = Duration::from_secs(5);
        let server = match self.server() {
            Ok(server) => server,
            Err(error) => {
                eprintln!("error: {error:#}");
                // That nobody reads it is no worse.
                let _ = transport.fail(&format!("{error:#}"));
                return ExitCode::from(NOT_STARTED);
            }
        };
        match server.run_stdio(transport, quit, grace) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let code = code(&error);
                eprintln!("error: {:#}", anyhow::Error::from(error));
                ExitCode::from(code)
            }
        }
    }

    fn options(&self) -> LineOptions {
        LineOptions {
            max_line: self.max_line,
            max_out_line: self.max_out_line,
            hello: !self.no_hello,
            on_end: match self.on_eof {
                OnEof::Cancel => OnEnd::Cancel,
                OnEof::Drain => OnEnd::Drain(Duration::from_secs(self.drain_timeout)),
                OnEof::Detach => OnEnd::Detach,
            },
        }
    }

    fn server(self) -> anyhow::Result<Server> {
        super::server(self.common.loader().load()?)
    }
}

fn code(error: &Error) -> u8 {
    match error {
        Error::CutShort { signal } => SIGNALLED + signal,
        Error::LogLevel(_) | Error::Runtime(_) => NOT_STARTED,
        _ => FAILED,
    }
}
