//! Clients that do not read: they cost the others nothing, are told what they lost, and take the stream up again.

use eddyline::Options;
use serde_json::{Value, json};

use super::clients::{Client, WebSocket, seq};
use super::{Server, thread};

/// How many events are written, of how many bytes, and how many of them may be on their way to the one who reads.
const EVENTS: usize = 400;
const BYTES: usize = 50_000;
const AHEAD: usize = 8;

#[test]
fn who_does_not_read_is_told_and_can_resume() {
    // What is kept is far less than what is written, and more than what the one who reads may be behind.
    let server = Server::with(Options { tape_bytes: 40 * BYTES, ..Options::default() }, Vec::new());
    let thread_id = thread();
    let connect = || {
        let mut client = WebSocket::connect(server.address, thread_id);
        client.subscribe(json!({"channels": ["custom", "lifecycle"]}));
        client
    };
    let mut deaf: Vec<WebSocket> = (0..5).map(|_| connect()).collect();
    let mut reader = connect();
    let input = json!({"events": EVENTS, "bytes": BYTES});
    reader.ask("run.start", json!({"assistant_id": "flood", "input": input}));
    server.let_flow(AHEAD);
    let mut heard = 0;
    loop {
        let event: Value = serde_json::from_str(&reader.next()).unwrap();
        match event["method"].as_str().unwrap() {
            "custom" => {
                assert_eq!(event["params"]["data"]["payload"], heard);
                heard += 1;
                server.let_flow(1);
            }
            _ if event["params"]["data"]["event"] == "completed" => break,
            _ => {}
        }
    }
    assert_eq!(heard, EVENTS);
    for client in &mut deaf {
        let (events, told) = client.read_to_close(4429);
        let last = events.last().map_or(0, |event| seq(event));
        assert_eq!(told["error"], "resume_gap", "{told}");
        assert!(told["min_available_seq"].as_u64().unwrap() > last);
        client.cut();
        let answer =
            client.ask("subscription.subscribe", json!({"channels": ["custom", "lifecycle"], "since": last}));
        assert!(answer["result"]["gap"]["min_available_seq"].as_u64().unwrap() > last, "{answer}");
        client.until("completed");
        let again = json!({"channels": ["custom"], "since": last});
        let answer = client.ask("subscription.reconnect", again);
        assert_eq!(answer["error"], "resume_gap", "{answer}");
    }
}
