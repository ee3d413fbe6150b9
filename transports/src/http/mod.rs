//! The LangGraph API over HTTP: requests to JSON answers and event streams.
//!
//! Owns sockets, routes, headers and status codes. Does not know what the JSON says: that is
//! [`wire`](crate::wire)'s.

mod a2a;
mod accounts;
mod answer;
mod assistants;
mod auth;
mod cors;
mod crons;
mod event_stream;
#[cfg(test)]
mod event_stream_tests;
mod inner;
mod leaving;
mod limits;
mod mcp;
mod meta;
mod metrics;
mod operation;
mod protocol;
mod request;
mod routes;
mod run;
mod runs;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod thread_stream;
mod threads;
mod told;
#[cfg(test)]
mod trouble_tests;
mod waiting;
mod webhooks;
mod websocket;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use eddyline_runtime::Handle;
use socket2::{Domain, Protocol, Socket, Type};

use self::accounts::accounted;
use self::cors::Pages;
pub(crate) use self::inner::Inner;
use self::limits::{Connections, Rate};
use self::request::Served;
pub use self::websocket::WebSocketOptions;
use crate::{Authenticate, Authorize, Error, Owners, Shutdown, Transport};

/// How many clients may wait for their connection to be accepted; the operating system turns the next one
/// away, and it tries again.
const BACKLOG: i32 = 1024;

/// Seconds for what streams still have to say when their time is over.
const FAREWELL: u64 = 5;

/// How HTTP is served: plain numbers, each with a default.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// The address to listen on. Port 0 takes any free one. Default: `127.0.0.1:2024`.
    pub address: SocketAddr,
    /// OS threads that translate. Default: a quarter of the cores, at least one.
    pub workers: NonZeroUsize,
    /// The largest request body, in bytes. Default: 2 MiB.
    pub max_body_bytes: usize,
    /// Connections at once; the next waits to be accepted. Default: 32,768.
    pub max_connections: usize,
    /// Connections at once from one address; what is asked on the next is refused. Default: 16,384.
    pub max_connections_per_address: usize,
    /// Requests a second of each caller, over a while, and at once; what is asked beyond is refused. A caller is who
    /// `authenticate` says it is, or else an address. Default: any number.
    pub max_requests_per_second: Option<NonZeroU32>,
    /// How long a client may take for the head of a request; then its connection is closed. Default: 5 s.
    pub header_timeout: Duration,
    /// How long it may take for a body; then it is refused. Default: 30 s.
    pub body_timeout: Duration,
    /// How long a connection stays open on which nothing is asked. Default: 75 s.
    pub keep_alive: Duration,
    /// How long a client may leave unread what it is sent; then its connection is closed. On Linux. Default: 1 min.
    pub send_timeout: Duration,
    /// How long a socket waits for its client. Default: that of [`WebSocketOptions`].
    pub websocket: WebSocketOptions,
    /// How long streams may go on after the order to stop, while runs reach a commit; a stream ends earlier with its
    /// run, or when the runtime has shut down. Default: 30 s.
    pub stop_grace: Duration,
    /// The web origins whose pages may ask and read answers; empty for every origin. `local` stands for every one of this
    /// machine. Default: `local`.
    pub cors_origins: Vec<String>,
    /// Names under which the server is asked, beside those of this machine. It is asked under no others when it listens
    /// on a loopback address and wants no key. Default: none.
    pub allowed_hosts: Vec<String>,
    /// Whether `GET /metrics` is answered whoever asks, as `GET /ok` is. Default: no.
    pub open_metrics: bool,
    /// Finds out who asks; `None` answers everybody. Default: `None`.
    pub authenticate: Option<Arc<dyn Authenticate>>,
    /// What those may do who are known; without [`authenticate`](Self::authenticate) everybody may do everything.
    /// Default: [`Owners`].
    pub authorize: Arc<dyn Authorize>,
    /// The JSON Schema of graph files, as text, which `GET /graph-schema.json` gives to editors; `None` if graphs are
    /// not written in files.
    pub graph_schema: Option<Arc<str>>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 2024)),
            workers: NonZeroUsize::new(cores / 4).unwrap_or(NonZeroUsize::MIN),
            max_body_bytes: 2 << 20,
            max_connections: 32_768,
            max_connections_per_address: 16_384,
            max_requests_per_second: None,
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            send_timeout: Duration::from_mins(1),
            websocket: WebSocketOptions::default(),
            stop_grace: Duration::from_secs(30),
            cors_origins: vec!["local".to_owned()],
            allowed_hosts: Vec::new(),
            open_metrics: false,
            authenticate: None,
            authorize: Arc::new(Owners),
            graph_schema: None,
        }
    }
}

/// HTTP with a socket that listens already: clients that come before [`serve`](Transport::serve) wait.
#[derive(Debug)]
pub struct Http {
    listener: TcpListener,
    address: SocketAddr,
    options: HttpOptions,
}

impl Http {
    /// Takes the address, so that a failure to get it is known before anything else starts.
    pub fn bind(options: HttpOptions) -> Result<Self, Error> {
        let fail = |source| Error::Address { address: options.address, source };
        let listener = listen(options.address, options.send_timeout).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        Ok(Self { listener, address, options })
    }

    /// The address that clients use; its port is the one that was taken, if any free one was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn listen(address: SocketAddr, send_timeout: Duration) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A server that starts again must not wait for the connections of its former self to time out.
    socket.set_reuse_address(true)?;
    // Connections have it from here.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(send_timeout))?;
    #[cfg(not(target_os = "linux"))]
    let _ = send_timeout;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Transport for Http {
    async fn serve(self, runtime: Handle, stop: Shutdown) -> Result<(), Error> {
        let Self { listener, options, .. } = self;
        let workers = options.workers.get();
        let authorize = options.authenticate.as_ref().map(|_| Arc::clone(&options.authorize));
        let served = web::Data::new(Served::new(runtime, authorize, stop.clone(), &options));
        let connections = Connections::new(options.max_connections_per_address);
        let rate = Arc::new(Rate::new(options.max_requests_per_second));
        let (header_timeout, keep_alive) = (options.header_timeout, options.keep_alive);
        // Workers share them.
        let max_connections = options.max_connections.div_ceil(workers);
        let stop_grace = options.stop_grace;
        let app = move || {
            let pages = Pages::new(&options);
            let cors = pages.policy();
            let from = from_fn(move |request, next| cors::asked_from(pages.clone(), request, next));
            let door = auth::Door::new(&options);
            let known = from_fn(move |request, next| auth::known(door.clone(), request, next));
            let app = App::new().app_data(served.clone()).configure(routes::configure);
            // Pages ask first whether they may, and have no key for that.
            let rate = Arc::clone(&rate);
            let limited = from_fn(move |request, next| limits::limited(Arc::clone(&rate), request, next));
            app.wrap(limited).wrap(known).wrap(from).wrap(from_fn(accounted)).wrap(cors)
        };
        let server = HttpServer::new(app)
            .workers(workers)
            .max_connections(max_connections)
            .on_connect(move |socket, data| connections.meet(socket, data))
            .client_request_timeout(header_timeout)
            .keep_alive(keep_alive)
            // Small frames must not wait for the acknowledgement of the frame before.
            .tcp_nodelay(true)
            // A client that is gone while its stream is idle is noticed only so.
            .h1_allow_half_closed(false)
            .shutdown_timeout(stop_grace.as_secs() + FAREWELL)
            .disable_signals()
            .listen(listener)
            .map_err(Error::Failed)?
            .run();
        // Not by its own signal: after that it ends the whole actix System, and waits before it does.
        let handle = server.handle();
        let stopping = actix_web::rt::spawn(async move {
            stop.begun().await;
            handle.stop(true).await;
        });
        let ended = server.await;
        stopping.abort();
        ended.map_err(Error::Failed)
    }
}
