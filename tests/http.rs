//! The API as a plain HTTP client sees it: status, headers, bytes.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

use crate::server::Server;

/// Asks, and takes every status for an answer. A server that never answers fails the test.
pub(crate) fn agent() -> Agent {
    let patience = Some(Duration::from_mins(1));
    Agent::config_builder().http_status_as_error(false).timeout_global(patience).build().new_agent()
}

pub(crate) fn post(server: &Server, path: &str, body: &Value) -> Response<Body> {
    post_raw(server, path, &body.to_string())
}

fn post_raw(server: &Server, path: &str, body: &str) -> Response<Body> {
    let request = agent().post(server.url(path)).content_type("application/json");
    request.send(body).expect("the server answers")
}

pub(crate) fn get(server: &Server, path: &str) -> Response<Body> {
    agent().get(server.url(path)).call().expect("the server answers")
}

pub(crate) fn header<'a>(answer: &'a Response<Body>, name: &str) -> &'a str {
    answer.headers().get(name).map(|value| value.to_str().expect("ASCII")).unwrap_or_default()
}

pub(crate) fn text(mut answer: Response<Body>) -> String {
    answer.body_mut().read_to_string().expect("a whole body")
}

pub(crate) fn read(answer: Response<Body>) -> Value {
    assert_eq!(header(&answer, "content-type"), "application/json");
    serde_json::from_str(&text(answer)).expect("JSON")
}

pub(crate) fn ask(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response<Body> {
    let request = Request::builder().method(method).uri(server.url(path));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    agent().run(request.body(body.to_owned()).expect("a request")).expect("the server answers")
}

/// What a refusal with this status says.
pub(crate) fn detail(answer: Response<Body>, status: u16) -> String {
    assert_eq!(answer.status().as_u16(), status);
    read(answer)["detail"].as_str().expect("a text").to_owned()
}

/// Checks that the answer has this status and nothing else.
pub(crate) fn empty(answer: Response<Body>, status: u16) {
    assert_eq!((answer.status().as_u16(), header(&answer, "content-type")), (status, ""));
    assert_eq!(text(answer), "");
}

fn joke() -> Value {
    json!({"assistant_id": "agent", "input": {"topic": "ice cream"}, "stream_mode": "updates"})
}

/// The whole stream of the guide's joke, byte for byte.
fn jokes(run_id: &str) -> String {
    let frames = [
        ("metadata", json!({"run_id": run_id, "attempt": 1})),
        ("updates", json!({"refine_topic": {"topic": "ice cream and cats"}})),
        ("updates", json!({"generate_joke": {"joke": "This is a joke about ice cream and cats"}})),
    ];
    frames.map(|(event, data)| format!("event: {event}\r\ndata: {data}\r\n\r\n")).concat()
}

fn check_stream(answer: Response<Body>, prefix: &str) {
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(header(&answer, "cache-control"), "no-store");
    assert_eq!(header(&answer, "x-accel-buffering"), "no");
    assert_eq!(header(&answer, "transfer-encoding"), "chunked");
    let content_location = header(&answer, "content-location").to_owned();
    assert_eq!(header(&answer, "location"), format!("{content_location}/stream"));
    let run_id = content_location.strip_prefix(prefix).and_then(|rest| rest.strip_prefix("/runs/"));
    let run_id = run_id.expect("the location ends in the run");
    assert_eq!(text(answer), jokes(run_id));
}

#[test]
fn the_guides_graph_streams_its_updates_on_a_thread() {
    let server = Server::start();
    let thread = read(post(&server, "/threads", &json!({})));
    assert_eq!((&thread["status"], &thread["values"]), (&json!("idle"), &Value::Null));
    let thread_id = thread["thread_id"].as_str().expect("an id");

    let prefix = format!("/threads/{thread_id}");
    check_stream(post(&server, &format!("{prefix}/runs/stream"), &joke()), &prefix);

    let thread = read(get(&server, &prefix));
    assert_eq!(thread["status"], "idle", "the run is over before its stream closes");
    assert_eq!(thread["metadata"]["graph_id"], "agent");
    assert_eq!(thread["values"]["joke"], "This is a joke about ice cream and cats");
}

#[test]
fn without_a_thread_the_run_makes_one_for_itself() {
    let server = Server::start();
    check_stream(post(&server, "/runs/stream", &joke()), "");
}

#[test]
fn a_thread_is_made_once() {
    let server = Server::start();
    let thread = read(post(&server, "/threads", &json!({"metadata": {"k": 1}})));
    let again = json!({"thread_id": thread["thread_id"]});
    let answer = post(&server, "/threads", &again);
    assert_eq!(answer.status(), 409);
    let id = thread["thread_id"].as_str().expect("an id");
    assert_eq!(read(answer), json!({"detail": format!("Thread with ID {id} already exists")}));
    let tolerant = json!({"thread_id": id, "if_exists": "do_nothing", "metadata": {"k": 2}});
    assert_eq!(read(post(&server, "/threads", &tolerant)), thread);
}

#[test]
fn what_is_wrong_is_said_and_the_server_goes_on() {
    let server = Server::start();
    for (path, body, status) in [
        ("/runs/stream", r#"{"assistant_id": "nope", "input": {}}"#, 422),
        ("/runs/stream", r#"{"assistant_id": "agent", "input": {}, "stream_mode": "zzz"}"#, 422),
        ("/runs/stream", r#"{"input": {}}"#, 422),
        ("/runs/stream", "{bad", 422),
        ("/threads", "[1]", 422),
        ("/runs/stream", r#"{"assistant_id": "00000000-0000-0000-0000-000000000001"}"#, 404),
        ("/threads/00000000-0000-0000-0000-000000000001/runs/stream", r#"{"assistant_id": "agent"}"#, 404),
        ("/threads/not-a-uuid/runs/stream", r#"{"assistant_id": "agent"}"#, 422),
        ("/runs/wait", r#"{"assistant_id": "agent", "command": {"resume": 1}}"#, 400),
        ("/runs", r#"{"assistant_id": "nope"}"#, 422),
        ("/nowhere", "{}", 404),
    ] {
        let answer = post_raw(&server, path, body);
        assert_eq!(answer.status(), status, "{path} {body}");
        let answer = read(answer);
        assert!(answer["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{path} {body}");
    }
    check_stream(post(&server, "/runs/stream", &joke()), "");
}

#[test]
fn a_run_knows_the_request_that_made_it() {
    let server = Server::start();
    let thread = read(post(&server, "/threads", &json!({})));
    let path = format!("/threads/{}/runs", thread["thread_id"].as_str().expect("an id"));
    let headers = [
        ("x-request-id", "mine"),
        ("langsmith-trace", "trace"),
        ("baggage", "langsmith-tags=a%2Cb"),
        ("authorization", "secret"),
    ];
    let body = json!({
        "assistant_id": "agent", "input": {"topic": "rain"},
        "config": {"configurable": {"k": 1, "langgraph_request_id": "theirs"}},
    });
    let answer = ask(&server, "POST", &path, &headers, &body.to_string());
    assert_eq!(header(&answer, "x-request-id"), "mine");
    let run = read(answer);
    let configurable = run["kwargs"]["config"]["configurable"].as_object().expect("an object");
    let own = ["run_id", "thread_id", "graph_id", "assistant_id"];
    let said: serde_json::Map<_, _> = configurable
        .iter()
        .filter(|(key, _)| !own.contains(&key.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let expected = json!({
        "k": 1, "langsmith-trace": "trace", "langsmith-tags": ["a", "b"], "langgraph_request_id": "mine",
        "langgraph_auth_user": null, "langgraph_auth_user_id": "", "langgraph_auth_permissions": [],
    });
    assert_eq!(Value::Object(said), expected);
    assert_eq!(run["kwargs"]["context"], json!({"k": 1}), "the context is the client's alone");
}
