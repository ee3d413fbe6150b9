//! Clients whose connections break all the time: nothing is missing, nothing is told twice, everything is in order.

use serde_json::json;

use super::clients::{ALL, Client, seq};
use super::{Server, thread};

/// After so many events a connection breaks.
const BREAKS_AFTER: usize = 5;

/// How often each connection breaks; in the long form as often as `EDDYLINE_STORM_CUTS` says.
fn cuts() -> usize {
    std::env::var("EDDYLINE_STORM_CUTS").map_or(30, |cuts| cuts.parse().unwrap())
}

#[test]
fn connections_that_break_lose_nothing_and_repeat_nothing() {
    let events = cuts() * BREAKS_AFTER;
    let server = Server::start();
    let thread_id = thread();
    let mut clients = server.clients(thread_id);
    let params = json!({"assistant_id": "flood", "input": {"events": events}});
    clients[0].subscribe(json!({"channels": ALL}));
    let answer = clients[0].ask("run.start", params);
    assert_eq!(answer["type"], "success", "{answer}");
    server.let_flow(events);
    let whole = clients[0].until("completed");
    for client in &mut clients {
        let (told, cuts) = over_breaks(client.as_mut(), whole.len());
        assert_eq!(told, whole, "{}", client.name());
        assert!(cuts >= self::cuts(), "{}: {cuts}", client.name());
    }
}

/// The same while the run is under way: what comes next is let go only when a connection is new.
#[test]
fn connections_that_break_while_a_run_is_under_way_lose_nothing() {
    let server = Server::start();
    for mut client in server.clients(thread()) {
        let answer = client.ask("run.start", json!({"assistant_id": "flood", "input": {"events": 60}}));
        assert_eq!(answer["type"], "success", "{answer}");
        let (mut told, mut since) = (Vec::new(), 0);
        for _ in 0..12 {
            client.cut();
            client.subscribe(json!({"channels": ["custom"], "since": since}));
            server.let_flow(5);
            for _ in 0..5 {
                let event = client.next();
                since = seq(&event);
                told.push(event);
            }
        }
        let numbers: Vec<serde_json::Value> = told
            .iter()
            .map(|event| {
                serde_json::from_str::<serde_json::Value>(event).unwrap()["params"]["data"]["payload"].clone()
            })
            .collect();
        let expected: Vec<serde_json::Value> = (0..60).map(serde_json::Value::from).collect();
        assert_eq!(numbers, expected, "{}", client.name());
        client.cut();
        client.subscribe(json!({"channels": ["lifecycle"], "since": since}));
        client.until("completed");
    }
}

/// What a client is told whose connection breaks again and again, and how often it did.
fn over_breaks(client: &mut dyn Client, events: usize) -> (Vec<String>, usize) {
    let (mut told, mut since, mut cuts) = (Vec::new(), 0, 0);
    while told.len() < events {
        client.cut();
        cuts += 1;
        client.subscribe(json!({"channels": ALL, "since": since}));
        for _ in 0..BREAKS_AFTER.min(events - told.len()) {
            let event = client.next();
            since = seq(&event);
            told.push(event);
        }
    }
    (told, cuts)
}
