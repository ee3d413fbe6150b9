//! One event of a stream, on its way to a client.

use bytes::{BufMut, Bytes, BytesMut};

/// An event: a name, a JSON document on one line, and an id when the stream can be resumed at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Such as `updates` or `updates|child:1f0a…`.
    pub(crate) event: String,
    /// The document, encoded once and shared by all readers.
    pub(crate) data: Bytes,
    /// Where to go on from here.
    pub(crate) id: Option<String>,
}

/// What keeps an idle event stream alive: a comment, which clients skip.
pub(crate) const HEARTBEAT: &[u8] = b": heartbeat\r\n\r\n";

impl Frame {
    /// Appends the frame as an event stream has it: event, data, id, each ended by CR LF.
    ///
    /// A line break would end a field early, so names and ids lose theirs; JSON has none to lose.
    pub(crate) fn write_sse(&self, out: &mut BytesMut) {
        debug_assert!(!self.data.iter().any(|byte| matches!(byte, b'\r' | b'\n')), "JSON on one line");
        let id = self.id.as_deref().unwrap_or_default();
        out.reserve(self.event.len() + self.data.len() + id.len() + 32);
        write_field(out, "event", &self.event);
        out.put_slice(b"data: ");
        out.put_slice(&self.data);
        out.put_slice(b"\r\n");
        if self.id.is_some() {
            write_field(out, "id", id);
        }
        out.put_slice(b"\r\n");
    }
}

fn write_field(out: &mut BytesMut, name: &str, value: &str) {
    out.put_slice(name.as_bytes());
    out.put_slice(b": ");
    out.extend(value.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')));
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sse(event: &str, data: &'static str, id: Option<&str>) -> String {
        let frame = Frame { event: event.into(), data: data.into(), id: id.map(Into::into) };
        let mut out = BytesMut::new();
        frame.write_sse(&mut out);
        String::from_utf8(out.into()).unwrap()
    }

    #[test]
    fn a_frame_is_event_data_id() {
        assert_eq!(sse("updates", r#"{"a":1}"#, None), "event: updates\r\ndata: {\"a\":1}\r\n\r\n");
        assert_eq!(
            sse("custom|a:1", "null", Some("7-0")),
            "event: custom|a:1\r\ndata: null\r\nid: 7-0\r\n\r\n"
        );
        assert_eq!(sse("a\r\nb", "1", Some("2\n3")), "event: ab\r\ndata: 1\r\nid: 23\r\n\r\n");
    }
}
