//! Agents behind the server: what streams of them, and what a provider sees of a run that is cancelled.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::http::{post, read, text};
use crate::runs::frames;
use crate::server::Server;

const KEY: &str = "sk-canary-0123456789";

fn weather(mode: &str) -> Value {
    let messages = json!([{"role": "user", "content": "weather"}]);
    json!({"assistant_id": "prebuilt_agent", "input": {"messages": messages}, "stream_mode": mode})
}

#[test]
fn without_a_key_a_scripted_model_answers_and_the_log_says_so_once() {
    let server = Server::start();
    let stream = text(post(&server, "/runs/stream", &weather("messages-tuple")));
    let brief = |(name, data, _): (String, Value, String)| {
        let (message, metadata) = (&data[0], &data[1]);
        let args = message["tool_call_chunks"][0]["args"].clone();
        (name == "messages")
            .then(|| json!([metadata["langgraph_node"], message["type"], message["content"], args]))
    };
    let told: Vec<Value> = frames(&stream).into_iter().filter_map(brief).collect();
    let piece = |text: &str| json!(["model", "AIMessageChunk", text, null]);
    let expected = [
        json!(["model", "AIMessageChunk", "", ""]),
        json!(["model", "AIMessageChunk", "", "{\"query\":\"weather\"}"]),
        json!(["tools", "tool", "sunny in weather", null]),
    ];
    let words = ["search", " ", "said:", " ", "sunny", " ", "in", " ", "weather"];
    assert_eq!(told, [&expected[..], &words.map(piece)].concat());
    let log = server.log();
    assert_eq!(
        log.matches("a scripted model answers for providers whose keys are not set").count(),
        1,
        "{log}"
    );
    assert!(log.contains("OPENAI_API_KEY") && log.contains("ANTHROPIC_API_KEY"));
}

/// A provider that says one word of each answer and then waits until nobody listens any more.
struct Provider {
    url: String,
    /// What comes in, and when its connection was closed.
    asked: mpsc::Receiver<String>,
    closed: mpsc::Receiver<Instant>,
}

impl Provider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let ((asks, asked), (closes, closed)) = (mpsc::sync_channel(64), mpsc::sync_channel(64));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (asks, closes) = (asks.clone(), closes.clone());
                thread::spawn(move || answer(connection.unwrap(), &asks, &closes));
            }
        });
        Self { url, asked, closed }
    }
}

fn answer(mut connection: TcpStream, asks: &mpsc::SyncSender<String>, closes: &mpsc::SyncSender<Instant>) {
    let mut request = vec![0; 64 << 10];
    let length = connection.read(&mut request).unwrap();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let piece = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Well\"}}]}\n\n";
    connection.write_all(format!("{head}{piece}").as_bytes()).unwrap();
    asks.send(String::from_utf8_lossy(&request[..length]).into_owned()).unwrap();
    // What is left of the request, and then the end.
    while connection.read(&mut request).is_ok_and(|read| read > 0) {}
    // The test may be over.
    let _ = closes.send(Instant::now());
}

/// Whether any file below `folder` has `text` in it.
fn is_written(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return is_written(&path, text);
        }
        fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes())
    })
}

#[test]
fn a_run_that_is_cancelled_closes_its_connection_and_a_key_is_written_nowhere() {
    const TIMES: usize = 9;
    let patience = Duration::from_secs(20);
    let provider = Provider::start();
    let server = Server::start_with(&[
        ("OPENAI_API_KEY", KEY),
        ("OPENAI_BASE_URL", &provider.url),
        ("EDDYLINE__LOG__LEVEL", "trace"),
    ]);
    let thread = read(post(&server, "/threads", &json!({})));
    let thread = format!("/threads/{}", thread["thread_id"].as_str().unwrap());
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let run = read(post(&server, &format!("{thread}/runs"), &weather("messages-tuple")));
        let request = provider.asked.recv_timeout(patience).unwrap();
        assert!(request.contains(KEY) && request.starts_with("POST /v1/chat/completions "), "{request}");
        let cancelled = Instant::now();
        let path = format!("{thread}/runs/{}/cancel?wait=true", run["run_id"].as_str().unwrap());
        post(&server, &path, &json!({}));
        times.push(provider.closed.recv_timeout(patience).unwrap() - cancelled);
    }
    times.sort_unstable();
    eprintln!("from the order to cancel to the end of the connection: {times:?}");
    assert!(times[TIMES / 2] < Duration::from_millis(50), "{times:?}");
    assert!(is_written(server.folder(), "weather"), "this is where the conversation is kept");
    assert!(!is_written(server.folder(), "canary"));
    assert!(!server.log().contains("canary"));
}
