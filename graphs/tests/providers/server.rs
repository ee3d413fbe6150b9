//! A provider on this machine: it replays what it is given, and notes what it is asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What the provider does with one request.
#[derive(Clone)]
pub(crate) struct Reply {
    head: String,
    /// Each is a chunk of its own for the client, however TCP cuts it.
    parts: Vec<Vec<u8>>,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    /// The body ends as it should.
    Whole,
    /// The connection closes in the middle of the body.
    Broken,
    /// Nothing more comes.
    Silence,
}

impl Reply {
    /// An event stream in these parts.
    pub(crate) fn stream<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Self {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n".to_owned();
        let parts = parts.into_iter().map(|part| part.as_ref().to_vec());
        Self { head, parts: parts.filter(|part| !part.is_empty()).collect(), end: End::Whole }
    }

    /// An answer with this status, these header lines and this body.
    pub(crate) fn status(status: &str, headers: &[&str], body: &str) -> Self {
        let headers: Vec<&str> = headers.iter().flat_map(|line| [line, "\r\n"]).collect();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{}", headers.concat());
        Self { head, ..Self::stream([body]) }
    }

    /// The same, and then the connection closes.
    pub(crate) fn broken(self) -> Self {
        Self { end: End::Broken, ..self }
    }

    /// The same, and then nothing.
    pub(crate) fn silent(self) -> Self {
        Self { end: End::Silence, ..self }
    }
}

/// A request that came in.
#[derive(Clone)]
pub(crate) struct Asked {
    /// The request line and the header lines, in small letters.
    pub(crate) head: String,
    pub(crate) body: Value,
}

pub(crate) struct Provider {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    closed: mpsc::Receiver<Instant>,
}

impl Provider {
    /// A provider that answers the requests that come with these replies, in turn.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (closes, closed) = mpsc::channel(64);
        let (noted, connections) = (asked.clone(), Arc::new(AtomicUsize::new(0)));
        let counted = connections.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                connection.set_nodelay(true).expect("the connection is open");
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(connection, replies.clone(), noted.clone(), closes.clone()));
            }
        });
        Self { url, asked, connections, closed }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("nobody panicked").clone()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// When the client closed a connection on which nothing came any more.
    pub(crate) async fn closed(&mut self) -> Instant {
        self.closed.recv().await.expect("the server goes on")
    }
}

async fn serve(
    mut connection: TcpStream,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    closes: mpsc::Sender<Instant>,
) -> Option<()> {
    loop {
        let request = read(&mut connection).await?;
        asked.lock().expect("nobody panicked").push(request);
        let reply = replies.lock().expect("nobody panicked").pop_front()?;
        let head = format!("{}transfer-encoding: chunked\r\n\r\n", reply.head);
        let mut bytes = head.into_bytes();
        for part in &reply.parts {
            bytes.extend(format!("{:x}\r\n", part.len()).into_bytes());
            bytes.extend_from_slice(part);
            bytes.extend_from_slice(b"\r\n");
        }
        if let End::Whole = reply.end {
            bytes.extend_from_slice(b"0\r\n\r\n");
        }
        connection.write_all(&bytes).await.ok()?;
        match reply.end {
            End::Whole => {}
            End::Broken => return None,
            End::Silence => {
                while connection.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
                return closes.send(Instant::now()).await.ok();
            }
        }
    }
}

/// The next request on this connection; `None` when there is none.
async fn read(connection: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).expect("a request says its length");
    while bytes.len() < end + length {
        connection.read_buf(&mut bytes).await.ok()?;
    }
    Some(Asked { head, body: serde_json::from_slice(&bytes[end..]).expect("a request is JSON") })
}
