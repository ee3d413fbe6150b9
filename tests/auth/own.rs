//! The rules of a program of one's own: its `Authenticate` and `Authorize` are asked for whatever a request names, in
//! its path and in its body.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use eddyline::transports::{Error, Http, HttpOptions};
use eddyline::{Runtime, Shutdown, Transport as _};
use serde_json::{Value, json};

use super::teams::{Staff, Teams};
use crate::http::agent;

/// Stands in everything that belongs to the red team.
const WORD: &str = "kingfisher";

/// A program that serves with the rules of the example.
struct Program {
    runtime: Option<Runtime>,
    address: SocketAddr,
    stop: Shutdown,
    serving: Option<JoinHandle<Result<(), Error>>>,
}

impl Program {
    fn start() -> Self {
        let graphs = eddyline::graphs::all().unwrap().into_iter();
        let builder = graphs.fold(Runtime::builder(), |builder, (id, graph)| builder.graph(id, graph));
        let runtime = builder.start().unwrap();
        let options = HttpOptions {
            address: ([127, 0, 0, 1], 0).into(),
            authenticate: Some(Arc::new(Staff)),
            authorize: Arc::new(Teams),
            ..HttpOptions::default()
        };
        let http = Http::bind(options).unwrap();
        let (address, stop, handle) = (http.address(), Shutdown::new(), runtime.handle());
        let ordered = stop.clone();
        let serve = move || actix_rt::System::new().block_on(http.serve(handle, ordered));
        Self { runtime: Some(runtime), address, stop, serving: Some(std::thread::spawn(serve)) }
    }

    /// Status and body of the answer.
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> (u16, String) {
        let request =
            ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        let request = request.header("authorization", format!("Bearer {token}"));
        let mut answer = agent().run(request.body(body.to_string()).unwrap()).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// What is answered to who may have it.
    fn gets(&self, token: &str, method: &str, path: &str, body: &Value) -> Value {
        let (status, told) = self.ask(token, method, path, body);
        assert!(status < 300, "{method} {path} {body}: {status} {told}");
        serde_json::from_str(&told).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop.begin();
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        executor.block_on(self.runtime.take().unwrap().shutdown());
        let ended = self.serving.take().unwrap().join();
        assert!(std::thread::panicking() || ended.is_ok_and(|ended| ended.is_ok()), "it failed");
    }
}

fn id(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap().to_owned()
}

const KIM: &str = "kim-of-red";
const LEE: &str = "lee-of-red";
const MAX: &str = "max-of-blue";

#[test]
fn who_is_known_and_who_is_not() {
    let program = Program::start();
    let statuses =
        ["", "nobody", KIM].map(|token| program.ask(token, "POST", "/threads/search", &json!({})).0);
    assert_eq!(statuses, [401, 403, 200]);
    let without = agent().post(format!("http://{}/threads/search", program.address)).send("{}").unwrap();
    assert_eq!(without.status().as_u16(), 401);
}

#[test]
fn rules_of_ones_own_are_asked_for_paths_and_bodies() {
    let program = Program::start();
    let run = json!({"assistant_id": "agent", "input": {"topic": WORD}});
    // What kim makes is the team's: lee works with it.
    let thread = program.gets(KIM, "POST", "/threads", &json!({"metadata": {"team": "blue", "word": WORD}}));
    assert_eq!(thread["metadata"], json!({"team": "red", "word": WORD}), "whatever its maker says");
    let thread = id(&thread, "thread_id");
    program.gets(LEE, "POST", &format!("/threads/{thread}/runs/wait"), &run);
    let state = program.gets(LEE, "GET", &format!("/threads/{thread}/state"), &json!(null));
    let checkpoint = id(&state["checkpoint"], "checkpoint_id");
    let assistant = json!({"graph_id": "agent", "name": WORD, "context": {"word": WORD}});
    let assistant = id(&program.gets(KIM, "POST", "/assistants", &assistant), "assistant_id");
    let cron = json!({"assistant_id": assistant, "schedule": "0 0 1 1 *", "input": {"topic": WORD}});
    let cron = id(&program.gets(KIM, "POST", "/runs/crons", &cron), "cron_id");
    let item = |value: &str| json!({"namespace": ["red", "notes"], "key": "k", "value": {"word": value}});
    program.gets(KIM, "PUT", "/store/items", &item(WORD));
    let own = id(&program.gets(MAX, "POST", "/threads", &json!({})), "thread_id");

    let with = |name: &str, value: Value| {
        let mut run = json!({"assistant_id": "agent", "input": {"topic": "heron"}});
        run[name] = value;
        run
    };
    let named = json!({"configurable": {"thread_id": thread, "checkpoint_id": checkpoint}});
    let place = json!({"thread_id": thread, "checkpoint_id": checkpoint, "checkpoint_ns": ""});
    let schedule = |assistant: &str| json!({"assistant_id": assistant, "schedule": "0 0 1 1 *"});
    let asks = [
        ("GET", format!("/threads/{thread}"), json!(null)),
        ("POST", format!("/threads/{thread}/runs/wait"), run),
        ("POST", format!("/threads/{own}/runs/wait"), with("assistant_id", json!(assistant))),
        ("POST", format!("/threads/{own}/runs/wait"), with("config", named.clone())),
        ("POST", format!("/threads/{own}/runs/wait"), with("checkpoint", place.clone())),
        ("POST", format!("/threads/{own}/runs/wait"), with("checkpoint_id", json!(checkpoint))),
        ("POST", "/runs/wait".to_owned(), with("config", named)),
        ("POST", "/runs/wait".to_owned(), with("assistant_id", json!(assistant))),
        ("POST", "/runs/batch".to_owned(), json!([with("assistant_id", json!(assistant))])),
        ("POST", "/runs/cancel".to_owned(), json!({"thread_id": thread, "run_ids": [thread]})),
        ("POST", format!("/threads/{own}/state/checkpoint"), json!({"checkpoint": place})),
        ("POST", format!("/threads/{own}/history"), json!({"checkpoint": place})),
        ("POST", format!("/threads/{thread}/state"), json!({"values": {"topic": "heron"}})),
        ("POST", format!("/threads/{thread}/copy"), json!(null)),
        ("POST", "/threads/prune".to_owned(), json!({"thread_ids": [thread]})),
        ("POST", "/threads/search".to_owned(), json!({"ids": [thread]})),
        ("POST", "/threads/search".to_owned(), json!({"metadata": {"team": "red"}})),
        ("POST", "/threads".to_owned(), json!({"thread_id": thread, "if_exists": "do_nothing"})),
        ("POST", format!("/threads/{own}/runs/crons"), schedule(&assistant)),
        ("POST", format!("/threads/{thread}/runs/crons"), schedule("agent")),
        ("POST", "/runs/crons/search".to_owned(), json!({"assistant_id": assistant})),
        ("PATCH", format!("/runs/crons/{cron}"), json!({"enabled": false})),
        ("PATCH", format!("/assistants/{assistant}"), json!({"name": "heron"})),
        ("POST", "/assistants/search".to_owned(), json!({"metadata": {"team": "red"}})),
        ("PUT", "/store/items".to_owned(), item("heron")),
        ("POST", "/store/items/search".to_owned(), json!({"namespace_prefix": ["red"]})),
        ("DELETE", "/store/items".to_owned(), json!({"namespace": ["red", "notes"], "key": "k"})),
        (
            "POST",
            format!("/threads/{thread}/commands"),
            json!({"id": 1, "method": "state.get", "params": {}}),
        ),
        (
            "POST",
            format!("/threads/{own}/commands"),
            json!({"id": 1, "method": "run.start", "params": {"assistant_id": assistant}}),
        ),
        ("DELETE", format!("/threads/{thread}"), json!(null)),
        ("DELETE", format!("/assistants/{assistant}"), json!(null)),
        ("DELETE", format!("/runs/crons/{cron}"), json!(null)),
    ];
    for (method, path, body) in &asks {
        let (status, told) = program.ask(MAX, method, path, body);
        assert!(status < 500 && !told.contains(WORD), "a leak to {method} {path} {body}: {status} {told}");
        // What says who is meant in the path is not there.
        let hidden =
            [&thread, &assistant, &cron].iter().any(|id| path.contains(*id)) && !path.ends_with("/commands");
        let expected = if path.ends_with("/copy") { 409 } else { 404 };
        assert!(!hidden || [404, expected].contains(&status), "{method} {path} {body}: {status} {told}");
    }
    println!("leaks to another team: 0 of {}", asks.len());

    // Everything is as it was, and only leads delete.
    let kept = program.gets(LEE, "GET", &format!("/threads/{thread}/state"), &json!(null));
    assert_eq!(kept, state);
    let cron_kept = program.gets(LEE, "GET", &format!("/runs/crons/{cron}"), &json!(null));
    assert_eq!(cron_kept["enabled"], true, "{cron_kept}");
    let kept = program.gets(LEE, "GET", &format!("/assistants/{assistant}"), &json!(null));
    assert_eq!(kept["name"], WORD);
    let kept = program.gets(LEE, "GET", "/store/items?namespace=red.notes&key=k", &json!(null));
    assert_eq!(kept["value"]["word"], WORD);
    let refused = program.ask(LEE, "DELETE", &format!("/threads/{thread}"), &json!(null));
    assert_eq!(refused.0, 403, "{}", refused.1);
    assert!(refused.1.contains("Only leads delete"), "{}", refused.1);
    program.gets(KIM, "DELETE", &format!("/threads/{thread}"), &json!(null));
}
