//! Every route, asked by whoever owns what it is about, by somebody else who has a key, and by nobody.
//!
//! What is the owner's has a word in it that is nowhere else: an answer to anybody else that has it is a leak. So is a
//! change of what the owner has, and anything but 401 for nobody.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use ureq::Body;
use ureq::http::Response;

use super::{KEYS, make};
use crate::http::{self, agent, read, text};
use crate::server::Server;

/// Stands in everything that belongs to the owner.
const WORD: &str = "kingfisher";

/// One request, with names in braces for what differs: what the owner has, and `own` for a thread of whoever asks.
#[derive(Clone, Debug)]
struct Ask {
    method: &'static str,
    path: &'static str,
    body: Value,
    headers: Vec<(&'static str, String)>,
    /// What the owner gets.
    owner: u16,
}

fn ask(method: &'static str, path: &'static str, body: Value) -> Ask {
    Ask { method, path, body, headers: Vec::new(), owner: 200 }
}

fn get(path: &'static str) -> Ask {
    ask("GET", path, Value::Null)
}

fn post(path: &'static str, body: Value) -> Ask {
    ask("POST", path, body)
}

impl Ask {
    fn gives(self, owner: u16) -> Self {
        Self { owner, ..self }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Whether what stands in the path is as if it were not there.
    fn hides(&self, status: u16, told: &str) -> bool {
        let owned = ["{thread}", "{waiting}", "{assistant}", "{cron}", "{run}", "{pending}"];
        if !owned.iter().any(|name| self.path.contains(name)) {
            return true;
        }
        match status {
            // What is wrong with a command is told so. Of a thread that is not there nothing is known.
            200 if self.path.ends_with("/commands") => {
                told.contains(r#""type":"error""#) || told.contains(r#""result":{"checkpoints":[]}"#)
            }
            // JSON-RPC tells errors so.
            200 if self.path.starts_with("/a2a/") => told.contains(" not found\"}}"),
            405 => self.owner == 405,
            409 => self.path.ends_with("/copy"),
            status => status == 404,
        }
    }

    fn is_endless(&self, status: u16) -> bool {
        let streams = ["/threads/{thread}/stream", "/threads/{thread}/stream/events"];
        status == 200 && streams.contains(&self.path)
    }

    /// Which route of the table it is about.
    fn route(&self) -> (String, String) {
        let path = self.path.split('?').next().unwrap_or_default();
        let parameter = Regex::new(r"\{[a-z_]+\}").unwrap();
        (self.method.to_owned(), parameter.replace_all(path, "{}").into_owned())
    }
}

/// Methods and paths that the server says it has, but for those that say nothing of anybody.
fn routes() -> BTreeSet<(String, String)> {
    let of_the_server = ["/", "/ok", "/info", "/metrics", "/docs", "/openapi.json", "/graph-schema.json"];
    let described = read(http::get(&Server::start(), "/openapi.json"));
    let parameter = Regex::new(r"\{[a-z_]+\}").unwrap();
    let paths = described["paths"].as_object().unwrap().iter();
    let routes: BTreeSet<_> = paths
        .filter(|(path, _)| !of_the_server.contains(&path.as_str()))
        .flat_map(|(path, methods)| {
            let path = parameter.replace_all(path, "{}").into_owned();
            let methods = methods.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        })
        .collect();
    assert!(routes.len() > 55, "the routes are described otherwise now: {routes:?}");
    routes
}

/// Every way to name what is the owner's, route by route. Those that end something stand last.
fn asks() -> Vec<Ask> {
    [starts(), runs(), threads(), commands(), assistants(), others(), endings()].concat()
}

/// A run of the graph that is told this, too.
fn with(name: &str, value: Value) -> Value {
    let mut run = json!({"assistant_id": "agent"});
    run[name] = value;
    run
}

/// A call of JSON-RPC.
#[expect(clippy::needless_pass_by_value, reason = "it is written where it is asked")]
fn rpc(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

fn starts() -> Vec<Ask> {
    let run = || json!({"assistant_id": "agent", "input": {"topic": "heron"}});
    let mut asks = Vec::new();
    for path in ["/threads/{thread}/runs/stream", "/threads/{thread}/runs/wait", "/threads/{thread}/runs"] {
        asks.push(post(path, run()));
        asks.push(post(path, with("if_not_exists", json!("create"))));
        asks.push(post(path, with("metadata", json!({"owner": "kim"}))));
        asks.push(post(path, with("command", json!({"resume": 1}))));
        asks.push(post(path, with("checkpoint_id", json!("{checkpoint}"))));
    }
    for path in ["/threads/{own}/runs/stream", "/threads/{own}/runs/wait", "/threads/{own}/runs"] {
        asks.push(post(path, json!({"assistant_id": "{assistant}", "input": {"topic": "heron"}})));
        asks.push(post(path, with("checkpoint_id", json!("{checkpoint}"))));
        asks.push(post(
            path,
            with(
                "checkpoint",
                json!({"thread_id": "{thread}", "checkpoint_id": "{checkpoint}", "checkpoint_ns": ""}),
            ),
        ));
        asks.push(post(
            path,
            with(
                "config",
                json!({"configurable": {"thread_id": "{thread}", "checkpoint_id": "{checkpoint}"}}),
            ),
        ));
        asks.push(post(path, with("config", json!({"configurable": {"langgraph_auth_user_id": "kim"}, "metadata": {"owner": "kim", "thread_id": "{thread}"}}))));
    }
    for path in ["/runs/stream", "/runs/wait", "/runs"] {
        asks.push(post(path, json!({"assistant_id": "{assistant}", "input": {"topic": "heron"}})));
        asks.push(post(path, with("thread_id", json!("{thread}"))));
        asks.push(post(path, with("config", json!({"configurable": {"thread_id": "{thread}"}}))));
    }
    asks.extend([
        post("/runs/batch", json!([{"assistant_id": "{assistant}", "input": {"topic": "heron"}}])),
        post("/mcp", rpc("tools/list", json!({}))),
        post("/mcp", rpc("tools/call", json!({"name": "agent", "arguments": {"topic": "heron"}, "context": {"thread_id": "{thread}"}}))),
        ask("DELETE", "/mcp", Value::Null).gives(404),
        get("/a2a/{assistant}"),
        get("/a2a/{assistant}/.well-known/agent-card.json"),
        get("/a2a/{assistant}/.well-known/agent.json"),
        get("/.well-known/agent-card.json?assistant_id={assistant}"),
        post("/a2a/{assistant}", rpc("SendMessage", json!({"message": {"messageId": "m", "contextId": "{thread}", "parts": [{"data": {"topic": "heron"}}]}}))),
        post("/a2a/{assistant}", rpc("message/stream", json!({"message": {"messageId": "m", "contextId": "{thread}", "taskId": "{thread}:{run}", "parts": [{"data": {"topic": "heron"}}]}}))),
        post("/a2a/{assistant}", rpc("GetTask", json!({"id": "{thread}:{run}"}))),
        post("/a2a/{assistant}", rpc("tasks/cancel", json!({"id": "{thread}:{run}"}))),
        post("/a2a/{assistant}", rpc("ListTasks", json!({"contextId": "{thread}"}))),
        post("/runs/batch", json!([with("config", json!({"configurable": {"thread_id": "{thread}"}}))])),
    ]);
    asks
}

fn runs() -> Vec<Ask> {
    vec![
        get("/threads/{thread}/runs"),
        get("/threads/{thread}/runs?status=success&select=kwargs"),
        get("/threads/{thread}/runs/{run}"),
        get("/threads/{thread}/runs/{run}/join"),
        get("/threads/{thread}/runs/{run}/join?cancel_on_disconnect=true"),
        get("/threads/{thread}/runs/{run}/stream"),
        get("/threads/{thread}/runs/{run}/stream").with("last-event-id", "0"),
        get("/threads/{thread}/runs/{run}/stream").with("last-event-id", "-1"),
        get("/threads/{own}/runs/{run}/stream").with("last-event-id", "-1").gives(404),
        get("/threads/{own}/runs/{run}/join").gives(404),
        get("/threads/{own}/runs/{run}").gives(404),
        get("/runs/{run}/join"),
        get("/runs/{run}/stream"),
        get("/runs/{run}/stream").with("last-event-id", "-1"),
        post("/threads/{own}/runs/{pending}/cancel?wait=true", Value::Null).gives(404),
        ask("DELETE", "/threads/{own}/runs/{run}", Value::Null).gives(404),
    ]
}

fn threads() -> Vec<Ask> {
    vec![
        get("/threads/{thread}"),
        get("/threads/{thread}?include=ttl"),
        get("/threads/{thread}/storage"),
        get("/threads/{thread}/state"),
        get("/threads/{thread}/state?subgraphs=true"),
        get("/threads/{thread}/state/{checkpoint}"),
        post("/threads/{thread}/state/checkpoint", json!({"checkpoint": {"checkpoint_id": "{checkpoint}"}})),
        post(
            "/threads/{own}/state/checkpoint",
            json!({"checkpoint": {"thread_id": "{thread}", "checkpoint_id": "{checkpoint}"}}),
        ),
        get("/threads/{own}/state/{checkpoint}"),
        get("/threads/{thread}/history"),
        post("/threads/{thread}/history", json!({"limit": 9})),
        post(
            "/threads/{own}/history",
            json!({"before": {"configurable": {"thread_id": "{thread}", "checkpoint_id": "{checkpoint}"}}}),
        ),
        post(
            "/threads/{own}/history",
            json!({"checkpoint": {"thread_id": "{thread}", "checkpoint_id": "{checkpoint}"}}),
        ),
        post("/threads/{thread}/state", json!({"values": {"topic": "heron"}})),
        post("/threads/{thread}/state", json!({"values": {"topic": "heron"}, "as_node": "refine_topic"})),
        post("/threads/{own}/state", json!({"values": {"topic": "mine"}, "checkpoint_id": "{checkpoint}"})),
        get("/threads/{thread}/stream"),
        get("/threads/{thread}/stream").with("last-event-id", "-"),
        get("/threads/{thread}/stream/events").gives(405),
        post("/threads/{thread}/stream/events", json!({"channels": ["values"]})),
        post("/threads/{thread}/stream/events", json!({"channels": ["values"]})).with("last-event-id", "0"),
        post("/threads/search", json!({"limit": 1000})),
        post("/threads/search", json!({"metadata": {"owner": "kim"}})),
        post("/threads/search", json!({"metadata": {"owner": ["kim"]}})),
        post("/threads/search", json!({"metadata": {"secret": WORD}})),
        post("/threads/search", json!({"ids": ["{thread}"]})),
        post("/threads/search", json!({"values": {"topic": WORD}})),
        post("/threads/search", json!({"status": "idle", "limit": 1000, "extract": {"t": "values.topic"}})),
        post("/threads/count", json!({})),
        post("/threads/count", json!({"metadata": {"owner": "kim"}})),
        post("/threads/count", json!({"ids": ["{thread}"]})),
        post("/threads/{thread}/copy", Value::Null),
        ask("PATCH", "/threads/{thread}", json!({"metadata": {"owner": "lee", "seen": 1}})),
        ask("PATCH", "/threads/{thread}/state", json!({"metadata": {"owner": "lee", "seen": 1}})),
        post("/threads", json!({"thread_id": "{thread}", "if_exists": "do_nothing"})),
        post("/threads", json!({"thread_id": "{thread}"})).gives(409),
        post("/threads", json!({"metadata": {"owner": "kim"}})),
        post("/threads/prune", json!({"thread_ids": ["{thread}"], "strategy": "keep_latest"})),
    ]
}

fn commands() -> Vec<Ask> {
    let mut asks = Vec::new();
    let params: [(&str, Value); 8] = [
        ("run.start", json!({"assistant_id": "agent", "input": {"topic": "heron"}})),
        ("input.respond", json!({"interrupt_id": "i", "response": 1})),
        ("agent.getTree", json!({})),
        ("state.get", json!({"namespace": []})),
        ("state.listCheckpoints", json!({"namespace": [], "limit": 9})),
        ("state.fork", json!({"checkpoint_id": "{checkpoint}", "input": {"topic": "heron"}})),
        ("subscription.subscribe", json!({"channels": ["values"]})),
        ("rest.call", json!({"method": "GET", "path": "/threads/{thread}"})),
    ];
    for (method, params) in params {
        let command = json!({"id": 1, "method": method, "params": params});
        asks.push(post("/threads/{thread}/commands", command.clone()));
        asks.push(post("/threads/{own}/commands", command));
    }
    let elsewhere =
        json!({"assistant_id": "{assistant}", "config": {"configurable": {"thread_id": "{thread}"}}});
    asks.push(post("/threads/{own}/commands", json!({"id": 1, "method": "run.start", "params": elsewhere})));
    asks
}

fn assistants() -> Vec<Ask> {
    vec![
        post("/assistants/search", json!({"limit": 1000})),
        post("/assistants/search", json!({"metadata": {"owner": "kim"}})),
        post("/assistants/search", json!({"graph_id": "agent", "name": WORD})),
        post("/assistants/count", json!({})),
        post("/assistants/count", json!({"metadata": {"owner": "kim"}})),
        get("/assistants/{assistant}"),
        get("/assistants/{assistant}/graph"),
        get("/assistants/{assistant}/schemas"),
        get("/assistants/{assistant}/subgraphs"),
        get("/assistants/{assistant}/subgraphs/{level}"),
        post("/assistants/{assistant}/versions", json!({})),
        ask("PATCH", "/assistants/{assistant}", json!({"name": WORD, "metadata": {"owner": "lee"}})),
        post("/assistants/{assistant}/latest", json!({"version": 1})),
        post(
            "/assistants",
            json!({"graph_id": "agent", "assistant_id": "{assistant}", "if_exists": "do_nothing"}),
        ),
        post("/assistants", json!({"graph_id": "agent", "assistant_id": "{assistant}"})).gives(409),
        // What graphs are made into belongs to the server.
        ask("PATCH", "/assistants/{system}", json!({"name": "mine"})).gives(403),
        post("/assistants/{system}/latest", json!({"version": 1})).gives(403),
        ask("DELETE", "/assistants/{system}?delete_threads=true", Value::Null).gives(403),
    ]
}

fn others() -> Vec<Ask> {
    vec![
        post(
            "/runs/crons",
            json!({"assistant_id": "{assistant}", "schedule": "0 0 1 1 *", "input": {"topic": "heron"}}),
        ),
        post(
            "/runs/crons",
            json!({"assistant_id": "agent", "schedule": "0 0 1 1 *", "metadata": {"owner": "kim"}}),
        ),
        post("/threads/{thread}/runs/crons", json!({"assistant_id": "agent", "schedule": "0 0 1 1 *"})),
        post("/threads/{own}/runs/crons", json!({"assistant_id": "{assistant}", "schedule": "0 0 1 1 *"})),
        post("/runs/crons/search", json!({"limit": 1000})),
        post("/runs/crons/search", json!({"thread_id": "{thread}"})),
        post("/runs/crons/search", json!({"assistant_id": "{assistant}"})),
        post("/runs/crons/search", json!({"metadata": {"owner": "kim"}})),
        post("/runs/crons/count", json!({})),
        post("/runs/crons/count", json!({"thread_id": "{thread}"})),
        get("/runs/crons/{cron}"),
        ask("PATCH", "/runs/crons/{cron}", json!({"enabled": false, "metadata": {"owner": "lee"}})),
        ask("PUT", "/store/items", json!({"namespace": ["kim", "n"], "key": "k", "value": {"v": WORD}}))
            .gives(204),
        ask("PUT", "/store/items", json!({"namespace": ["all"], "key": "k", "value": {}})).gives(403),
        get("/store/items?namespace=kim.n&key=k"),
        post("/store/items/search", json!({"namespace_prefix": []})),
        post("/store/items/search", json!({"namespace_prefix": ["kim"]})),
        post("/store/items/search", json!({"namespace_prefix": ["*"]})),
        post("/store/items/search", json!({"namespace_prefix": [], "filter": {"v": WORD}})),
        post("/store/namespaces", json!({})),
        post("/store/namespaces", json!({"prefix": ["kim"]})),
        post("/store/namespaces", json!({"prefix": ["*"], "max_depth": 1})),
        post("/store/namespaces", json!({"suffix": ["n"]})),
        get("/webhooks/failed"),
        get("/webhooks/failed?limit=1000"),
    ]
}

fn endings() -> Vec<Ask> {
    vec![
        post("/runs/cancel", json!({"thread_id": "{thread}", "run_ids": ["{run}"]})).gives(404),
        post("/runs/cancel", json!({"thread_id": "{own}", "run_ids": ["{pending}"]})).gives(404),
        post("/threads/{waiting}/runs/{pending}/cancel?action=rollback", Value::Null).gives(202),
        post("/runs/cancel", json!({"thread_id": "{waiting}", "run_ids": ["{pending}"]})).gives(404),
        post("/runs/cancel", json!({"status": "pending"})).gives(404),
        post("/runs/cancel", json!({"status": "running"})).gives(404),
        post("/runs/cancel", json!({"status": "all"})).gives(404),
        ask("DELETE", "/store/items", json!({"namespace": ["kim", "n"], "key": "k"})).gives(204),
        ask("DELETE", "/runs/crons/{cron}", Value::Null).gives(204),
        ask("DELETE", "/threads/{thread}/runs/{run}", Value::Null).gives(204),
        ask("DELETE", "/assistants/{assistant}?delete_threads=true", Value::Null).gives(204),
        post("/threads/prune", json!({"thread_ids": ["{waiting}"]})),
        ask("DELETE", "/threads/{thread}", Value::Null).gives(204),
    ]
}

/// Who asks, with a thread of their own.
struct Asker<'a> {
    server: &'a Server,
    key: Option<String>,
    names: BTreeMap<&'static str, String>,
}

impl Asker<'_> {
    fn fill(&self, text: &str) -> String {
        self.names
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    fn send(&self, asked: &Ask) -> Response<Body> {
        let url = self.server.url(&self.fill(asked.path));
        let request = ureq::http::Request::builder().method(asked.method).uri(url);
        let request = request.header("content-type", "application/json");
        let request = self.key.iter().fold(request, |request, key| request.header("x-api-key", key));
        let request =
            asked.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let body = if asked.body.is_null() { String::new() } else { self.fill(&asked.body.to_string()) };
        agent().run(request.body(body).unwrap()).unwrap()
    }

    fn tell(&self, method: &'static str, path: &'static str, body: Value) -> Value {
        let asked = ask(method, path, body);
        let answer = self.send(&asked);
        assert!(answer.status().is_success(), "{asked:?}: {} {}", answer.status(), text(answer));
        read(answer)
    }

    /// Opens a socket and says this; what comes first, or the status with which it is refused.
    fn socket(&self, path: &str, say: &Value) -> Result<String, u16> {
        let url = self.server.url(&self.fill(path)).replacen("http", "ws", 1);
        let mut request = url.as_str().into_client_request().unwrap();
        if let Some(key) = &self.key {
            request.headers_mut().insert("x-api-key", key.parse().unwrap());
        }
        match tungstenite::connect(request) {
            Ok((mut socket, _)) => {
                socket.send(self.fill(&say.to_string()).into()).unwrap();
                Ok(socket.read().unwrap().into_text().unwrap().to_string())
            }
            Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A server with everything of Kim's on it, each thing with the word in it, and a thread of Lee's.
fn askers(server: &Server) -> [Asker<'_>; 3] {
    let asker = |key: Option<String>| Asker { server, key, names: BTreeMap::new() };
    let (mut kim, mut lee) = (asker(Some(make(server, "kim"))), asker(Some(make(server, "lee"))));
    let secret = json!({"metadata": {"secret": WORD}});
    let id = |made: &Value, name: &str| made[name].as_str().unwrap().to_owned();
    let thread = kim.tell("POST", "/threads", secret.clone());
    kim.names.insert("thread", id(&thread, "thread_id"));
    let failing = server.url("/nowhere");
    let run = json!({
        "assistant_id": "agent", "input": {"topic": WORD}, "stream_resumable": true, "webhook": failing,
    });
    kim.tell("POST", "/threads/{thread}/runs/wait", run);
    let runs = kim.tell("GET", "/threads/{thread}/runs", Value::Null);
    kim.names.insert("run", id(&runs[0], "run_id"));
    let state = kim.tell("GET", "/threads/{thread}/state", Value::Null);
    assert!(state["values"]["joke"].as_str().unwrap().contains(WORD), "{state}");
    kim.names.insert("checkpoint", id(&state["checkpoint"], "checkpoint_id"));
    let waiting = kim.tell("POST", "/threads", secret);
    kim.names.insert("waiting", id(&waiting, "thread_id"));
    let later = json!({"assistant_id": "agent", "input": {"topic": WORD}, "after_seconds": 3600});
    let pending = kim.tell("POST", "/threads/{waiting}/runs", later);
    kim.names.insert("pending", id(&pending, "run_id"));
    let assistant =
        json!({"graph_id": "agent", "name": WORD, "metadata": {"secret": WORD}, "context": {"of": WORD}});
    let assistant = kim.tell("POST", "/assistants", assistant);
    kim.names.insert("assistant", id(&assistant, "assistant_id"));
    let cron = json!({
        "assistant_id": "agent", "schedule": "0 0 1 1 *", "input": {"topic": WORD}, "metadata": {"secret": WORD},
    });
    let cron = kim.tell("POST", "/threads/{thread}/runs/crons", cron);
    kim.names.insert("cron", id(&cron, "cron_id"));
    let item = json!({"namespace": ["kim", "n"], "key": "k", "value": {"v": WORD}});
    assert_eq!(kim.send(&ask("PUT", "/store/items", item)).status().as_u16(), 204);
    let system = kim.tell(
        "POST",
        "/assistants/search",
        json!({"graph_id": "agent", "metadata": {"created_by": "system"}}),
    );
    kim.names.insert("level", "none".to_owned());
    kim.names.insert("system", id(&system[0], "assistant_id"));

    lee.names = kim.names.clone();
    let own = lee.tell("POST", "/threads", json!({}));
    lee.names.insert("own", id(&own, "thread_id"));
    lee.tell(
        "POST",
        "/threads/{own}/runs/wait",
        json!({"assistant_id": "agent", "input": {"topic": "lark"}}),
    );
    let mut nobody = asker(None);
    nobody.names = lee.names.clone();
    let own = kim.tell("POST", "/threads", json!({}));
    kim.names.insert("own", id(&own, "thread_id"));
    kim.tell("POST", "/threads/{own}/runs/wait", json!({"assistant_id": "agent", "input": {"topic": "owl"}}));
    // The webhook of the run was refused; word of that comes when it comes.
    while kim.tell("GET", "/webhooks/failed", Value::Null) == json!([]) {
        std::thread::yield_now();
    }
    [kim, lee, nobody]
}

/// Everything that the owner has.
fn belongings(kim: &Asker<'_>) -> Value {
    let all = json!({"limit": 1000, "sort_by": "created_at"});
    json!([
        kim.tell("GET", "/threads/{thread}", Value::Null),
        kim.tell("GET", "/threads/{waiting}", Value::Null),
        kim.tell("GET", "/threads/{thread}/runs", Value::Null),
        kim.tell("GET", "/threads/{waiting}/runs", Value::Null),
        kim.tell("GET", "/threads/{thread}/history", Value::Null),
        kim.tell("POST", "/threads/search", all.clone()),
        kim.tell("POST", "/assistants/search", json!({"limit": 1000})),
        kim.tell("POST", "/assistants/{assistant}/versions", json!({})),
        kim.tell("POST", "/runs/crons/search", all),
        kim.tell("POST", "/store/items/search", json!({"namespace_prefix": []})),
        kim.tell("POST", "/store/namespaces", json!({})),
        kim.tell("GET", "/webhooks/failed", Value::Null),
    ])
}

#[test]
fn nobody_reaches_what_others_have() {
    let asks = asks();
    let covered: BTreeSet<_> = asks.iter().map(Ask::route).collect();
    let missing: Vec<_> = routes().difference(&covered).cloned().collect();
    assert!(missing.is_empty(), "routes that nobody asked for: {missing:?}");

    let variables = [KEYS[0], ("EDDYLINE__WEBHOOKS__ALLOWED_HOSTS", "127.0.0.1")];
    let server = Server::start_with(&variables);
    let [kim, lee, nobody] = askers(&server);
    let before = belongings(&kim);
    let (mut leaked, mut asked_for) = (Vec::new(), 0);
    for asked in &asks {
        asked_for += 2;
        let refused = nobody.send(asked).status().as_u16();
        if refused != 401 {
            leaked.push(format!("nobody got {refused}: {asked:?}"));
        }
        let answer = lee.send(asked);
        let status = answer.status().as_u16();
        // A stream without an end is not read to it; that it begins says enough.
        let told = if asked.is_endless(status) { String::new() } else { text(answer) };
        if status == 401 || status >= 500 || told.contains(WORD) {
            leaked.push(format!("lee got {status}: {asked:?}: {told}"));
        }
        if !asked.hides(status, &told) {
            leaked.push(format!("lee got {status}: {asked:?}: {told}"));
        }
    }
    let start = json!({"id": 1, "method": "run.start", "params": {"assistant_id": "agent", "input": {"topic": WORD}}});
    let foreign = json!({"id": 1, "method": "run.start", "params": {"assistant_id": "{assistant}"}});
    let subscribe = json!({"id": 1, "method": "subscription.subscribe", "params": {"channels": ["values"]}});
    for (path, say) in [
        ("/threads/{thread}/stream/events", &start),
        ("/threads/{thread}/stream/events", &subscribe),
        ("/threads/{own}/stream/events", &foreign),
    ] {
        asked_for += 2;
        let told = nobody.socket(path, say);
        if told != Err(401) {
            leaked.push(format!("nobody was told {told:?} on {path}"));
        }
        let told = lee.socket(path, say);
        let is_refused = match &told {
            Ok(told) => path.contains("{own}") && told.contains("\"type\":\"error\"") && !told.contains(WORD),
            Err(status) => *status == 404,
        };
        if !is_refused {
            leaked.push(format!("lee was told {told:?} on {path}"));
        }
    }
    println!("leaks {} of {asked_for}", leaked.len());
    assert!(leaked.is_empty(), "{}", leaked.join("\n"));
    assert_eq!(belongings(&kim), before, "what the owner has is as it was");

    // It is there for its owner, or all this said nothing.
    let mut wrong = Vec::new();
    for asked in &asks {
        let answer = kim.send(asked);
        let status = answer.status().as_u16();
        if status != asked.owner {
            wrong.push(format!(
                "{status}: {asked:?}: {}",
                if status < 300 { String::new() } else { text(answer) }
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(kim.socket("/threads/{own}/stream/events", &start).unwrap().contains("success"));
}
