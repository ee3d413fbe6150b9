//! Lines as they go out, written on an OS thread of their own: a client that does not read holds up nobody else.

use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::sync::oneshot;

use crate::wire::protocol::{Answer, Ends, Outgoing};

/// How many documents of threads wait to be written; sessions wait for room.
const WAITING: usize = 64;

/// How many answers to what was no command wait to be written. The next waits, and with it what is read.
const REFUSALS: usize = 1 << 16;

/// How many lines wait for the OS thread.
const LINES: usize = 256;

/// Where to put what a client is told.
pub(super) struct Output {
    /// What threads tell, and answers to commands.
    pub(super) told: mpsc::Sender<Outgoing>,
    /// Answers to what was no command: those come without a bound, and must not hold up what is read.
    pub(super) refused: mpsc::Sender<Outgoing>,
    /// How many commands are not answered yet.
    pub(super) open: Arc<AtomicUsize>,
    /// Ends when everything is written, or nobody reads it any more.
    pub(super) over: oneshot::Receiver<()>,
}

/// Writes lines to `output` until all senders are gone, or the client; `first` before everything else.
pub(super) fn lines(
    output: impl Write + Send + 'static,
    limit: Option<usize>,
    first: Option<Outgoing>,
) -> Output {
    let (told, mut telling) = mpsc::channel::<Outgoing>(WAITING);
    let (refused, mut refusing) = mpsc::channel::<Outgoing>(REFUSALS);
    let (lines, writing) = mpsc::channel(LINES);
    if let Some(first) = first {
        // There is room: it is the first.
        let _ = lines.try_send(first.addressed(limit));
    }
    let (done, over) = oneshot::channel();
    let open = Arc::new(AtomicUsize::new(0));
    let answered = Arc::clone(&open);
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                biased;
                Some(next) = refusing.recv() => next,
                Some(next) = telling.recv() => {
                    let is_answer = matches!(&next.answer, Answer::Success { .. } | Answer::Error { id: Some(_), .. });
                    answered.fetch_sub(usize::from(is_answer), Ordering::Relaxed);
                    next
                }
                else => return,
            };
            // That the server ends, its client knows: it wanted it, or reads it off the end of the output.
            let is_farewell = matches!(&next.answer, Answer::Error { ends: Ends::Connection, .. });
            if !is_farewell && lines.send(next.addressed(limit)).await.is_err() {
                return;
            }
        }
    });
    let writer = move || {
        // That the client is gone is no news to it.
        let _ = write(output, writing);
        let _ = done.send(());
    };
    if let Err(error) = thread::Builder::new().name("lines-out".to_owned()).spawn(writer) {
        tracing::error!(error = %error, "no thread to write lines on");
    }
    Output { told, refused, open, over }
}

fn write(output: impl Write, mut lines: mpsc::Receiver<Bytes>) -> std::io::Result<()> {
    let mut output = BufWriter::with_capacity(64 << 10, output);
    loop {
        let line = match lines.try_recv() {
            Ok(line) => line,
            Err(TryRecvError::Disconnected) => return output.flush(),
            Err(TryRecvError::Empty) => {
                // Nobody waits for the next line to see this one.
                output.flush()?;
                match lines.blocking_recv() {
                    Some(line) => line,
                    None => return Ok(()),
                }
            }
        };
        output.write_all(&line)?;
        output.write_all(b"\n")?;
    }
}
