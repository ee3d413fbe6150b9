//! Event streams over a real socket, from a server inside the test: when they begin, and how they end.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use eddyline::prelude::*;
use eddyline::transports::{Http, HttpOptions};
use eddyline::{Runtime, Shutdown, Transport};

#[state]
struct Waiting {
    done: Option<bool>,
}

async fn wait(_: Waiting) -> Update<Waiting> {
    std::future::pending().await
}

async fn leave(_: Waiting) -> Update<Waiting> {
    Waiting::update().done(true)
}

struct Server {
    address: SocketAddr,
    stop: Shutdown,
    thread: JoinHandle<Result<(), eddyline::transports::Error>>,
    _runtime: Runtime,
}

impl Server {
    /// A server with a graph `wait` that never ends, and a graph `leave` that ends at once.
    fn start() -> Self {
        let graph = |name, graph: StateGraph<Waiting>| graph.edge(START, name).compile().unwrap();
        let runtime = Runtime::builder()
            .graph("wait", graph("wait", StateGraph::new().node("wait", wait)))
            .graph("leave", graph("leave", StateGraph::new().node("leave", leave)))
            .start()
            .unwrap();
        let options = HttpOptions {
            address: ([127, 0, 0, 1], 0).into(),
            stop_grace: Duration::from_millis(200),
            ..HttpOptions::default()
        };
        let http = Http::bind(options).unwrap();
        let (address, stop) = (http.address(), Shutdown::new());
        let serving = (runtime.handle(), stop.clone());
        let thread =
            thread::spawn(move || actix_rt::System::new().block_on(http.serve(serving.0, serving.1)));
        Self { address, stop, thread, _runtime: runtime }
    }

    /// Asks for a run, and leaves the answer on the wire.
    fn stream(&self, assistant: &str) -> TcpStream {
        let body = json!({"assistant_id": assistant, "input": {"done": false}, "stream_mode": "updates"})
            .to_string();
        let mut socket = TcpStream::connect(self.address).unwrap();
        // A test that waits for bytes which never come should fail and not hang.
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let length = body.len();
        write!(
            socket,
            "POST /runs/stream HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        socket
    }

    fn stop(self) {
        self.stop.begin();
        self.thread.join().unwrap().unwrap();
    }
}

/// Reads until the answer so far ends with `end`.
fn read_to(socket: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(end.as_bytes()) {
        assert_eq!(
            socket.read(&mut byte).expect("more of the answer"),
            1,
            "{}",
            String::from_utf8_lossy(&read)
        );
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

#[test]
fn headers_and_first_event_come_while_the_run_is_under_way() {
    let server = Server::start();
    let mut socket = server.stream("wait");
    let head = read_to(&mut socket, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let first = read_to(&mut socket, "\r\n\r\n");
    assert!(first.contains("event: metadata\r\n"), "{first}");
    server.stop();
}

#[test]
fn a_stream_ends_with_its_run_and_the_connection_lives_on() {
    let server = Server::start();
    let mut socket = server.stream("leave");
    let answer = read_to(&mut socket, "\r\n0\r\n\r\n");
    assert!(answer.contains("data: {\"leave\":{\"done\":true}}\r\n\r\n"), "{answer}");
    assert!(!answer.contains("event: end"), "{answer}");
    socket.write_all(b"GET /ok HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert!(read_to(&mut socket, "\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
    server.stop();
}

#[test]
fn a_client_that_goes_away_is_noticed_while_nothing_happens() {
    let server = Server::start();
    let mut socket = server.stream("wait");
    read_to(&mut socket, "event: metadata\r\n");
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    // The stream would beat in a few seconds, and never end.
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).unwrap();
    server.stop();
}

#[test]
fn the_end_of_the_server_breaks_a_stream_off_whose_run_goes_on() {
    let server = Server::start();
    let mut socket = server.stream("wait");
    read_to(&mut socket, "event: metadata\r\n");
    server.stop();
    let mut rest = String::new();
    socket.read_to_string(&mut rest).unwrap();
    assert!(!rest.ends_with("0\r\n\r\n"), "its run is not over, and clients come back: {rest:?}");
}
