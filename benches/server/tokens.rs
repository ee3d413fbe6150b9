//! Many models that answer at once: how long a token is on its way through the server.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::interval_at;

use crate::Plan;
use crate::connection::{Connection, Request};
use crate::figures::{Sample, print};
use crate::load::on_this_thread;
use crate::process::{Folder, Process, cpu_of_this_thread};

pub(crate) const ROLE: &str = "serve-provider";

const STREAMS: u32 = 1_000;

/// The time from one token of a stream to its next.
const PACE: Duration = Duration::from_millis(100);

const TOKENS: u32 = 100;

const GRAPH: &str = "state: { messages: messages }
nodes: { answer: { model: 'openai:local' } }
edges: [START -> answer -> END]
";

/// The milliseconds from the provider's writing a token until a client has read it, through the server and without it.
pub(crate) fn through(plan: &Plan) {
    let rate = f64::from(STREAMS) / PACE.as_secs_f64();
    println!("{STREAMS} models that answer at once, {rate} tokens a second in all");
    for _ in 0..plan.rounds.min(3) {
        let folder = Folder::new("tokens");
        let provider = Process::ourselves(ROLE, folder.path());
        let ask = json!({"model": "local", "stream": true, "messages": []});
        let straight = listen(&provider, &[], provider.address, "/v1/chat/completions", &ask);
        std::fs::write(folder.path().join("tokens.yaml"), GRAPH).expect("the folder can be written to");
        let base = format!("http://{}/v1", provider.address);
        let graphs = folder.path().display().to_string();
        let server = Process::eddyline_with(
            folder.path(),
            &[
                ("OPENAI_API_KEY", "none"),
                ("OPENAI_BASE_URL", base.as_str()),
                ("EDDYLINE__GRAPHS__FOLDER", graphs.as_str()),
                ("EDDYLINE__LOG__LEVEL", "error,eddyline::server=info"),
            ],
        );
        let run = json!({"assistant_id": "tokens", "input": {"messages": "hello"}, "stream_mode": "messages-tuple"});
        let ours = listen(&provider, &[&server], server.address, "/runs/stream", &run);
        for (share, name, goal) in [(0.5, "p50", ""), (0.99, "p99", " (goal: 1)"), (1.0, "max", "")] {
            print(
                &format!("from the provider through eddyline, {name}"),
                ours.quantile(share),
                &format!("ms{goal}"),
            );
            print(&format!("straight from the provider, {name}"), straight.quantile(share), "ms");
        }
    }
}

/// Opens the streams and reads them to their ends.
fn listen(provider: &Process, servers: &[&Process], address: SocketAddr, path: &str, body: &Value) -> Sample {
    let request = Request::post(path, body);
    on_this_thread(async {
        let mut clients = JoinSet::new();
        for _ in 0..STREAMS {
            let mut connection = Connection::open(address).await;
            let request = request.clone();
            clients.spawn(async move {
                connection.open_stream(&request).await;
                let mut millis = Vec::with_capacity(TOKENS as usize);
                while let Some(told) = connection.next_chunk().await {
                    let now = nanos();
                    millis.extend(written(told).map(|at| now.saturating_sub(at) as f64 / 1e6));
                }
                assert_eq!(millis.len(), TOKENS as usize, "every token comes once");
                millis
            });
        }
        let (began, own) = (Instant::now(), cpu_of_this_thread());
        let before = [provider.cpu(), servers.iter().map(|server| server.cpu()).sum()];
        let millis = clients.join_all().await.concat();
        let share = |cpu: f64| cpu / began.elapsed().as_secs_f64() * 100.0;
        let name = if servers.is_empty() { "straight" } else { "through eddyline" };
        print(&format!("{name}: of a core, the provider"), share(provider.cpu() - before[0]), "%");
        for server in servers {
            print(&format!("{name}: of a core, the server"), share(server.cpu() - before[1]), "%");
        }
        print(&format!("{name}: of a core, who reads"), share(cpu_of_this_thread() - own), "%");
        Sample::new(millis)
    })
}

/// When the tokens of a chunk were written.
fn written(chunk: &[u8]) -> impl Iterator<Item = u64> {
    let text = std::str::from_utf8(chunk).expect("events are text");
    text.split("\"content\":\"").skip(1).filter_map(|rest| rest.split_once(' ')?.0.parse().ok())
}

fn nanos() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    now.as_nanos() as u64
}

/// A provider whose tokens say when they were written. Serves until it is killed.
pub(crate) fn serve() {
    let asked = web::Data::new(AtomicU32::new(0));
    let server = HttpServer::new(move || {
        App::new().app_data(asked.clone()).route("/v1/chat/completions", web::post().to(answer))
    });
    let server = server.workers(1).tcp_nodelay(true).bind("127.0.0.1:0").expect("there is a free port");
    eprintln!("{{\"address\":\"http://{}\"}}", server.addrs()[0]);
    actix_web::rt::System::new().block_on(server.run()).expect("it serves");
}

/// The streams are out of step, as those of people are.
async fn answer(asked: web::Data<AtomicU32>, _: Bytes) -> HttpResponse {
    let place = asked.fetch_add(1, Ordering::Relaxed) % STREAMS;
    // After all of them have come.
    let first = tokio::time::Instant::now() + Duration::from_secs(2) + PACE * place / STREAMS;
    let tokens = stream::unfold((0, interval_at(first, PACE)), async |(count, mut pace)| {
        if count == TOKENS {
            return None;
        }
        pace.tick().await;
        Some((frame(&json!({"content": format!("{} ", nanos())}), None), (count + 1, pace)))
    });
    let end = [frame(&json!({}), Some("stop")), "data: [DONE]\n\n".to_owned()];
    let frames = tokens.chain(stream::iter(end)).map(|frame| Ok::<_, Infallible>(Bytes::from(frame)));
    HttpResponse::Ok().content_type("text/event-stream").streaming(frames)
}

fn frame(delta: &Value, finish: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "model": "local", "choices": [choice]});
    format!("data: {chunk}\n\n")
}
