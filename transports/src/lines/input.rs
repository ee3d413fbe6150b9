//! Lines as they come in, read on an OS thread of their own: a read that waits can be left behind.

use std::io::{BufRead, BufReader, Read};
use std::thread;

use tokio::sync::mpsc;

/// What is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line without its end.
    Text(Vec<u8>),
    /// One that was longer than it may be, and is gone.
    TooLong,
}

/// How many lines wait to be understood; that takes no time that a client could notice.
const LINES: usize = 64;

/// The lines of `input`, up to its end or its failure.
pub(super) fn lines(input: impl Read + Send + 'static, limit: usize) -> mpsc::Receiver<Line> {
    let (sender, lines) = mpsc::channel(LINES);
    let reading = move || {
        let mut input = BufReader::with_capacity(64 << 10, input);
        let mut is_first = true;
        while let Ok(Some(line)) = next(&mut input, limit) {
            let line = match line {
                Line::Text(text) => Line::Text(trimmed(text, std::mem::take(&mut is_first))),
                Line::TooLong => Line::TooLong,
            };
            let is_empty = matches!(&line, Line::Text(text) if text.is_empty());
            if !is_empty && sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    // Without the thread the input has ended: its sender is gone.
    if let Err(error) = thread::Builder::new().name("lines-in".to_owned()).spawn(reading) {
        tracing::error!(error = %error, "no thread to read lines on");
    }
    lines
}

/// Without a byte order mark at the beginning of all, and a carriage return at the end.
fn trimmed(mut text: Vec<u8>, is_first: bool) -> Vec<u8> {
    if text.last() == Some(&b'\r') {
        text.pop();
    }
    if is_first && text.starts_with("\u{feff}".as_bytes()) {
        text.drain(..3);
    }
    text
}

/// The next line; of one that is too long no more than the limit is kept in memory.
fn next(input: &mut impl BufRead, limit: usize) -> std::io::Result<Option<Line>> {
    let mut line = Vec::new();
    let mut is_too_long = false;
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            let nothing = line.is_empty() && !is_too_long;
            return Ok((!nothing).then(|| whole(line, is_too_long, limit)));
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        // One byte more for a carriage return.
        is_too_long |= line.len() + part.len() > limit + 1;
        if is_too_long {
            line = Vec::new();
        } else {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(Some(whole(line, is_too_long, limit)));
        }
    }
}

/// The lines of a text that are not too long.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn cut(mut text: &[u8], limit: usize) -> Vec<Vec<u8>> {
    let (mut lines, mut is_first) = (Vec::new(), true);
    while let Ok(Some(line)) = next(&mut text, limit) {
        if let Line::Text(text) = line {
            lines.push(trimmed(text, std::mem::take(&mut is_first)));
        }
    }
    lines
}

/// A line, whose carriage return does not count.
fn whole(line: Vec<u8>, is_too_long: bool, limit: usize) -> Line {
    let is_over = is_too_long || line.len() > limit && line.last() != Some(&b'\r');
    if is_over { Line::TooLong } else { Line::Text(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &'static [u8], limit: usize) -> Vec<String> {
        let mut lines = lines(text, limit);
        let mut out = Vec::new();
        while let Some(line) = lines.recv().await {
            out.push(match line {
                Line::Text(text) => String::from_utf8(text).unwrap(),
                Line::TooLong => "!".to_owned(),
            });
        }
        out
    }

    #[tokio::test]
    async fn lines_are_cut_at_line_feeds_alone() {
        assert_eq!(
            read("\u{feff}a\r\n\n\r\nb\u{2028}c\nlast".as_bytes(), 99).await,
            ["a", "b\u{2028}c", "last"]
        );
        assert_eq!(read(b"", 99).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_is_too_long_is_one_line_that_is_gone() {
        assert_eq!(
            read(b"1234\n12345\n1234\r\n123456789\nab\n12345", 4).await,
            ["1234", "!", "1234", "!", "ab", "!"]
        );
    }
}
