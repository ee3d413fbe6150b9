//! Graph files as people use them: started, checked and drawn on the command line, served, and changed meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use eddyline_graphs::declared::{self, starters};
use serde_json::{Value, json};

use crate::http::{detail, get, post, read, text};
use crate::server::{Server, command};

/// A folder for graph files, of a test of its own.
fn folder() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("files-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn eddyline(folder: &Path, words: &[&str]) -> Output {
    command().current_dir(folder).args(words).output().unwrap()
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A server of the files of a folder.
fn serve(folder: &Path) -> Server {
    Server::start_with(&[("EDDYLINE__GRAPHS__FOLDER", folder.to_str().unwrap())])
}

/// Asks until the answer is as it should be.
fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    for _ in 0..200 {
        if let Some(answer) = answer() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} did not come about");
}

fn wait(server: &Server, path: &str, body: &Value) -> Value {
    read(post(server, &format!("{path}/runs/wait"), body))
}

fn thread(server: &Server) -> String {
    let made = read(post(server, "/threads", &json!({})));
    format!("/threads/{}", made["thread_id"].as_str().unwrap())
}

/// A graph that says this.
fn says(words: &str) -> String {
    format!("state: {{ a: string }}\nnodes: {{ say: {{ set: {{ a: {words} }} }} }}\nedges: [START -> say]\n")
}

#[test]
fn a_new_file_is_fine_is_drawn_and_runs() {
    let folder = folder();
    let wrote = out(&eddyline(&folder, &["new", "support"]));
    assert!(wrote.starts_with("wrote graphs/support.yaml\n"), "{wrote}");
    let again = eddyline(&folder, &["new", "support"]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("cannot write"));
    let checked = out(&eddyline(&folder, &["check", "graphs/support.yaml"]));
    assert_eq!(checked, "graphs/support.yaml: a graph of one node\n");
    let drawn = out(&eddyline(&folder, &["draw", "support"]));
    assert!(drawn.contains("__start__ --> answer;"), "{drawn}");
    let input = r#"{"messages": "hello"}"#;
    let ran = out(&eddyline(&folder, &["run", "graphs/support.yaml", "--input", input]));
    assert!(ran.contains("You said: hello"), "{ran}");
    for odd in ["", "a b", "../up", "a/b"] {
        assert!(!eddyline(&folder, &["new", odd]).status.success(), "{odd}");
    }
}

#[test]
fn the_guide_draws_and_says_what_is_true() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/graph-files.md");
    let guide = fs::read_to_string(guide).unwrap();
    for starter in starters::ALL {
        let (name, text) = starter.files(starter.name).into_iter().next().unwrap();
        let drawn = declared::parse(&text, &name).unwrap().mermaid(1);
        assert!(guide.contains(&drawn), "docs/graph-files.md draws `{}` otherwise:\n{drawn}", starter.name);
    }
    let first = guide.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    declared::parse(first, "joke.yaml").unwrap();
    let broken = first.replace("{{ topic }} and cats", "{{ topci }} and cats");
    let error = declared::parse(&broken, "graphs/joke.yaml").unwrap_err().to_string();
    assert!(guide.contains(&error), "{error}");
}

#[test]
fn check_tells_every_mistake_of_every_file() {
    let folder = folder();
    fs::write(folder.join("a.yaml"), says("ha").replace("START", "BEGIN")).unwrap();
    fs::write(folder.join("b.toml"), "state = 1\n").unwrap();
    let output = eddyline(&folder, &["check", "a.yaml", "b.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("a.yaml:3:9: Found edge starting at unknown node 'BEGIN'"), "{said}");
    assert!(said.contains("b.toml:1:9: here stands integer `1`; write a map from names"), "{said}");
    let schema: Value = serde_json::from_str(&out(&eddyline(&folder, &["schema"]))).unwrap();
    assert_eq!(schema["title"], "An eddyline graph");
}

#[test]
fn files_come_change_break_and_go_while_the_server_runs() {
    let folder = folder();
    let file = folder.join("talk.yaml");
    fs::write(&file, says("one")).unwrap();
    fs::write(folder.join("package.json"), r#"{"name": "of-another-program"}"#).unwrap();
    let server = serve(&folder);
    assert_eq!(read(get(&server, "/graph-schema.json"))["title"], "An eddyline graph");
    let talk = || wait(&server, "", &json!({"assistant_id": "talk", "input": {}}));
    assert_eq!(talk(), json!({"a": "one"}));

    fs::write(&file, says("two-times")).unwrap();
    until("the change", || (talk()["a"] == "two-times").then_some(()));

    fs::write(&file, says("three").replace("set", "sett")).unwrap();
    let told = until("the complaint", || {
        let log = server.log();
        log.contains("a graph file has mistakes").then_some(log)
    });
    assert!(told.contains("talk.yaml:2:17: unknown field `sett`; did you mean `set`?"), "{told}");
    assert_eq!(talk(), json!({"a": "two-times"}));

    fs::write(folder.join("late.yaml"), says("late")).unwrap();
    let find = || {
        let all = read(post(&server, "/assistants/search", &json!({"limit": 100})));
        all.as_array().unwrap().iter().find(|one| one["graph_id"] == "late").cloned()
    };
    let found = until("the new graph", find);
    assert_eq!(found["metadata"], json!({"created_by": "system"}));
    assert_eq!(wait(&server, "", &json!({"assistant_id": "late", "input": {}})), json!({"a": "late"}));

    fs::remove_file(folder.join("late.yaml")).unwrap();
    until("the end", || find().is_none().then_some(()));
    let gone = detail(post(&server, "/runs/wait", &json!({"assistant_id": "late", "input": {}})), 422);
    assert!(gone.contains("Invalid assistant `late`"), "{gone}");
    assert_eq!(server.log().matches("a graph file has mistakes").count(), 1, "a mistake is told once");
}

#[test]
fn a_file_takes_the_place_of_an_example_and_gives_it_back() {
    let folder = folder();
    fs::write(folder.join("agent.yaml"), says("mine")).unwrap();
    let server = serve(&folder);
    let asked = json!({"assistant_id": "agent", "input": {"topic": "rain"}});
    assert_eq!(wait(&server, "", &asked), json!({"a": "mine"}));
    fs::remove_file(folder.join("agent.yaml")).unwrap();
    until("the example", || (wait(&server, "", &asked)["topic"] == "rain and cats").then_some(()));
}

#[test]
fn a_run_ends_on_the_graph_that_it_began_with() {
    let folder = folder();
    let file = folder.join("slow.yaml");
    let graph = |text: &str| {
        format!(
            "state: {{ a: string, b: string }}\nnodes:\n  think:\n    model: {{ ask: hi, scripted: {{ pause: 0.1, answers: \
             [{{ text: {text} a b c d e f g h }}] }} }}\n    into: a\n  after: {{ set: {{ b: {text} }} }}\nedges: \
             [START -> think -> after]\n"
        )
    };
    fs::write(&file, graph("old")).unwrap();
    let server = serve(&folder);
    let thread = thread(&server);
    let body = json!({"assistant_id": "slow", "input": {}, "stream_mode": ["messages-tuple", "values"]});
    let run = read(post(&server, &format!("{thread}/runs"), &body));
    fs::write(&file, graph("newer")).unwrap();
    let fresh = json!({"assistant_id": "slow", "input": {}});
    until("the change", || (wait(&server, "", &fresh)["b"] == "newer").then_some(()));
    let joined = read(get(&server, &format!("{thread}/runs/{}/join", run["run_id"].as_str().unwrap())));
    assert_eq!((&joined["a"], &joined["b"]), (&json!("old a b c d e f g h"), &json!("old")));
    assert_eq!(wait(&server, &thread, &fresh)["b"], "newer");
}

#[test]
fn a_thread_that_waits_at_a_node_that_is_gone_says_so_and_loses_nothing() {
    let folder = folder();
    let file = folder.join("ask.yaml");
    let graph = |node: &str| {
        format!(
            "state: {{ a: string }}\nnodes:\n  {node}:\n    interrupt: sure?\n    set: {{ a: \"{{{{ result }}}}\" }}\nedges: \
             [START -> {node}]\n"
        )
    };
    fs::write(&file, graph("ask")).unwrap();
    let server = serve(&folder);
    let thread = thread(&server);
    let asked = wait(&server, &thread, &json!({"assistant_id": "ask", "input": {}}));
    assert_eq!(asked["__interrupt__"][0]["value"], "sure?");
    let state = || read(get(&server, &format!("{thread}/state")));
    let before = state();

    fs::write(&file, graph("question")).unwrap();
    let drawn = || text(get(&server, "/assistants/ask/graph"));
    until("the change", || drawn().contains("question").then_some(()));
    let resume = json!({"assistant_id": "ask", "command": {"resume": "yes"}});
    let refused = wait(&server, &thread, &resume);
    let said = refused["__error__"]["message"].as_str().unwrap();
    assert!(said.contains("waits at node `ask`, which the graph does not have any more"), "{said}");

    fs::write(&file, graph("ask")).unwrap();
    until("the old graph", || drawn().contains("\"ask\"").then_some(()));
    assert_eq!(state()["checkpoint"], before["checkpoint"]);
    assert_eq!(wait(&server, &thread, &resume), json!({"a": "yes"}));
}

#[test]
fn a_process_asks_people_and_the_store_and_says_where_to_go() {
    let folder = folder();
    let program = r#"
import json, sys

def ask(line):
    print(json.dumps(line), flush=True)
    return json.loads(sys.stdin.readline())["answer"]

place = {"namespace": ["people"], "key": "name"}
for line in sys.stdin:
    known = ask({"store": {"get": place}})
    name = known["value"]["name"] if known else ask({"interrupt": "who are you?"})
    ask({"store": {"put": {**place, "value": {"name": name}}}})
    found = ask({"store": {"search": {"namespace": ["people"]}}})
    print(json.dumps({"event": {"found": len(found)}}), flush=True)
    print(json.dumps({"return": {"name": name}, "goto": "known" if known else "new"}), flush=True)
"#;
    fs::write(folder.join("greet.py"), program).unwrap();
    let file = "
state: { name: string, way: string }
nodes:
  greet: { process: python3 greet.py }
  new: { set: { way: new } }
  known: { set: { way: known } }
edges: [START -> greet]
";
    fs::write(folder.join("greet.yaml"), file).unwrap();
    let server = serve(&folder);
    let (first, second) = (thread(&server), thread(&server));
    let asked = wait(&server, &first, &json!({"assistant_id": "greet", "input": {}}));
    assert_eq!(asked["__interrupt__"][0]["value"], "who are you?");
    let resume = json!({"assistant_id": "greet", "command": {"resume": "Ada"}});
    assert_eq!(wait(&server, &first, &resume), json!({"name": "Ada", "way": "new"}));
    let body = json!({"assistant_id": "greet", "input": {}, "stream_mode": ["custom", "values"]});
    let told = text(post(&server, &format!("{second}/runs/stream"), &body));
    assert!(
        told.contains(r#"data: {"found":1}"#) && told.contains(r#"{"name":"Ada","way":"known"}"#),
        "{told}"
    );
}

#[test]
fn a_request_has_query_headers_and_body_and_its_answer_is_the_result() {
    let folder = folder();
    let asked = serve(&folder);
    let file = |node: &str| {
        format!(
            "state: {{ city: string, status: integer, said: any }}\nnodes:\n  ask:\n{node}\nedges: [START -> ask]\n"
        )
    };
    let url = asked.url("");
    let run = format!(
        "    http:\n      url: \"{url}/runs/wait\"\n      method: post\n      allow_private: [127.0.0.1]\n      headers: {{ x-request-id:          \"{{{{ env.EDDYLINE_TEST_NAME }}}}\" }}\n      query: {{ a: \"{{{{ city }}}} & more\" }}\n      json: {{ assistant_id: agent, input:          {{ topic: \"{{{{ city }}}}\" }} }}\n    set: {{ status: \"{{{{ result.status }}}}\", said: \"{{{{ [result.body.joke,          result.headers['x-request-id']] }}}}\" }}"
    );
    fs::write(folder.join("ask.yaml"), file(&run)).unwrap();
    let missing =
        format!("    http: {{ url: \"{url}/nothing\", allow_private: [127.0.0.1] }}\n    into: said");
    fs::write(folder.join("missing.yaml"), file(&missing)).unwrap();
    let any = missing.replace("allow_private", "any_status: true, allow_private");
    fs::write(folder.join("any.yaml"), file(&any)).unwrap();
    let private = missing.replace(", allow_private: [127.0.0.1]", "");
    fs::write(folder.join("private.yaml"), file(&private)).unwrap();
    let variables =
        [("EDDYLINE__GRAPHS__FOLDER", folder.to_str().unwrap()), ("EDDYLINE_TEST_NAME", "heron-7")];
    let server = Server::start_with(&variables);
    let come_to = |graph: &str| wait(&server, "", &json!({"assistant_id": graph, "input": {"city": "Ulm"}}));
    let told = come_to("ask");
    assert_eq!(
        (&told["status"], &told["said"]),
        (&json!(200), &json!(["This is a joke about Ulm and cats", "heron-7"]))
    );
    let failed = |graph: &str| come_to(graph)["__error__"].to_string();
    assert!(failed("missing").contains("the server answered 404"), "{}", failed("missing"));
    assert_eq!(come_to("any")["said"]["status"], 404);
    assert!(failed("private").contains("is not on the public internet"), "{}", failed("private"));
}

#[test]
fn what_fails_is_tried_again_as_often_as_a_file_says() {
    let folder = folder();
    let program = r#"
import json, os, sys

for line in sys.stdin:
    tries = len(os.listdir("tries"))
    open(f"tries/{tries}", "w").close()
    failed = {"error": {"class": "ConnectionError", "message": "no"}}
    print(json.dumps({"return": {"n": tries}} if tries == 2 else failed), flush=True)
"#;
    fs::create_dir(folder.join("tries")).unwrap();
    fs::write(folder.join("flaky.py"), program).unwrap();
    let file = "state: { n: integer }\nnodes:\n  flaky:\n    process: python3 flaky.py\n    retry: { attempts: ATTEMPTS,                 initial_interval: 0.01, jitter: false }\nedges: [START -> flaky]\n";
    fs::write(folder.join("twice.yaml"), file.replace("ATTEMPTS", "2")).unwrap();
    fs::write(folder.join("again.yaml"), file.replace("ATTEMPTS", "3")).unwrap();
    let server = serve(&folder);
    assert_eq!(wait(&server, "", &json!({"assistant_id": "again", "input": {}})), json!({"n": 2}));
    let twice = wait(&server, "", &json!({"assistant_id": "twice", "input": {}}));
    assert_eq!(twice["__error__"]["error"], "ConnectionError", "{twice}");
    assert_eq!(folder.join("tries").read_dir().unwrap().count(), 3 + 2);
}

#[test]
fn a_process_keeps_no_server_and_a_server_keeps_no_process() {
    let folder = folder();
    out(&eddyline(&folder, &["new", "count", "--from", "process", "--folder", "."]));
    // The number of the process, beside what it counts.
    let program = fs::read_to_string(folder.join("count.py")).unwrap();
    let program = program.replace(
        "\"longest\": max(words, key=len, default=\"\")",
        "\"longest\": str(__import__(\"os\").getpid())",
    );
    fs::write(folder.join("count.py"), program).unwrap();
    let server = serve(&folder);
    let counted = wait(&server, "", &json!({"assistant_id": "count", "input": {"text": "a b c"}}));
    assert_eq!(counted["words"], 3);
    let place = Path::new("/proc").join(counted["longest"].as_str().unwrap());
    assert!(place.exists());
    server.kill();
    until("the end of the process", || {
        (!place.join("fd").read_dir().is_ok_and(|mut all| all.next().is_some())).then_some(())
    });
}
