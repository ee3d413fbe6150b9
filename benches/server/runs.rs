//! Runs a second, events a second, and how soon the first event comes.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::Plan;
use crate::bare;
use crate::connection::{Connection, Request};
use crate::contest::{Contender, contest};
use crate::figures::Sample;
use crate::load::{Call, on_this_thread, threads};
use crate::process::{Folder, Process};

const OURS: &str = "eddyline";
const THEIRS: &str = "langgraph dev";
const BARE: &str = "bare actix-web";

fn joke() -> Value {
    json!({"assistant_id": "agent", "input": {"topic": "ice cream"}, "stream_mode": "updates", "durability": "async"})
}

/// A run of `agent` and how its stream ends.
fn told(path: &str) -> Call {
    let ending = "\"joke\":\"This is a joke about ice cream and cats\"}}\r\n\r\n";
    Call { request: Request::post(path, &joke()), ending }
}

/// The servers that are measured, each over an empty folder.
struct Servers {
    ours: Process,
    theirs: Option<Process>,
    _folders: [Folder; 2],
}

impl Servers {
    fn start(plan: &Plan) -> Self {
        let folders = [Folder::new("ours"), Folder::new("theirs")];
        let theirs = plan.reference.as_ref().map(|reference| reference.serve(&folders[1]));
        Self { ours: Process::eddyline(folders[0].path()), theirs, _folders: folders }
    }

    /// Those of this project and of the reference, each with what its connections send.
    fn contenders(&self, calls: impl Fn(SocketAddr) -> Vec<Call>) -> Vec<Contender<'_>> {
        let theirs = self.theirs.as_ref().map(|process| (THEIRS, process));
        let all = [(OURS, &self.ours)].into_iter().chain(theirs);
        all.map(|(name, process)| Contender::new(name, process, calls(process.address))).collect()
    }
}

/// Runs without a thread, 16 at once.
pub(crate) fn stateless(plan: &Plan) {
    println!("stateless runs, 16 connections");
    let (servers, nowhere) = (Servers::start(plan), Folder::new("bare"));
    let bare = Process::ourselves(bare::ROLE, nowhere.path());
    let calls = |_| vec![told("/runs/stream"); 16];
    let mut contenders = servers.contenders(calls);
    contenders.push(Contender::new(BARE, &bare, calls(bare.address)));
    contest(plan.rounds, contenders, (1.0, "runs"), "(goal over langgraph dev: 100)");
}

/// Runs on a thread for each connection, each stored.
pub(crate) fn durable(plan: &Plan, connections: usize) {
    println!("durable runs, {connections} connections with a thread each, async, FULL");
    let calls = |address| {
        let threads = on_this_thread(threads(address, connections));
        threads.iter().map(|thread| told(&format!("/threads/{thread}/runs/stream"))).collect()
    };
    let goal = if connections == 16 { "(goal: 35)" } else { "(goal: 75)" };
    contest(plan.rounds, Servers::start(plan).contenders(calls), (1.0, "runs"), goal);
}

/// Custom events from one node, 1,000 a run, on 4 connections.
pub(crate) fn flood(plan: &Plan) {
    println!("custom events, 1,000 a run, 4 connections");
    let body = json!({"assistant_id": "bench", "input": {"n": 1000}, "stream_mode": "custom"});
    let call = Call { request: Request::post("/runs/stream", &body), ending: "data: {\"i\":999}\r\n\r\n" };
    let calls = |_| vec![call.clone(); 4];
    contest(plan.rounds, Servers::start(plan).contenders(calls), (1000.0, "events"), "(goal: 300)");
}

/// From a request on an idle server to the first event of its run.
pub(crate) fn first_event(plan: &Plan) {
    println!("first event, one connection, idle servers");
    let servers = Servers::start(plan);
    let measure = |process: &Process, count: usize, thread: bool| {
        on_this_thread(async {
            let path = if thread {
                format!("/threads/{}/runs/stream", threads(process.address, 1).await[0])
            } else {
                "/runs/stream".to_owned()
            };
            let (mut connection, call) = (Connection::open(process.address).await, told(&path));
            call.on(&mut connection).await;
            let mut millis = Vec::new();
            for _ in 0..count {
                millis.push(connection.send(&call.request).await.first.as_secs_f64() * 1e3);
            }
            Sample::new(millis)
        })
    };
    for (thread, kind) in [(false, "stateless"), (true, "on a thread")] {
        let goal = "ms, median and spread (goal: 1)";
        measure(&servers.ours, 100 * plan.rounds, thread).print(&format!("{OURS}, {kind}"), goal);
        if let Some(theirs) = &servers.theirs {
            measure(theirs, 2 * plan.rounds, thread).print(&format!("{THEIRS}, {kind}"), goal);
        }
    }
}
