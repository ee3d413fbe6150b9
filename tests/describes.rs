//! What the server says of itself: its API, its health, its figures, its log.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{agent, detail, get, header, post, read, text};
use crate::server::Server;

#[test]
fn the_api_is_described_as_it_is_served() {
    let server = Server::start();
    let described = read(get(&server, "/openapi.json"));
    let mut names = BTreeSet::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for (method, said) in methods.as_object().unwrap() {
            assert!(
                names.insert(said["operationId"].as_str().unwrap()),
                "{method} {path} has a name of its own"
            );
            assert!(said["responses"].as_object().unwrap().len() > 3, "{method} {path}");
            // It is there: another method is answered otherwise.
            let filled = path.replace("{namespace}", "x").replace(['{', '}'], "0");
            let request = ureq::http::Request::builder().method(method.to_uppercase().as_str());
            let answer = agent().run(request.uri(server.url(&filled)).body("[").unwrap()).unwrap();
            assert!(
                ![405, 500].contains(&answer.status().as_u16()) || path.ends_with("/events"),
                "{method} {path}"
            );
        }
    }
    assert!(names.len() > 60, "{names:?}");
    check_references(&described, &described);
    let graphs = described.pointer("/components/schemas/AssistantBody/properties/graph_id/enum").unwrap();
    assert!(graphs.as_array().unwrap().contains(&json!("agent")));
}

/// What is referred to is there.
fn check_references(value: &Value, document: &Value) {
    match value {
        Value::Array(parts) => parts.iter().for_each(|part| check_references(part, document)),
        Value::Object(map) => {
            if let Some(place) = map.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(place.trim_start_matches('#')).is_some(), "{place}");
            }
            map.values().for_each(|part| check_references(part, document));
        }
        _ => {}
    }
}

#[test]
fn the_page_about_the_api_needs_nothing_from_elsewhere() {
    let answer = get(&Server::start(), "/docs");
    assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
    assert!(header(&answer, "content-security-policy").starts_with("default-src 'none'"));
    let page = text(answer);
    assert!(page.contains("openapi.json") && !page.contains("://"), "{page}");
}

#[test]
fn the_server_says_whether_its_storage_answers() {
    let server = Server::start();
    assert_eq!(read(get(&server, "/ok")), json!({"ok": true, "services": {}}));
    assert_eq!(read(get(&server, "/ok?check_db=0")), json!({"ok": true, "services": {}}));
    assert_eq!(read(get(&server, "/ok?check_db=1")), json!({"ok": true, "services": {"storage": "healthy"}}));
    assert!(detail(get(&server, "/ok?check_db=x"), 400).contains("check_db"));
}

#[test]
fn there_are_figures_for_prometheus() {
    let server = Server::start();
    post(&server, "/runs/wait", &json!({"assistant_id": "agent", "input": {"topic": "x"}}));
    get(&server, "/nowhere/1");
    get(&server, "/nowhere/2");
    let answer = get(&server, "/metrics");
    assert!(header(&answer, "content-type").starts_with("application/openmetrics-text"));
    let figures = text(answer);
    for line in [
        r#"lg_api_http_requests_total{method="POST",path="/runs/wait",status="200"} 1"#,
        r#"lg_api_http_requests_total{method="GET",path="unknown",status="404"} 2"#,
        r#"lg_api_http_requests_latency_seconds_count{method="POST",path="/runs/wait"} 1"#,
        "lg_api_num_running_runs 0",
        "lg_api_num_pending_runs 0",
    ] {
        assert!(figures.lines().any(|of| of == line), "{line}\n{figures}");
    }
}

#[test]
fn a_line_in_the_log_has_the_id_of_the_request_and_nothing_that_it_said() {
    let server = Server::start_with(&[("EDDYLINE__LOG__LEVEL", "debug")]);
    let secret = "canary-7f3a";
    let path = format!("/threads/00000000-0000-4000-8000-000000000000/runs?status={secret}");
    let request = agent().get(server.url(&path)).header("x-request-id", "mine-1").header("cookie", secret);
    let answer = request.header("x-api-key", secret).call().unwrap();
    assert_eq!(header(&answer, "x-request-id"), "mine-1");
    let refused = agent().post(server.url(&format!("/{secret}"))).send(secret).unwrap();
    let fresh = header(&refused, "x-request-id").to_owned();
    let ok = get(&server, "/ok");
    for (id, path, status) in [
        ("mine-1", "/threads/{thread_id}/runs", 422),
        (&fresh, "unknown", 404),
        (header(&ok, "x-request-id"), "/ok", 200),
    ] {
        let line = line_of(&server, id);
        assert_eq!((&line["path"], &line["status"]), (&json!(path), &json!(status)), "{line}");
    }
    let log = server.log();
    assert!(!log.contains(secret), "{log}");
}

/// What the log says of the request of this id. It comes through a pipe, and so a little later.
fn line_of(server: &Server, id: &str) -> Value {
    for _ in 0..1_000 {
        let log = server.log();
        let mut lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        if let Some(line) = lines.find(|line| line["fields"]["request_id"] == id) {
            return line["fields"].clone();
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{id} is not in the log\n{}", server.log());
}
