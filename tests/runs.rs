//! Runs that are waited for, joined, listed and read again, as a plain HTTP client sees them.

use serde_json::{Value, json};

use crate::http::{agent, detail, get, header, post, read, text};
use crate::server::Server;

fn thread(server: &Server) -> String {
    let thread = read(post(server, "/threads", &json!({})));
    format!("/threads/{}", thread["thread_id"].as_str().expect("an id"))
}

/// A nap of that many steps, each a twentieth of a second and an event of mode `custom`.
fn nap(steps: u64) -> Value {
    json!({"assistant_id": "slow", "input": {"seconds": 0.05, "steps": steps}, "stream_mode": "custom"})
}

/// Starts a run that nobody listens to; gives back its path.
fn start(server: &Server, thread: &str, body: &Value) -> String {
    let answer = post(server, &format!("{thread}/runs"), body);
    let path = header(&answer, "content-location").to_owned();
    let run = read(answer);
    assert_eq!(path, format!("{thread}/runs/{}", run["run_id"].as_str().expect("an id")));
    assert_eq!(run["status"], "pending");
    path
}

/// The frames of a stream: name, data, id.
pub(crate) fn frames(stream: &str) -> Vec<(String, Value, String)> {
    let blocks = stream.split("\r\n\r\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default().to_owned()
    };
    let frame = |block| {
        let data = serde_json::from_str(&field(block, "data")).expect("JSON");
        (field(block, "event"), data, field(block, "id"))
    };
    blocks.map(frame).collect()
}

fn names(stream: &str) -> Vec<String> {
    frames(stream).into_iter().map(|(name, ..)| name).collect()
}

/// Reads a run's stream again from where the client says that it stands.
fn again(server: &Server, run: &str, query: &str, last_event_id: Option<&str>) -> String {
    let request = agent().get(server.url(&format!("{run}/stream{query}")));
    let request = match last_event_id {
        Some(id) => request.header("last-event-id", id),
        None => request,
    };
    let answer = request.call().expect("the server answers");
    assert_eq!((answer.status().as_u16(), header(&answer, "cache-control")), (200, "no-store"));
    assert_eq!(header(&answer, "location"), format!("{run}/stream"));
    assert_eq!(header(&answer, "content-location"), run);
    text(answer)
}

#[test]
fn a_run_that_is_waited_for_answers_with_its_last_state() {
    let server = Server::start();
    let thread = thread(&server);
    let joke = json!({"assistant_id": "agent", "input": {"topic": "x"}});
    let expected = json!({"topic": "x and cats", "joke": "This is a joke about x and cats"});
    for path in [format!("{thread}/runs/wait"), "/runs/wait".to_owned()] {
        let answer = post(&server, &path, &joke);
        assert_eq!((answer.status().as_u16(), header(&answer, "cache-control")), (200, ""));
        let at = header(&answer, "content-location").to_owned();
        assert_eq!(header(&answer, "location"), format!("{at}/join"));
        assert!(at.starts_with("/threads/") && at.contains("/runs/"), "{at}");
        assert_eq!(read(answer), expected);
    }
    // Without a state among its events, the thread says what the run came to, if the run has one.
    let updates = json!({"assistant_id": "agent", "input": {"topic": "x"}, "stream_mode": "updates"});
    assert_eq!(read(post(&server, &format!("{thread}/runs/wait"), &updates)), expected);
    assert_eq!(read(post(&server, "/runs/wait", &updates)), json!({}));
}

#[test]
fn a_run_that_fails_or_asks_says_so_in_its_result() {
    let server = Server::start();
    let wait = format!("{}/runs/wait", thread(&server));
    let boom = json!({"__error__": {"error": "ValueError", "message": "boom"}});
    let failing = json!({"assistant_id": "failing", "input": {"out": []}});
    assert_eq!(read(post(&server, &wait, &failing)), boom);
    assert_eq!(read(post(&server, "/runs/wait", &failing)), boom);

    let thread = thread(&server);
    let wait = format!("{thread}/runs/wait");
    let asked = read(post(&server, &wait, &json!({"assistant_id": "approval", "input": {"topic": "x"}})));
    assert_eq!(asked["topic"], "x and cats");
    assert_eq!(asked["__interrupt__"][0]["value"]["question"], "ok?");
    let runs = read(get(&server, &format!("{thread}/runs")));
    let join = format!("{thread}/runs/{}/join", runs[0]["run_id"].as_str().expect("an id"));
    let id = &asked["__interrupt__"][0]["id"];
    let value = &asked["__interrupt__"][0]["value"];
    assert_eq!(read(get(&server, &join)), json!({"__interrupt__": [{"id": id, "value": value}]}));
    let resume = json!({"assistant_id": "approval", "command": {"resume": "fine"}});
    assert_eq!(read(post(&server, &wait, &resume))["joke"], "answer=fine");
}

/// What `RemoteGraph` sends when it is a node, and the graph around it resumes.
#[test]
fn a_graph_that_is_a_node_elsewhere_goes_on_with_its_answer() {
    let server = Server::start();
    let wait = format!("{}/runs/wait", thread(&server));
    let told = |told: Value| {
        let body =
            json!({"assistant_id": "approval", "input": {"topic": "x"}, "config": {"configurable": told}});
        read(post(&server, &wait, &body))
    };
    let asked = told(json!({"__pregel_resuming": true}));
    let id = asked["__interrupt__"][0]["id"].as_str().expect("there is nothing to go on with, so it begins");
    assert_eq!(told(json!({"__pregel_resuming": true})), asked, "the same question, and no new input");
    let values = told(json!({"__pregel_resuming": true, "__pregel_resume_map": {id: "yes"}}));
    assert_eq!(values, json!({"topic": "x and cats", "joke": "answer=yes"}));
}

#[test]
fn a_run_in_the_background_is_found_and_joined() {
    let server = Server::start();
    let thread = thread(&server);
    let run = start(&server, &thread, &nap(2));
    let join = format!("{run}/join");
    let answer = get(&server, &join);
    assert_eq!(header(&answer, "location"), join);
    assert_eq!(header(&answer, "content-location"), run);
    let joined = read(answer);
    assert_eq!(joined["steps"], 2, "the thread's state, as no event says it: {joined}");
    let found = read(get(&server, &run));
    assert_eq!((&found["status"], &found["kwargs"]["stream_mode"]), (&json!("success"), &json!(["custom"])));
    assert_eq!(read(get(&server, &join)), joined, "a run that is over is joined, too");

    let other = "00000000-0000-0000-0000-000000000001";
    for (path, status) in [
        (format!("{thread}/runs/{other}"), 404),
        (format!("{thread}/runs/{other}/join"), 404),
        (format!("{thread}/runs/{other}/stream"), 404),
        (format!("{thread}/runs/one"), 422),
        (format!("/threads/{other}/runs"), 404),
        ("/threads/one/runs".to_owned(), 422),
    ] {
        assert_eq!(get(&server, &path).status(), status, "{path}");
    }
}

#[test]
fn without_a_thread_the_run_goes_with_its_thread() {
    let server = Server::start();
    let answer = post(&server, "/runs", &nap(10));
    let at = header(&answer, "content-location").to_owned();
    let run = read(answer);
    let run_id = run["run_id"].as_str().expect("an id");
    assert_eq!((at, &run["kwargs"]["temporary"]), (format!("/runs/{run_id}"), &json!(true)));
    let path = format!("/threads/{}/runs/{run_id}", run["thread_id"].as_str().expect("an id"));
    let joined = get(&server, &format!("{path}/join"));
    assert_eq!((joined.status().as_u16(), read(joined)), (200, json!({})));
    assert_eq!(get(&server, &path).status(), 404);
}

#[test]
fn without_a_thread_a_run_is_found_by_its_id_while_it_lives() {
    let server = Server::start();
    let mut body = nap(4);
    body["stream_resumable"] = json!(true);
    let answer = post(&server, "/runs/stream", &body);
    let stream = header(&answer, "location").to_owned();
    let again = agent().get(server.url(&stream)).header("last-event-id", "-1").call().expect("an answer");
    assert_eq!(names(&text(again)), ["metadata", "custom", "custom", "custom", "custom"]);
    assert_eq!(names(&text(answer)).len(), 5);
    for (path, status) in [(stream.as_str(), 404), ("/runs/one/stream", 422)] {
        assert_eq!(get(&server, path).status(), status, "{path}");
    }
    let at = header(&post(&server, "/runs", &body), "content-location").to_owned();
    assert_eq!(read(get(&server, &format!("{at}/join"))), json!({}));
}

#[test]
fn runs_are_listed_newest_first_in_every_form_of_query() {
    let server = Server::start();
    let thread = thread(&server);
    let runs: Vec<_> = (0..3).map(|_| start(&server, &thread, &nap(0))).collect();
    read(get(&server, &format!("{}/join", runs[2])));
    let check = |query: &str, expected: &[&String]| {
        let listed = read(get(&server, &format!("{thread}/runs{query}")));
        let listed = listed.as_array().expect("a list").iter();
        let listed: Vec<_> =
            listed.map(|run| format!("{thread}/runs/{}", run["run_id"].as_str().unwrap())).collect();
        assert_eq!(listed.iter().collect::<Vec<_>>(), expected, "{query}");
    };
    check("", &[&runs[2], &runs[1], &runs[0]]);
    check("?limit=1", &[&runs[2]]);
    check("?limit=1&offset=2", &[&runs[0]]);
    check("?status=success&limit=2", &[&runs[2], &runs[1]]);
    check("?status=error", &[]);
    for query in [
        "select=status&select=metadata",
        "select=%5B%22status%22%2C%22metadata%22%5D",
        "select=status,metadata",
    ] {
        let listed = read(get(&server, &format!("{thread}/runs?{query}")));
        let keys: Vec<_> = listed[0].as_object().expect("a run").keys().collect();
        assert_eq!(keys, ["metadata", "status"], "{query}");
    }
    for (query, status) in [("select=shoes", 422), ("status=asleep", 422), ("limit=many", 400)] {
        assert_eq!(get(&server, &format!("{thread}/runs?{query}")).status(), status, "{query}");
    }
}

#[test]
fn a_resumable_stream_is_read_on_from_any_event() {
    let server = Server::start();
    let thread = thread(&server);
    let mut body = nap(4);
    body["stream_resumable"] = json!(true);
    body["stream_mode"] = json!(["custom", "updates"]);
    let answer = post(&server, &format!("{thread}/runs/stream"), &body);
    let run = header(&answer, "content-location").to_owned();
    let whole = text(answer);
    let told = frames(&whole);
    let ids: Vec<u64> = told.iter().map(|(_, _, id)| id.parse().expect("a number")).collect();
    assert!(ids.len() == 7 && ids.is_sorted_by(|a, b| a < b), "{ids:?}");

    for everything in ["-1", "-", "0"] {
        assert_eq!(again(&server, &run, "", Some(everything)), whole);
    }
    for (last, (_, _, id)) in told.iter().enumerate() {
        assert_eq!(frames(&again(&server, &run, "", Some(id))), told[last + 1..]);
    }
    assert_eq!(again(&server, &run, "", None), "", "nothing more comes");

    let updates = ["updates"; 2];
    for query in ["stream_mode=updates", "stream_mode=%5B%22updates%22%5D", "stream_mode=values,updates"] {
        assert_eq!(names(&again(&server, &run, &format!("?{query}"), Some("-1"))), updates, "{query}");
    }
    let repeated = again(&server, &run, "?stream_mode=metadata&stream_mode=updates", Some("-1"));
    assert_eq!(names(&repeated), ["metadata", "updates", "updates"]);
}

#[test]
fn who_joins_a_run_hears_what_comes_and_no_more() {
    let server = Server::start();
    let thread = thread(&server);
    // The second run waits for the first: nothing of it was told yet.
    start(&server, &thread, &nap(4));
    let second = start(&server, &thread, &nap(2));
    let told = again(&server, &second, "", None);
    assert_eq!(names(&told), ["metadata", "custom", "custom"]);
    assert!(frames(&told).iter().all(|(_, _, id)| id.is_empty()), "{told}");

    let third = start(&server, &thread, &nap(10));
    let running = || read(get(&server, &third))["status"] == "running";
    while !running() {
        std::thread::yield_now();
    }
    // Two readers beside each other, and the metadata is through.
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| again(&server, &third, "", None));
        (again(&server, &third, "", None), one.join().expect("the reader ends"))
    });
    for told in [one, other] {
        let told = names(&told);
        assert!(told.len() >= 5 && told.iter().all(|name| name == "custom"), "{told:?}");
    }
}

#[test]
fn a_batch_is_started_whole_or_not_at_all() {
    let server = Server::start();
    let runs = read(post(&server, "/runs/batch", &json!([nap(1), nap(2)])));
    let steps: Vec<_> =
        runs.as_array().expect("a list").iter().map(|run| &run["kwargs"]["input"]["steps"]).collect();
    assert_eq!(steps, [1, 2]);
    let contradiction =
        json!({"assistant_id": "slow", "context": {"a": 1}, "config": {"configurable": {"b": 1}}});
    for (batch, status) in [
        (json!([]), 422),
        (json!({}), 422),
        (json!([nap(1), {"assistant_id": "nope"}]), 422),
        (json!([nap(1), {}]), 422),
        (json!([nap(1), contradiction]), 400),
    ] {
        let answer = post(&server, "/runs/batch", &batch);
        assert_eq!(answer.status().as_u16(), status, "{batch}");
        assert!(read(answer)["detail"].is_string());
    }
}

#[test]
fn a_run_tells_where_feedback_on_it_goes() {
    let url = "https://feedback.example/{run_id}?key={key}";
    let server = Server::start_with(&[("EDDYLINE__FEEDBACK__URL", url)]);
    let body = json!({"assistant_id": "agent", "input": {"topic": "x"}, "feedback_keys": ["kind", "a b"]});
    let stream = text(post(&server, "/runs/stream", &body));
    let (_, last) = stream.rsplit_once("event: feedback\r\ndata: ").expect(&stream);
    let links: Value = serde_json::from_str(last.trim_end()).unwrap();
    let run_id = stream.split(r#"{"run_id":""#).nth(1).unwrap().split('"').next().unwrap();
    let link = |key| format!("https://feedback.example/{run_id}?key={key}");
    assert_eq!(links, json!({"kind": link("kind"), "a b": link("a%20b")}));
    let told = read(post(&server, "/runs/wait", &body));
    assert_eq!(told["__feedback__"].as_object().unwrap().len(), 2);
    assert_eq!(told["topic"], "x and cats");
    let said = detail(post(&Server::start(), "/runs/stream", &body), 422);
    assert!(said.contains("feedback.url"), "{said}");
}
