//! Clients that do not read: they cost the others nothing, are told what they lost, and take the stream up again.

use eddyline::Options;
use serde_json::{Value, json};

use super::clients::{Client, WebSocket};
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
        let (last, told) = read_to_the_end(client);
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

/// The number of the last event, and the error after it; the connection is closed then.
fn read_to_the_end(client: &mut WebSocket) -> (u64, Value) {
    let (mut last, mut told) = (0, Value::Null);
    loop {
        let message = client.read();
        if let tungstenite::Message::Close(reason) = message {
            assert_eq!(u16::from(reason.expect("it says why").code), 4429);
            return (last, told);
        }
        let document: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        match document["seq"].as_u64() {
            Some(seq) => last = seq,
            None => told = document,
        }
    }
}
