//! The long-term store over HTTP.

use serde_json::{Value, json};
use ureq::Body;
use ureq::http::{Request, Response};

use crate::http::{agent, post, read, text};
use crate::server::Server;

fn send(server: &Server, method: &str, path: &str, body: String) -> Response<Body> {
    let request = Request::builder().method(method).uri(server.url(path)).body(body);
    agent().run(request.expect("is a request")).expect("the server answers")
}

fn put(server: &Server, item: &Value) -> u16 {
    send(server, "PUT", "/store/items", item.to_string()).status().as_u16()
}

fn get(server: &Server, namespace: &str, key: &str) -> Value {
    let request = agent().get(server.url("/store/items")).query("namespace", namespace).query("key", key);
    read(request.call().expect("the server answers"))
}

fn delete(server: &Server, namespace: &[&str], key: &str) -> u16 {
    let body = json!({"namespace": namespace, "key": key}).to_string();
    send(server, "DELETE", "/store/items", body).status().as_u16()
}

fn found(server: &Server, search: &Value) -> Vec<String> {
    let found = read(post(server, "/store/items/search", search));
    let items = found["items"].as_array().expect("a list").iter();
    items.map(|item| item["key"].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn items_are_put_searched_and_deleted() {
    let server = Server::start();
    for (namespace, key, n) in [(json!(["a"]), "1", 1), (json!(["a", "b"]), "2", 2), (json!(["c"]), "3", 3)] {
        let item = json!({"namespace": namespace, "key": key, "value": {"n": n, "deep": {"n": [n]}}});
        assert_eq!(put(&server, &item), 204);
    }
    let before = get(&server, "a", "1");
    assert_eq!(put(&server, &json!({"namespace": ["a"], "key": "1", "value": {"n": 20.0}})), 204);
    let item = get(&server, "a", "1");
    assert_eq!((&item["value"], &item["created_at"]), (&json!({"n": 20.0}), &before["created_at"]));
    assert_ne!(item["updated_at"], before["updated_at"]);
    assert_eq!((get(&server, "a", "2"), get(&server, "", "1")), (Value::Null, Value::Null));

    assert_eq!(found(&server, &json!({})), ["1", "3", "2"]);
    assert_eq!(found(&server, &json!({"namespace_prefix": null, "limit": 1, "offset": 1})), ["3"]);
    assert_eq!(found(&server, &json!({"namespace_prefix": ["a"], "filter": {"n": {"$lt": 9}}})), ["2"]);
    assert_eq!(found(&server, &json!({"filter": {"deep": {"n": [3]}}})), ["3"]);
    let list = json!({"suffix": ["*"], "max_depth": 1, "limit": 2, "offset": 0});
    let namespaces = read(post(&server, "/store/namespaces", &list));
    assert_eq!(namespaces, json!({"namespaces": [["a"], ["c"]]}));

    assert_eq!((delete(&server, &["a"], "1"), delete(&server, &["a"], "1")), (204, 204));
    assert_eq!(found(&server, &json!({})), ["3", "2"]);
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let server = Server::start();
    let item = |namespace: Value| json!({"namespace": namespace, "key": "k", "value": {}}).to_string();
    for (method, path, body, status) in [
        ("PUT", "/store/items", item(json!([])), 400),
        ("PUT", "/store/items", item(json!(["langgraph", "a"])), 400),
        ("PUT", "/store/items", item(json!(["a", ""])), 422),
        ("PUT", "/store/items", item(json!(["a.b"])), 422),
        ("PUT", "/store/items", String::new(), 422),
        ("PUT", "/store/items", r#"{"namespace": ["a"], "key": "\ud800", "value": {}}"#.to_owned(), 422),
        ("DELETE", "/store/items", json!({"namespace": ["a"]}).to_string(), 422),
        ("GET", "/store/items?namespace=a.&key=k", String::new(), 422),
        ("POST", "/store/items/search", r#"{"query": "sea"}"#.to_owned(), 422),
        ("POST", "/store/items/search", r#"{"filter": {"a": {"$where": 1}}}"#.to_owned(), 400),
        ("POST", "/store/items", "{}".to_owned(), 405),
    ] {
        let answer = send(&server, method, path, body.clone());
        assert_eq!(answer.status(), status, "{method} {path} {body}");
        let answer = read(answer);
        assert!(answer["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{method} {path}");
    }
    let answer = send(&server, "GET", "/store/items?namespace=a", String::new());
    assert_eq!(answer.status(), 400);
    assert_eq!(read(answer), json!({"error": "Key is required"}));
    assert_eq!(found(&server, &json!({})), [""; 0], "nothing was put");
}

/// Texts that mean something to a database, to a path or to a pattern.
const ODD: [&str; 12] = [
    "'",
    "'); DROP TABLE items; --",
    "\"",
    "\\u0000",
    "a\0b",
    "%",
    "*",
    "?1",
    "$",
    "$.a",
    "a[0]",
    "é\u{10ffff}",
];

#[test]
fn odd_texts_are_data() {
    let server = Server::start();
    // Full stops have a meaning of their own in the query that names a namespace.
    let label = |text: &str| text.replace('.', "-");
    let value = |text: &str| json!({text: {text: [text]}, "is": text});
    for one in ODD {
        for other in ODD {
            let item = json!({"namespace": ["odd", label(one)], "key": other, "value": value(one)});
            assert_eq!(put(&server, &item), 204, "{item}");
        }
    }
    // Answers show U+FFFD for a NUL, wherever it is.
    let shown =
        |value: Value| serde_json::from_str::<Value>(&value.to_string().replace("\\u0000", "\u{fffd}"));
    for one in ODD.iter().filter(|text| !text.contains("\\u0000")) {
        for other in ODD {
            let item = get(&server, &format!("odd.{}", label(one)), other);
            assert_eq!(item["value"], shown(value(one)).expect("JSON"), "{one:?} {other:?}");
        }
        let search = json!({"namespace_prefix": ["odd"], "filter": {"is": one}, "limit": 1000});
        assert_eq!(found(&server, &search).len(), ODD.len(), "{one:?}");
    }
    for other in ODD {
        assert_eq!(delete(&server, &["odd", "%"], other), 204);
    }
    let all = json!({"namespace_prefix": ["odd"], "limit": 1000});
    assert_eq!(found(&server, &all).len(), ODD.len() * (ODD.len() - 1));
}

#[test]
fn an_answer_is_not_longer_than_it_was_asked_for() {
    let server = Server::start();
    let twelve: Vec<String> = (0..12).map(|key| key.to_string()).collect();
    for key in &twelve {
        assert_eq!(put(&server, &json!({"namespace": ["a"], "key": key, "value": {}, "ttl": 60})), 204);
    }
    let newest: Vec<&String> = twelve.iter().rev().collect();
    assert_eq!(found(&server, &json!({"refresh_ttl": null})).iter().collect::<Vec<_>>(), newest[..10]);
    assert_eq!(found(&server, &json!({"limit": 100, "refresh_ttl": true})).len(), 12);
    assert_eq!(text(post(&server, "/store/items/search", &json!({"limit": 0}))), r#"{"items":[]}"#);
}

#[test]
fn an_empty_key_is_a_key() {
    let server = Server::start();
    let item = json!({"namespace": ["a"], "key": "", "value": {"n": 1}});
    assert_eq!(put(&server, &item), 204);
    assert_eq!(get(&server, "a", "")["value"], json!({"n": 1}));
    assert_eq!(get(&server, "b", ""), Value::Null);
    assert_eq!(found(&server, &json!({"namespace_prefix": ["a"]})), [""]);
    let none = send(&server, "GET", "/store/items?namespace=a", String::new());
    assert_eq!(none.status().as_u16(), 400);
    assert_eq!(read(none), json!({"error": "Key is required"}));
    assert_eq!(delete(&server, &["a"], ""), 204);
    assert_eq!(get(&server, "a", ""), Value::Null);
}
