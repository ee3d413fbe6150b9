//! Webhooks as a receiver on loopback gets them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};

use crate::http::{detail, get, post, read};
use crate::server::Server;

/// Answers requests with these statuses, and all that follow with the last; tells head and body of each. An empty
/// status is no answer.
fn receiver(statuses: &'static [&'static str]) -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (told, heard) = channel();
    thread::spawn(move || {
        let last = statuses.last().unwrap();
        let (mut statuses, mut unanswered) = (statuses.iter().chain(std::iter::repeat(last)), Vec::new());
        for socket in listener.incoming() {
            let (mut socket, mut asked, mut piece) = (socket.unwrap(), Vec::new(), [0; 4096]);
            let body = loop {
                let read = socket.read(&mut piece).unwrap();
                asked.extend_from_slice(&piece[..read]);
                let text = String::from_utf8(asked.clone()).unwrap();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if body.len() == length.parse::<usize>().unwrap() {
                    break (head.to_owned(), serde_json::from_str(body).unwrap());
                }
            };
            let status = statuses.next().unwrap();
            if status.is_empty() {
                unanswered.push(socket);
            } else {
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                socket.write_all(answer.as_bytes()).unwrap();
            }
            if told.send(body).is_err() {
                return;
            }
        }
    });
    (url, heard)
}

const SETTINGS: &[(&str, &str)] =
    &[("EDDYLINE__WEBHOOKS__ALLOWED_HOSTS", "127.0.0.1"), ("EDDYLINE__WEBHOOKS__SECRET", "0815")];

fn thread(server: &Server) -> String {
    read(post(server, "/threads", &json!({})))["thread_id"].as_str().unwrap().to_owned()
}

#[test]
fn the_end_of_a_run_is_told() {
    let (url, heard) = receiver(&["200 OK"]);
    let server = Server::start_with(SETTINGS);
    let thread = thread(&server);
    for (graph, input, expected) in [
        ("agent", json!({"topic": "rain"}), json!({"status": "success", "error": null})),
        (
            "failing",
            json!({"out": []}),
            json!({"status": "error", "error": {"error": "ValueError", "message": "boom"}}),
        ),
    ] {
        let body = json!({"assistant_id": graph, "input": input, "webhook": url, "metadata": {"a": 1}});
        let run = read(post(&server, &format!("/threads/{thread}/runs"), &body));
        let (head, told) = heard.recv().unwrap();
        let stored =
            read(get(&server, &format!("/threads/{thread}/runs/{}", run["run_id"].as_str().unwrap())));
        assert_eq!(told["status"], expected["status"], "{told}");
        assert_eq!(told.get("error").unwrap_or(&Value::Null), &expected["error"]);
        for key in [
            "run_id",
            "thread_id",
            "assistant_id",
            "metadata",
            "status",
            "kwargs",
            "created_at",
            "updated_at",
        ] {
            assert_eq!(told[key], stored[key], "{key}");
        }
        assert_eq!(told["kwargs"]["webhook"], url);
        let values = read(get(&server, &format!("/threads/{thread}")))["values"].clone();
        assert_eq!(told["values"], values);
        let [began, ended, sent] =
            ["run_started_at", "run_ended_at", "webhook_sent_at"].map(|key| told[key].as_str().unwrap());
        assert!(began <= ended && ended <= sent, "{told}");
        assert!(head.starts_with("POST /hook HTTP/1.1"), "{head}");
        assert!(head.lines().any(|line| line.starts_with("eddyline-signature: t=")), "{head}");
        assert!(head.lines().any(|line| line.starts_with("eddyline-delivery: ")), "{head}");
    }
}

#[test]
fn what_is_owed_is_told_after_a_crash() {
    let (url, heard) = receiver(&["", "200 OK"]);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("webhooks-{}", std::process::id()));
    let server = Server::start_over_with(&folder, SETTINGS);
    let run = json!({"assistant_id": "agent", "input": {"topic": "rain"}, "webhook": url});
    let thread = thread(&server);
    post(&server, &format!("/threads/{thread}/runs"), &run);
    let mut told = heard.recv().unwrap();
    server.kill();
    let server = Server::start_over_with(&folder, SETTINGS);
    let mut again = heard.recv().unwrap();
    for (_, body) in [&mut told, &mut again] {
        body["webhook_sent_at"].take();
    }
    let delivery =
        |head: &str| head.lines().find(|line| line.starts_with("eddyline-delivery")).map(str::to_owned);
    assert_eq!((told.1, delivery(&told.0)), (again.1, delivery(&again.0)));
    drop(server);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_cron_has_its_runs_told_and_what_fails_is_listed() {
    let (url, heard) = receiver(&["404 Not Found"]);
    let server = Server::start_with(SETTINGS);
    let cron =
        json!({"assistant_id": "agent", "schedule": "* * * * * *", "input": {"topic": "x"}, "webhook": url});
    let cron = read(post(&server, "/runs/crons", &cron));
    let (_, told) = heard.recv().unwrap();
    assert_eq!(told["kwargs"]["config"]["configurable"]["cron_id"], cron["cron_id"]);
    assert_eq!(told["values"], Value::Null, "the run keeps nothing");
    // The next one is sent when it is known what became of the first.
    heard.recv().unwrap();
    heard.recv().unwrap();
    let failed = read(get(&server, "/webhooks/failed?limit=1000"));
    let first = failed.as_array().unwrap().last().unwrap();
    assert_eq!((&first["run_id"], &first["url"]), (&told["run_id"], &json!(url)));
    assert_eq!((&first["attempts"], &first["error"]), (&json!(1), &json!("the receiver answered 404")));
    let some = read(get(&server, "/webhooks/failed?limit=1&offset=0"));
    assert_eq!(some.as_array().unwrap().len(), 1);
}

#[test]
fn private_addresses_are_refused_unless_they_are_allowed_by_name() {
    let server = Server::start_with(SETTINGS);
    let thread = thread(&server);
    for url in [
        "http://127.0.0.2/",
        "http://localhost/",
        "http://[::1]/",
        "http://10.0.0.1/",
        "ftp://a.test/",
        "/runs",
    ] {
        let body = json!({"assistant_id": "agent", "input": {"topic": "x"}, "webhook": url});
        for path in ["/runs", "/runs/wait", "/runs/stream", &format!("/threads/{thread}/runs")] {
            let said = detail(post(&server, path, &body), 422);
            assert!(said.starts_with("`webhook`: "), "{said}");
        }
        let mut cron = body.clone();
        cron["schedule"] = json!("0 0 1 1 *");
        detail(post(&server, "/runs/crons", &cron), 422);
    }
}
