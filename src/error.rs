//! Why a server did not start, or did not end as it should.

use std::io;

/// What can go wrong with a [`Server`](crate::Server).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The setting `log.level` is no list of directives.
    #[error("setting `log.level` is not understood")]
    LogLevel(#[source] tracing_subscriber::filter::ParseError),
    /// The setting `feedback.url` is no URL that stands for many.
    #[error("setting `feedback.url` is not understood")]
    FeedbackUrl(#[from] eddyline_runtime::FeedbackUrlError),
    /// Tokens cannot be checked.
    #[error("tokens cannot be checked")]
    TokenKey(#[from] crate::TokenKeyError),
    /// The runtime did not start.
    #[error("the runtime did not start")]
    Runtime(#[from] eddyline_runtime::StartError),
    /// A transport did not start, or failed.
    #[error("a transport ended")]
    Transport(#[from] eddyline_transports::Error),
    /// The operating system does not tell the process when to end.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// A second signal came while runs were under way that had not reached a commit.
    #[error("ended before the runs had reached a commit")]
    CutShort {
        /// The number of the signal.
        signal: u8,
    },
}

impl Error {
    /// Names what went wrong for programs; stable, documented in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::LogLevel(_) => "LOG_LEVEL",
            Self::FeedbackUrl(_) => "FEEDBACK_URL",
            Self::TokenKey(error) => error.code(),
            Self::Runtime(error) => error.code(),
            Self::Transport(error) => error.code(),
            Self::Signals(_) => "SIGNALS",
            Self::CutShort { .. } => "CUT_SHORT",
        }
    }
}
