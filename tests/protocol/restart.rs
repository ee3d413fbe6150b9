//! A server that ends and starts again over the same folder: clients go on with what they have from before.

use std::path::{Path, PathBuf};

use eddyline::Runtime;
use eddyline::transports::HttpOptions;
use serde_json::{Value, json};

use super::clients::{ALL, seq};
use super::{Server, thread};

fn start(folder: &Path) -> Server {
    Server::over(Runtime::builder().data_dir(folder), HttpOptions::default())
}

#[test]
fn every_transport_goes_on_after_a_restart_with_a_place_from_before() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("protocol-restart");
    let _ = std::fs::remove_dir_all(&folder);
    let thread_id = thread();
    let server = start(&folder);
    let mut clients = server.clients(thread_id);
    clients[0].subscribe(json!({"channels": ALL}));
    let input = json!({"messages": [{"type": "human", "content": "hi", "id": "h-1"}]});
    let run = json!({"assistant_id": "tools_agent", "input": input});
    assert_eq!(clients[0].ask("run.start", run)["type"], "success");
    let before = clients[0].until("completed");
    drop(clients);
    drop(server);

    let server = start(&folder);
    let middle = before.len() / 2;
    let place: Value = serde_json::from_str(&before[middle]).unwrap();
    let all: &[String] = &before;
    for (named, rest) in [
        (json!({}), all),
        (json!({"since": place["seq"]}), &all[middle + 1..]),
        (json!({"since_event_id": place["event_id"]}), &all[middle + 1..]),
        (json!({"since": u64::MAX}), all),
        (json!({"since_event_id": "nobody's"}), all),
    ] {
        for mut client in server.clients(thread_id) {
            let mut params = named.clone();
            params["channels"] = json!(ALL);
            client.subscribe(params);
            assert_eq!(client.until("completed"), rest, "{}: {named}", client.name());
        }
    }
    // Numbers go on; none is given a second time.
    let last = seq(before.last().unwrap());
    let mut clients = server.clients(thread_id);
    for client in &mut clients {
        let answer = client.ask("agent.getTree", json!({}));
        assert_eq!(answer["result"]["tree"]["status"], "completed", "{}: {answer}", client.name());
        client.subscribe(json!({"channels": ALL, "since": last}));
    }
    clients[1].ask("run.start", json!({"assistant_id": "agent", "input": {"topic": "cats"}}));
    let next = clients[0].until("completed");
    assert!(seq(&next[0]) > last);
    for client in &mut clients[1..] {
        assert_eq!(client.until("completed"), next, "{}", client.name());
    }
    drop(clients);
    drop(server);
    let _ = std::fs::remove_dir_all(&folder);
}
