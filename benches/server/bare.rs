//! Bare actix-web that answers with the frames of a run and does nothing for them: what there is to reach.

use std::io;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::watch;

pub(crate) const ROLE: &str = "serve-bare";

/// The frames of a run of `agent` in mode `updates`.
const FRAMES: [&str; 3] = [
    "event: metadata\r\ndata: {\"run_id\":\"019ab000-0000-7000-8000-000000000000\",\"attempt\":1}\r\n\r\n",
    "event: updates\r\ndata: {\"refine_topic\":{\"topic\":\"ice cream and cats\"}}\r\n\r\n",
    "event: updates\r\ndata: {\"generate_joke\":{\"joke\":\"This is a joke about ice cream and cats\"}}\r\n\r\n",
];

/// Serves until it is killed, with as many workers as the server of this project has.
pub(crate) fn serve() {
    let events = web::Data::new(watch::Sender::new(()));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(events.clone())
            .route("/runs/stream", web::post().to(told))
            .route("/waiting", web::get().to(waiting))
            .route("/idle", web::get().to(idle))
            .route("/event", web::post().to(event))
    });
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let server = server.workers((cores / 4).max(1)).tcp_nodelay(true).bind("127.0.0.1:0");
    let server = server.expect("there is a free port");
    eprintln!("{{\"address\":\"http://{}\"}}", server.addrs()[0]);
    actix_web::rt::System::new().block_on(server.run()).expect("it serves");
}

async fn told(_: Bytes) -> HttpResponse {
    event_stream(stream::iter(FRAMES))
}

/// One frame, and nothing after it.
async fn waiting() -> HttpResponse {
    event_stream(stream::iter([FRAMES[0]]).chain(stream::pending()))
}

/// Nothing, until there is an event for everybody.
async fn idle(events: web::Data<watch::Sender<()>>) -> HttpResponse {
    let told = events.subscribe();
    let frames = stream::unfold(told, async |mut told| told.changed().await.ok().map(|()| (FRAMES[0], told)));
    event_stream(frames)
}

async fn event(events: web::Data<watch::Sender<()>>) -> HttpResponse {
    events.send_replace(());
    HttpResponse::Ok().json(())
}

fn event_stream(frames: impl stream::Stream<Item = &'static str> + 'static) -> HttpResponse {
    let frames = frames.map(|frame| Ok::<_, io::Error>(Bytes::from_static(frame.as_bytes())));
    HttpResponse::Ok().content_type("text/event-stream; charset=utf-8").streaming(frames)
}
