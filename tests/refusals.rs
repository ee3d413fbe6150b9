//! Whatever a client sends: no answer says how the server is made, and the log knows each refusal by its id.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use eddyline::testing::mutants;
use regex::Regex;
use serde_json::Value;
use ureq::http::Request;

use crate::http::{get, header, read, text};
use crate::server::Server;

/// How many mutants of each body are sent beside it.
const MUTANTS: usize = 6;

/// What no answer says: paths, statements, backtraces, and who says such things.
const TOLD_NOBODY: [&str; 10] =
    [".rs:", "src/", ".cargo", "SELECT ", "INSERT ", "UPDATE ", "sqlite", "SQLITE", "panicked", "backtrace"];

/// Methods and paths that take a body and answer it at once.
fn routes(server: &Server) -> Vec<(String, String)> {
    let described = read(get(server, "/openapi.json"));
    let parameter = Regex::new(r"\{[a-z_]+\}").unwrap();
    let mut routes = Vec::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        if ["/wait", "/stream", "/events", "/join"].iter().any(|waits| path.ends_with(waits)) {
            continue;
        }
        let path = parameter.replace_all(path, "00000000-0000-4000-8000-000000000000").into_owned();
        let bodied =
            methods.as_object().unwrap().iter().filter(|(_, method)| !method["requestBody"].is_null());
        routes.extend(bodied.map(|(method, _)| (method.to_uppercase(), path.clone())));
    }
    assert!(routes.len() > 25, "the routes are described otherwise now: {routes:?}");
    routes
}

#[test]
fn answers_to_the_fuzz_corpus_say_nothing_of_the_inside() {
    let server = Server::start();
    let home = [env!("CARGO_MANIFEST_DIR").to_owned(), server.folder().display().to_string()];
    let routes = routes(&server);
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent = config.timeout_global(Some(Duration::from_secs(30))).build().new_agent();
    let (mut asked, mut refused) = (0, HashSet::new());
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/bodies")).unwrap() {
        let seed = fs::read(entry.unwrap().path()).unwrap();
        for body in mutants(&seed, MUTANTS).chain([seed.clone()]) {
            for (method, path) in &routes {
                let request = Request::builder().method(method.as_str()).uri(server.url(path));
                let answer = agent.run(request.body(&body[..]).unwrap()).unwrap();
                let status = answer.status().as_u16();
                let id = header(&answer, "x-request-id").to_owned();
                let said = text(answer);
                let sent = String::from_utf8_lossy(&body);
                assert!(status < 500, "{method} {path} {sent}: {status} {said}");
                asked += 1;
                if status < 400 {
                    continue;
                }
                let mut told = TOLD_NOBODY.iter().copied().chain(home.iter().map(String::as_str));
                let leak = told.find(|told| said.contains(told) && !sent.contains(told));
                assert_eq!(leak, None, "{method} {path} {sent}: {said}");
                refused.insert(id);
            }
        }
    }
    println!("answers that say something of the inside: 0 of {asked}, {} of them refusals", refused.len());
    assert!(refused.len() > 500, "most of it makes no sense");
    // The log comes through a pipe, and the last lines may be on their way.
    let is_logged = || {
        let log = server.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ids: HashSet<_> =
            lines.filter_map(|line| Some(line["fields"]["request_id"].as_str()?.to_owned())).collect();
        refused.is_subset(&ids)
    };
    let mut times = 0..100;
    assert!(times.any(|_| is_logged() || {
        std::thread::sleep(Duration::from_millis(50));
        false
    }));
}
