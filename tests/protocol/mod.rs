//! The streaming protocol over every transport: all of them tell the same, byte for byte.

mod by_hand;
mod clients;
mod commands;
mod conformance;
mod http;
mod restart;
mod silent;
mod slow;
mod stdio;
mod storm;

#[path = "../../examples/unix_socket.rs"]
mod unix_socket;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use eddyline::prelude::*;
use eddyline::runtime::Builder;
use eddyline::transports::{Error, Http, HttpOptions, WebSocketOptions};
use eddyline::{Handle, Options, Runtime, Shutdown, Transport};
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::clients::{Client, Lines, Sse, WebSocket};
use self::unix_socket::UnixSocket;

/// What the flood is told, and what it has done.
#[state]
struct Flood {
    events: u64,
    bytes: Option<u64>,
    done: Option<bool>,
}

/// Writes events, each when it may.
async fn flood(state: Flood, ctx: NodeContext, gate: Arc<Semaphore>) -> Result<Update<Flood>> {
    let text = "x".repeat(usize::try_from(state.bytes.unwrap_or(1)).unwrap_or_default());
    for n in 0..state.events {
        // It is never closed.
        let _ = gate.acquire().await.map(tokio::sync::SemaphorePermit::forget);
        ctx.write(json!({"name": "flood", "payload": n, "text": text})).await?;
    }
    Ok(Flood::update().done(true))
}

/// A thread that nobody has yet.
fn thread() -> Uuid {
    static THREADS: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(THREADS.fetch_add(1, Ordering::Relaxed).into())
}

/// A runtime, and all transports over it.
struct Server {
    runtime: Option<Runtime>,
    handle: Handle,
    address: SocketAddr,
    socket: PathBuf,
    stop: Shutdown,
    /// Lets the flood write.
    gate: Arc<Semaphore>,
    serving: Vec<JoinHandle<Result<(), Error>>>,
}

impl Server {
    fn start() -> Self {
        Self::with(Options::default(), Vec::new())
    }

    fn with(options: Options, cors_origins: Vec<String>) -> Self {
        let builder = Runtime::builder().options(options);
        Self::over(builder, HttpOptions { cors_origins, ..HttpOptions::default() })
    }

    /// With sockets that wait no longer than this for their clients, and so much that is kept of a thread.
    fn with_sockets(websocket: WebSocketOptions, tape_bytes: usize) -> Self {
        let builder = Runtime::builder().options(Options { tape_bytes, ..Options::default() });
        Self::over(builder, HttpOptions { websocket, ..HttpOptions::default() })
    }

    fn over(builder: Builder, http: HttpOptions) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let gate = Arc::new(Semaphore::new(0));
        let own = Arc::clone(&gate);
        let node = move |state: Flood, ctx: NodeContext| flood(state, ctx, Arc::clone(&own));
        let graph = StateGraph::<Flood>::new().node("flood", node).edge(START, "flood").compile().unwrap();
        let builder = builder.graph("flood", graph);
        let graphs = eddyline::graphs::all().unwrap().into_iter();
        let runtime = graphs.fold(builder, |builder, (id, graph)| builder.graph(id, graph)).start().unwrap();
        let http =
            HttpOptions { address: ([127, 0, 0, 1], 0).into(), stop_grace: Duration::from_secs(5), ..http };
        let http = Http::bind(http).unwrap();
        let count = STARTED.fetch_add(1, Ordering::Relaxed);
        // The path of a socket must be short.
        let socket = std::env::temp_dir().join(format!("eddyline-{}-{count}", std::process::id()));
        let _ = std::fs::remove_file(&socket);
        let unix = UnixSocket::bind(&socket).unwrap();
        let (address, stop) = (http.address(), Shutdown::new());
        let handle = runtime.handle();
        let mut server =
            Self { runtime: Some(runtime), handle, address, socket, stop, gate, serving: Vec::new() };
        server.serve(http);
        server.serve(unix);
        server
    }

    fn serve(&mut self, transport: impl Transport + Send + 'static) {
        let (runtime, stop) = (self.handle.clone(), self.stop.clone());
        let system = move || actix_rt::System::new().block_on(transport.serve(runtime, stop));
        self.serving.push(std::thread::spawn(system));
    }

    /// A client of each transport, for one thread.
    fn clients(&self, thread_id: Uuid) -> Vec<Box<dyn Client>> {
        vec![
            Box::new(Sse::new(self.address, thread_id)),
            Box::new(WebSocket::connect(self.address, thread_id)),
            Box::new(Lines::over_pipes(self, thread_id)),
            Box::new(Lines::over_socket(self, thread_id)),
        ]
    }

    /// Ends as a server does that is told to.
    fn end(&mut self) {
        self.stop.begin();
        if let Some(runtime) = self.runtime.take() {
            let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            executor.block_on(runtime.shutdown());
        }
    }

    /// Lets the flood write so many events more.
    fn let_flow(&self, events: usize) {
        self.gate.add_permits(events);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        for serving in self.serving.drain(..) {
            let ended = serving.join();
            assert!(std::thread::panicking() || ended.is_ok_and(|ended| ended.is_ok()), "a transport failed");
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}
