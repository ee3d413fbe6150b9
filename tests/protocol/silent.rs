//! Clients that say nothing, and such as take nothing: how long a socket waits for them, and what they are told then.

use std::io::Read as _;
use std::time::Duration;

use eddyline::transports::WebSocketOptions;
use serde_json::{Value, json};

use super::clients::{Client, WebSocket, seq};
use super::{Server, thread};

/// Asks often, and waits long for who does not read.
fn impatient() -> WebSocketOptions {
    WebSocketOptions { ping: Duration::from_millis(100), missed_pings: 2, stall: Duration::from_mins(10) }
}

#[test]
fn who_answers_no_ping_is_told_and_disconnected() {
    let server = Server::with_sockets(impatient(), 1 << 20);
    let client = WebSocket::connect(server.address, thread());
    // Read past the protocol, so that nobody answers.
    let mut bytes = Vec::new();
    client.carrier().read_to_end(&mut bytes).unwrap();
    let pings = bytes.windows(2).take_while(|frame| *frame == [0x89, 0]).count();
    assert!(bytes.starts_with(&[0x89, 0, 0x89, 0]) && pings <= 2, "two pings, and no more: {bytes:?}");
    let told = String::from_utf8_lossy(&bytes).into_owned();
    assert!(told.contains("the client does not answer pings"), "{told}");
    let close: Vec<u8> = [&[0x88, 11][..], &4408_u16.to_be_bytes(), b"no answer"].concat();
    assert!(bytes.ends_with(&close), "{bytes:?}");
}

#[test]
fn who_answers_pings_stays() {
    let server = Server::with_sockets(impatient(), 1 << 20);
    let mut client = WebSocket::with_query(server.address, thread(), "?heartbeat=1");
    // A second is ten pings.
    let beat: Value = serde_json::from_str(client.read().to_text().unwrap()).unwrap();
    assert_eq!(beat["type"], "heartbeat");
    assert_eq!(client.ask("agent.getTree", json!({}))["error"], "no_such_run");
}

/// More than what fits into the buffers of a connection, and much less than what is kept.
const EVENTS: usize = 300;
const BYTES: usize = 100_000;

#[test]
fn who_takes_nothing_is_told_and_goes_on_where_it_was() {
    let options = WebSocketOptions { stall: Duration::from_millis(100), ..WebSocketOptions::default() };
    let server = Server::with_sockets(options, 4 * EVENTS * BYTES);
    let thread_id = thread();
    let params = json!({"channels": ["custom", "lifecycle"]});
    let mut client = WebSocket::connect(server.address, thread_id);
    client.subscribe(params.clone());
    let mut other = WebSocket::connect(server.address, thread_id);
    other.subscribe(json!({"channels": ["lifecycle"]}));
    let input = json!({"events": EVENTS, "bytes": BYTES});
    other.ask("run.start", json!({"assistant_id": "flood", "input": input}));
    server.let_flow(EVENTS);
    other.until("completed");
    // Five times as long as it may take nothing.
    std::thread::sleep(options.stall * 5);
    let (mut told, farewell) = client.read_to_close(4429);
    assert_eq!(farewell["message"], "the connection is too slow; what it has not read is kept for a while");
    assert!(told.len() < EVENTS, "it did not read all of it");
    client.cut();
    client.subscribe(
        json!({"channels": ["custom", "lifecycle"], "since": told.last().map_or(0, |last| seq(last))}),
    );
    told.extend(client.until("completed"));
    let mut whole = WebSocket::connect(server.address, thread_id);
    whole.subscribe(params);
    assert_eq!(told, whole.until("completed"), "nothing is missing, nothing comes twice");
}
