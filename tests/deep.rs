//! Bodies that nest as deep as bodies may: what is taken is kept, and can be read again.

use std::path::Path;

use serde_json::{Value, json};

use crate::http::{ask, get, post, read, text};
use crate::server::Server;

/// How deep a body may nest, as the HTTP layer counts it.
const DEEPEST: usize = 127;

/// A body that nests so deep, with a list of lists in the place of `"DEEP"`; and that list.
fn body(around: &Value, depth: usize) -> (String, String) {
    let frame = around.to_string();
    let before = &frame[..frame.find("\"DEEP\"").expect("has a place for it")];
    let open = before.matches(['{', '[']).count() - before.matches(['}', ']']).count();
    let deep = "[".repeat(depth - open) + "7" + &"]".repeat(depth - open);
    (frame.replace("\"DEEP\"", &deep), deep)
}

/// Sends the deepest body that there may be and checks that one more level is refused; gives back what was answered
/// and the list in it.
fn send(server: &Server, method: &str, path: &str, around: &Value) -> (String, String) {
    let json = [("content-type", "application/json")];
    let (too_deep, _) = body(around, DEEPEST + 1);
    let refused = ask(server, method, path, &json, &too_deep);
    assert_eq!(refused.status(), 422, "{path}");
    let (body, deep) = body(around, DEEPEST);
    let answer = ask(server, method, path, &json, &body);
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    (text(answer), deep)
}

fn thread(server: &Server) -> String {
    read(post(server, "/threads", &json!({})))["thread_id"].as_str().expect("a text").to_owned()
}

#[test]
fn what_nests_as_deep_as_it_may_is_read_after_a_restart() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deep");
    let _ = std::fs::remove_dir_all(&folder);
    let server = Server::start_over(&folder);
    // Where each list is read again.
    let mut kept: Vec<(String, String)> = Vec::new();

    let about = "5e0a1c9e-7d56-4a43-9d1c-0f3f1c0d4a11";
    let made = json!({"thread_id": about, "metadata": {"d": "DEEP"}});
    kept.push((format!("/threads/{about}"), send(&server, "POST", "/threads", &made).1));
    let described = json!({"metadata": {"e": "DEEP"}});
    kept.push((
        format!("/threads/{about}"),
        send(&server, "PATCH", &format!("/threads/{about}"), &described).1,
    ));

    let assistant = "5e0a1c9e-7d56-4a43-9d1c-0f3f1c0d4a12";
    for (method, path, of_it) in [
        ("POST", "/assistants".to_owned(), json!({"config": {"configurable": {"d": "DEEP"}}})),
        ("PATCH", format!("/assistants/{assistant}"), json!({"metadata": {"d": "DEEP"}})),
    ] {
        let mut body = json!({"graph_id": "agent", "assistant_id": assistant});
        body.as_object_mut().expect("an object").extend(of_it.as_object().expect("an object").clone());
        kept.push((format!("/assistants/{assistant}"), send(&server, method, &path, &body).1));
    }

    let item = json!({"namespace": ["a"], "key": "k", "value": {"d": "DEEP"}});
    kept.push(("/store/items?namespace=a&key=k".to_owned(), send(&server, "PUT", "/store/items", &item).1));

    // Graphs that ask get an answer that is as deep, with the question's id and without.
    for graph in ["approval", "approvals"] {
        let thread = thread(&server);
        let wait = format!("/threads/{thread}/runs/wait");
        let mut run = |run: Value| {
            let mut body = json!({"assistant_id": graph});
            body.as_object_mut().expect("an object").extend(run.as_object().expect("an object").clone());
            let deep = send(&server, "POST", &wait, &body).1;
            kept.push((format!("/threads/{thread}/runs?limit=100"), deep));
        };
        run(json!({"input": {"topic": "x", "d": "DEEP"}}));
        run(json!({"input": {"topic": "x"}, "metadata": {"d": "DEEP"}}));
        run(json!({"input": {"topic": "x"}, "config": {"configurable": {"d": "DEEP"}}}));
        run(json!({"input": {"topic": "x"}, "context": {"d": "DEEP"}}));
        run(json!({"command": {"update": {"d": "DEEP"}}}));
        let asked = read(get(&server, &format!("/threads/{thread}")));
        let asked: Vec<&Value> = asked["interrupts"]
            .as_object()
            .expect("an object")
            .values()
            .flat_map(|of| of.as_array().unwrap())
            .collect();
        let id = asked[0]["id"].as_str().expect("a text");
        run(json!({"command": {"resume": {id: "DEEP"}}}));
        if graph == "approvals" {
            let other = asked[1]["id"].as_str().expect("a text");
            run(json!({"command": {"resume": {other: "DEEP"}}}));
        }
        run(json!({"command": {"resume": "DEEP"}}));
        kept.push((format!("/threads/{thread}/state"), "7".to_owned()));
        kept.push((format!("/threads/{thread}/history"), "7".to_owned()));
    }

    // What comes into the state.
    let chat = thread(&server);
    let message = json!({"role": "user", "content": "x", "additional_kwargs": {"d": "DEEP"}});
    let run = json!({"assistant_id": "chat", "input": {"messages": [message]}});
    let (_, deep) = send(&server, "POST", &format!("/threads/{chat}/runs/wait"), &run);
    let copy = read(post(&server, &format!("/threads/{chat}/copy"), &json!({})));
    let copy = copy["thread_id"].as_str().expect("a text");
    for path in ["", "/state", "/history"] {
        kept.push((format!("/threads/{chat}{path}"), deep.clone()));
        kept.push((format!("/threads/{copy}{path}"), deep.clone()));
    }

    server.terminate();
    assert!(server.wait().success());
    let server = Server::start_over(&folder);
    for (path, deep) in kept {
        let answer = get(&server, &path);
        assert_eq!(answer.status(), 200, "{path}");
        let answer = text(answer);
        assert!(answer.contains(&deep), "{path}: {deep} in {answer}");
    }
    for (search, filter) in [
        ("/threads/search", json!({"metadata": {"d": "DEEP"}})),
        ("/threads/search", json!({"values": {"messages": [{"additional_kwargs": {"d": "DEEP"}}]}})),
        ("/assistants/search", json!({"metadata": {"d": "DEEP"}})),
        ("/store/items/search", json!({"filter": {"d": "DEEP"}})),
    ] {
        let (found, _) = send(&server, "POST", search, &filter);
        assert!(found.contains("[[[["), "{search}: {found}");
    }
}
