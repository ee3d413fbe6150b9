//! Threads and their states, and runs that are stopped, as a plain HTTP client sees them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};
use ureq::Body;
use ureq::http::Response;

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
fn threads_are_searched_and_counted() {
    let server = Server::start();
    let used = thread(&server);
    joke(&server, &used, "x");
    let others: Vec<String> = (0..3).map(|_| thread(&server)).collect();
    let ids = |answer: Response<Body>| -> Vec<String> {
        let found = read(answer);
        found
            .as_array()
            .unwrap()
            .iter()
            .map(|t| format!("/threads/{}", t["thread_id"].as_str().unwrap()))
            .collect()
    };
    let search = |body: Value| post(&server, "/threads/search", &body);
    let answer = search(json!({"metadata": {"a": 1}, "limit": 3}));
    assert_eq!((header(&answer, "x-pagination-total"), header(&answer, "x-pagination-next")), ("4", "3"));
    assert_eq!(ids(answer), [&others[2][..], &others[1][..], &others[0][..]], "the last change comes first");
    let answer = search(json!({"metadata": {"a": 1}, "limit": 3, "offset": 3}));
    assert_eq!((header(&answer, "x-pagination-total"), header(&answer, "x-pagination-next")), ("4", ""));
    assert_eq!(ids(answer), [&used[..]]);
    assert_eq!(ids(search(json!({"metadata": {"graph_id": "agent"}, "status": "idle"}))), [&used[..]]);
    assert_eq!(ids(search(json!({"values": {"topic": "x and cats"}}))), [&used[..]]);
    assert_eq!(ids(search(json!({"status": "busy"}))), [""; 0]);
    let id = used.rsplit('/').next().unwrap();
    assert_eq!(ids(search(json!({"ids": [id]}))), [&used[..]]);
    let shown = json!({"ids": [id], "select": ["status"], "extract": {"topic": "values.topic", "no": "values.no[3]"}});
    assert_eq!(
        read(search(shown)),
        json!([{"status": "idle", "extracted": {"topic": "x and cats", "no": null}}])
    );
    let count = |body: Value| read(post(&server, "/threads/count", &body));
    assert_eq!(count(json!({})), json!(4));
    assert_eq!(
        count(json!({"metadata": {"graph_id": "agent"}, "values": {"topic": "x and cats"}})),
        json!(1)
    );
    assert_eq!(count(json!({"status": "error"})), json!(0));
    detail(search(json!({"ids": ["x"]})), 400);
    detail(search(json!({"limit": 1001})), 422);
    detail(search(json!({"extract": {"x": "status"}})), 422);
    detail(ask(&server, "POST", "/threads/search", &[], r#"{"metadata": {"\ud800": 1}}"#), 422);
}

#[test]
fn a_thread_is_copied_and_pruned_and_says_what_it_takes() {
    let server = Server::start();
    let thread = thread(&server);
    joke(&server, &thread, "x");
    let id = thread.rsplit('/').next().unwrap();
    let copy = read(ask(&server, "POST", &format!("{thread}/copy"), &[], ""));
    assert_eq!(copy["metadata"], read(get(&server, &thread))["metadata"]);
    assert_eq!((&copy["status"], &copy["values"]["topic"]), (&json!("idle"), &json!("x and cats")));
    let copied = format!("/threads/{}", copy["thread_id"].as_str().unwrap());
    let missing = "/threads/00000000-0000-0000-0000-000000000001";
    assert_eq!(detail(ask(&server, "POST", &format!("{missing}/copy"), &[], ""), 409), "Conflict");

    let usage = read(get(&server, &format!("{thread}/storage")));
    assert_eq!((&usage["thread_id"], &usage["checkpoints"]["count"]), (&json!(id), &json!(4)));
    assert_eq!(usage["channel_values"]["by_channel"]["joke"]["versions"], 1);
    detail(get(&server, &format!("{missing}/storage")), 404);

    let prune = |body: Value| post(&server, "/threads/prune", &body);
    let history = |path: &str| read(post(&server, &format!("{path}/history"), &json!({"limit": 10})));
    let ids = [id, "00000000-0000-0000-0000-000000000001"];
    assert_eq!(
        read(prune(json!({"thread_ids": ids, "strategy": "keep_latest"}))),
        json!({"pruned_count": 1})
    );
    assert_eq!(
        (history(&thread).as_array().unwrap().len(), history(&copied).as_array().unwrap().len()),
        (1, 4)
    );
    assert_eq!(read(prune(json!({"thread_ids": ids}))), json!({"pruned_count": 1}));
    detail(get(&server, &thread), 404);
    assert_eq!(read(prune(json!({"thread_ids": []}))), json!({"pruned_count": 0}));
    detail(prune(json!({})), 422);
    detail(prune(json!({"thread_ids": ["x"]})), 422);
    assert_eq!(history(&copied).as_array().unwrap().len(), 4);
}

#[test]
fn a_thread_says_for_how_long_it_is_kept() {
    let server = Server::start();
    let thread = read(post(&server, "/threads", &json!({"ttl": {"ttl": 5, "strategy": "keep_latest"}})));
    let path = format!("/threads/{}", thread["thread_id"].as_str().unwrap());
    assert_eq!(read(get(&server, &path)).get("ttl"), None);
    let ttl = read(get(&server, &format!("{path}?include=ttl")))["ttl"].clone();
    assert_eq!((&ttl["strategy"], &ttl["ttl_minutes"]), (&json!("keep_latest"), &json!(5.0)));
    let before = ttl["expires_at"].as_str().unwrap();
    read(ask(&server, "PATCH", &path, &[], r#"{"ttl": 60}"#));
    let ttl = read(get(&server, &format!("{path}?include=ttl")))["ttl"].clone();
    assert_eq!((&ttl["strategy"], &ttl["ttl_minutes"]), (&json!("delete"), &json!(60.0)));
    assert!(ttl["expires_at"].as_str().unwrap() > before);
    detail(post(&server, "/threads", &json!({"ttl": 0})), 422);
}

#[test]
fn a_thread_begins_with_states() {
    let server = Server::start();
    let body = json!({"metadata": {"graph_id": "agent"}, "supersteps": [
        {"updates": [{"values": {"topic": "x"}, "as_node": "__input__"}]},
        {"updates": [{"values": {"topic": "x and dogs"}, "as_node": "refine_topic"}]},
    ]});
    let thread = read(post(&server, "/threads", &body));
    assert_eq!(
        (&thread["status"], &thread["values"]),
        (&json!("interrupted"), &json!({"topic": "x and dogs"}))
    );
    let path = format!("/threads/{}", thread["thread_id"].as_str().unwrap());
    assert_eq!(read(get(&server, &format!("{path}/state")))["next"], json!(["generate_joke"]));
    let run = json!({"assistant_id": "agent", "input": null});
    let values = read(post(&server, &format!("{path}/runs/wait"), &run));
    assert_eq!(values["joke"], "This is a joke about x and dogs");

    let mut again = body.clone();
    again["thread_id"] = thread["thread_id"].clone();
    again["if_exists"] = "do_nothing".into();
    assert_eq!(read(post(&server, "/threads", &again))["values"], values, "it has a state");
    for wrong in [
        json!({"supersteps": body["supersteps"]}),
        json!({"metadata": {"graph_id": "agent"}, "supersteps": [{"updates": [{"values": {}, "as_node": "nobody"}]}]}),
    ] {
        assert!(detail(post(&server, "/threads", &wrong), 422).contains("was created, but"));
    }
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
    write!(socket, "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}")
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

#[test]
fn a_filter_has_an_end() {
    let server = Server::start();
    let thread = thread(&server);
    let lists = |count: usize| (0..count).map(|n| json!([n])).collect::<Vec<_>>();
    let assistant = "fe096781-5601-53d2-b2f6-0d3403f7e9ca";
    for path in [
        "/threads/search",
        "/threads/count",
        "/assistants/search",
        "/assistants/count",
        &format!("/assistants/{assistant}/versions"),
        &format!("{thread}/history"),
    ] {
        let told = detail(post(&server, path, &json!({"metadata": {"a": lists(128)}})), 422);
        assert!(told.contains("256 values"), "{path}: {told}");
        let answer = post(&server, path, &json!({"metadata": {"a": lists(127)}}));
        // No version says that, which is 404.
        let expected = if path.ends_with("versions") { 404 } else { 200 };
        assert_eq!(answer.status(), expected, "{path}");
    }
    detail(post(&server, "/threads/search", &json!({"values": {"a": lists(128)}})), 422);
}
