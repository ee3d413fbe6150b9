//! Many event streams on which nothing happens, and then one event for all of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use crate::Plan;
use crate::bare;
use crate::connection::{Connection, Request};
use crate::figures::{Sample, print};
use crate::load::{on_this_thread, thread};
use crate::process::{Folder, Process};

const STREAMS: usize = 10_000;

const SOCKETS: usize = 1_000;

/// How long nothing happens.
const QUIET: Duration = Duration::from_secs(20);

/// What the streams cost while they wait, and how soon each hears of one event; beside it, bare actix-web that sends one
/// frame to as many.
pub(crate) fn many(plan: &Plan) {
    println!("{STREAMS} streams of one thread that wait, and one event for all of them");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds.min(3) {
        let folder = Folder::new("idle");
        let server = Process::eddyline(folder.path());
        let thread = on_this_thread(async { thread(&mut Connection::open(server.address).await).await });
        let listen = Request::get(&format!("/threads/{thread}/stream?stream_modes=lifecycle"));
        let run = json!({"assistant_id": "agent", "input": {"topic": "ice cream"}});
        let begin = Request::post(&format!("/threads/{thread}/runs"), &run);
        ours.push(fan_out(&server, &listen, &begin, round == 0));
        let server = Process::ourselves(bare::ROLE, folder.path());
        bare.push(fan_out(&server, &Request::get("/idle"), &Request::post("/event", &json!({})), false));
    }
    print_all(&ours, &bare);
    println!("{SOCKETS} WebSockets of one thread that wait, and one event for all of them");
    for _ in 0..plan.rounds.min(1) {
        let folder = Folder::new("idle-sockets");
        let heard = on_this_thread(sockets(&Process::eddyline(folder.path())));
        for (share, name) in [(0.5, "p50"), (0.99, "p99"), (1.0, "max")] {
            print(&format!("eddyline, {name}"), heard.quantile(share), "ms (goal of p99: 250)");
        }
    }
}

fn print_all(ours: &[Sample], bare: &[Sample]) {
    for (share, name) in [(0.5, "p50"), (0.99, "p99"), (1.0, "max")] {
        let [ours, bare] = [ours, bare].map(|all| Sample::new(all.iter().map(|of| of.quantile(share))));
        ours.print(&format!("eddyline, {name}"), "ms (goal of p99: 250)");
        bare.print(&format!("bare actix-web, {name}"), "ms");
        ours.over(&bare).print(&format!("{name}, over bare"), "times (goal of p99: 1.5)");
    }
}

/// The milliseconds from the request that makes the event until each stream has it.
fn fan_out(server: &Process, listen: &Request, event: &Request, tells_cost: bool) -> Sample {
    on_this_thread(async {
        let before = server.resident_bytes();
        let streams = open(server.address, listen.clone()).await;
        if tells_cost {
            let (cpu, began) = (server.cpu(), Instant::now());
            tokio::time::sleep(QUIET).await;
            let share = (server.cpu() - cpu) / began.elapsed().as_secs_f64();
            print("eddyline, of a core while they wait", share * 100.0, "% (goal: 1)");
            let each = (server.resident_bytes() - before) / STREAMS as f64 / 1e3;
            print("eddyline, each stream", each, "kB (goal: 16)");
        }
        let mut trigger = Connection::open(server.address).await;
        let start = Instant::now();
        let mut hearing = JoinSet::new();
        for mut stream in streams {
            hearing.spawn(async move {
                stream.hear_event().await;
                (start.elapsed(), stream)
            });
        }
        // All of them listen before anything happens.
        tokio::task::yield_now().await;
        let waited = start.elapsed();
        trigger.send(event).await;
        let heard = hearing.join_all().await;
        Sample::new(heard.iter().map(|(at, _)| at.saturating_sub(waited).as_secs_f64() * 1e3))
    })
}

async fn open(address: SocketAddr, listen: Request) -> Vec<Connection> {
    let mut streams = Vec::with_capacity(STREAMS);
    for _ in 0..STREAMS {
        let mut connection = Connection::open(address).await;
        connection.open_stream(&listen).await;
        streams.push(connection);
    }
    streams
}

/// The milliseconds from the request that makes the event until each socket has it.
async fn sockets(server: &Process) -> Sample {
    let mut trigger = Connection::open(server.address).await;
    let thread = thread(&mut trigger).await;
    let before = server.resident_bytes();
    let mut waiting = Vec::with_capacity(SOCKETS);
    for _ in 0..SOCKETS {
        let mut socket = Connection::open(server.address).await;
        socket.upgrade(&format!("/threads/{thread}/stream/events")).await;
        let subscribe =
            json!({"id": 1, "method": "subscription.subscribe", "params": {"channels": ["lifecycle"]}});
        socket.say(&subscribe.to_string()).await;
        let answer = socket.hear_text().await;
        let answer: serde_json::Value = serde_json::from_slice(answer).expect("an answer is JSON");
        assert_eq!(answer["type"], "success", "{answer}");
        waiting.push(socket);
    }
    let each = (server.resident_bytes() - before) / SOCKETS as f64 / 1e3;
    print("eddyline, each WebSocket", each, "kB");
    let (cpu, began) = (server.cpu(), Instant::now());
    tokio::time::sleep(QUIET).await;
    let share = (server.cpu() - cpu) / began.elapsed().as_secs_f64();
    print("eddyline, of a core while they wait", share * 100.0, "% (goal: 1)");
    let mut hearing = JoinSet::new();
    for mut socket in waiting {
        hearing.spawn(async move {
            socket.hear_text().await;
            (Instant::now(), socket)
        });
    }
    tokio::task::yield_now().await;
    let start = Instant::now();
    let run = json!({"assistant_id": "agent", "input": {"topic": "ice cream"}});
    trigger.send(&Request::post(&format!("/threads/{thread}/runs"), &run)).await;
    let heard = hearing.join_all().await;
    Sample::new(heard.iter().map(|(at, _)| at.saturating_duration_since(start).as_secs_f64() * 1e3))
}
