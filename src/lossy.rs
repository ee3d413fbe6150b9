//! A log that never waits for whoever reads it.
//!
//! A program that starts the server as its child and does not read its standard error must not stop it: lines go
//! through a bounded queue to an OS thread, and those that find it full are counted and dropped.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tracing_subscriber::fmt::MakeWriter;

/// How many lines wait to be written; further ones are dropped.
const LINES: usize = 1024;

/// Makes writers that hand each line over as a whole.
#[derive(Clone)]
pub(crate) struct Lossy {
    lines: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl Lossy {
    /// Writes lines to `output` from now on.
    pub(crate) fn start(output: impl Write + Send + 'static) -> Self {
        let (lines, writing) = sync_channel(LINES);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        // Without the thread every line is one too many.
        let _ = thread::Builder::new().name("log".to_owned()).spawn(move || write(output, &writing, &lost));
        Self { lines, dropped }
    }
}

fn write(mut output: impl Write, lines: &Receiver<Vec<u8>>, dropped: &AtomicU64) {
    while let Ok(line) = lines.recv() {
        let lost = dropped.swap(0, Ordering::Relaxed);
        // Nobody is there to hear that the log cannot be written.
        if lost > 0 {
            let told = format!("{lost} lines of the log were dropped: nobody read them\n");
            let _ = output.write_all(told.as_bytes());
        }
        let _ = output.write_all(&line);
    }
}

/// One line on its way.
pub(crate) struct Line {
    text: Vec<u8>,
    to: Lossy,
}

impl Write for Line {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.to.lines.try_send(std::mem::take(&mut self.text)).is_err() {
            self.to.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<'a> MakeWriter<'a> for Lossy {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { text: Vec::new(), to: self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Writes nothing before it is let.
    struct Stuck(Receiver<()>, mpsc::Sender<String>);

    impl Write for Stuck {
        fn write(&mut self, part: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(String::from_utf8_lossy(part).into_owned());
            Ok(part.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_nobody_reads_drops_lines_and_says_so() {
        let (open, gate) = mpsc::channel();
        let (told, lines) = mpsc::channel();
        let log = Lossy::start(Stuck(gate, told));
        for n in 0..LINES + 10 {
            writeln!(log.make_writer(), "{n}").unwrap();
        }
        drop(open);
        drop(log);
        let written: Vec<String> = lines.iter().collect();
        let lost = written.iter().position(|line| line.contains("were dropped")).expect("it says so");
        // It is said before the next line that is written, and the lines that there was room for follow.
        assert!(lost < 2, "{lost}");
        assert!(written.len() > LINES && written.len() < LINES + 10, "{}", written.len());
        assert_eq!(written.iter().find(|line| !line.contains("were dropped")).unwrap(), "0\n");
    }
}
