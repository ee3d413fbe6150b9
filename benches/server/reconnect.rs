//! A server that starts again while many clients listen: all of them come back at once, as clients do, after a wait that
//! chance decides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Plan;
use crate::connection::{Connection, Request};
use crate::figures::{Sample, print};
use crate::load::{on_this_thread, thread};
use crate::process::{Folder, Process};

const CLIENTS: usize = 5_000;

/// How long the clients listen before the server goes.
const BEFORE: Duration = Duration::from_secs(2);

/// What a client waits before it tries again: at most this, and twice as much after each attempt that fails.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Time until the clients listen again, what the server took of memory, and what clients saw of errors.
pub(crate) fn storm(plan: &Plan) {
    println!("a restart under {CLIENTS} clients that listen and try again with jitter");
    for _ in 0..plan.rounds.min(2) {
        let folder = Folder::new("reconnect");
        let server = Process::eddyline(folder.path());
        let address = server.address;
        let thread = on_this_thread(async { thread(&mut Connection::open(address).await).await });
        let listen = Request::get(&format!("/threads/{thread}/stream?stream_modes=lifecycle"));
        on_this_thread(restart(server, &folder, &thread, listen));
    }
}

/// What the clients are told, and what they tell.
#[derive(Default)]
struct Shared {
    /// The server that they listened to is gone.
    gone: AtomicBool,
    back: AtomicUsize,
    /// Attempts to connect that failed, and answers other than a stream.
    refused: AtomicUsize,
    errors: AtomicUsize,
}

async fn restart(server: Process, folder: &Folder, thread: &str, listen: Request) {
    let (address, shared) = (server.address, Arc::new(Shared::default()));
    let mut clients = JoinSet::new();
    for place in 0..CLIENTS {
        let mut connection = Connection::open(address).await;
        connection.open_stream(&listen).await;
        clients.spawn(client(address, listen.clone(), connection, Arc::clone(&shared), place as u64));
    }
    sleep(BEFORE).await;
    let before = server.resident_bytes();
    shared.gone.store(true, Ordering::Relaxed);
    // Not by SIGTERM: a server that dies takes leave of nobody.
    drop(server);
    let began = Instant::now();
    let (folder, port) = (folder.path().to_owned(), address.port().to_string());
    // The clients share this OS thread, and go on meanwhile.
    let start =
        move || (Process::eddyline_with(&folder, &[("EDDYLINE__HTTP__PORT", &port)]), began.elapsed());
    let (server, up) = tokio::task::spawn_blocking(start).await.expect("the server starts");
    let mut nearly_all = None;
    while shared.back.load(Ordering::Relaxed) < CLIENTS && began.elapsed() < Duration::from_mins(1) {
        sleep(Duration::from_millis(20)).await;
        if nearly_all.is_none() && shared.back.load(Ordering::Relaxed) * 100 >= CLIENTS * 99 {
            nearly_all = Some(began.elapsed());
        }
    }
    let back = shared.back.load(Ordering::Relaxed);
    print("from the kill until it listens again", up.as_secs_f64() * 1e3, "ms");
    match nearly_all {
        Some(time) => print("from the kill until 99 % are back", time.as_secs_f64() * 1e3, "ms"),
        None => println!("  99 % were not back after a minute"),
    }
    print("back at the end", back as f64, &format!("of {CLIENTS}"));
    print("memory before it", before / 1e6, "MB");
    print("peak memory after it", server.peak_bytes() / 1e6, "MB");
    print("attempts before it listened, which failed", shared.refused.load(Ordering::Relaxed) as f64, "");
    print("errors: answers that are no stream", shared.errors.load(Ordering::Relaxed) as f64, "(goal: 0)");
    let run = json!({"assistant_id": "agent", "input": {"topic": "ice cream"}});
    let mut trigger = Connection::open(address).await;
    let asked = Instant::now();
    trigger.send(&Request::post(&format!("/threads/{thread}/runs"), &run)).await;
    let heard = clients.join_all().await.into_iter().flatten();
    let heard = Sample::new(heard.map(|at| at.saturating_duration_since(asked).as_secs_f64() * 1e3));
    print("one event to all of them, p99", heard.quantile(0.99), "ms");
}

/// Listens, comes back when the server is gone, and says when it hears of an event.
async fn client(
    address: SocketAddr,
    listen: Request,
    mut connection: Connection,
    shared: Arc<Shared>,
    seed: u64,
) -> Option<Instant> {
    assert!(
        !connection.hears_event().await && shared.gone.load(Ordering::Relaxed),
        "nothing has happened yet"
    );
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut longest = FIRST_WAIT;
    let give_up = Instant::now() + Duration::from_mins(1);
    while Instant::now() < give_up {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        sleep(longest.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)).await;
        longest = (longest * 2).min(LONGEST_WAIT);
        let Some(mut again) = Connection::try_open(address).await else {
            shared.refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        if !again.opens_stream(&listen).await {
            shared.errors.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        shared.back.fetch_add(1, Ordering::Relaxed);
        return again.hears_event().await.then(Instant::now);
    }
    None
}
