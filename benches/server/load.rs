//! The load: connections that each send one request after another, until the time is up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::connection::{Connection, Request};
use crate::process::{Process, cpu_of_this_thread};

/// How long a server is under load before it is measured; the reference looks for new runs once a second.
const WARM_UP: Duration = Duration::from_millis(1_500);

/// What to send, and how its answer ends when all went well.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) ending: &'static str,
}

impl Call {
    /// Sends it once.
    pub(crate) async fn on(&self, connection: &mut Connection) {
        let body = connection.send(&self.request).await.body;
        assert!(body.ends_with(self.ending.as_bytes()), "{}", String::from_utf8_lossy(body));
    }
}

/// What came of a load in the time that was measured.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) answers: f64,
    pub(crate) seconds: f64,
    /// What the server took of a core, in seconds.
    pub(crate) server_cpu: f64,
    /// What this end of the sockets took of a core, in seconds.
    pub(crate) driver_cpu: f64,
}

/// How far a load has come.
struct Mark {
    answers: u64,
    at: Instant,
    server_cpu: f64,
    driver_cpu: f64,
}

/// Runs one connection for each call, all on this OS thread, and measures from when they are warm.
pub(crate) fn drive(server: &Process, calls: &[Call], time: Duration) -> Load {
    on_this_thread(async {
        let (answers, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut connections = JoinSet::new();
        for call in calls {
            let (call, mut connection) = (call.clone(), Connection::open(server.address).await);
            let (answers, stop) = (Arc::clone(&answers), Arc::clone(&stop));
            connections.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    call.on(&mut connection).await;
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mark = || Mark {
            answers: answers.load(Ordering::Relaxed),
            at: Instant::now(),
            server_cpu: server.cpu(),
            driver_cpu: cpu_of_this_thread(),
        };
        tokio::time::sleep(WARM_UP).await;
        let start = mark();
        tokio::time::sleep(time).await;
        let end = mark();
        stop.store(true, Ordering::Relaxed);
        connections.join_all().await;
        Load {
            answers: (end.answers - start.answers) as f64,
            seconds: (end.at - start.at).as_secs_f64(),
            server_cpu: end.server_cpu - start.server_cpu,
            driver_cpu: end.driver_cpu - start.driver_cpu,
        }
    })
}

/// New threads.
pub(crate) async fn threads(address: SocketAddr, count: usize) -> Vec<String> {
    let mut connection = Connection::open(address).await;
    let mut threads = Vec::with_capacity(count);
    for _ in 0..count {
        threads.push(thread(&mut connection).await);
    }
    threads
}

/// A new thread.
pub(crate) async fn thread(connection: &mut Connection) -> String {
    let answer = connection.send(&Request::post("/threads", &json!({}))).await;
    let thread: Value = serde_json::from_slice(answer.body).expect("a thread is JSON");
    thread["thread_id"].as_str().expect("a thread has an id").to_owned()
}

/// Works on sockets on this OS thread, and on no other.
pub(crate) fn on_this_thread<T>(work: impl Future<Output = T>) -> T {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    executor.expect("an executor starts").block_on(work)
}
