//! How much a client may ask for, and how slowly: the answer is in words, and everyone else goes on.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::http::{detail, get, header, post, read};
use crate::server::Server;

/// A connection to the server on which nothing is said yet.
fn connect(server: &Server) -> TcpStream {
    let address = server.url("");
    let socket = TcpStream::connect(address.trim_start_matches("http://")).expect("the server listens");
    socket.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout is set");
    socket
}

/// What the server says until it closes the connection.
fn rest(socket: &mut TcpStream) -> String {
    let mut said = Vec::new();
    match socket.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// Asks on this connection, and reads the head of the answer.
fn ask(socket: &mut TcpStream, path: &str) -> String {
    write!(socket, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn each_caller_asks_so_many_times_a_second() {
    let server = Server::start_with(&[("EDDYLINE__HTTP__MAX_REQUESTS_PER_SECOND", "2")]);
    let search = || post(&server, "/threads/search", &json!({}));
    let refused = (0..50).map(|_| search()).find(|answer| answer.status() != 200).expect("one is too many");
    assert_eq!(header(&refused, "retry-after"), "1");
    assert!(detail(refused, 429).starts_with("TOO_MANY_REQUESTS"));
    for _ in 0..10 {
        assert_eq!(read(get(&server, "/ok")), json!({"ok": true, "services": {}}));
    }
    let answered = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(50));
        search().status() == 200
    });
    assert!(answered, "there is room again");
}

#[test]
fn an_address_has_so_many_connections() {
    let server = Server::start_with(&[("EDDYLINE__HTTP__MAX_CONNECTIONS_PER_ADDRESS", "2")]);
    // The connection that asked whether the server is there may still be open: then two of them are too many.
    let refused = (0..100).find_map(|_| {
        let mut all: Vec<_> = (0..3).map(|_| connect(&server)).collect();
        let heads: Vec<_> = all.iter_mut().map(|socket| ask(socket, "/info").to_lowercase()).collect();
        let refused: Vec<_> = (0..3).filter(|of| !heads[*of].starts_with("http/1.1 200")).collect();
        let [one] = refused[..] else { return None };
        Some((heads[one].clone(), rest(&mut all[one])))
    });
    let (head, said) = refused.expect("the third is one too many");
    assert!(head.starts_with("http/1.1 429"), "{head}");
    assert!(head.contains("retry-after: 1") && head.contains("connection: close"), "{head}");
    assert!(said.contains("TOO_MANY_CONNECTIONS"), "{said}");
    let answered = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(50));
        ask(&mut connect(&server), "/info").starts_with("HTTP/1.1 200")
    });
    assert!(answered, "there is room again");
}

#[test]
fn who_does_not_say_what_it_asks_for_is_sent_away() {
    let server = Server::start_with(&[
        ("EDDYLINE__HTTP__HEADER_TIMEOUT_SECONDS", "1"),
        ("EDDYLINE__HTTP__BODY_TIMEOUT_SECONDS", "1"),
    ]);
    let mut half = connect(&server);
    half.write_all(b"GET /info HTTP/1.1\r\nhost: local").unwrap();
    let said = rest(&mut half);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");

    let mut slow = connect(&server);
    let head = "POST /threads/search HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{";
    slow.write_all(head.as_bytes()).unwrap();
    let said = rest(&mut slow);
    assert!(said.starts_with("HTTP/1.1 408") && said.contains("within 1 seconds"), "{said}");
    assert_eq!(post(&server, "/threads/search", &json!({})).status(), 200);
}

#[test]
fn a_connection_that_is_not_used_is_closed() {
    let server = Server::start_with(&[("EDDYLINE__HTTP__KEEP_ALIVE_SECONDS", "1")]);
    let mut socket = connect(&server);
    for _ in 0..2 {
        assert!(ask(&mut socket, "/ok").starts_with("HTTP/1.1 200"));
        socket.read_exact(&mut [0; r#"{"ok":true,"services":{}}"#.len()]).unwrap();
    }
    // Reading gives up after a minute, and the default is longer than that.
    assert_eq!(rest(&mut socket), "");
}

#[test]
fn headers_have_a_limit() {
    let server = Server::start();
    let said = |size: usize| {
        let (mut socket, much) = (connect(&server), "x".repeat(size));
        let head = "GET /info HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-much: ";
        // The server may close while it is still being told.
        let _ = socket.write_all(format!("{head}{much}\r\n\r\n").as_bytes());
        rest(&mut socket)
    };
    assert!(said(60_000).starts_with("HTTP/1.1 200"));
    let refused = said(100_000);
    assert!(refused.starts_with("HTTP/1.1 431") && refused.contains("65536 bytes"), "{refused}");
    let refused = said(1_000_000);
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 4"), "{refused}");
}

#[test]
#[cfg(target_os = "linux")]
fn who_leaves_unread_what_it_is_sent_is_sent_away() {
    let server = Server::start_with(&[("EDDYLINE__HTTP__SEND_TIMEOUT_SECONDS", "1")]);
    let mut lazy = connect(&server);
    let body = json!({"assistant_id": "bench", "input": {"n": 200_000}, "stream_mode": "custom"}).to_string();
    let head = "POST /runs/stream HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    write!(lazy, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    thread::sleep(Duration::from_secs(4));
    let said = rest(&mut lazy);
    assert!(said.starts_with("HTTP/1.1 200") && !said.contains(r#"{"i":199999}"#), "{} bytes", said.len());
    assert_eq!(post(&server, "/threads/search", &json!({})).status(), 200);
}

#[test]
fn a_state_has_so_many_bytes() {
    let server = Server::start_with(&[("EDDYLINE__RUNS__MAX_STATE_BYTES", "10000")]);
    let thread = read(post(&server, "/threads", &json!({})));
    let thread = format!("/threads/{}", thread["thread_id"].as_str().unwrap());
    let run = |bytes: usize| {
        let input = json!({"assistant_id": "agent", "input": {"topic": "x".repeat(bytes)}});
        read(post(&server, &format!("{thread}/runs/wait"), &input))
    };
    assert_eq!(run(1000)["topic"].as_str().map(str::len), Some(1009));
    let before = read(get(&server, &format!("{thread}/state")));
    // The input fits, and what a node makes of it does not.
    for bytes in [20_000, 4980] {
        let refused = &run(bytes)["__error__"];
        assert_eq!(refused["error"], "StateTooLarge", "{refused}");
        assert!(refused["message"].as_str().unwrap().ends_with("and it may have 10000"), "{refused}");
    }
    let state = |bytes: usize| {
        let update = json!({"values": {"topic": "x".repeat(bytes)}, "as_node": "generate_joke"});
        post(&server, &format!("{thread}/state"), &update)
    };
    let told = detail(state(20_000), 413);
    assert!(told.starts_with("STATE_TOO_LARGE: the state would have 21"), "{told}");
    assert_eq!(state(2000).status(), 200);
    assert_eq!(run(1000)["topic"].as_str().map(str::len), Some(1009), "the thread goes on");
    let history = read(post(&server, &format!("{thread}/history"), &json!({"limit": 100})));
    let ids: Vec<_> = history.as_array().unwrap().iter().map(|state| &state["checkpoint_id"]).collect();
    assert!(ids.contains(&&before["checkpoint_id"]), "what was there is there");
    let kept = history.as_array().unwrap().iter().map(|state| state["values"].to_string().len());
    assert!(kept.max() <= Some(10_000));
}

/// A body of 256 MiB in chunks, which say nothing of how many follow.
#[cfg(target_os = "linux")]
fn endless_body(server: &Server) {
    let mut endless = connect(server);
    let head = "POST /threads HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    endless.write_all(head.as_bytes()).unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    // Whether it is read to its end or not, nothing of it is kept.
    let sent = (0..4096).take_while(|_| endless.write_all(chunk.as_bytes()).is_ok()).count();
    assert!(sent > 600, "{sent} chunks");
    let _ = endless.write_all(b"0\r\n\r\n").and_then(|()| endless.shutdown(Shutdown::Write));
    let said = rest(&mut endless);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 413"), "{said}");
}

/// A body as long as it may be, and deeper than it may be.
#[cfg(target_os = "linux")]
fn deep_body(server: &Server) {
    let deep = crate::http::ask(server, "POST", "/threads", &[], &"[".repeat(BODY - 1024));
    let told = detail(deep, 422);
    assert!(told.len() < 200, "{told}");
}

#[cfg(target_os = "linux")]
const BODY: usize = 32 << 20;

#[test]
#[cfg(target_os = "linux")]
fn bombs_of_bytes_take_little_memory() {
    for bomb in [endless_body, deep_body] {
        let server = Server::start_with(&[("EDDYLINE__HTTP__MAX_BODY_BYTES", BODY.to_string().as_str())]);
        let before = server.peak_bytes();
        bomb(&server);
        let grown = server.peak_bytes() - before;
        println!("memory for a body of at most {BODY} bytes: {grown}");
        // A buffer that grows is there twice for a moment.
        assert!(grown < 5 * BODY as u64 / 2, "{grown} bytes");
    }
}

#[test]
fn bombs_of_tasks_end_in_an_error_each() {
    let server = Server::start_with(&[("EDDYLINE__RUNS__MAX_TASKS", "100")]);
    for (graph, input, error) in [
        ("mapreduce", json!({"items": vec!["x"; 101]}), "TooManyTasks"),
        ("loop", json!({"n": 50}), "GraphRecursionError"),
    ] {
        let run = json!({"assistant_id": graph, "input": input, "config": {"recursion_limit": 20}});
        assert_eq!(read(post(&server, "/runs/wait", &run))["__error__"]["error"], error);
    }
}
