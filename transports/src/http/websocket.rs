//! The streaming protocol over a WebSocket: commands and events on one connection.
//!
//! Each frame is one document. What a client does not read waits on the tape of its thread, not here; one that reads
//! nothing for too long is told so and sent away, and takes the stream up again where it was.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session as Socket};
use eddyline_runtime::Handle;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, timeout};
use uuid::Uuid;

use super::answer::Answer;
use super::protocol::may_listen;
use super::request::{Served, query, thread_id};
use crate::protocol::Session;
use crate::wire::protocol::{Answer as Reply, Ends, Outgoing, Problem, Request, Style, heartbeat};
use crate::wire::{Reason, Refusal};

/// The largest message of a client: images travel inside input.
const MESSAGE_BYTES: usize = 16 << 20;

/// How many documents wait for a client that reads slowly; the next is read from the tape when there is room.
const WAITING: usize = 64;

/// Why a connection is closed, by numbers that clients know: after these they come back, but for the last.
const RESTARTS: u16 = 1012;
const SILENT: u16 = 4408;
const TOO_SLOW: u16 = 4429;
const BAD_THREAD: u16 = 4422;

/// How long a WebSocket waits for its client.
#[derive(Clone, Copy, Debug)]
pub struct WebSocketOptions {
    /// How often a client is asked whether it is there. Proxies end connections that are idle for half a minute.
    /// Default: 15 s.
    pub ping: Duration,
    /// How many times in a row it may not answer before its connection is closed. Default: 2.
    pub missed_pings: u32,
    /// How long it may read nothing of what it is sent before it is sent away. Default: 30 s.
    pub stall: Duration,
}

impl Default for WebSocketOptions {
    fn default() -> Self {
        Self { ping: Duration::from_secs(15), missed_pings: 2, stall: Duration::from_secs(30) }
    }
}

/// What begins the protocols by which pages in a browser say who they are.
const BEARER: &str = "lg.bearer";

/// `GET /threads/{thread_id}/stream/events` with an upgrade.
pub(super) async fn connect(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let is_upgrade = asked
        .headers()
        .get("upgrade")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if !is_upgrade {
        return Err(Refusal::new(Reason::MethodNotAllowed, "Method Not Allowed"));
    }
    let (thread_id, runtime) = (thread_id(&path), served.runtime_in_name_of(&asked));
    if let Ok(thread_id) = thread_id {
        may_listen(&runtime, thread_id).await?;
    }
    let beats = query(&asked)?.text("heartbeat").and_then(|text| text.parse::<u64>().ok());
    let (mut answer, socket, messages) = actix_ws::handle(&asked, payload)
        .map_err(|error| Refusal::new(Reason::BadRequest, error.to_string()))?;
    echo_protocol(&asked, &mut answer);
    let messages = messages.max_frame_size(MESSAGE_BYTES).aggregate_continuations();
    let messages = messages.max_continuation_size(MESSAGE_BYTES);
    actix_web::rt::spawn(async move {
        match thread_id {
            Ok(thread_id) => serve(&served, (runtime, thread_id), socket, messages, beats).await,
            Err(refusal) => turn_away(socket, refusal).await,
        }
    });
    Ok(answer)
}

/// Browsers end a connection for which they offered protocols and got none.
fn echo_protocol(asked: &HttpRequest, answer: &mut HttpResponse) {
    let offered = asked.headers().get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    let mut offered = offered.flat_map(|value| value.split(',')).map(str::trim);
    if let Some(value) =
        offered.find(|name| name.starts_with(BEARER)).and_then(|name| HeaderValue::from_str(name).ok())
    {
        let name: HeaderName = SEC_WEBSOCKET_PROTOCOL;
        answer.headers_mut().insert(name, value);
    }
}

async fn turn_away(mut socket: Socket, refusal: Refusal) {
    let reason = refusal.detail.clone();
    let answer =
        Reply::Error { id: None, problem: refusal.into(), subscription: None, ends: Ends::Connection };
    let _ = socket.text(text(&Outgoing { thread: None, answer })).await;
    let _ = socket
        .close(Some(CloseReason { code: CloseCode::Other(BAD_THREAD), description: Some(reason) }))
        .await;
}

/// Serves one connection to its end.
async fn serve(
    served: &Served,
    (runtime, thread_id): (Handle, Uuid),
    socket: Socket,
    messages: AggregatedMessageStream,
    beats: Option<u64>,
) {
    let (out, told) = mpsc::channel(WAITING);
    let session = Session::start(runtime, thread_id, out.clone(), served.stop.clone());
    let missed = Rc::new(Cell::new(0));
    let (options, farewell) = (served.websocket, served.send_timeout);
    let writer = Writer { socket: socket.clone(), options, farewell, missed: Rc::clone(&missed), last: 0 };
    tokio::select! {
        () = writer.run(told, beats) => {}
        () = read(messages, socket, &session, &out, &missed) => {}
        () = served.last_moment() => {}
    }
}

/// Takes in what the client says, until it says no more.
async fn read(
    mut messages: AggregatedMessageStream,
    mut socket: Socket,
    session: &Session,
    out: &mpsc::Sender<Outgoing>,
    missed: &Cell<u32>,
) {
    while let Some(Ok(message)) = messages.next().await {
        missed.set(0);
        let bytes = match message {
            AggregatedMessage::Text(text) => text.into_bytes(),
            AggregatedMessage::Binary(bytes) => bytes,
            AggregatedMessage::Ping(data) => {
                if socket.pong(&data).await.is_err() {
                    return;
                }
                continue;
            }
            AggregatedMessage::Pong(_) => continue,
            AggregatedMessage::Close(reason) => {
                let _ = socket.close(reason).await;
                return;
            }
        };
        let is_served = match Request::parse(&bytes, Style::OneThread) {
            Ok(request) => session.order_when_free(request.id, request.command).await,
            Err(malformed) => refuse(out, malformed.id(), malformed.problem(Style::OneThread)).await,
        };
        if !is_served {
            // Why, the writer tells.
            return std::future::pending().await;
        }
    }
}

async fn refuse(
    out: &mpsc::Sender<Outgoing>,
    id: Option<crate::wire::protocol::CommandId>,
    problem: Problem,
) -> bool {
    let answer = Reply::Error { id, problem, subscription: None, ends: Ends::Nothing };
    out.send(Outgoing { thread: None, answer }).await.is_ok()
}

fn text(told: &Outgoing) -> String {
    String::from_utf8_lossy(&told.plain()).into_owned()
}

/// What goes to the client.
struct Writer {
    socket: Socket,
    options: WebSocketOptions,
    /// How long a client that is sent away has to hear why; then its connection is given up anyway.
    farewell: Duration,
    /// How many pings in a row the client has not answered.
    missed: Rc<Cell<u32>>,
    /// The number of the last event that was told.
    last: u64,
}

/// The client is gone, or is sent away.
struct Over;

impl Writer {
    async fn run(mut self, told: mpsc::Receiver<Outgoing>, beats: Option<u64>) {
        // Ends with the client, or when it was sent away.
        let _ = self.write_all(told, beats).await;
    }

    async fn write_all(
        &mut self,
        mut told: mpsc::Receiver<Outgoing>,
        beats: Option<u64>,
    ) -> Result<(), Over> {
        let mut pings = interval_at(Instant::now() + self.options.ping, self.options.ping);
        let every = Duration::from_secs(beats.unwrap_or(1).clamp(1, 3600));
        let mut beating = interval_at(Instant::now() + every, every);
        loop {
            tokio::select! {
                next = told.recv() => match next {
                    Some(next) => self.write(&next).await?,
                    None => return Ok(()),
                },
                _ = pings.tick() => {
                    if self.missed.get() >= self.options.missed_pings {
                        return self.send_away("the client does not answer pings", (SILENT, "no answer")).await;
                    }
                    self.missed.set(self.missed.get() + 1);
                    self.ping().await?;
                }
                _ = beating.tick(), if beats.is_some() => self.send(heartbeat(self.last)).await?,
            }
        }
    }

    async fn write(&mut self, told: &Outgoing) -> Result<(), Over> {
        self.send(text(told)).await?;
        match &told.answer {
            Reply::Event { event, .. } => self.last = event.seq,
            Reply::Error { ends: Ends::Connection, .. } => {
                return self.close(RESTARTS, "server shutting down").await;
            }
            Reply::Error { ends: Ends::Subscription, .. } => return self.close(TOO_SLOW, "too slow").await,
            _ => {}
        }
        Ok(())
    }

    async fn send(&mut self, text: String) -> Result<(), Over> {
        match timeout(self.options.stall, self.socket.text(text)).await {
            Ok(sent) => sent.map_err(|_| Over),
            Err(_) => self.is_stalled().await,
        }
    }

    async fn ping(&mut self) -> Result<(), Over> {
        match timeout(self.options.stall, self.socket.ping(b"")).await {
            Ok(sent) => sent.map_err(|_| Over),
            Err(_) => self.is_stalled().await,
        }
    }

    /// The client has read nothing for too long.
    async fn is_stalled(&mut self) -> Result<(), Over> {
        let problem = "the connection is too slow; what it has not read is kept for a while";
        self.send_away(problem, (TOO_SLOW, "too slow")).await
    }

    /// Tells the client why it has to go, behind what it was sent before, and closes its connection.
    async fn send_away(&mut self, problem: &str, (code, why): (u16, &str)) -> Result<(), Over> {
        let problem = Problem::failed(problem);
        let answer = Reply::Error { id: None, problem, subscription: None, ends: Ends::Connection };
        let told = text(&Outgoing { thread: None, answer });
        if let Ok(Ok(())) = timeout(self.farewell, self.socket.text(told)).await {
            return self.close(code, why).await;
        }
        Err(Over)
    }

    async fn close(&mut self, code: u16, why: &str) -> Result<(), Over> {
        let reason = CloseReason { code: CloseCode::from(code), description: Some(why.to_owned()) };
        let _ = timeout(self.farewell, self.socket.clone().close(Some(reason))).await;
        Err(Over)
    }
}
