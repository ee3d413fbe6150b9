//! Durable supersteps a second: a graph that counts, on 32 threads at once, every superstep stored before the next.

use std::time::Instant;

use serde_json::json;

use crate::Plan;
use crate::connection::{Connection, Request};
use crate::figures::Sample;
use crate::load::{Call, on_this_thread, threads};
use crate::process::{Folder, Process};

const THREADS: usize = 32;

/// This server over HTTP, and Python's library, without a server, with its SQLite storage.
pub(crate) fn durable(plan: &Plan) {
    println!("durable supersteps, {THREADS} threads, sync, FULL");
    let folder = Folder::new("supersteps");
    let server = Process::eddyline(folder.path());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        ours.push(counted(&server, 500));
        theirs.extend(plan.reference.as_ref().map(|reference| {
            let folder = Folder::new("supersteps-reference");
            let folder = folder.path().display().to_string();
            reference.figure("supersteps.py", &[folder, THREADS.to_string(), "50".to_owned()])
        }));
    }
    let ours = Sample::new(ours);
    ours.print("eddyline, over HTTP", "supersteps/s (goal: 10,000)");
    if !theirs.is_empty() {
        let theirs = Sample::new(theirs);
        theirs.print("langgraph with SqliteSaver, in its process", "supersteps/s");
        ours.over(&theirs).print("eddyline over langgraph", "");
    }
}

/// Supersteps a second, with `steps` on each thread.
fn counted(server: &Process, steps: usize) -> f64 {
    let body = json!({
        "assistant_id": "loop", "input": {"n": steps, "i": 0}, "durability": "sync",
        "config": {"recursion_limit": steps + 2},
    });
    on_this_thread(async {
        let mut counting = Vec::new();
        for thread in threads(server.address, THREADS).await {
            let request = Request::post(&format!("/threads/{thread}/runs/wait"), &body);
            counting.push((Connection::open(server.address).await, Call { request, ending: "}" }));
        }
        let start = Instant::now();
        let counted = counting.iter_mut().map(|(connection, call)| call.on(connection));
        futures_util::future::join_all(counted).await;
        (THREADS * steps) as f64 / start.elapsed().as_secs_f64()
    })
}
