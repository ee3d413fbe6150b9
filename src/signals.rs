//! How the operating system tells the process to end.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

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
    /// The next signal.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// The next Ctrl-C.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // Nobody will ever tell: the process is ended from outside.
            std::future::pending::<()>().await;
        }
    }
}
