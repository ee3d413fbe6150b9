//! Assistants as a plain HTTP client sees them: found, made, changed, run and deleted.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::http::{ask, detail, empty, get, header, post, read};
use crate::server::Server;

/// The default assistant of the graph `agent`.
const AGENT: &str = "/assistants/fe096781-5601-53d2-b2f6-0d3403f7e9ca";

const NOBODY: &str = "/assistants/00000000-0000-0000-0000-000000000001";

/// Makes an assistant, and gives back its path with what the answer says.
fn make(server: &Server, body: &Value) -> (String, Value) {
    let made = read(post(server, "/assistants", body));
    (format!("/assistants/{}", made["assistant_id"].as_str().expect("an id")), made)
}

fn patch(server: &Server, path: &str, body: &Value) -> Value {
    read(ask(server, "PATCH", path, &[], &body.to_string()))
}

#[test]
fn assistants_are_found() {
    let server = Server::start();
    let answer = post(
        &server,
        "/assistants/search",
        &json!({"limit": 2, "select": ["graph_id"], "sort_by": "graph_id"}),
    );
    assert_eq!((header(&answer, "x-pagination-total"), header(&answer, "x-pagination-next")), ("3", "2"));
    assert_eq!(
        read(answer).as_array().unwrap()[1].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["graph_id"]
    );
    let answer = post(&server, "/assistants/search", &json!({"graph_id": "agent"}));
    assert_eq!((header(&answer, "x-pagination-total"), header(&answer, "x-pagination-next")), ("1", ""));
    let found = read(answer);
    assert_eq!(found[0]["assistant_id"], "fe096781-5601-53d2-b2f6-0d3403f7e9ca");
    assert_eq!(read(get(&server, AGENT)), found[0]);
    assert_eq!(read(post(&server, "/assistants/count", &json!({"graph_id": "agent"}))), json!(1));
    detail(get(&server, "/assistants/agent"), 422);
    detail(get(&server, NOBODY), 404);
    for path in ["/assistants/search", "/assistants/count"] {
        let said = detail(post(&server, path, &json!({"graph_id": "nope"})), 404);
        assert!(said.starts_with("Graph 'nope' not found. Expected one of: [\"agent\", "), "{said}");
    }
    detail(post(&server, "/assistants/search", &json!({"limit": 0})), 422);

    let (_, mine) = make(&server, &json!({"graph_id": "agent", "name": "Mine", "metadata": {"a": [1, 2]}}));
    let newest_first = read(post(&server, "/assistants/search", &json!({"graph_id": "agent"})));
    assert_eq!(newest_first, json!([mine, found[0]]));
    for filter in [json!({"name": "INE"}), json!({"metadata": {"a": [2]}})] {
        assert_eq!(read(post(&server, "/assistants/search", &filter)), json!([mine]), "{filter}");
        assert_eq!(read(post(&server, "/assistants/count", &filter)), json!(1), "{filter}");
    }
}

#[test]
fn an_assistant_is_made_once() {
    let server = Server::start();
    let (path, made) = make(&server, &json!({"graph_id": "agent", "metadata": {"thread_id": "x", "k": 1}}));
    assert_eq!(
        (&made["name"], &made["version"], &made["metadata"]),
        (&json!("Untitled"), &json!(1), &json!({"k": 1}))
    );
    assert_eq!(read(get(&server, &path)), made);
    let mut again = json!({"graph_id": "slow", "assistant_id": made["assistant_id"]});
    let said = detail(post(&server, "/assistants", &again), 409);
    assert_eq!(said, format!("Assistant {} already exists", made["assistant_id"].as_str().unwrap()));
    again["if_exists"] = json!("do_nothing");
    assert_eq!(read(post(&server, "/assistants", &again)), made);

    let both = json!({"graph_id": "agent", "config": {"configurable": {"a": 1}}, "context": {"b": 1}});
    detail(post(&server, "/assistants", &both), 400);
    detail(ask(&server, "PATCH", &path, &[], &both.to_string()), 400);
    for (body, status) in [
        (json!({}), 422),
        (json!({"graph_id": "nope"}), 404),
        (json!({"graph_id": "agent", "assistant_id": "one"}), 422),
        (json!({"graph_id": "agent", "config": {"tags": "one"}}), 422),
        (json!({"graph_id": "agent", "config": {"recursion_limit": "many"}}), 422),
    ] {
        detail(post(&server, "/assistants", &body), status);
    }
}

#[test]
fn the_versions_of_an_assistant() {
    let server = Server::start();
    let (path, first) =
        make(&server, &json!({"graph_id": "agent", "context": {"a": 1}, "description": "one"}));
    assert_eq!(first["config"], json!({"configurable": {"a": 1}}));
    let second = patch(&server, &path, &json!({"graph_id": "slow", "config": {"configurable": {"a": 2}}}));
    assert_eq!((&second["context"], &second["version"]), (&json!({"a": 2}), &json!(2)));
    assert_eq!((&second["description"], &second["created_at"]), (&json!("one"), &first["created_at"]));
    let third = patch(&server, &path, &json!({}));
    assert_eq!((&third["version"], &third["config"]), (&json!(3), &second["config"]));

    let versions = |body: &Value| {
        let versions = read(post(&server, &format!("{path}/versions"), body));
        let of = |version: &Value| version["version"].as_u64().unwrap();
        versions.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(versions(&json!({})), [3, 2, 1]);
    assert_eq!(versions(&json!({"limit": 1, "offset": 1})), [2]);
    let back = read(post(&server, &format!("{path}/latest"), &json!({"version": 1})));
    for key in ["graph_id", "config", "context", "name", "description", "version"] {
        assert_eq!(back[key], first[key], "{key}");
    }
    assert_eq!(read(get(&server, &path)), back);
    assert_eq!(patch(&server, &path, &json!({}))["version"], 4);

    detail(post(&server, &format!("{path}/versions"), &json!({"offset": 4})), 404);
    detail(post(&server, &format!("{path}/versions"), &json!({"limit": 0})), 422);
    detail(post(&server, &format!("{path}/latest"), &json!({})), 422);
    let said = detail(post(&server, &format!("{path}/latest"), &json!({"version": 9})), 404);
    assert!(said.starts_with("Version 9 not found for assistant "), "{said}");
    for path in ["versions", "latest"] {
        detail(post(&server, &format!("{NOBODY}/{path}"), &json!({"version": 1})), 404);
        detail(post(&server, &format!("/assistants/agent/{path}"), &json!({"version": 1})), 422);
    }
    detail(ask(&server, "PATCH", NOBODY, &[], "{}"), 404);
}

#[test]
fn an_assistant_says_what_its_graph_is() {
    let server = Server::start();
    let (path, _) = make(&server, &json!({"graph_id": "nested"}));
    for rest in ["graph", "graph?xray=true", "graph?xray=1"] {
        let own = read(get(&server, &format!("{path}/{rest}")));
        assert_eq!(own, read(get(&server, &format!("/assistants/nested/{rest}"))), "{rest}");
    }
    detail(get(&server, &format!("{path}/graph?xray=0")), 422);
    assert_eq!(read(get(&server, &format!("{path}/schemas")))["graph_id"], "nested");
    assert_eq!(read(get(&server, &format!("{path}/subgraphs"))).as_object().unwrap().len(), 1);
    patch(&server, &path, &json!({"graph_id": "agent"}));
    assert_eq!(read(get(&server, &format!("{path}/schemas")))["graph_id"], "agent");
    assert_eq!(read(get(&server, &format!("{path}/subgraphs"))), json!({}));
}

#[test]
fn an_assistant_goes_with_its_runs_and_threads() {
    let server = Server::start();
    let nap = json!({"seconds": 0.05, "steps": 2000});
    for delete_threads in [false, true] {
        let (path, made) = make(&server, &json!({"graph_id": "slow"}));
        let thread = read(post(&server, "/threads", &json!({})));
        let thread = format!("/threads/{}", thread["thread_id"].as_str().expect("an id"));
        let run = json!({"assistant_id": made["assistant_id"], "input": nap});
        let run = post(&server, &format!("{thread}/runs"), &run);
        let run = header(&run, "content-location").to_owned();
        empty(ask(&server, "DELETE", &format!("{path}?delete_threads={delete_threads}"), &[], ""), 204);
        if delete_threads {
            detail(get(&server, &thread), 404);
        } else {
            read(get(&server, &format!("{run}/join")));
            assert_eq!(read(get(&server, &run))["status"], "interrupted");
            let said = read(get(&server, &thread))["error"]["message"].clone();
            assert_eq!(said, format!("assistant {} was deleted", made["assistant_id"].as_str().unwrap()));
        }
        for answer in [get(&server, &path), ask(&server, "DELETE", &path, &[], "")] {
            assert!(detail(answer, 404).starts_with("Assistant with ID "));
        }
        let run = json!({"assistant_id": made["assistant_id"], "input": nap});
        detail(post(&server, "/runs", &run), 404);
    }
    detail(ask(&server, "DELETE", "/assistants/agent", &[], ""), 422);
}

/// What the graph `memory` is told of its user, by a run that says nothing of it.
fn user(server: &Server, assistant: &str) -> Value {
    let thread = read(post(server, "/threads", &json!({})));
    let thread = format!("/threads/{}", thread["thread_id"].as_str().expect("an id"));
    let run = json!({"assistant_id": assistant, "input": {"topic": "x"}});
    read(post(server, &format!("{thread}/runs/wait"), &run));
    let runs = read(get(server, &format!("{thread}/runs")));
    assert_eq!(runs[0]["metadata"]["team"], "blue");
    runs[0]["kwargs"]["config"]["configurable"]["user"].clone()
}

#[test]
fn assistants_are_there_after_a_restart() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("durable-assistants");
    let _ = std::fs::remove_dir_all(&folder);
    let server = Server::start_over(&folder);
    let body = json!({"graph_id": "memory", "context": {"user": "one"}, "metadata": {"team": "blue"}});
    let (path, made) = make(&server, &body);
    let id = made["assistant_id"].as_str().unwrap();
    patch(&server, &path, &json!({"context": {"user": "two"}}));
    let mine = read(post(&server, &format!("{path}/latest"), &json!({"version": 1})));
    let agent = patch(&server, AGENT, &json!({"metadata": {"patched": true}}));
    assert_eq!(user(&server, id), "one");
    server.kill();

    let server = Server::start_over(&folder);
    assert_eq!(read(get(&server, &path)), mine);
    assert_eq!(read(get(&server, AGENT)), agent);
    assert_eq!(user(&server, id), "one");
    let versions = read(post(&server, &format!("{path}/versions"), &json!({})));
    assert_eq!(versions[0]["context"], json!({"user": "two"}));
    let next = patch(&server, &path, &json!({"context": {"user": "three"}}));
    assert_eq!(next["version"], 3);
    assert_eq!(user(&server, id), "three");
}
