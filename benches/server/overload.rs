//! Twice the load that the server can take: some of it is refused, and what is not is done.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use crate::Plan;
use crate::connection::{Connection, Request};
use crate::figures::{Sample, print};
use crate::load::{Call, drive, on_this_thread, threads};
use crate::process::{Folder, Process};

/// How many runs may wait or be under way. A server that has room for as many as come would never refuse one.
const OPEN: &str = "256";

/// Connections that show what the server can take.
const CLIENTS: usize = 64;

/// Connections that ask for twice as much. They are so many that those who wait for an answer do not slow the load down.
const CROWD: usize = 512;

const TIME: Duration = Duration::from_secs(10);

/// What came of the requests of one round.
#[derive(Default)]
struct Outcome {
    asked: usize,
    /// Runs that the server said it has taken, with their threads.
    accepted: Vec<(String, String)>,
    /// Answers of 429 or 503 with `Retry-After`.
    refused: usize,
    /// Every other answer.
    other: usize,
    millis: Vec<f64>,
}

/// Runs a second that the server can take, and what becomes of twice as many.
pub(crate) fn twice(plan: &Plan) {
    println!("twice the load that it can take, for {} s: runs in the background", TIME.as_secs());
    for _ in 0..plan.rounds.min(2) {
        let folder = Folder::new("overload");
        // Each refusal is a warning in the log; there are tens of thousands.
        let quiet = ("EDDYLINE__LOG__LEVEL", "error,eddyline::server=info");
        let server = Process::eddyline_with(folder.path(), &[("EDDYLINE__RUNS__MAX_OPEN", OPEN), quiet]);
        let can = capacity(&server);
        let outcome = on_this_thread(flood(&server, 2.0 * can));
        let (accepted, lost) = on_this_thread(unfinished(&server, &outcome.accepted));
        print("runs that it can take", can, "a second");
        print("asked for", outcome.asked as f64 / TIME.as_secs_f64(), "runs a second");
        print("accepted", accepted as f64, "runs");
        print("refused, 429 or 503 with Retry-After", outcome.refused as f64, "runs");
        print("answered otherwise", outcome.other as f64, "runs (goal: 0)");
        print("accepted but lost", lost as f64, "runs (goal: 0)");
        let answers = Sample::new(outcome.millis);
        print("until an answer, p50", answers.quantile(0.5), "ms");
        print("until an answer, p99", answers.quantile(0.99), "ms");
        print("resident memory after it", server.resident_bytes() / 1e6, "MB");
    }
}

fn start(thread: &str) -> Request {
    let run = json!({"assistant_id": "agent", "input": {"topic": "rain"}, "multitask_strategy": "enqueue"});
    Request::post(&format!("/threads/{thread}/runs"), &run)
}

/// Runs a second when each client waits for the end of one before it asks for the next.
fn capacity(server: &Process) -> f64 {
    let run = json!({"assistant_id": "agent", "input": {"topic": "rain"}});
    let threads = on_this_thread(threads(server.address, CLIENTS));
    let waits = |thread: &String| Request::post(&format!("/threads/{thread}/runs/wait"), &run);
    let calls: Vec<Call> =
        threads.iter().map(|thread| Call { request: waits(thread), ending: "}" }).collect();
    let load = drive(server, &calls, Duration::from_secs(3));
    load.answers / load.seconds
}

/// Asks for so many runs a second, whatever becomes of those before.
async fn flood(server: &Process, rate: f64) -> Outcome {
    let threads = threads(server.address, CROWD).await;
    let pace = Duration::from_secs_f64(CROWD as f64 / rate);
    let begin = tokio::time::Instant::now() + Duration::from_millis(100);
    let mut clients = JoinSet::new();
    for (place, thread) in threads.into_iter().enumerate() {
        let mut connection = Connection::open(server.address).await;
        let first = begin + pace.mul_f64(place as f64 / CROWD as f64);
        clients.spawn(async move {
            let (mut outcome, request, mut due) = (Outcome::default(), start(&thread), first);
            while due < begin + TIME {
                sleep_until(due).await;
                due += pace;
                outcome.asked += 1;
                let asked = Instant::now();
                let answer = connection.try_send(&request).await;
                outcome.millis.push(asked.elapsed().as_secs_f64() * 1e3);
                match answer.status {
                    200 => {
                        let run: Value = serde_json::from_slice(&answer.body).expect("a run is JSON");
                        let run = run["run_id"].as_str().expect("a run has an id").to_owned();
                        outcome.accepted.push((thread.clone(), run));
                    }
                    429 | 503 if answer.retry_after => outcome.refused += 1,
                    _ => outcome.other += 1,
                }
            }
            outcome
        });
    }
    let mut all = Outcome::default();
    for one in clients.join_all().await {
        all.asked += one.asked;
        all.accepted.extend(one.accepted);
        all.refused += one.refused;
        all.other += one.other;
        all.millis.extend(one.millis);
    }
    all
}

/// How many runs were accepted, and how many of them did not end well.
async fn unfinished(server: &Process, accepted: &[(String, String)]) -> (usize, usize) {
    let mut connection = Connection::open(server.address).await;
    let patience = Instant::now() + Duration::from_mins(1);
    let threads: HashSet<&String> = accepted.iter().map(|(thread, _)| thread).collect();
    let mut missing: HashSet<&str> = accepted.iter().map(|(_, run)| run.as_str()).collect();
    while !missing.is_empty() && Instant::now() < patience {
        sleep(Duration::from_millis(500)).await;
        for thread in &threads {
            for run in ended_well(&mut connection, thread).await {
                missing.remove(run["run_id"].as_str().expect("a run has an id"));
            }
        }
    }
    (accepted.len(), missing.len())
}

async fn ended_well(connection: &mut Connection, thread: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let query = format!("status=success&select=run_id&limit=1000&offset={}", all.len());
        let answer = connection.send(&Request::get(&format!("/threads/{thread}/runs?{query}"))).await;
        let page: Vec<Value> = serde_json::from_slice(answer.body).expect("runs are JSON");
        let is_last = page.len() < 1000;
        all.extend(page);
        if is_last {
            return all;
        }
    }
}
