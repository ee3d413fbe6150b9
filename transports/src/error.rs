//! What can go wrong while serving. What goes wrong with one request is told to its client alone.

use std::io;
use std::net::SocketAddr;

/// Why a transport does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is taken, or not ours to take.
    #[error("cannot listen on {address}{}", hint(.source))]
    Address {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The server stopped on its own.
    #[error("the server failed")]
    Failed(#[source] io::Error),
}

/// What to do about it, where that is known.
fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => ", which another program uses: choose another port with --port",
        _ => "",
    }
}

impl Error {
    /// Names what went wrong for programs; stable, documented in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } => "ADDRESS_UNAVAILABLE",
            Self::Failed(_) => "TRANSPORT_FAILED",
        }
    }
}
