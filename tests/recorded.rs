//! The golden cases over a socket: every call of a case goes to the binary, and what comes back is recorded and
//! compared as `record.py` does it.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;
use serde_json::{Map, Value, json};
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

use crate::golden::normalise::{Normalise, pattern};
use crate::golden::saved::Saved;
use crate::golden::{cases, compare};
use crate::http::{agent, get, header, read, text};
use crate::server::Server;

/// The headers that are compared.
const HEADERS: [&str; 6] = [
    "content-type",
    "location",
    "content-location",
    "x-pagination-total",
    "x-pagination-next",
    "cache-control",
];

static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d+"));

/// How many clients play at once; most of the time goes into naps that are part of the cases.
const CLIENTS: usize = 8;

#[test]
fn answers_equal_those_of_the_reference() {
    let (server, cases) = (Server::start(), cases::cases());
    let played = std::thread::scope(|scope| {
        let (server, cases) = (&server, &cases);
        let client = |first| scope.spawn(move || play_every(server, cases, first));
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        clients.into_iter().flat_map(|client| client.join().expect("the client ends")).collect::<Vec<_>>()
    });
    let (mut report, mut equal) = (String::new(), 0);
    for (name, rows) in played {
        if rows.is_empty() {
            equal += 1;
        } else {
            let _ = writeln!(report, "{name} (expected != found)\n    {}", rows.join("\n    "));
        }
    }
    let summary = format!("{equal} cases are equal over a socket");
    assert!(report.is_empty(), "\n{report}{summary}");
    eprintln!("{summary}");
}

/// Plays every so many'th case; gives back what is different in each. Cases that list the assistants of the server see
/// each other's, so one client plays them all.
fn play_every<'a>(server: &Server, cases: &'a [Value], first: usize) -> Vec<(&'a str, Vec<String>)> {
    let agent = agent();
    let client = |place: usize, case: &Value| {
        if cases::name(case).starts_with("assistants") { 0 } else { place % CLIENTS }
    };
    let mine = cases.iter().enumerate().filter(|(place, case)| client(*place, case) == first);
    let played = mine.map(|(place, case)| {
        let nonce = 1_700_000_000_000_000_000 + place;
        let name = cases::name(case);
        let rows = match Player::new(server, &agent, &nonce.to_string()).play(case) {
            Ok(played) => compare::differences(cases::transcript(name), played),
            Err(reason) => vec![reason],
        };
        (name, rows)
    });
    played.collect()
}

struct Player<'a> {
    server: &'a Server,
    agent: &'a Agent,
    saved: Saved,
    normalise: Normalise,
}

impl<'a> Player<'a> {
    fn new(server: &'a Server, agent: &'a Agent, nonce: &str) -> Self {
        Self { server, agent, saved: Saved::new(nonce), normalise: Normalise::new(nonce) }
    }

    fn play(mut self, case: &Value) -> Result<Value, String> {
        let mut answers = Vec::new();
        for call in case["calls"].as_array().into_iter().flatten() {
            match call["sleep"].as_f64() {
                // A part of the case and no guess: the reference was given this time, too.
                Some(seconds) => std::thread::sleep(Duration::from_secs_f64(seconds)),
                None => answers.push(self.call(call)?),
            }
        }
        let unordered = case.get("unordered").cloned().unwrap_or(Value::Bool(false));
        Ok(json!({"name": case["name"], "about": case["about"], "unordered": unordered, "answers": answers}))
    }

    fn call(&mut self, call: &Value) -> Result<Value, String> {
        let (method, path) = (call["method"].as_str().unwrap(), call["path"].as_str().unwrap());
        let response = self.ask(call, method, path);
        let mut answer = json!({"call": format!("{method} {path}"), "status": response.status().as_u16()});
        let found = HEADERS.iter().filter(|name| response.headers().contains_key(**name));
        let found = found.map(|name| ((*name).to_owned(), header(&response, name).into()));
        answer["headers"] = self.normalise.value(&found.collect::<Map<_, _>>().into());
        let body = if header(&response, "content-type").starts_with("text/event-stream") {
            self.frames(response, call.get("timed").is_some(), &mut answer)
        } else {
            let body = text(response);
            let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
            answer["body"] = self.normalise.value(&body);
            body
        };
        self.saved.save(call, &body)?;
        if call.get("only_status").is_some() {
            let answer = answer.as_object_mut().unwrap();
            answer.retain(|key, _| key != "body" && key != "frames");
        }
        Ok(answer)
    }

    fn ask(&self, call: &Value, method: &str, path: &str) -> Response<Body> {
        let body = call.get("body").map(|body| self.saved.fill(body).to_string());
        let body = body.or_else(|| call["raw"].as_str().map(str::to_owned));
        let mut request = Request::builder().method(method).uri(self.server.url(&self.saved.fill_text(path)));
        for (name, value) in call["headers"].as_object().into_iter().flatten() {
            request = request.header(name, self.saved.fill_text(value.as_str().unwrap()));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        self.agent.run(request.body(body.unwrap_or_default()).unwrap()).expect("the server answers")
    }

    /// Reads an event stream to its end, and puts what is compared of it into the answer.
    fn frames(&mut self, response: Response<Body>, timed: bool, answer: &mut Value) -> Value {
        let run = header(&response, "content-location").to_owned();
        let (mut told, mut early) = (String::new(), false);
        let mut lines = BufReader::new(response.into_body().into_reader());
        while lines.read_line(&mut told).expect("the body is complete") > 0 {
            if timed && !early && told.ends_with("event: custom\r\n") {
                early = read(get(self.server, &run))["status"] == "running";
            }
        }
        if timed {
            // `record.py` measures how long after the first event the stream ends.
            answer["early"] = early.into();
        }
        answer["crlf"] = (!told.replace("\r\n", "").contains('\n')).into();
        let mut frames: Vec<Value> = told.split("\r\n\r\n").filter_map(frame).collect();
        let number = |id: &Value| -> Vec<u64> {
            NUMBER.find_iter(id.as_str().unwrap()).map(|number| number.as_str().parse().unwrap()).collect()
        };
        let ids: Vec<_> = frames.iter().filter_map(|frame| frame.get("id")).map(number).collect();
        if !ids.is_empty() {
            answer["ids"] = if ids.is_sorted_by(|a, b| a < b) { "rise" } else { "do not rise" }.into();
        }
        let whole = Value::from(frames.clone());
        frames.iter_mut().filter_map(|frame| frame.get_mut("id")).for_each(|id| *id = "<event>".into());
        answer["frames"] = self.normalise.value(&frames.into());
        whole
    }
}

/// A block of an event stream; comments are none.
fn frame(block: &str) -> Option<Value> {
    let fields = block.lines().filter(|line| !line.is_empty() && !line.starts_with(':'));
    let fields = fields.filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| {
        let json = (name == "data").then(|| serde_json::from_str(value).ok()).flatten();
        (name.to_owned(), json.unwrap_or_else(|| value.into()))
    });
    let frame: Map<_, _> = fields.collect();
    (!frame.is_empty()).then(|| frame.into())
}
