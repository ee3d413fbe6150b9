//! Crons as a plain HTTP client sees them: made, found, changed, deleted, and running.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde_json::{Value, json};
use ureq::Body;
use ureq::http::Response;

use crate::http::{ask, detail, empty, get, header, post, read};
use crate::server::Server;

/// The default assistant of the graph `agent`.
const AGENT: &str = "fe096781-5601-53d2-b2f6-0d3403f7e9ca";

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

fn thread(server: &Server) -> String {
    read(post(server, "/threads", &json!({})))["thread_id"].as_str().unwrap().to_owned()
}

/// A cron that is years away.
fn yearly(extra: &Value) -> Value {
    let mut body = json!({"assistant_id": "agent", "schedule": "0 0 1 1 *", "input": {"topic": "x"}});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

fn make(server: &Server, extra: &Value) -> Value {
    read(post(server, "/runs/crons", &yearly(extra)))
}

fn path(cron: &Value) -> String {
    format!("/runs/crons/{}", cron["cron_id"].as_str().unwrap())
}

fn patch(server: &Server, cron: &Value, body: &Value) -> Response<Body> {
    ask(server, "PATCH", &path(cron), &[], &body.to_string())
}

#[test]
fn crons_are_made_changed_and_deleted() {
    let server = Server::start();
    let thread = thread(&server);
    let extra = json!({
        "timezone": "Europe/Berlin", "end_time": "2090-01-01T00:00:00+01:00", "on_run_completed": "keep",
        "metadata": {"a": 1}, "context": {"k": 1}, "later": [1.0],
    });
    let cron = read(post(&server, &format!("/threads/{thread}/runs/crons"), &yearly(&extra)));
    let mut payload = yearly(&extra);
    payload["assistant_id"] = json!(AGENT);
    payload["config"] = json!({"configurable": {"cron_id": cron["cron_id"]}});
    assert_eq!(cron["payload"], payload);
    assert!(cron["next_run_date"].as_str().unwrap().ends_with("-12-31T23:00:00.000000+00:00"), "{cron}");
    assert_eq!(cron["end_time"], "2089-12-31T23:00:00.000000+00:00");
    assert_eq!((&cron["thread_id"], &cron["user_id"]), (&json!(thread), &json!("")));
    assert_eq!((&cron["on_run_completed"], &cron["timezone"]), (&Value::Null, &json!("Europe/Berlin")));
    assert_eq!(read(get(&server, &path(&cron))), cron);

    let changed = read(patch(&server, &cron, &json!({"end_time": null, "metadata": {"b": 2}, "input": 7})));
    assert_eq!((&changed["end_time"], &changed["metadata"]), (&Value::Null, &json!({"a": 1, "b": 2})));
    assert_eq!((&changed["payload"]["input"], &changed["payload"]["context"]), (&json!(7), &json!({"k": 1})));
    assert_eq!(changed["next_run_date"], cron["next_run_date"]);
    let moved = read(patch(&server, &cron, &json!({"timezone": "UTC", "assistant_id": "chat"})));
    assert!(moved["next_run_date"].as_str().unwrap().ends_with("-01-01T00:00:00.000000+00:00"), "{moved}");
    assert_eq!((&moved["assistant_id"], &moved["payload"]["assistant_id"]), (&json!(AGENT), &json!(AGENT)));

    empty(ask(&server, "DELETE", &path(&cron), &[], ""), 204);
    detail(ask(&server, "DELETE", &path(&cron), &[], ""), 404);
    let other = make(&server, &json!({}));
    assert_eq!((&other["on_run_completed"], &other["thread_id"]), (&json!("delete"), &Value::Null));
    let on_thread = read(post(&server, &format!("/threads/{thread}/runs/crons"), &yearly(&json!({}))));
    empty(ask(&server, "DELETE", &format!("/threads/{thread}"), &[], ""), 204);
    detail(get(&server, &path(&on_thread)), 404);
}

#[test]
fn crons_are_found() {
    let server = Server::start();
    let crons = [3, 1, 2].map(|day| {
        make(
            &server,
            &json!({"schedule": format!("0 0 {day} 1 *"), "metadata": {"day": day}, "enabled": day < 3}),
        )
    });
    let [third, first, second] = &crons;
    let search = |body: &Value| read(post(&server, "/runs/crons/search", body));
    assert_eq!(search(&json!({})), json!([second, first, third]), "the newest first");
    let answer = post(&server, "/runs/crons/search", &json!({"limit": 2, "sort_by": "next_run_date"}));
    assert_eq!((header(&answer, "x-pagination-total"), header(&answer, "x-pagination-next")), ("3", "2"));
    assert_eq!(read(answer), json!([third, second]));
    let rest =
        json!({"limit": 2, "offset": 2, "sort_by": "cron_id", "sort_order": "asc", "select": ["metadata"]});
    let answer = post(&server, "/runs/crons/search", &rest);
    assert_eq!((header(&answer, "x-pagination-total"), header(&answer, "x-pagination-next")), ("3", ""));
    assert_eq!(read(answer), json!([{"metadata": {"day": 2}}]));
    for (filter, expected) in [
        (json!({"metadata": {"day": 1}}), json!([first])),
        (json!({"enabled": false}), json!([third])),
        (json!({"assistant_id": AGENT, "metadata": {"day": 2}}), json!([second])),
        (json!({"assistant_id": NOBODY}), json!([])),
        (json!({"thread_id": NOBODY}), json!([])),
    ] {
        assert_eq!(search(&filter), expected, "{filter}");
        let count = expected.as_array().unwrap().len();
        assert_eq!(read(post(&server, "/runs/crons/count", &filter)), json!(count), "{filter}");
    }
}

#[test]
fn what_makes_no_cron_is_refused() {
    let server = Server::start();
    let thread = thread(&server);
    for (extra, status) in [
        (json!({"schedule": null}), 422),
        (json!({"schedule": "every day"}), 422),
        (json!({"schedule": "0 0 30 2 *"}), 422),
        (json!({"timezone": "Mars/Base"}), 422),
        (json!({"end_time": "soon"}), 422),
        (json!({"on_run_completed": "burn"}), 422),
        (json!({"stream_mode": "zzz"}), 422),
        (json!({"assistant_id": null}), 422),
        (json!({"assistant_id": "nope"}), 404),
        (json!({"assistant_id": NOBODY}), 404),
        (json!({"context": {"a": 1}, "config": {"configurable": {"b": 2}}}), 400),
    ] {
        for path in ["/runs/crons", &format!("/threads/{thread}/runs/crons")] {
            let answer = post(&server, path, &yearly(&extra));
            assert_eq!(answer.status(), status, "{extra}");
            assert_ne!(read(answer)["detail"], "", "{extra}");
        }
    }
    detail(post(&server, &format!("/threads/{NOBODY}/runs/crons"), &yearly(&json!({}))), 404);
    detail(post(&server, "/threads/x/runs/crons", &yearly(&json!({}))), 422);
    let cron = make(&server, &json!({}));
    for (body, status) in [
        (json!({}), 400),
        (json!({"schedule": "never"}), 422),
        (json!({"timezone": "Mars/Base"}), 422),
        (json!({"enabled": "perhaps"}), 422),
        (json!({"context": {"a": 1}, "config": {"configurable": {"b": 2}}}), 400),
    ] {
        detail(patch(&server, &cron, &body), status);
    }
    assert_eq!(read(get(&server, &path(&cron))), cron, "nothing of it is kept");
    let nobody = format!("/runs/crons/{NOBODY}");
    assert_eq!(detail(get(&server, &nobody), 404), "Not Found");
    detail(ask(&server, "PATCH", &nobody, &[], r#"{"enabled": false}"#), 404);
    assert_eq!(detail(get(&server, "/runs/crons/x"), 422), "Invalid cron ID: must be a UUID");
    detail(ask(&server, "PATCH", "/runs/crons/x", &[], r#"{"enabled": false}"#), 422);
    detail(ask(&server, "DELETE", "/runs/crons/x", &[], ""), 422);
    for body in [json!({"assistant_id": "agent"}), json!({"limit": 0}), json!({"sort_by": "x"})] {
        detail(post(&server, "/runs/crons/search", &body), 422);
    }
}

/// Listens to a thread until one of its runs is over, and gives back that run.
fn next_run(server: &Server, thread: &str) -> Value {
    let answer = get(server, &format!("/threads/{thread}/stream?stream_mode=lifecycle"));
    let lines = BufReader::new(answer.into_body().into_reader()).lines().map(Result::unwrap);
    let mut data = lines.filter_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    let done = data.find(|data| data.contains("run_done")).unwrap();
    let done: Value = serde_json::from_str(&done).unwrap();
    read(get(server, &format!("/threads/{thread}/runs/{}", done["run_id"].as_str().unwrap())))
}

#[test]
fn a_cron_runs_also_after_a_restart() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crons-{}", std::process::id()));
    let server = Server::start_over(&folder);
    let thread = thread(&server);
    // Each second.
    let often = yearly(&json!({"schedule": "* * * * * *", "metadata": {"who": "cron"}}));
    let cron = read(post(&server, &format!("/threads/{thread}/runs/crons"), &often));
    let check = |server: &Server| {
        let run = next_run(server, &thread);
        assert_eq!((&run["status"], &run["metadata"]["who"]), (&json!("success"), &json!("cron")));
        assert_eq!(run["kwargs"]["config"]["configurable"]["cron_id"], cron["cron_id"]);
    };
    check(&server);
    server.kill();
    let server = Server::start_over(&folder);
    check(&server);
    drop(server);
    fs::remove_dir_all(&folder).unwrap();
}
