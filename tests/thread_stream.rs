//! The stream of a whole thread: all its runs, and changes by hand.

use std::io::{BufRead as _, BufReader};

use serde_json::{Value, json};
use ureq::Body;
use ureq::http::Response;

use crate::http::{agent, get, header, post, read, text};
use crate::server::Server;

/// A frame: name, id, data.
type Told = (String, u64, Value);

/// Reads frames until so many have come.
fn frames(answer: Response<Body>, count: usize) -> Vec<Told> {
    assert_eq!((answer.status().as_u16(), header(&answer, "location")), (200, ""));
    let mut lines = BufReader::new(answer.into_body().into_reader()).lines().map(Result::unwrap);
    let mut frames = Vec::new();
    while frames.len() < count {
        let fields: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let field = |name: &str| fields.iter().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        if let (Some(event), Some(data), Some(id)) = (field("event: "), field("data: "), field("id: ")) {
            frames.push((event, id.parse().unwrap(), serde_json::from_str(&data).unwrap()));
        }
    }
    frames
}

fn listen(server: &Server, thread: &str, modes: &str, last: Option<&str>) -> Response<Body> {
    let request = agent().get(server.url(&format!("/threads/{thread}/stream?stream_mode={modes}")));
    let request = if let Some(last) = last { request.header("Last-Event-ID", last) } else { request };
    request.call().unwrap()
}

fn joke(server: &Server, thread: &str) -> String {
    let body = json!({"assistant_id": "agent", "input": {"topic": "rain"}, "stream_mode": "updates"});
    let answer = post(server, &format!("/threads/{thread}/runs/stream"), &body);
    let run = header(&answer, "content-location").rsplit('/').next().unwrap().to_owned();
    text(answer);
    run
}

fn thread(server: &Server) -> String {
    read(post(server, "/threads", &json!({})))["thread_id"].as_str().unwrap().to_owned()
}

fn words(frames: &[Told]) -> Vec<&str> {
    frames.iter().map(|(event, _, data)| if data["status"] == "run_done" { "done" } else { event }).collect()
}

#[test]
fn a_thread_is_told_run_after_run_with_ids_that_rise() {
    let server = Server::start();
    let thread = thread(&server);
    let live = listen(&server, &thread, "run_modes", None);
    let runs = [joke(&server, &thread), joke(&server, &thread)];
    let told = frames(live, 8);
    let one = ["metadata", "updates", "updates", "done"];
    assert_eq!(words(&told), [one, one].concat());
    assert!(told.is_sorted_by(|one, next| one.1 < next.1), "{told:?}");
    assert_eq!([&told[0].2["run_id"], &told[7].2["run_id"]], [runs[0].as_str(), runs[1].as_str()]);

    assert_eq!(frames(listen(&server, &thread, "run_modes", Some("-")), 8), told, "again from the beginning");
    let after = told[2].1.to_string();
    assert_eq!(frames(listen(&server, &thread, "run_modes", Some(&after)), 5), told[3..]);
    let lifecycle = frames(listen(&server, &thread, "lifecycle", Some("-")), 4);
    assert_eq!(words(&lifecycle), ["metadata", "done", "metadata", "done"]);
}

#[test]
fn changes_by_hand_are_told_as_states() {
    let server = Server::start();
    let thread = thread(&server);
    joke(&server, &thread);
    let live = listen(&server, &thread, "state_update", None);
    let change = json!({"values": {"topic": "sun"}, "as_node": "refine_topic"});
    let changed = read(post(&server, &format!("/threads/{thread}/state"), &change));
    let told = frames(live, 1);
    assert_eq!((words(&told), &told[0].2["thread_id"]), (vec!["state_update"], &json!(thread)));
    let state = &told[0].2["state"];
    assert_eq!((&state["values"]["topic"], &state["next"]), (&json!("sun"), &json!(["generate_joke"])));
    assert_eq!(state["checkpoint"]["checkpoint_id"], changed["checkpoint_id"]);
}

#[test]
fn what_cannot_be_listened_to_is_refused() {
    let server = Server::start();
    let thread = thread(&server);
    assert_eq!(listen(&server, &thread, "values", None).status(), 422);
    assert_eq!(listen(&server, &thread, "run_modes", Some("-1")).status(), 422);
    let nobody = "/threads/00000000-0000-0000-0000-000000000001/stream";
    assert_eq!(get(&server, nobody).status(), 404);
}
