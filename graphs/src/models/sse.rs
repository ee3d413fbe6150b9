//! Event streams (`text/event-stream`) from bytes to events. Pure: whoever has the bytes feeds them.

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// What it is called; empty when it was not said.
    pub name: String,
    /// Its lines of data, joined by line feeds.
    pub data: String,
}

/// An event has grown beyond [`SseDecoder::LIMIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {} bytes", SseDecoder::LIMIT)]
pub struct TooLong;

/// Cuts the bytes of an event stream into events, however they were cut on the way.
///
/// Lines end as the standard says: by LF, CR or both. An event that the stream's end breaks off is not one.
///
/// ```
/// use eddyline_graphs::models::SseDecoder;
///
/// let (mut decoder, mut events) = (SseDecoder::default(), Vec::new());
/// decoder.feed(b"event: ping\ndata: 1\n\ndata: ha", &mut events)?;
/// decoder.feed(b"lf\n\n", &mut events)?;
/// assert_eq!((&*events[0].name, &*events[0].data, &*events[1].data), ("ping", "1", "half"));
/// # Ok::<(), eddyline_graphs::models::TooLong>(())
/// ```
#[derive(Debug, Default)]
pub struct SseDecoder {
    line: Vec<u8>,
    /// The line before ended with CR: an LF now is a part of that end.
    after_cr: bool,
    /// The first line may begin with a byte order mark.
    begun: bool,
    name: String,
    data: Option<String>,
}

impl SseDecoder {
    /// The most bytes that one event may have; no answer of a model has so long a piece.
    pub const LIMIT: usize = 16 << 20;

    /// Takes in bytes, and appends the events that they complete to `events`.
    ///
    /// # Errors
    /// [`TooLong`]; the stream is of no use afterwards.
    pub fn feed(&mut self, mut bytes: &[u8], events: &mut Vec<SseEvent>) -> Result<(), TooLong> {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(bytes.len());
            let (part, rest) = bytes.split_at(end);
            if self.line.len() + self.data.as_ref().map_or(0, String::len) + part.len() > Self::LIMIT {
                return Err(TooLong);
            }
            self.line.extend_from_slice(part);
            bytes = rest;
            if let Some((end, rest)) = rest.split_first() {
                self.after_cr = *end == b'\r';
                events.extend(self.end_of_line());
                bytes = rest;
            }
        }
        Ok(())
    }

    fn end_of_line(&mut self) -> Option<SseEvent> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let first = !std::mem::replace(&mut self.begun, true);
        let line = if first { line.strip_prefix('\u{feff}').unwrap_or(&line) } else { &*line };
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            return self.data.take().map(|data| SseEvent { name, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (field, &mut self.data) {
            ("event", _) => value.clone_into(&mut self.name),
            ("data", Some(data)) => {
                data.push('\n');
                data.push_str(value);
            }
            ("data", none) => *none = Some(value.to_owned()),
            // Comments, ids and times to come back at: of no use to whoever reads an answer once.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests;
