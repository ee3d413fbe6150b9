//! From the start of the process to its first answer.

use std::time::Instant;

use eddyline::Runtime;
use eddyline::runtime::CreateThread;
use futures_util::{StreamExt as _, stream};

use crate::Plan;
use crate::connection::{Connection, Request};
use crate::figures::{Sample, print};
use crate::load::on_this_thread;
use crate::process::{Folder, Process};

const THREADS: usize = 100_000;

/// Over an empty folder, and over one with many threads; files that were read lately are still in memory.
pub(crate) fn first_answer(plan: &Plan) {
    println!("from start to first answer");
    let empty = (0..2 * plan.rounds).map(|_| {
        let folder = Folder::new("start");
        answered(|| Process::eddyline(folder.path()), "/ok")
    });
    Sample::new(empty).print("eddyline, nothing on disk", "ms (goal: 50)");
    let folder = Folder::new("start-many");
    let path = format!("/threads/{}", on_this_thread(many(&folder)));
    let many = (0..2 * plan.rounds).map(|_| answered(|| Process::eddyline(folder.path()), &path));
    Sample::new(many).print("eddyline, 100,000 threads on disk", "ms (goal: 300)");
    print("eddyline, 100,000 threads on disk", folder.bytes() / 1e6, "MB on disk");
    if let Some(reference) = &plan.reference {
        let folder = Folder::new("start-reference");
        print("langgraph dev", answered(|| reference.serve(&folder), "/ok"), "ms");
    }
}

/// Milliseconds from the start of a server to its answer.
fn answered(start: impl FnOnce() -> Process, path: &str) -> f64 {
    let begun = Instant::now();
    let server = start();
    on_this_thread(async {
        Connection::open(server.address).await.send(&Request::get(path)).await;
    });
    begun.elapsed().as_secs_f64() * 1e3
}

/// Fills a folder with threads on each of which a run ended; says the id of one.
async fn many(folder: &Folder) -> uuid::Uuid {
    let agent = eddyline::graphs::examples::agent::graph().expect("the graph has no mistakes");
    let runtime = Runtime::builder().data_dir(folder.path()).graph("agent", agent).start();
    let runtime = runtime.expect("the runtime starts");
    let handle = runtime.handle();
    let thread = handle.create_thread(CreateThread::default()).await.expect("a thread is made").thread_id;
    let made = stream::iter(0..THREADS).map(|_| async {
        let thread = handle.create_thread(CreateThread::default()).await.expect("a thread is made");
        thread.thread_id
    });
    made.buffer_unordered(256).count().await;
    runtime.shutdown().await;
    thread
}
