//! Child processes that do not do what they should.

use std::path::Path;
use std::time::Duration;

use eddyline_engine::local::Memory;
use serde_json::json;

use crate::kinds::{end, failure, graph, run};

/// A graph of one node that runs this program, whose calls may take so many seconds.
fn file(program: &str, seconds: f64) -> String {
    json!({
        "state": {"n": "integer", "pid": "integer", "text": "string"},
        "nodes": {"work": {"process": {"command": ["python3", "-u", "-c", program], "timeout": seconds}}},
        "edges": ["START -> work"],
    })
    .to_string()
}

/// A program that does this with each call.
fn program(body: &str) -> String {
    let body = body.replace('\n', "\n    ");
    format!(
        "import json, os, sys, time\ndef say(line): print(json.dumps(line), flush=True)\nfor line in sys.stdin:\n    \
         state = json.loads(line)['call']['state']\n    {body}\n"
    )
}

/// Whether a process of this number is there.
fn lives(pid: &str) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid).join("status"));
    // What has ended and waits to be asked about is not there any more.
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

#[test]
fn a_child_answers_one_call_after_the_other() {
    let graph = graph(
        r#"
state:
  runs: { type: integer, reduce: add }
  pids: { type: list, reduce: append }
nodes:
  work:
    process:
      command: [python3, -u, -c, "import json, os, sys\nfor line in sys.stdin: print(json.dumps({'return': {'runs': 1, 'pids': [os.getpid()]}}))"]
edges:
  - START -> work
  - { from: work, when: runs < 5, to: work }
"#,
    );
    let end = run(&graph, json!({}), &Memory::new("thread")).unwrap();
    let pids = end["pids"].as_array().unwrap();
    assert_eq!((pids.len(), pids.iter().all(|pid| *pid == pids[0])), (5, true), "{end}");
}

#[test]
fn what_a_child_says_of_itself_is_the_error() {
    let said = failure(
        &file(&program("say({'error': {'class': 'KeyError', 'message': 'no such thing'}})"), 10.0),
        json!({}),
    );
    assert!(said.contains("KeyError: no such thing"), "{said}");
    let said = failure(&file(&program("say({'return': {'m': 1}})"), 10.0), json!({}));
    assert!(said.contains("the state has no key `m`; it has n, pid, text"), "{said}");
    let said = failure(&file(&program("say({'return': {'n': 'one'}})"), 10.0), json!({}));
    assert!(said.contains("key `n` is declared as `integer`"), "{said}");
}

#[test]
fn a_child_that_dies_hangs_floods_or_babbles_ends_its_node_and_is_gone() {
    // Each says its number first, and one that it has started, to a file.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let cases = [
        ("dies", "print('out of ink', file=sys.stderr); sys.exit(3)", "exit status: 3"),
        (
            "dies-words",
            "print('out of ink', file=sys.stderr); time.sleep(.1); sys.exit(3)",
            "it last said: out of ink",
        ),
        ("hangs", "time.sleep(60)", "gave no answer within 2s"),
        ("closes", "os.close(1); time.sleep(60)", "gave no answer within 2s"),
        (
            "floods",
            "sys.stdout.write('x' * 20_000_000)\nsys.stdout.flush()\ntime.sleep(60)",
            "a line of more than",
        ),
        ("events", "while True: say({'event': 1})", "gave no answer within 2s"),
        ("babbles", "print('hello')", "says nothing that is known"),
        (
            "bytes",
            "sys.stdout.buffer.write(b'\\xff\\xfe\\n')\nsys.stdout.flush()\ntime.sleep(60)",
            "not UTF-8",
        ),
        ("unknown", "say({'retrun': {}})", "says nothing that is known"),
    ];
    for (name, body, expected) in cases {
        let pids = folder.join(format!("pids-{name}"));
        let start = format!(
            "import subprocess\nother = subprocess.Popen(['sleep', '60'])\nopen({:?}, 'w').write(f'{{os.getpid()}} {{other.pid}}')\n{body}",
            pids.display().to_string()
        );
        let said = failure(&file(&program(&start), 2.0), json!({}));
        assert!(said.contains(expected), "{name}: {said}");
        let pids = std::fs::read_to_string(pids).unwrap();
        assert_eq!(pids.split(' ').count(), 2, "{name}");
        let mut patience = 100;
        while pids.split(' ').any(lives) {
            patience -= 1;
            assert!(patience > 0, "{name}: {pids} are still there");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let file = "
state: { n: integer }
nodes: { work: { process: no-such-program --at-all } }
edges: [START -> work]
";
    let said = failure(file, json!({}));
    assert!(said.contains("`no-such-program` cannot be started"), "{said}");
}

#[test]
fn a_child_tells_events_and_uses_the_store_only_where_there_is_one() {
    let store = "say({'store': {'get': {'namespace': ['a'], 'key': 'b'}}})\nsay({'return': json.loads(sys.stdin.readline())})";
    let said = failure(&file(&program(store), 10.0), json!({}));
    assert!(said.contains("this run has no store"), "{said}");
    let events = "for i in range(3): say({'event': i})\nsay({'return': {'n': 7}})";
    assert_eq!(end(&file(&program(events), 10.0), json!({}))["n"], 7);
}
