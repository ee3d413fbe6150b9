//! What a thread costs that goes on and on: bytes on disk, and the time of a turn.

use serde_json::json;

use crate::Plan;
use crate::connection::{Connection, Request};
use crate::figures::{Sample, print};
use crate::load::{on_this_thread, threads};
use crate::process::{Folder, Process};
use crate::talk;

/// What is said in a turn, in bytes.
const WORDS: usize = 128;

const TURNS: usize = 2_000;

/// How many turns are timed, of the last and of the tenth.
const TIMED: usize = 200;

/// One thread of many turns; and many threads of ten, to know a tenth turn as well as the last ones.
pub(crate) fn of_a_thread(_: &Plan) {
    println!("growth, turns of {WORDS} bytes on one thread");
    let folder = Folder::new("growth");
    let thread = on_server(&folder, |server| on_this_thread(threads(server.address, 1)).remove(0));
    let mut sizes = vec![folder.bytes()];
    let mut last = Vec::new();
    for from in (0..TURNS).step_by(TURNS / 5) {
        // The size is that of a server that ended: what lies in the log by then is in the database.
        last = on_server(&folder, |server| turns(server, &thread, from..from + TURNS / 5));
        sizes.push(folder.bytes());
    }
    let turn = |from: usize, to: usize| (sizes[to] - sizes[from]) / (TURNS / 5 * (to - from)) as f64;
    print("400 turns", sizes[1] / 1e6, "MB (goal: 1)");
    print("2,000 turns", sizes[5] / 1e6, "MB");
    print("a turn beside its words, from 400 to 2,000", turn(1, 5) - WORDS as f64, "bytes (goal: 2000)");
    print(
        "a turn of the last 400 over one of the second 400",
        turn(4, 5) / turn(1, 2),
        "(a straight line: 1)",
    );
    let tenth = on_server(&Folder::new("growth-tenth"), |server| {
        let threads = on_this_thread(threads(server.address, TIMED));
        threads.iter().map(|thread| turns(server, thread, 0..10)[9]).collect::<Vec<f64>>()
    });
    let (tenth, last) = (Sample::new(tenth), Sample::new(last.split_off(last.len() - TIMED)));
    tenth.print("the tenth turn, in mode updates", "ms");
    last.print("the last 200 turns, in mode updates", "ms");
    let ratio = last.quantile(0.99) / tenth.quantile(0.99);
    print("p99 of the last turns over that of the tenth", ratio, "(goal: 2)");
}

fn on_server<T>(folder: &Folder, work: impl FnOnce(&Process) -> T) -> T {
    let server = Process::ourselves(talk::ROLE, folder.path());
    let done = work(&server);
    server.end();
    done
}

/// The milliseconds of each turn.
fn turns(server: &Process, thread: &str, turns: std::ops::Range<usize>) -> Vec<f64> {
    let path = format!("/threads/{thread}/runs/stream");
    on_this_thread(async {
        let mut connection = Connection::open(server.address).await;
        let mut millis = Vec::new();
        for turn in turns {
            let words = format!("{turn:0>WORDS$}");
            let input = json!({"messages": [{"role": "user", "content": words}]});
            let body = json!({"assistant_id": "talk", "input": input, "stream_mode": "updates"});
            let answer = connection.send(&Request::post(&path, &body)).await;
            assert!(
                answer.body.ends_with(b"data: {\"listen\":null}\r\n\r\n"),
                "{}",
                String::from_utf8_lossy(answer.body)
            );
            millis.push(answer.whole.as_secs_f64() * 1e3);
        }
        millis
    })
}
