//! One HTTP/1.1 connection that stays open: the least that a client can do.
//!
//! Knows bodies with a length and bodies in chunks, and nothing else of HTTP.

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

/// A connection. Whatever goes wrong on it ends the benchmark: a figure over failures is none.
pub(crate) struct Connection {
    socket: TcpStream,
    /// What was read and not yet looked at.
    read: BytesMut,
    body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.expect("the server accepts connections");
        socket.set_nodelay(true).expect("TCP takes the option");
        Self { socket, read: BytesMut::with_capacity(4096), body: Vec::new() }
    }

    /// Sends a request and reads all of its answer.
    pub(crate) async fn send(&mut self, request: &Request) -> Answer<'_> {
        let start = Instant::now();
        let body = self.begin(request).await;
        let first = match body {
            Body::Sized(length) => {
                self.part(length).await;
                start.elapsed()
            }
            Body::Chunked => {
                let mut more = self.chunk().await;
                let first = start.elapsed();
                while more {
                    more = self.chunk().await;
                }
                first
            }
        };
        Answer { body: &self.body, first, whole: start.elapsed() }
    }

    /// Sends a request and reads the head of its answer; the body is left to come.
    pub(crate) async fn open_stream(&mut self, request: &Request) {
        let Body::Chunked = self.begin(request).await else { panic!("the answer is no stream") };
    }

    /// Waits until the stream says something.
    pub(crate) async fn hear(&mut self) {
        assert!(self.chunk().await, "the stream ended");
    }

    /// Waits until the stream tells an event, past its heartbeats.
    pub(crate) async fn hear_event(&mut self) {
        loop {
            self.body.clear();
            self.hear().await;
            if !self.body.starts_with(b":") {
                return;
            }
        }
    }

    /// Sends a request and reads the head of its answer.
    async fn begin(&mut self, request: &Request) -> Body {
        self.body.clear();
        self.socket.write_all(&request.0).await.expect("the server reads requests");
        let status = self.line().await;
        assert!(status.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&status));
        let mut body = None;
        loop {
            let header = self.line().await;
            if header.is_empty() {
                return body.expect("the answer says how long it is");
            }
            let colon = header.iter().position(|byte| *byte == b':').expect("a header has a name");
            let (name, value) = (&header[..colon], header[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                body = Some(Body::Sized(number(value, 10)));
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                body = Some(Body::Chunked);
            }
        }
    }

    /// Reads a chunk into the body; false for the empty one at the end.
    async fn chunk(&mut self) -> bool {
        let length = number(&self.line().await, 16);
        self.part(length).await;
        assert!(self.line().await.is_empty(), "a chunk is as long as it says");
        length > 0
    }

    async fn part(&mut self, length: usize) {
        while self.read.len() < length {
            self.more().await;
        }
        self.body.extend_from_slice(&self.read[..length]);
        self.read.advance(length);
    }

    /// The next line, without its end.
    async fn line(&mut self) -> BytesMut {
        let mut looked_at = 0;
        loop {
            if let Some(end) = self.read[looked_at..].iter().position(|byte| *byte == b'\n') {
                let mut line = self.read.split_to(looked_at + end + 1);
                line.truncate(line.len() - 2);
                return line;
            }
            looked_at = self.read.len();
            self.more().await;
        }
    }

    async fn more(&mut self) {
        self.read.reserve(16 * 1024);
        let count = self.socket.read_buf(&mut self.read).await.expect("the server answers");
        assert!(count > 0, "the server closed the connection");
    }
}

fn number(text: &[u8], radix: u32) -> usize {
    let text = std::str::from_utf8(text).expect("a length is a text");
    usize::from_str_radix(text, radix).expect("a length is a number")
}
