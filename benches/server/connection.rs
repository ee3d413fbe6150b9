//! One HTTP/1.1 connection that stays open: the least that a client can do.
//!
//! Knows bodies with a length and bodies in chunks, texts over a WebSocket, and nothing else of HTTP.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request, written once and sent as often as wanted.
#[derive(Clone)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes())
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        let body = body.to_string();
        let (kind, length) = ("application/json", body.len());
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\n");
        Self(format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes())
    }
}

/// What came back.
pub(crate) struct Answer<'a> {
    pub(crate) body: &'a [u8],
    /// From the request to the first bytes of the body: of an event stream, to its first event.
    pub(crate) first: Duration,
    /// From the request to the end of the body.
    pub(crate) whole: Duration,
}

/// How much of the body is still to come.
#[derive(Clone, Copy)]
enum Body {
    Sized(usize),
    Chunked,
}

/// The head of an answer.
struct Head {
    status: u16,
    retry_after: bool,
    /// `None` when the connection is no longer one of HTTP.
    body: Option<Body>,
}

/// An answer that need not be what was asked for.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// It says when to ask again.
    pub(crate) retry_after: bool,
    pub(crate) body: Vec<u8>,
}

/// A connection. Unless it is said otherwise, whatever goes wrong on it ends the benchmark: a figure over failures is
/// none.
pub(crate) struct Connection {
    socket: TcpStream,
    /// What was read and not yet looked at.
    read: BytesMut,
    body: Vec<u8>,
}

const ANSWERS: &str = "the server answers";

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::try_open(address).await.expect("the server accepts connections")
    }

    /// `None` when nobody is there.
    pub(crate) async fn try_open(address: SocketAddr) -> Option<Self> {
        let socket = TcpStream::connect(address).await.ok()?;
        socket.set_nodelay(true).expect("TCP takes the option");
        Some(Self { socket, read: BytesMut::with_capacity(4096), body: Vec::new() })
    }

    /// Sends a request and reads all of its answer.
    pub(crate) async fn send(&mut self, request: &Request) -> Answer<'_> {
        let start = Instant::now();
        let body = self.begin(request).await;
        let first = self.whole(body, start).await.expect(ANSWERS);
        Answer { body: &self.body, first, whole: start.elapsed() }
    }

    /// The same, for an answer that may be a refusal.
    pub(crate) async fn try_send(&mut self, request: &Request) -> Reply {
        let Head { status, retry_after, body } = self.head(&request.0).await.expect(ANSWERS);
        let body = body.expect("the answer says how long it is");
        self.whole(body, Instant::now()).await.expect(ANSWERS);
        Reply { status, retry_after, body: std::mem::take(&mut self.body) }
    }

    /// Sends a request and reads the head of its answer; the body is left to come.
    pub(crate) async fn open_stream(&mut self, request: &Request) {
        let Body::Chunked = self.begin(request).await else { panic!("the answer is no stream") };
    }

    /// The same; false when the answer is another, or none.
    pub(crate) async fn opens_stream(&mut self, request: &Request) -> bool {
        let head = self.head(&request.0).await;
        head.is_ok_and(|head| head.status == 200 && matches!(head.body, Some(Body::Chunked)))
    }

    /// Waits until the stream says something.
    pub(crate) async fn hear(&mut self) {
        assert!(self.chunk().await.expect(ANSWERS), "the stream ended");
    }

    /// Waits until the stream tells an event, past its heartbeats.
    pub(crate) async fn hear_event(&mut self) {
        assert!(self.hears_event().await, "the stream ended");
    }

    /// The same; false when the stream ends, or the connection.
    pub(crate) async fn hears_event(&mut self) -> bool {
        loop {
            self.body.clear();
            match self.chunk().await {
                Ok(true) if self.body.starts_with(b":") => {}
                heard => return heard.unwrap_or(false),
            }
        }
    }

    /// The next piece of the stream; `None` at its end.
    pub(crate) async fn next_chunk(&mut self) -> Option<&[u8]> {
        self.body.clear();
        self.chunk().await.expect(ANSWERS).then_some(&self.body)
    }

    /// Makes it a WebSocket.
    pub(crate) async fn upgrade(&mut self, path: &str) {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n"
        );
        let head = self.head(request.as_bytes()).await.expect(ANSWERS);
        assert_eq!(head.status, 101, "the answer is no WebSocket");
    }

    /// Sends a text over the WebSocket.
    pub(crate) async fn say(&mut self, text: &str) {
        let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).expect("a short text");
        // Masked by zeros, which leaves it as it is.
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.socket.write_all(&frame).await.expect(ANSWERS);
    }

    /// The next text from the WebSocket.
    pub(crate) async fn hear_text(&mut self) -> &[u8] {
        const TEXT: u8 = 0x81;
        loop {
            self.body.clear();
            self.part(2).await.expect(ANSWERS);
            let (kind, mut length) = (self.body[0], usize::from(self.body[1]));
            if length >= 126 {
                let bytes = if length == 126 { 2 } else { 8 };
                self.body.clear();
                self.part(bytes).await.expect(ANSWERS);
                length = self.body.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            }
            self.body.clear();
            self.part(length).await.expect(ANSWERS);
            if kind == TEXT {
                return &self.body;
            }
        }
    }

    /// Sends a request and reads the head of its answer.
    async fn begin(&mut self, request: &Request) -> Body {
        let head = self.head(&request.0).await.expect(ANSWERS);
        assert_eq!(head.status, 200);
        head.body.expect("the answer says how long it is")
    }

    async fn head(&mut self, request: &[u8]) -> io::Result<Head> {
        self.body.clear();
        self.socket.write_all(request).await?;
        let status = self.line().await?;
        let status = status.strip_prefix(b"HTTP/1.1 ").and_then(|status| status.get(..3)).expect("HTTP");
        let mut head = Head { status: number(status, 10) as u16, retry_after: false, body: None };
        loop {
            let header = self.line().await?;
            if header.is_empty() {
                return Ok(head);
            }
            let colon = header.iter().position(|byte| *byte == b':').expect("a header has a name");
            let (name, value) = (&header[..colon], header[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                head.body = Some(Body::Sized(number(value, 10)));
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                head.body = Some(Body::Chunked);
            } else if name.eq_ignore_ascii_case(b"retry-after") {
                head.retry_after = true;
            }
        }
    }

    /// Reads the body, and tells when its first bytes were there.
    async fn whole(&mut self, body: Body, start: Instant) -> io::Result<Duration> {
        Ok(match body {
            Body::Sized(length) => {
                self.part(length).await?;
                start.elapsed()
            }
            Body::Chunked => {
                let mut more = self.chunk().await?;
                let first = start.elapsed();
                while more {
                    more = self.chunk().await?;
                }
                first
            }
        })
    }

    /// Reads a chunk into the body; false for the empty one at the end.
    async fn chunk(&mut self) -> io::Result<bool> {
        let length = number(&self.line().await?, 16);
        self.part(length).await?;
        assert!(self.line().await?.is_empty(), "a chunk is as long as it says");
        Ok(length > 0)
    }

    async fn part(&mut self, length: usize) -> io::Result<()> {
        while self.read.len() < length {
            self.more().await?;
        }
        self.body.extend_from_slice(&self.read[..length]);
        self.read.advance(length);
        Ok(())
    }

    /// The next line, without its end.
    async fn line(&mut self) -> io::Result<BytesMut> {
        let mut looked_at = 0;
        loop {
            if let Some(end) = self.read[looked_at..].iter().position(|byte| *byte == b'\n') {
                let mut line = self.read.split_to(looked_at + end + 1);
                line.truncate(line.len() - 2);
                return Ok(line);
            }
            looked_at = self.read.len();
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        self.read.reserve(16 * 1024);
        match self.socket.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn number(text: &[u8], radix: u32) -> usize {
    let text = std::str::from_utf8(text).expect("a length is a text");
    usize::from_str_radix(text, radix).expect("a length is a number")
}
