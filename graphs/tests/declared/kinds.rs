//! Each kind of node does what it says.

use std::path::Path;
use std::sync::Arc;

use eddyline_engine::local::Memory;
use eddyline_engine::testing::World;
use eddyline_engine::{Graph, RunError};
use eddyline_graphs::declared::{load, parse, schema, starters};
use eddyline_graphs::models::Providers;
use serde_json::{Value, json};

/// Runs a graph to its end, in real time.
pub(crate) fn run(graph: &Graph, input: Value, memory: &Memory) -> Result<Value, RunError> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let models = Providers::from_variables(|_| None).stand_in();
    let run = graph.run_any(input, Arc::new(World::new())).thread(memory).models(models);
    let finished = executor.block_on(run.finish());
    match finished.error {
        Some(error) => Err(error),
        None => Ok(finished.values.to_json()),
    }
}

/// The end of a run of a file, from the folder of these tests.
pub(crate) fn end(text: &str, input: Value) -> Value {
    run(&graph(text), input, &Memory::new("thread")).unwrap()
}

/// Why a run of a file fails.
pub(crate) fn failure(text: &str, input: Value) -> String {
    run(&graph(text), input, &Memory::new("thread")).unwrap_err().to_string()
}

pub(crate) fn graph(text: &str) -> Graph {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/declared/files/test.yaml");
    parse(text, file).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_starter_runs_with_no_key() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("starters");
    std::fs::create_dir_all(&folder).unwrap();
    let said = json!({"messages": [{"role": "user", "content": "is billing open?"}]});
    let asked = |name: &str| match name {
        "mapreduce" => json!({"question": "what?", "documents": ["one", "two"]}),
        "approval" => json!({"request": "a day off"}),
        "process" => json!({"text": "one three five"}),
        _ => said.clone(),
    };
    for starter in starters::ALL {
        for (name, text) in starter.files(&format!("my_{}", starter.name)) {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let graph = load(folder.join(format!("my_{}.yaml", starter.name))).unwrap();
        let end = run(&graph, asked(starter.name), &Memory::new(starter.name)).unwrap();
        let has = |key: &str| !end[key].is_null();
        match starter.name {
            "mapreduce" => assert_eq!(end.as_object().unwrap().keys().collect::<Vec<_>>(), ["answer"]),
            "approval" => assert!(has("draft") && !has("outcome"), "{end}"),
            "process" => assert_eq!((&end["words"], &end["longest"]), (&json!(3), &json!("three"))),
            _ => assert!(end["messages"].as_array().unwrap().len() > 1, "{end}"),
        }
    }
}

#[test]
fn an_expression_alone_keeps_its_type() {
    let file = r#"
state: { n: integer, list: list, map: object, text: string, flag: boolean, nothing: any, float: number }
nodes:
  set:
    set:
      n: "{{ n + 1 }}"
      list: ["{{ n }}", "{{ n }} as text", 3]
      map: { a: "{{ {'b': [1, 2]} }}", c: "{{ n > 1 }}" }
      text: "{{ n }}"
      flag: "{{ n == 1 }}"
      nothing: "{{ none }}"
      float: "{{ n / 2 }}"
edges: [START -> set]
"#;
    assert!(failure(file, json!({"n": 1})).contains("key `text` is declared as `string`"));
    let file = file.replace(r#"text: "{{ n }}""#, r#"text: "{{ n }}!""#);
    let expected = json!({
        "n": 2, "list": [1, "1 as text", 3], "map": {"a": {"b": [1, 2]}, "c": false}, "text": "1!", "flag": true,
        "nothing": null, "float": 0.5,
    });
    assert_eq!(end(&file, json!({"n": 1})), expected);
}

#[test]
fn what_nobody_wrote_has_to_be_asked_for_with_a_default() {
    let file = |text: &str| {
        format!(
            "state: {{ a: string, b: string }}\nnodes: {{ n: {{ set: {{ b: \"{text}\" }} }} }}\nedges: [START -> n]"
        )
    };
    assert_eq!(end(&file("{{ a | default('none') }}"), json!({}))["b"], "none");
    assert_eq!(end(&file("{% if a is defined %}yes{% else %}no{% endif %}"), json!({}))["b"], "no");
    assert!(failure(&file("[{{ a }}]"), json!({})).contains("undefined value"));
}

#[test]
fn reducers_add_merge_and_append() {
    let file = "
state:
  sum: { type: integer, reduce: add, default: 10 }
  words: { type: string, reduce: add }
  list: { type: list, reduce: append }
  map: { type: object, reduce: merge }
nodes:
  a: { set: { sum: 1, words: a, list: [1], map: { x: 1, y: 1 } } }
  b: { set: { sum: 2, words: b, list: [2, 3], map: { y: 2 } } }
edges: [START -> a -> b]
";
    let expected = json!({"sum": 13, "words": "ab", "list": [1, 2, 3], "map": {"x": 1, "y": 2}});
    assert_eq!(end(file, json!({})), expected);
}

#[test]
fn a_command_writes_what_its_keys_take() {
    let file = "state: { n: any, text: string }\nnodes:\n  a: { command: { update: { text: '{{ n }}' }, goto: END } }\nedges: [START -> a]\n";
    assert!(failure(file, json!({"n": 1})).contains("key `text` is declared as `string`"));
}

#[test]
fn a_command_reaches_the_graph_around() {
    let file = "
state: { way: { type: list, reduce: append } }
nodes:
  inner:
    subgraph:
      name: inner
      state: { way: { type: list, reduce: append } }
      nodes:
        leave: { command: { to_parent: true, goto: last, update: { way: [left] } } }
        never: { set: { way: [never] } }
      edges: [START -> leave -> never]
  next: { set: { way: [next] } }
  last: { set: { way: [last] } }
edges:
  - START -> inner
  - { from: inner, when: 'false', to: next }
";
    assert_eq!(end(file, json!({}))["way"], json!(["left", "last"]));
}

#[test]
fn items_are_sent_with_what_stands_beside_them() {
    let file = r#"
state:
  items: list
  factor: integer
  out: { type: list, reduce: append }
nodes:
  times: { set: { out: ["{{ n * by }}"] }, defer: false }
  all: { set: { out: ["{{ out | sum }}"] }, defer: true }
edges:
  - { from: START, each: items, as: n, to: times, with: { n: "{{ n }}", by: "{{ factor }}" } }
  - times -> all
"#;
    assert_eq!(end(file, json!({"items": [1, 2, 3], "factor": 10}))["out"], json!([10, 20, 30, 60]));
    assert_eq!(end(file, json!({"items": [], "factor": 10}))["out"], json!([]));
    assert!(failure(file, json!({"items": 3, "factor": 10})).contains("an expression that gives a list"));
}

#[test]
fn a_request_goes_to_public_addresses_alone() {
    let file = "
state: { text: string }
nodes:
  ask:
    http: { url: 'http://127.0.0.1:9/' }
    into: text
edges: [START -> ask]
";
    let said = failure(file, json!({}));
    assert!(said.contains("`127.0.0.1` is not on the public internet"), "{said}");
}

#[test]
fn the_tools_of_a_file_are_called_by_its_models() {
    let file = r#"
state: { messages: messages }
tools:
  weather:
    description: Tells the weather.
    arguments: { city: { type: string, description: Where } }
    template: sunny in {{ city }}
nodes:
  model:
    model: { name: "openai:any", tools: [weather] }
  tools:
    tools: [weather]
edges:
  - START -> model
  - { from: model, tools: tools, to: END }
  - tools -> model
"#;
    let end = end(file, json!({"messages": [{"role": "user", "content": "SF"}]}));
    let said: Vec<&str> = end["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert_eq!(said, ["SF", "", "sunny in SF", "weather said: sunny in SF"]);
}

#[test]
fn the_schema_knows_what_files_say() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let node = &schema["$defs"]["NodeSpec"]["properties"];
    for kind in
        ["set", "template", "model", "agent", "tools", "http", "process", "subgraph", "interrupt", "command"]
    {
        assert!(node[kind]["description"].is_string(), "{kind}");
    }
    assert_eq!(schema["additionalProperties"], false);
}
