//! What is HTTP's own: status codes, headers, the upgrade.

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::http::StatusCode;

use super::clients::WebSocket;
use super::{Server, thread};

fn post(server: &Server, path: &str, body: &str) -> ureq::http::Response<ureq::Body> {
    let url = format!("http://{}{path}", server.address);
    crate::http::agent().post(url).content_type("application/json").send(body).unwrap()
}

fn refused(server: &Server, path: &str, body: &str, status: u16) -> Value {
    let mut answer = post(server, path, body);
    assert_eq!(answer.status().as_u16(), status);
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}

#[test]
fn only_what_is_no_command_is_an_error_of_http() {
    let server = Server::start();
    let path = format!("/threads/{}/commands", thread());
    assert_eq!(refused(&server, &path, "{", 400), json!({"detail": "Invalid JSON body"}));
    let message = "Protocol commands must include an integer id and string method.";
    for (body, id) in
        [(r#"{"id":7}"#, json!(7)), ("[]", json!(null)), (r#"{"id":true,"method":"m"}"#, json!(true))]
    {
        let expected = json!({"type": "error", "id": id, "error": "invalid_argument", "message": message});
        assert_eq!(refused(&server, &path, body, 400), expected);
    }
    let start = r#"{"id":1,"method":"run.start","params":{"assistant_id":"agent"}}"#;
    let answer = refused(&server, "/threads/nonsense/commands", start, 200);
    assert_eq!((&answer["error"], &answer["id"]), (&json!("unknown_error"), &json!(1)));
    assert!(answer["message"].as_str().unwrap().starts_with("422: Invalid thread ID"));
}

#[test]
fn an_event_stream_begins_at_once_whether_there_is_a_thread_or_not() {
    let server = Server::start();
    let path = format!("/threads/{}/stream/events", thread());
    let answer = post(&server, &path, r#"{"channels":["values"],"unknown":1}"#);
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!((header("cache-control"), header("x-accel-buffering")), ("no-store".into(), "no".into()));
    let detail = |body: &str| refused(&server, &path, body, 400)["detail"].clone();
    assert_eq!(detail("{"), "Invalid JSON body");
    assert_eq!(detail("{}"), "channels is required and must be a non-empty array");
    let unsupported = detail(r#"{"channels":["debug",3]}"#);
    assert!(unsupported.as_str().unwrap().starts_with("channels contains unsupported entries: debug, 3."));
    let body = r#"{"channels":["values"]}"#;
    assert_eq!(
        refused(&server, "/threads/nonsense/stream/events", body, 422)["detail"],
        "Invalid thread ID: must be a UUID"
    );
    let url = format!("http://{}{path}", server.address);
    assert_eq!(crate::http::agent().get(url).call().unwrap().status(), 405);
}

#[test]
fn frames_are_event_data_and_the_number_as_their_id() {
    let server = Server::start();
    let thread_id = thread();
    let start =
        json!({"id": 1, "method": "run.start", "params": {"assistant_id": "agent", "input": {"topic": "x"}}});
    post(&server, &format!("/threads/{thread_id}/commands"), &start.to_string());
    let stream =
        post(&server, &format!("/threads/{thread_id}/stream/events"), r#"{"channels":["lifecycle"]}"#);
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stream.into_body().into_reader()));
    let mut next = || lines.next().unwrap().unwrap();
    assert_eq!(next(), "event: lifecycle");
    let data: Value = serde_json::from_str(next().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(next(), format!("id: {}", data["seq"]));
    assert_eq!(next(), "");
}

fn upgrade(server: &Server, headers: &[(&'static str, &str)]) -> Result<Option<String>, StatusCode> {
    let url = format!("ws://{}/threads/{}/stream/events", server.address, thread());
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match tungstenite::connect(request) {
        Ok((_, answer)) => {
            Ok(answer.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap().to_owned()))
        }
        Err(tungstenite::Error::Http(answer)) => Err(answer.status()),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn pages_of_other_origins_connect_only_if_they_may() {
    let open = Server::start();
    assert_eq!(upgrade(&open, &[("origin", "https://elsewhere.example")]), Ok(None));
    let server = Server::with(eddyline::Options::default(), vec!["https://chat.example".into()]);
    assert_eq!(upgrade(&server, &[]), Ok(None), "what is no browser says no origin");
    assert_eq!(upgrade(&server, &[("origin", "https://chat.example")]), Ok(None));
    assert_eq!(upgrade(&server, &[("origin", &format!("http://{}", server.address))]), Ok(None));
    let elsewhere = upgrade(&server, &[("origin", "https://elsewhere.example")]);
    assert_eq!(elsewhere, Err(StatusCode::FORBIDDEN));
}

#[test]
fn the_protocol_of_a_browser_is_echoed() {
    let server = Server::start();
    let offered = [("sec-websocket-protocol", "other, lg.bearer.dG9rZW4")];
    assert_eq!(upgrade(&server, &offered), Ok(Some("lg.bearer.dG9rZW4".into())));
}

#[test]
fn a_socket_answers_what_is_no_command_and_goes_on() {
    let server = Server::start();
    let mut client = WebSocket::connect(server.address, thread());
    for (message, said) in [
        (tungstenite::Message::text("{"), "Protocol commands must be valid JSON."),
        (
            tungstenite::Message::binary("[]"),
            "Protocol commands must include an integer id and string method.",
        ),
    ] {
        client.send(message);
        let answer: Value = serde_json::from_str(client.read().to_text().unwrap()).unwrap();
        assert_eq!(
            (&answer["type"], &answer["id"], &answer["message"]),
            (&json!("error"), &json!(null), &json!(said))
        );
    }
    let answer = super::clients::Client::ask(&mut client, "what.ever", json!({}));
    assert_eq!(answer["error"], "unknown_command");
}

#[test]
fn a_socket_that_asks_for_it_is_told_that_the_server_is_there() {
    let server = Server::start();
    let mut client = WebSocket::with_query(server.address, thread(), "?heartbeat=1");
    let beat: Value = serde_json::from_str(client.read().to_text().unwrap()).unwrap();
    assert_eq!((&beat["type"], &beat["seq"]), (&json!("heartbeat"), &json!(0)));
    assert!(beat["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
}

#[test]
fn a_socket_is_told_why_it_is_closed() {
    let mut server = Server::start();
    let url = format!("ws://{}/threads/nonsense/stream/events", server.address);
    let (mut socket, _) = tungstenite::connect(url).unwrap();
    let told: Value = serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap();
    assert_eq!(told["message"], "422: Invalid thread ID: must be a UUID");
    let tungstenite::Message::Close(Some(reason)) = socket.read().unwrap() else { panic!("it is closed") };
    assert_eq!(u16::from(reason.code), 4422);

    let mut idle = WebSocket::connect(server.address, thread());
    let mut told = WebSocket::connect(server.address, thread());
    super::clients::Client::subscribe(&mut told, json!({"channels": ["values"]}));
    server.end();
    for client in [&mut idle, &mut told] {
        let farewell: Value = serde_json::from_str(client.read().to_text().unwrap()).unwrap();
        assert_eq!((&farewell["id"], &farewell["message"]), (&json!(null), &json!("server shutting down")));
        let tungstenite::Message::Close(Some(reason)) = client.read() else { panic!("it is closed") };
        assert_eq!(u16::from(reason.code), 1012);
    }
}
