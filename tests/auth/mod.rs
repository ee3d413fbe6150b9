//! Who may use the server: those who have a key, and nobody else, whatever the path. And what is theirs.

mod canaries;
mod matrix;
mod own;
mod pages;
#[path = "../../examples/teams.rs"]
mod teams;
mod tokens;

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex::Regex;
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;

use crate::http::{agent, get, read, text};
use crate::server::{Server, command};

const KEYS: [(&str, &str); 1] = [("EDDYLINE__AUTH__MODE", "keys")];

/// `eddyline keys …` over the folder of the server.
fn keys(server: &Server, arguments: &[&str]) -> String {
    let mut keys: Command = command();
    keys.arg("keys").args(arguments).arg("--data-dir").arg(server.folder());
    let output = keys.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn make(server: &Server, name: &str) -> String {
    keys(server, &["new", name]).trim().to_owned()
}

fn make_admin(server: &Server, name: &str) -> String {
    keys(server, &["new", name, "--role", "admin"]).trim().to_owned()
}

/// Paths of the API, each with something for its parameters.
fn paths() -> Vec<String> {
    let described = read(get(&Server::start(), "/openapi.json"));
    let parameter = Regex::new(r"\{[a-z_]+\}").unwrap();
    let filled =
        |path: &str| parameter.replace_all(path, "00000000-0000-4000-8000-000000000000").into_owned();
    described["paths"].as_object().unwrap().keys().map(|path| filled(path)).collect()
}

#[test]
fn nothing_is_answered_without_a_key() {
    let server = Server::start_with(&KEYS);
    let mut asked = 0;
    for path in paths().iter().filter(|path| *path != "/ok") {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            for key in [None, Some("edl_00"), Some("")] {
                let request = ureq::http::Request::builder().method(method).uri(server.url(path));
                let request = key.into_iter().fold(request, |request, key| request.header("x-api-key", key));
                let answer = agent().run(request.body("{}").unwrap()).unwrap();
                assert_eq!(answer.status().as_u16(), 401, "{method} {path} with {key:?}");
                assert_eq!(answer.headers()["www-authenticate"], "Bearer");
                asked += 1;
            }
        }
    }
    println!("answered without a key: 0 of {asked}");
    assert_eq!(agent().get(server.url("/ok")).call().unwrap().status().as_u16(), 200);
    assert_eq!(agent().get(server.url("/nowhere")).call().unwrap().status().as_u16(), 401);
}

#[test]
fn figures_are_open_when_so_set_and_nothing_else_is() {
    let server = Server::start_with(&[KEYS[0], ("EDDYLINE__HTTP__OPEN_METRICS", "true")]);
    let status = |path: &str| agent().get(server.url(path)).call().unwrap().status().as_u16();
    assert_eq!(
        ["/metrics", "/ok", "/metrics/", "/metrics/x", "/info", "/docs"].map(status),
        [200, 200, 401, 401, 401, 401]
    );
    assert!(text(get(&server, "/metrics")).contains("lg_api_http_requests_total"));
    assert_eq!(agent().post(server.url("/threads")).send("{}").unwrap().status().as_u16(), 401);
}

#[test]
fn a_key_opens_until_it_is_ended_and_says_who_asks() {
    let server = Server::start_with(&KEYS);
    let key = make(&server, "kim");
    let search = |key: &str| {
        let answer = agent().post(server.url("/threads/search")).header("x-api-key", key).send("{}").unwrap();
        answer.status().as_u16()
    };
    assert_eq!(search(&key), 200);
    assert_eq!(search(&make(&server, "lee")), 200);
    let bearer = format!("Bearer {key}");
    let claims = json!({
        "assistant_id": "agent", "input": {"topic": "x"}, "on_completion": "keep",
        "config": {"configurable": {"langgraph_auth_user": {"identity": "root"}, "langgraph_auth_user_id": "root"}},
    });
    let made =
        agent().post(server.url("/runs")).header("authorization", &bearer).send(claims.to_string()).unwrap();
    let run = read(made);
    let values = &run["kwargs"]["config"]["configurable"];
    let user = json!({
        "identity": "kim", "display_name": "kim", "is_authenticated": true, "permissions": [],
    });
    assert_eq!(values["langgraph_auth_user"], user, "{run}");
    assert_eq!(values["langgraph_auth_user_id"], "kim");

    let listed = keys(&server, &["list"]);
    assert!(!listed.contains(&key[4..]), "a list shows no key: {listed}");
    let id = listed.lines().find(|line| line.ends_with("\tkim")).unwrap().split('\t').next().unwrap();
    keys(&server, &["end", id]);
    assert_eq!(search(&key), 401, "at once");
    assert!(!server.log().contains(&key[4..]), "no key is in the log");
}

#[test]
fn a_page_says_its_key_in_the_name_of_a_protocol() {
    let server = Server::start_with(&KEYS);
    let key = make(&server, "page");
    let path =
        server.url("/threads/00000000-0000-4000-8000-000000000001/stream/events").replace("http", "ws");
    let open = |protocol: &str| {
        let mut request = path.as_str().into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        tungstenite::connect(request)
    };
    let token = format!("lg.bearer.{}", URL_SAFE_NO_PAD.encode(&key));
    let (mut socket, answer) = open(&token).unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], token.as_str());
    let start = json!({
        "id": 1, "method": "run.start", "params": {"assistant_id": "agent", "input": {"topic": "x"}},
    });
    socket.send(start.to_string().into()).unwrap();
    let told: Value = serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap();
    assert_eq!(told["type"], "success", "{told}");
    let runs = agent()
        .get(server.url("/threads/00000000-0000-4000-8000-000000000001/runs"))
        .header("x-api-key", &key)
        .call()
        .unwrap();
    let runs: Value = serde_json::from_str(&text(runs)).unwrap();
    assert_eq!(runs[0]["kwargs"]["config"]["configurable"]["langgraph_auth_user_id"], "page", "{runs}");
    for wrong in ["lg.bearer.", "lg.bearer.AAAA", "other"] {
        let refused = open(wrong).unwrap_err().to_string();
        assert!(refused.contains("401"), "{wrong}: {refused}");
    }
}

#[test]
fn what_somebody_makes_is_theirs_and_an_admin_sees_it() {
    let server = Server::start_with(&KEYS);
    let [kim, lee, root] = [make(&server, "kim"), make(&server, "lee"), make_admin(&server, "root")];
    let ask = |key: &str, method: &str, path: &str, body: &Value| {
        crate::http::ask(&server, method, path, &[("x-api-key", key)], &body.to_string())
    };
    let made = read(ask(&kim, "POST", "/threads", &json!({"metadata": {"owner": "lee", "a": 1}})));
    assert_eq!(made["metadata"], json!({"owner": "kim", "a": 1}), "whatever its maker says");
    let path = format!("/threads/{}", made["thread_id"].as_str().unwrap());
    let given = json!({"metadata": {"owner": "lee", "b": 2}});
    let kept = read(ask(&kim, "PATCH", &path, &given));
    assert_eq!(kept["metadata"], json!({"owner": "kim", "a": 1, "b": 2}), "nobody gives away what is theirs");
    let start = json!({"assistant_id": "agent", "input": {"topic": "x"}, "on_completion": "keep"});
    let run = read(ask(&kim, "POST", "/runs", &start));
    assert_eq!(run["metadata"]["owner"], "kim", "{run}");
    let count = |key: &str| read(ask(key, "POST", "/threads/count", &json!({})));
    assert_eq!([count(&kim), count(&lee), count(&root)], [json!(2), json!(0), json!(2)]);
    assert_eq!(ask(&lee, "GET", &path, &json!(null)).status().as_u16(), 404);
    assert_eq!(ask(&root, "GET", &path, &json!(null)).status().as_u16(), 200);
    let given = read(ask(&root, "PATCH", &path, &given));
    assert_eq!(given["metadata"]["owner"], "lee", "an admin does");
    assert_eq!([count(&kim), count(&lee)], [json!(1), json!(1)]);
    let cron = json!({"assistant_id": "agent", "schedule": "0 0 1 1 *"});
    let cron = read(ask(&kim, "POST", "/runs/crons", &cron));
    assert_eq!((&cron["user_id"], &cron["metadata"]["owner"]), (&json!("kim"), &json!("kim")), "{cron}");
    let item = json!({"namespace": ["common"], "key": "k", "value": {}});
    assert_eq!(ask(&root, "PUT", "/store/items", &item).status().as_u16(), 204);
    let refused = ask(&kim, "PUT", "/store/items", &item);
    assert_eq!(crate::http::detail(refused, 403), "Namespaces have to begin with `kim` here");
}
