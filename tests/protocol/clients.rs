//! Clients of the transports that know no more than the protocol: commands as they are, documents without their
//! envelope.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;

use eddyline::Shutdown;
use eddyline::transports::{LineOptions, converse};
use serde_json::{Value, json};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket as Socket};
use uuid::Uuid;

use super::Server;

/// Channels of everything.
pub(super) const ALL: [&str; 9] =
    ["values", "updates", "messages", "tools", "lifecycle", "input", "checkpoints", "tasks", "custom"];

pub(super) trait Client {
    fn name(&self) -> &'static str;

    /// Carries out a command and returns the answer, without its envelope.
    fn ask(&mut self, method: &str, params: Value) -> Value;

    /// Is told the events of its thread from now on, as `params` say.
    fn subscribe(&mut self, params: Value);

    /// The next event, byte for byte but for the envelope.
    fn next(&mut self) -> String;

    /// Goes away without a word, and comes back.
    fn cut(&mut self);

    /// All events up to the one that ends the run so.
    fn until(&mut self, terminal: &str) -> Vec<String> {
        let mut events = Vec::new();
        loop {
            let event = self.next();
            let read: Value = serde_json::from_str(&event).unwrap();
            events.push(event);
            let is_root = read["params"]["namespace"] == json!([]);
            if is_root && read["method"] == "lifecycle" && read["params"]["data"]["event"] == terminal {
                return events;
            }
        }
    }
}

/// The number of an event.
pub(super) fn seq(event: &str) -> u64 {
    serde_json::from_str::<Value>(event).unwrap()["seq"].as_u64().unwrap()
}

pub(super) struct Sse {
    address: SocketAddr,
    thread_id: Uuid,
    events: Option<BufReader<Box<dyn Read + Send>>>,
}

impl Sse {
    pub(super) fn new(address: SocketAddr, thread_id: Uuid) -> Self {
        Self { address, thread_id, events: None }
    }

    fn post(&self, path: &str, body: &Value) -> ureq::http::Response<ureq::Body> {
        let url = format!("http://{}/threads/{}{path}", self.address, self.thread_id);
        crate::http::agent().post(url).content_type("application/json").send(body.to_string()).unwrap()
    }
}

impl Client for Sse {
    fn name(&self) -> &'static str {
        "sse"
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.post("/commands", &json!({"id": 1, "method": method, "params": params}));
        assert_eq!(answer.status(), 200);
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    fn subscribe(&mut self, params: Value) {
        let answer = self.post("/stream/events", &params);
        assert_eq!(answer.status(), 200);
        self.events = Some(BufReader::new(Box::new(answer.into_body().into_reader())));
    }

    fn next(&mut self) -> String {
        let events = self.events.as_mut().unwrap();
        loop {
            let mut line = String::new();
            assert!(events.read_line(&mut line).unwrap() > 0, "the stream ended");
            if let Some(data) = line.strip_prefix("data: ") {
                return data.trim_end_matches("\r\n").to_owned();
            }
        }
    }

    fn cut(&mut self) {
        self.events = None;
    }
}

pub(super) struct WebSocket {
    address: SocketAddr,
    thread_id: Uuid,
    socket: Socket<MaybeTlsStream<TcpStream>>,
    count: u64,
    /// Events that came before an answer that was waited for.
    early: VecDeque<String>,
}

impl WebSocket {
    pub(super) fn connect(address: SocketAddr, thread_id: Uuid) -> Self {
        Self::with_query(address, thread_id, "")
    }

    pub(super) fn with_query(address: SocketAddr, thread_id: Uuid, query: &str) -> Self {
        let url = format!("ws://{address}/threads/{thread_id}/stream/events{query}");
        let (socket, _) = tungstenite::connect(url).unwrap();
        Self { address, thread_id, socket, count: 0, early: VecDeque::new() }
    }

    /// What carries it, for whoever reads past the protocol.
    pub(super) fn carrier(&self) -> &TcpStream {
        match self.socket.get_ref() {
            MaybeTlsStream::Plain(stream) => stream,
            _ => panic!("there is no TLS"),
        }
    }

    /// Every event up to the close with this code, and the error before it.
    pub(super) fn read_to_close(&mut self, code: u16) -> (Vec<String>, Value) {
        let (mut events, mut told) = (Vec::new(), Value::Null);
        loop {
            let message = self.read();
            if let Message::Close(reason) = message {
                assert_eq!(u16::from(reason.expect("it says why").code), code);
                return (events, told);
            }
            let text = message.to_text().unwrap();
            if is_event(text) {
                events.push(text.to_owned());
            } else {
                told = serde_json::from_str(text).unwrap();
            }
        }
    }

    pub(super) fn send(&mut self, message: Message) {
        self.socket.send(message).unwrap();
    }

    pub(super) fn read(&mut self) -> Message {
        loop {
            match self.socket.read().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }
}

fn is_event(text: &str) -> bool {
    text.starts_with(r#"{"type":"event","#)
}

impl Client for WebSocket {
    fn name(&self) -> &'static str {
        "websocket"
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.count += 1;
        let command = json!({"id": self.count, "method": method, "params": params});
        self.socket.send(Message::text(command.to_string())).unwrap();
        loop {
            let text = self.read().into_text().unwrap().to_string();
            if is_event(&text) {
                self.early.push_back(text);
                continue;
            }
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(answer["id"], self.count);
            return answer;
        }
    }

    fn subscribe(&mut self, params: Value) {
        let answer = self.ask("subscription.subscribe", params);
        assert_eq!(answer["type"], "success", "{answer}");
    }

    fn next(&mut self) -> String {
        if let Some(event) = self.early.pop_front() {
            return event;
        }
        let text = self.read().into_text().unwrap().to_string();
        assert!(is_event(&text), "{text}");
        text
    }

    fn cut(&mut self) {
        *self = Self::connect(self.address, self.thread_id);
    }
}

/// What is written to and what is read from.
type Ends = (Box<dyn Write>, Box<dyn Read>);

/// Lines, over whatever carries them.
pub(super) struct Lines {
    name: &'static str,
    thread_id: Uuid,
    input: Box<dyn Write>,
    output: BufReader<Box<dyn Read>>,
    again: Box<dyn Fn() -> Ends>,
    count: u64,
    early: VecDeque<String>,
}

impl Lines {
    /// What `eddyline stdio` does, with pipes that are not those of the process.
    pub(super) fn over_pipes(server: &Server, thread_id: Uuid) -> Self {
        let (runtime, stop) = (server.handle.clone(), server.stop.clone());
        let again = move || -> Ends {
            let (input, commands) = std::io::pipe().unwrap();
            let (answers, output) = std::io::pipe().unwrap();
            let (runtime, stop) = (runtime.clone(), stop.clone());
            thread::spawn(move || {
                let talk = converse(input, output, runtime, (Shutdown::new(), stop), LineOptions::default());
                actix_rt::System::new().block_on(talk)
            });
            (Box::new(commands), Box::new(answers))
        };
        Self::open("pipes", thread_id, Box::new(again))
    }

    /// The example of a transport of one's own.
    pub(super) fn over_socket(server: &Server, thread_id: Uuid) -> Self {
        let path = server.socket.clone();
        let again = move || -> Ends {
            let stream = UnixStream::connect(&path).unwrap();
            (Box::new(stream.try_clone().unwrap()), Box::new(stream))
        };
        Self::open("socket", thread_id, Box::new(again))
    }

    fn open(name: &'static str, thread_id: Uuid, again: Box<dyn Fn() -> Ends>) -> Self {
        let (input, output) = again();
        let output = BufReader::new(output);
        let mut lines = Self { name, thread_id, input, output, again, count: 0, early: VecDeque::new() };
        let hello = lines.line();
        assert_eq!(hello["type"], "hello", "{hello}");
        lines
    }

    fn text(&mut self) -> String {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).unwrap() > 0, "the output ended");
        line.trim_end_matches('\n').to_owned()
    }

    fn line(&mut self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// An event as it is without what lines add.
    fn bare(&self, text: &str) -> String {
        let address = format!(r#""thread_id":"{}","subscription_ids":["#, self.thread_id);
        let (before, rest) = text.split_once(&address).expect("an event says whose it is");
        let (_, after) = rest.split_once("],").unwrap();
        format!("{before}{after}")
    }
}

impl Client for Lines {
    fn name(&self) -> &'static str {
        self.name
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.count += 1;
        let command =
            json!({"thread_id": self.thread_id, "id": self.count, "method": method, "params": params});
        writeln!(self.input, "{command}").unwrap();
        loop {
            let text = self.text();
            if is_event(&text) {
                self.early.push_back(self.bare(&text));
                continue;
            }
            let mut answer: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(answer["id"], self.count, "{answer}");
            assert_eq!(answer["thread_id"], json!(self.thread_id));
            answer.as_object_mut().unwrap().shift_remove("thread_id");
            return answer;
        }
    }

    fn subscribe(&mut self, params: Value) {
        let answer = self.ask("subscription.subscribe", params);
        assert_eq!(answer["type"], "success", "{answer}");
    }

    fn next(&mut self) -> String {
        if let Some(event) = self.early.pop_front() {
            return event;
        }
        let text = self.text();
        assert!(is_event(&text), "{text}");
        self.bare(&text)
    }

    fn cut(&mut self) {
        let (input, output) = (self.again)();
        (self.input, self.output) = (input, BufReader::new(output));
        self.early.clear();
        let hello = self.line();
        assert_eq!(hello["type"], "hello", "{hello}");
    }
}
