//! The guides as they are told for the command line: curl, and once sed and awk behind it.

use std::process::Command;

use serde_json::{Value, json};

use super::{or_skip, run, scripts};
use crate::runs::frames;
use crate::server::Server;

/// A server and a thread for one example after the other; `None` where there is no curl.
struct Guide {
    server: Server,
}

impl Guide {
    fn start() -> Option<Self> {
        or_skip("curl", &run(Command::new("curl").arg("--version")))?;
        Some(Self { server: Server::start() })
    }

    /// What an example prints.
    fn print(&self, example: &str, thread_id: &str) -> String {
        let script = format!(". {}; {example}", scripts("curl").join("guides.sh").display());
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env("DEPLOYMENT_URL", self.server.url("")).env("THREAD_ID", thread_id);
        let [printed, _progress] = run(&mut command).unwrap_or_else(|error| panic!("{error}"));
        printed
    }

    fn create_thread(&self) -> Value {
        serde_json::from_str(&self.print("create_thread", "")).expect("a thread")
    }

    /// What an example prints for a new thread.
    fn print_on_thread(&self, example: &str) -> String {
        let thread = self.create_thread();
        self.print(example, thread["thread_id"].as_str().expect("an id"))
    }

    /// The events of an example, by name and data, without the first one, which names the run.
    fn stream(&self, example: &str) -> Vec<(String, Value)> {
        let printed = self.print_on_thread(example);
        let mut frames = frames(&printed).into_iter();
        let (event, named, _) = frames.next().expect("an event");
        assert_eq!((event.as_str(), &named["attempt"]), ("metadata", &json!(1)));
        assert_eq!(named["run_id"].as_str().map(str::len), Some(36));
        frames.map(|(event, data, _)| (event, data)).collect()
    }

    /// What the events of an example carry, all of which have that name.
    fn data(&self, example: &str, event: &str) -> Vec<Value> {
        let data = |(name, data)| {
            assert_eq!(name, event);
            data
        };
        self.stream(example).into_iter().map(data).collect()
    }
}

fn topic() -> Value {
    json!({"topic": "ice cream and cats"})
}

fn joke() -> Value {
    json!({"joke": "This is a joke about ice cream and cats"})
}

fn told() -> Value {
    json!({"topic": "ice cream and cats", "joke": "This is a joke about ice cream and cats"})
}

fn progress() -> Vec<Value> {
    vec![json!({"progress": 0}), json!({"progress": 1}), json!({"progress": 2}), json!("plain text")]
}

#[test]
fn threads_are_made() {
    let Some(guide) = Guide::start() else { return };
    let thread = guide.create_thread();
    assert_eq!(thread["thread_id"].as_str().map(str::len), Some(36));
    assert_eq!(
        [&thread["metadata"], &thread["status"], &thread["config"], &thread["values"]],
        [&json!({}), &json!("idle"), &json!({}), &Value::Null]
    );
}

#[test]
fn states_are_streamed() {
    let Some(guide) = Guide::start() else { return };
    let updates = [json!({"refine_topic": topic()}), json!({"generate_joke": joke()})];
    assert_eq!(guide.data("basic_usage", "updates"), updates);
    assert_eq!(guide.data("updates", "updates"), updates);
    assert_eq!(guide.data("values", "values"), [json!({"topic": "ice cream"}), topic(), told()]);
}

#[test]
fn subgraphs_are_streamed() {
    let Some(guide) = Guide::start() else { return };
    let (names, data): (Vec<_>, Vec<_>) = guide.stream("subgraphs").into_iter().unzip();
    let inner = names[1].as_str();
    assert_eq!(inner.strip_prefix("updates|node_2:").map(str::len), Some(36), "{inner}");
    assert_eq!(names, ["updates", inner, inner, "updates"]);
    let expected = [
        json!({"node_1": {"foo": "hi! foo"}}),
        json!({"subgraph_node_1": {"bar": "bar"}}),
        json!({"subgraph_node_2": {"foo": "hi! foobar"}}),
        json!({"node_2": {"foo": "hi! foobar"}}),
    ];
    assert_eq!(data, expected);
}

#[test]
fn what_nodes_write_is_streamed() {
    let Some(guide) = Guide::start() else { return };
    assert_eq!(guide.data("custom", "custom"), progress());
    let mut expected: Vec<_> = progress().into_iter().map(|data| ("custom".to_owned(), data)).collect();
    expected.push(("updates".to_owned(), json!({"progress": {"joke": "done example"}})));
    assert_eq!(guide.stream("several_modes"), expected);
}

#[test]
fn steps_and_events_are_streamed() {
    let Some(guide) = Guide::start() else { return };
    let debug = guide.data("debug", "debug");
    let kinds: Vec<_> = debug.iter().map(|data| (data["step"].as_i64(), data["type"].as_str())).collect();
    let superstep = |step| ["task", "task_result", "checkpoint"].map(|kind| (Some(step), Some(kind)));
    let entered = [(Some(-1), Some("checkpoint")), (Some(0), Some("checkpoint"))];
    assert_eq!(kinds, [&entered[..], &superstep(1), &superstep(2)].concat());
    assert_eq!(debug.last().expect("a checkpoint")["payload"]["values"], told());

    let events = guide.data("events", "events");
    let position = |event: &str, name: &str| {
        events.iter().position(|data| data["event"] == event && data["name"] == name).expect("an event")
    };
    for name in ["refine_topic", "generate_joke"] {
        assert!(position("on_chain_start", name) < position("on_chain_end", name));
    }
    assert_eq!(events.last().expect("an event")["data"]["output"], told());
}

#[test]
fn tokens_are_streamed() {
    let Some(guide) = Guide::start() else { return };
    let tokens = guide.data("tokens", "messages");
    let texts: Vec<_> = tokens.iter().map(|data| data[0]["content"].as_str().expect("a text")).collect();
    assert_eq!(texts.join("|"), "joke| |on| |ice| |cream|poem| |on| |ice| |cream");
}

/// Each event is printed as a line that names it, a line with its data, and an empty one.
#[test]
fn messages_are_streamed_through_sed_and_awk() {
    let Some(guide) = Guide::start() else { return };
    let printed = guide.print_on_thread("messages");
    let lines: Vec<&str> = printed.lines().collect();
    let events = lines.chunks(3).map(|lines| {
        assert_eq!(lines[2], "");
        (lines[0], serde_json::from_str::<Value>(lines[1]).expect("JSON"))
    });
    let events: Vec<_> = events.collect();
    assert_eq!(events[0].0, "Receiving event of type: metadata...");
    assert_eq!(events[0].1["attempt"], 1);
    assert!(events[1..].iter().all(|(line, _)| *line == "Receiving event of type: messages..."), "{printed}");
    let step = |data: &Value| [data[1]["langgraph_node"].clone(), data[0]["type"].clone()];
    let steps: Vec<_> = events[1..].iter().map(|(_, data)| step(data)).collect();
    let [call, tool, answer] = [["agent", "AIMessageChunk"], ["action", "tool"], ["agent", "AIMessageChunk"]];
    assert_eq!(steps, [call, call, call, tool, answer, answer, answer]);
    assert_eq!(events[1].1[0]["tool_calls"][0]["name"], "get_weather");
    assert_eq!(events[4].1[0]["content"], "sunny in SF");
}
