//! How the operating system tells the process to end.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The number of what Ctrl-C sends.
const INTERRUPT: u8 = 2;

/// Ctrl-C and SIGTERM, one after the other as they come.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

/// From now on signals are heard here, and no longer end the process.
#[cfg(unix)]
pub(crate) fn listen() -> io::Result<Signals> {
    Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
}

/// From the first wait on, Ctrl-C is heard here, and no longer ends the process.
#[cfg(not(unix))]
pub(crate) fn listen() -> io::Result<Signals> {
    Ok(Signals {})
}

impl Signals {
    /// The next signal, by its number.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPT,
            _ = self.terminate.recv() => 15,
        }
    }

    /// The next Ctrl-C.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) -> u8 {
        if tokio::signal::ctrl_c().await.is_err() {
            // Nobody will ever tell: the process is ended from outside.
            std::future::pending::<()>().await;
        }
        INTERRUPT
    }
}
