//! What comes from the person: lines, and Ctrl-C.

use std::io::{self, BufRead as _};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Ctrl-C, heard from the beginning on: one that comes while something is shown counts too.
pub(super) struct Stops(Signal);

impl Stops {
    pub(super) fn listen() -> io::Result<Self> {
        signal(SignalKind::interrupt()).map(Self)
    }

    pub(super) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // Nobody will ever tell.
            std::future::pending::<()>().await;
        }
    }
}

/// What is typed, read on a thread of its own: it cannot be told to stop.
pub(super) struct Lines(mpsc::Receiver<io::Result<String>>);

impl Lines {
    pub(super) fn read() -> Self {
        let (typed, lines) = mpsc::channel(1);
        std::thread::spawn(move || {
            for line in io::stdin().lock().lines() {
                if typed.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self(lines)
    }

    pub(super) async fn next(&mut self) -> io::Result<Option<String>> {
        self.0.recv().await.transpose()
    }
}
