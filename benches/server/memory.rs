//! Memory: of a server that nobody uses, and of event streams on which nothing happens.

use serde_json::{Value, json};

use crate::Plan;
use crate::bare;
use crate::connection::{Connection, Request};
use crate::figures::{Sample, print};
use crate::load::{on_this_thread, thread};
use crate::process::{Folder, Process};

const STREAMS: usize = 5_000;

/// Resident bytes, idle and for each of many streams that wait.
pub(crate) fn resident(plan: &Plan) {
    println!("resident memory, {STREAMS} streams that wait");
    let (mut idle, mut ours, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds.min(3) {
        let folder = Folder::new("memory");
        let server = Process::eddyline(folder.path());
        on_this_thread(async {
            Connection::open(server.address).await.send(&Request::get("/ok")).await;
        });
        idle.push(server.resident_bytes() / 1e6);
        let waits = on_this_thread(napping_run(&server));
        ours.push(each_stream(&server, &waits));
        let server = Process::ourselves(bare::ROLE, folder.path());
        bare.push(each_stream(&server, &Request::get("/waiting")));
    }
    Sample::new(idle).print("eddyline, idle", "MB (goal: 20)");
    if let Some(reference) = &plan.reference {
        let folder = Folder::new("memory-reference");
        print("langgraph dev, idle", reference.serve(&folder).resident_bytes() / 1e6, "MB");
    }
    Sample::new(ours).print("eddyline, each stream", "kB (goal: 16)");
    Sample::new(bare).print("bare actix-web, each stream", "kB");
}

/// Starts a run that naps for long; the request asks for its events.
async fn napping_run(server: &Process) -> Request {
    let mut connection = Connection::open(server.address).await;
    let thread = thread(&mut connection).await;
    let nap = json!({"assistant_id": "slow", "input": {"seconds": 3600}});
    let run = connection.send(&Request::post(&format!("/threads/{thread}/runs"), &nap)).await;
    let run: Value = serde_json::from_slice(run.body).expect("a run is JSON");
    let run = run["run_id"].as_str().expect("a run has an id");
    Request::get(&format!("/threads/{thread}/runs/{run}/stream"))
}

/// The kilobytes of each stream, once all of them have said something.
fn each_stream(server: &Process, request: &Request) -> f64 {
    on_this_thread(async {
        let before = server.resident_bytes();
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            let mut connection = Connection::open(server.address).await;
            connection.open_stream(request).await;
            streams.push(connection);
        }
        for stream in &mut streams {
            stream.hear().await;
        }
        (server.resident_bytes() - before) / STREAMS as f64 / 1e3
    })
}
