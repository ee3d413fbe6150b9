//! Threads and their states, and runs that are stopped, as a plain HTTP client sees them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::http::{ask, detail, empty, get, header, post, read};
use crate::server::Server;

fn thread(server: &Server) -> String {
    let thread = read(post(server, "/threads", &json!({"metadata": {"a": 1}})));
    format!("/threads/{}", thread["thread_id"].as_str().expect("an id"))
}

/// A joke on `topic`, to its end.
fn joke(server: &Server, thread: &str, topic: &str) {
    let body = json!({"assistant_id": "agent", "input": {"topic": topic}});
    read(post(server, &format!("{thread}/runs/wait"), &body));
}

/// A nap that takes far too long; gives back the path of its run.
fn nap(server: &Server, thread: &str) -> String {
    let body =
        json!({"assistant_id": "slow", "input": {"seconds": 0.05, "steps": 2000}, "stream_mode": "custom"});
    let answer = post(server, &format!("{thread}/runs"), &body);
    header(&answer, "content-location").to_owned()
}

#[test]
fn what_is_said_about_a_thread_changes_and_the_thread_goes() {
    let server = Server::start();
    let thread = thread(&server);
    let more = r#"{"metadata": {"b": 2}}"#;
    let patched = read(ask(&server, "PATCH", &thread, &[], more));
    assert_eq!(patched["metadata"], json!({"a": 1, "b": 2}));
    empty(ask(&server, "PATCH", &thread, &[("prefer", "return=minimal")], r#"{"metadata": {"a": 3}}"#), 204);
    assert_eq!(read(get(&server, &thread))["metadata"], json!({"a": 3, "b": 2}));
    empty(ask(&server, "DELETE", &thread, &[], ""), 204);
    for answer in [get(&server, &thread), ask(&server, "DELETE", &thread, &[], "")] {
        assert!(detail(answer, 404).contains("not found"));
    }
    detail(ask(&server, "PATCH", &thread, &[], more), 404);
    detail(ask(&server, "PATCH", "/threads/one", &[], more), 422);
}

#[test]
fn a_thread_without_a_run_has_an_empty_state() {
    let server = Server::start();
    let thread = thread(&server);
    let state = read(get(&server, &format!("{thread}/state")));
    assert_eq!((&state["values"], &state["checkpoint"]), (&json!({}), &Value::Null));
    assert_eq!(read(get(&server, &format!("{thread}/history"))), json!([]));
    assert_eq!(read(post(&server, &format!("{thread}/history"), &json!({"limit": 10}))), json!([]));
    // Nobody knows what a change would mean.
    detail(post(&server, &format!("{thread}/state"), &json!({"values": {"topic": "x"}})), 400);
    let other = "/threads/00000000-0000-0000-0000-000000000001";
    for path in ["state", "history"] {
        detail(get(&server, &format!("{other}/{path}")), 404);
        detail(post(&server, &format!("{other}/{path}"), &json!({})), 404);
    }
    detail(get(&server, &format!("{thread}/history?limit=many")), 422);
    detail(get(&server, &format!("{thread}/state/one")), 422);
    detail(post(&server, &format!("{thread}/state/checkpoint"), &json!({})), 422);
}

#[test]
fn the_states_of_a_thread_are_read_and_changed() {
    let server = Server::start();
    let thread = thread(&server);
    joke(&server, &thread, "x");
    let state = read(get(&server, &format!("{thread}/state")));
    assert_eq!(state["values"], json!({"topic": "x and cats", "joke": "This is a joke about x and cats"}));
    let narrow = read(get(&server, &format!("{thread}/state?select=next&select=values.joke")));
    assert_eq!(narrow, json!({"values": {"joke": "This is a joke about x and cats"}, "next": []}));

    let history = read(post(&server, &format!("{thread}/history"), &json!({"limit": 10})));
    assert_eq!(history, read(get(&server, &format!("{thread}/history?limit=10"))));
    let ids: Vec<&str> =
        history.as_array().unwrap().iter().map(|s| s["checkpoint_id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), ids[0]), (4, state["checkpoint_id"].as_str().unwrap()));
    assert_eq!(read(get(&server, &format!("{thread}/history"))).as_array().unwrap().len(), 1);
    let configured = json!({"configurable": {"checkpoint_id": ids[1]}});
    for before in [json!(ids[1]), json!({"checkpoint_id": ids[1]}), configured] {
        let older =
            read(post(&server, &format!("{thread}/history"), &json!({"limit": 10, "before": before})));
        assert_eq!(older.as_array().unwrap()[..], history.as_array().unwrap()[2..], "{before}");
    }

    let old = read(get(&server, &format!("{thread}/state/{}", ids[1])));
    assert_eq!((&old["next"], &old["values"]), (&json!(["generate_joke"]), &json!({"topic": "x and cats"})));
    let by_body = json!({"checkpoint": {"checkpoint_id": ids[1], "checkpoint_ns": ""}});
    let by_body = read(post(&server, &format!("{thread}/state/checkpoint"), &by_body));
    assert_eq!(by_body["values"], old["values"]);

    let change = json!({"values": {"topic": "dogs"}, "as_node": "refine_topic", "checkpoint_id": ids[1]});
    let changed = read(post(&server, &format!("{thread}/state"), &change));
    assert_eq!(changed["checkpoint"]["checkpoint_id"], changed["checkpoint_id"]);
    let now = read(get(&server, &format!("{thread}/state")));
    assert_eq!((&now["next"], &now["values"]["topic"]), (&json!(["generate_joke"]), &json!("dogs")));
    assert_eq!(
        (&now["checkpoint_id"], &now["metadata"]["source"]),
        (&changed["checkpoint_id"], &json!("update"))
    );
    assert_eq!(now["parent_checkpoint"]["checkpoint_id"], ids[1]);
    detail(post(&server, &format!("{thread}/state"), &json!({"values": {}, "as_node": "nobody"})), 400);
    detail(post(&server, &format!("{thread}/state"), &json!({"values": 7})), 422);
}

#[test]
fn a_run_is_stopped_and_deleted() {
    let server = Server::start();
    let thread = thread(&server);
    let run = nap(&server, &thread);
    detail(post(&server, &format!("{thread}/state"), &json!({"values": {}})), 409);
    empty(post(&server, &format!("{run}/cancel"), &json!({})), 202);
    read(get(&server, &format!("{run}/join")));
    assert_eq!(read(get(&server, &run))["status"], "interrupted");
    detail(post(&server, &format!("{run}/cancel"), &json!({})), 404);

    let run = nap(&server, &thread);
    let answer = post(&server, &format!("{run}/cancel?wait=1"), &json!({}));
    assert_eq!(
        (header(&answer, "location"), header(&answer, "content-location")),
        (&*format!("{run}/join"), &*run)
    );
    assert_eq!(read(answer), json!({}), "no state was told from then on");
    assert_eq!(read(get(&server, &run))["status"], "interrupted");
    let said = read(get(&server, &thread))["error"].clone();
    let reason = "interrupt requested via POST /threads/{thread_id}/runs/{run_id}/cancel";
    assert_eq!(said, json!({"error": "UserInterrupt", "message": reason}));
    empty(ask(&server, "DELETE", &run, &[], ""), 204);
    detail(get(&server, &run), 404);
    detail(ask(&server, "DELETE", &run, &[], ""), 404);

    let run = nap(&server, &thread);
    assert_eq!(
        read(post(&server, &format!("{run}/cancel?wait=true&action=rollback"), &json!({}))),
        json!({})
    );
    detail(get(&server, &run), 404);
}

/// Opens a request over a socket of its own, reads until the run has begun, and leaves.
fn leave(server: &Server, method: &str, path: &str, body: &str, until: &str) {
    let url = server.url("");
    let mut socket = TcpStream::connect(url.trim_start_matches("http://")).expect("the server listens");
    let length = body.len();
    write!(socket, "{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(until.as_bytes()) {
        assert_eq!(socket.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&read));
        read.push(byte[0]);
    }
}

#[test]
fn a_reader_that_leaves_takes_the_run_with_it_if_it_said_so() {
    let server = Server::start();
    for (route, until) in [("stream", "event: custom"), ("wait", "\r\n\r\n")] {
        let thread = thread(&server);
        let body = json!({
            "assistant_id": "slow", "input": {"seconds": 0.05, "steps": 2000}, "stream_mode": "custom",
            "on_disconnect": "cancel",
        });
        leave(&server, "POST", &format!("{thread}/runs/{route}"), &body.to_string(), until);
        let runs = read(get(&server, &format!("{thread}/runs")));
        let run = format!("{thread}/runs/{}", runs[0]["run_id"].as_str().unwrap());
        read(get(&server, &format!("{run}/join")));
        assert_eq!(read(get(&server, &run))["status"], "interrupted", "{route}");
        let said = &read(get(&server, &thread))["error"]["message"];
        assert!(said.as_str().unwrap().contains("disconnected"), "{said}");
    }

    let thread = thread(&server);
    let run = nap(&server, &thread);
    leave(&server, "GET", &format!("{run}/stream"), "", "event: custom");
    assert_eq!(read(get(&server, &run))["status"], "running", "nobody said that it should stop");
    leave(&server, "GET", &format!("{run}/stream?cancel_on_disconnect=true"), "", "event: custom");
    read(get(&server, &format!("{run}/join")));
    assert_eq!(read(get(&server, &run))["status"], "interrupted");
}
