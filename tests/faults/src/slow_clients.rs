//! Clients that never say what they want, and clients that say it a byte at a time: the server sends them away after a
//! time, they come again, and everybody else is answered as soon as before.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::bulk;
use crate::child::{Child, Client, Program, document};
use crate::time::Times;

/// What a client sends that stops in the middle of a head.
const HALF: &[u8] = b"POST /threads/search HTTP/1.1\r\nhost: localhost\r\nx-half: ";

/// A head, for a body that never ends.
const HEAD: &[u8] = b"POST /threads/search HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2000000\r\n\r\n";

/// How long a client lets pass between two bytes.
const DRIBBLE: Duration = Duration::from_millis(500);

/// Differences below this are those of any two measurements.
const NOISE: Duration = Duration::from_millis(10);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    sockets: u64,
    /// How often one of them was sent away, and came again.
    sent_away: u64,
    /// Requests of others, and what each took: alone, and beside the crowd.
    alone: Times,
    beside: Times,
}

impl Figures {
    /// Whether the crowd was sent away, and others waited at most twice as long for it.
    pub fn hold(&self) -> bool {
        self.sent_away > 0 && self.beside.p99() <= 2 * self.alone.p99().max(NOISE)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sockets, sent_away, alone, beside } = self;
        writeln!(f, "half-open sockets: {sockets}, dribbling sockets: {sockets}, sent away: {sent_away}")?;
        writeln!(f, "others alone: {} requests, {alone}", alone.len())?;
        writeln!(f, "others beside them: {} requests, {beside}", beside.len())
    }
}

/// Asks for so long without a crowd, and for so long beside `sockets` of either kind.
pub fn run(program: &Program, folder: &Path, sockets: u64, time: Duration) -> Result<Figures> {
    std::fs::create_dir_all(folder)?;
    let server = Child::start(program, folder)?;
    let client = server.client();
    ask(&client, Duration::from_secs(1))?;
    let alone = ask(&client, time)?;
    let crowd = Crowd::gather(server.address()?, sockets)?;
    let beside = ask(&client, time)?;
    let sent_away = crowd.disperse()?;
    Ok(Figures { sockets, sent_away, alone, beside })
}

/// One request after another, each a run from its beginning to its end.
fn ask(client: &Client, time: Duration) -> Result<Times> {
    let body = json!({"assistant_id": bulk::GRAPH, "input": {"bytes": 100}});
    let (mut times, start) = (Times::default(), Instant::now());
    while start.elapsed() < time {
        let asked = Instant::now();
        let answer = document(client.post("/runs/wait", &body)?)?;
        ensure!(answer["text"].as_str().map(str::len) == Some(100), "{answer}");
        times.add(asked.elapsed());
        // They are people, and leave time between two requests.
        thread::sleep(Duration::from_millis(5));
    }
    Ok(times)
}

/// The clients, on an OS thread of their own.
struct Crowd {
    stop: tokio::sync::oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
    sent_away: Arc<AtomicU64>,
}

impl Crowd {
    /// Returns when all of them are there.
    fn gather(address: SocketAddr, sockets: u64) -> Result<Self> {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (there, all_there) = std::sync::mpsc::channel();
        let sent_away = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&sent_away);
        let crowd = async move {
            let mut clients = JoinSet::new();
            for _ in 0..sockets {
                for kind in [Kind::HalfOpen, Kind::Dribbling] {
                    let first = TcpStream::connect(address).await;
                    clients.spawn(come_again(address, kind, first, Arc::clone(&count)));
                }
            }
            // Nobody waits for it any more when the recipe failed.
            let _ = there.send(());
            let _ = stopped.await;
        };
        let thread = thread::spawn(move || executor.block_on(crowd));
        all_there.recv().context("the crowd gathers")?;
        Ok(Self { stop, thread, sent_away })
    }

    /// How many were sent away.
    fn disperse(self) -> Result<u64> {
        // It may have ended already, which the next line says.
        let _ = self.stop.send(());
        ensure!(self.thread.join().is_ok(), "the crowd panicked");
        Ok(self.sent_away.load(Ordering::Relaxed))
    }
}

#[derive(Clone, Copy)]
enum Kind {
    HalfOpen,
    Dribbling,
}

/// One of them, who comes again whenever it is sent away.
async fn come_again(
    address: SocketAddr,
    kind: Kind,
    first: std::io::Result<TcpStream>,
    sent_away: Arc<AtomicU64>,
) {
    let mut next = first;
    loop {
        match next {
            Ok(socket) => {
                // It ends with an error when the server closes in the middle of a write.
                let _ = stay(socket, kind).await;
                sent_away.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => sleep(DRIBBLE).await,
        }
        next = TcpStream::connect(address).await;
    }
}

/// Until it is sent away.
async fn stay(mut socket: TcpStream, kind: Kind) -> std::io::Result<()> {
    let (begin, more): (&[u8], &[u8]) = match kind {
        Kind::HalfOpen => (HALF, b""),
        Kind::Dribbling => (HEAD, b"{"),
    };
    socket.write_all(begin).await?;
    let mut said = [0; 512];
    loop {
        match timeout(DRIBBLE, socket.read(&mut said)).await {
            Ok(Ok(0) | Err(_)) => return Ok(()),
            Ok(Ok(_)) => {}
            Err(_) => socket.write_all(more).await?,
        }
    }
}
