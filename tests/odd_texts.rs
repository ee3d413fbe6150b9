//! Texts that a database, a path or a pattern could take for something else: each is data, comes back as it was sent, and
//! finds and changes nothing but its own.

use serde_json::{Map, Value, json};

use crate::http::{agent, ask, post, read, text};
use crate::server::Server;

const ODD: [&str; 44] = [
    "'; DROP TABLE threads; --",
    "\"",
    "'",
    "''",
    "\\",
    "\\\\",
    "%",
    "_",
    "%_%",
    "$.x",
    "$.x[0]",
    "$[#-1]",
    "$.\"a\"",
    "a.b",
    "[0]",
    "?1",
    ":id",
    "@x",
    "`",
    "--",
    "/*",
    "*/",
    "\u{2028}",
    "\u{feff}",
    "\u{10ffff}",
    "\u{1}",
    "\u{7f}",
    "NULL",
    "true",
    "1",
    "1e400",
    "",
    " ",
    "\n",
    "é",
    "e\u{301}",
    "{}",
    "[]",
    "\"}",
    "owner' OR '1'='1",
    "json_extract",
    "../..",
    "${HOME}",
    "x' UNION SELECT * FROM threads --",
];

/// As JSON has them; no text of Unicode is one.
const LONE_SURROGATES: [&str; 3] = [r#""\ud800""#, r#""\udfff\ud800""#, r#""a\ud83d""#];

fn found(server: &Server, path: &str, body: &Value) -> Vec<Value> {
    read(post(server, path, body)).as_array().expect("a list").clone()
}

#[test]
fn metadata_is_data() {
    let server = Server::start();
    let plain = read(post(&server, "/threads", &json!({"metadata": {"plain": "plain"}})));
    for odd in ODD {
        for metadata in [json!({"k": odd}), json!({odd: "v"}), json!({"n": {odd: odd}}), json!({"l": [odd]})]
        {
            let made = read(post(&server, "/threads", &json!({"metadata": metadata})));
            assert_eq!(made["metadata"], metadata, "it comes back as it was sent");
            let threads = found(&server, "/threads/search", &json!({"metadata": metadata, "limit": 1000}));
            let ids: Vec<_> = threads.iter().map(|thread| &thread["thread_id"]).collect();
            assert!(ids.contains(&&made["thread_id"]), "{metadata} finds its own");
            assert!(!ids.contains(&&plain["thread_id"]), "{metadata} finds another");
            for thread in threads {
                assert_eq!(thread["metadata"], metadata, "{metadata} finds another");
            }
            for path in ["/threads/count", "/runs/crons/search", "/assistants/search"] {
                let answer = read(post(&server, path, &json!({"metadata": metadata})));
                assert_eq!(
                    answer,
                    if path.ends_with("count") { json!(1) } else { json!([]) },
                    "{path} {metadata}"
                );
            }
            assert_eq!(found(&server, "/threads/search", &json!({"values": metadata})), [] as [Value; 0]);
        }
    }
    let count = read(post(&server, "/threads/count", &json!({})));
    assert_eq!(count, json!(ODD.len() * 4 + 1), "nothing was lost, and nothing made");
}

#[test]
fn items_are_data() {
    let server = Server::start();
    for odd in ODD {
        let value = Map::from_iter([("k".to_owned(), json!(odd)), (format!("x{odd}"), json!(1))]);
        let item = json!({"namespace": ["a"], "key": odd, "value": value});
        let put = ask(&server, "PUT", "/store/items", &[], &item.to_string());
        assert_eq!((put.status().as_u16(), text(put)), (204, String::new()), "{odd:?}");
        let of = agent().get(server.url("/store/items")).query("namespace", "a").query("key", odd);
        assert_eq!(read(of.call().unwrap())["value"], Value::from(value), "{odd:?}");
        for filter in [json!({"k": odd}), json!({format!("x{odd}"): 1})] {
            let search = json!({"namespace_prefix": ["a"], "filter": filter, "limit": 1000});
            let found = read(post(&server, "/store/items/search", &search));
            let keys: Vec<_> = found["items"].as_array().unwrap().iter().map(|item| &item["key"]).collect();
            assert_eq!(keys, [odd], "{filter}");
        }
    }
    let all = json!({"namespace_prefix": ["a"], "limit": 1000});
    let all = read(post(&server, "/store/items/search", &all));
    assert_eq!(all["items"].as_array().unwrap().len(), ODD.len());
}

#[test]
fn what_is_no_text_is_refused_or_kept_and_breaks_nothing() {
    let server = Server::start();
    for odd in LONE_SURROGATES.iter().copied().chain([r#""a\u0000b""#]) {
        for metadata in [format!(r#"{{"k": {odd}}}"#), format!("{{{odd}: 1}}")] {
            for path in
                ["/threads", "/threads/search", "/threads/count", "/assistants/search", "/runs/crons/search"]
            {
                let answer = ask(&server, "POST", path, &[], &format!(r#"{{"metadata": {metadata}}}"#));
                assert!(
                    [200, 422].contains(&answer.status().as_u16()),
                    "{path} {metadata}: {}",
                    answer.status()
                );
            }
        }
    }
    assert_eq!(read(ask(&server, "GET", "/ok?check_db=1", &[], ""))["ok"], true);
}
