//! What a node of tools does with calls: at once, with errors, questions and commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eddyline_engine::AnyCommand;
use eddyline_engine::local::Surroundings;
use eddyline_engine::message::InvalidToolCall;
use eddyline_engine::model::ToolSpec;
use eddyline_engine::prelude::*;
use eddyline_engine::testing::{Report, run};
use eddyline_graphs::prebuilt::{ToolNode, ask_tools};
use eddyline_graphs::tools::{Json, Tool, ToolContext, ToolErrors};

use crate::support::{Thread, asks, call, said};

/// A conversation that tools may write a note beside.
#[state]
struct Desk {
    #[state(reduce = messages)]
    messages: Messages,
    note: Option<String>,
}

#[view]
struct Text {
    text: String,
}

#[view]
struct Nap {
    minutes: u64,
}

async fn begin(_: Desk) {}

async fn over(_: Desk) -> Update<Desk> {
    Desk::update().note("it is over")
}

fn graph(tools: ToolNode) -> Result<CompiledGraph<Desk>, CompileError> {
    StateGraph::<Desk>::new()
        .node("begin", begin)
        .node("tools", tools)
        .node("over", over)
        .edge(START, "begin")
        .conditional_edges("begin", ask_tools("tools"), ["tools", END])
        .compile()
}

/// What tools answer to the calls of `message`, and how the run ended.
fn answers(tools: ToolNode, message: Message) -> (Vec<Value>, Report<Desk>) {
    let report = run(&graph(tools).expect("the graph compiles"), Desk::update().messages([message]));
    // A run that failed has no values.
    let messages = report.finished.values.read::<Desk>().map(|desk| desk.messages).unwrap_or_default();
    (said(messages.get(1..).unwrap_or_default()), report)
}

#[test]
fn calls_run_at_once_and_answer_in_their_order() {
    let nap = Tool::new("nap", "Sleeps.", async |args: Nap, ctx: ToolContext| {
        ctx.sleep(Duration::from_mins(args.minutes)).await;
        Ok(Json(json!({ "slept": args.minutes })))
    });
    let thread = Thread::new(graph(ToolNode::new([nap])));
    let before = thread.world.now();
    let naps =
        [60, 5, 30].map(|minutes| call(&format!("nap_{minutes}"), "nap", json!({ "minutes": minutes })));
    let report = thread.run(Desk::update().messages([asks(naps)]));
    let expected = [
        json!(["nap_60", "{\"slept\":60}", "success"]),
        json!(["nap_5", "{\"slept\":5}", "success"]),
        json!(["nap_30", "{\"slept\":30}", "success"]),
    ];
    assert_eq!(said(&report.values().messages[1..]), expected);
    let passed = thread.world.now().0 - before.0;
    assert_eq!(passed, 60 * 60 * 1_000_000, "the longest nap, and none after another");
}

fn failing() -> [Tool; 2] {
    let visible = Tool::new("visible", "Fails.", async |args: Text| {
        Err::<&str, _>(NodeError::visible("ValueError", format!("no {}", args.text)))
    });
    let hidden = Tool::new("hidden", "Fails.", async |args: Text| {
        let number: i64 = args.text.parse()?;
        Ok(Json(number))
    });
    [visible, hidden]
}

fn text(id: &str, name: &str) -> ToolCall {
    call(id, name, json!({"text": "secret"}))
}

#[test]
fn errors_are_told_to_the_model() {
    let invalid = InvalidToolCall {
        name: Some("visible".to_owned()),
        args: Some("[1".to_owned()),
        id: Some("5".to_owned()),
        error: None,
    };
    let calls =
        [text("1", "visible"), text("2", "hidden"), text("3", "nobody"), call("4", "visible", json!({}))];
    let (told, report) = answers(ToolNode::new(failing()), asks(calls).with_invalid_tool_calls([invalid]));
    let expected = [
        json!(["1", "Error: ValueError: no secret", "error"]),
        json!(["2", "Error: An internal error occurred", "error"]),
        json!(["3", "Error: nobody is not a valid tool, try one of [visible, hidden].", "error"]),
        json!(["4", "Error: ValueError: cannot read the arguments: missing field `text`", "error"]),
        json!(["5", "Error: the arguments of visible are not a JSON object: [1", "error"]),
    ];
    assert_eq!(told, expected);
    assert!(report.error().is_none());
}

#[test]
fn policies_say_otherwise() {
    let say = ToolErrors::say(|error| format!("it was a {}", error.class()));
    let (told, _) = answers(ToolNode::new(failing()).errors(say.clone()), asks([text("1", "visible")]));
    assert_eq!(told, [json!(["1", "it was a ValueError", "error"])]);

    let (told, report) =
        answers(ToolNode::new(failing()).errors(ToolErrors::Fail), asks([text("1", "visible")]));
    assert_eq!(told, [Value::Null; 0]);
    assert_eq!(report.error().unwrap().to_string(), "node `tools`: ValueError: no secret");

    let own = failing().map(|tool| tool.errors(say.clone()));
    let (told, _) = answers(ToolNode::new(own).errors(ToolErrors::Fail), asks([text("1", "hidden")]));
    assert_eq!(told, [json!(["1", "it was a ParseIntError", "error"])]);
}

#[test]
fn two_tools_ask_at_once_and_the_third_runs_once() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let ask = Tool::new("ask", "Asks.", async |args: Text, ctx: ToolContext| {
        ctx.interrupt::<String>(json!({ "sure": args.text }))
    });
    let count = Tool::new("count", "Counts.", move |_: Text| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok("counted") }
    });
    let thread = Thread::new(graph(ToolNode::new([ask, count])));
    let named = |id: &str, text: &str| call(id, "ask", json!({ "text": text }));
    let calls = [named("1", "a"), text("2", "count"), named("3", "b")];
    let asked = thread.run(Desk::update().messages([asks(calls)])).finished.interrupts;
    let questions: Vec<_> = asked.iter().map(|question| question.value.json().clone()).collect();
    assert_eq!(questions, [json!({"sure": "a"}), json!({"sure": "b"})]);
    assert_ne!(asked[0].id, asked[1].id);

    let still = thread.answer(asked[1].answer(json!("yes to b"))).finished.interrupts;
    assert_eq!(still.len(), 1);
    let report = thread.answer(AnyCommand::resume(json!("yes to a")));
    let expected = [
        json!(["1", "yes to a", "success"]),
        json!(["2", "counted", "success"]),
        json!(["3", "yes to b", "success"]),
    ];
    assert_eq!(said(&report.values().messages[1..]), expected);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_tool_may_write_and_go_somewhere() {
    let write = Tool::new("write", "Writes.", async |args: Text| {
        Ok((format!("wrote {}", args.text), Command::<Desk>::new().update(Desk::update().note(args.text))))
    });
    let leave = Tool::new("leave", "Leaves.", async |_: Text| Ok(Command::<Desk>::goto("over")));
    let tools = || ToolNode::new([write.clone(), leave.clone()]);
    let (told, report) = answers(tools(), asks([text("1", "write")]));
    assert_eq!(told, [json!(["1", "wrote secret", "success"])]);
    assert_eq!(report.values().note.as_deref(), Some("secret"));
    assert_eq!(report.nodes(), ["begin", "tools"]);

    let (told, report) = answers(tools(), asks([text("1", "leave")]));
    assert_eq!(told, [json!(["1", "ok", "success"])]);
    assert_eq!(report.nodes(), ["begin", "tools", "over"]);
    assert_eq!(report.values().note.as_deref(), Some("it is over"));
}

#[test]
fn a_message_of_its_own_keeps_what_the_model_does_not_see() {
    let own = Tool::new("own", "Answers.", async |args: Text, ctx: ToolContext| {
        ctx.progress(json!({"so far": 1})).await;
        Ok(Message::answer(ctx.call(), args.text).with_artifact(json!({"rows": 3})))
    });
    let human = Tool::new("human", "Is no tool.", async |args: Text| Ok(Message::human(args.text)));
    let (told, report) = answers(ToolNode::new([own, human]), asks([text("1", "own"), text("2", "human")]));
    let expected = [
        json!(["1", "secret", "success"]),
        json!(["2", "Error: ValueError: a tool answers with a tool message", "error"]),
    ];
    assert_eq!(told, expected);
    assert_eq!(report.values().messages[1].artifact(), Some(&json!({"rows": 3})));
}

#[test]
fn a_tool_may_be_made_at_run_time() {
    let spec =
        ToolSpec { name: "echo".into(), description: String::new(), parameters: json!({"type": "object"}) };
    let echo = Tool::dynamic(spec, async |call: ToolCall, _| Ok(Value::Object(call.args)));
    let (told, _) = answers(ToolNode::new([echo]), asks([call("1", "echo", json!({"x": [1]}))]));
    assert_eq!(told, [json!(["1", "{\"x\":[1]}", "success"])]);
}

#[test]
fn a_state_by_itself_is_no_call() {
    let tools =
        StateGraph::<Desk>::new().node("tools", ToolNode::new([])).edge(START, "tools").compile().unwrap();
    let error = run(&tools, Desk::update().messages(["hi"])).error().unwrap().to_string();
    assert!(error.contains("takes one call, as `ask_tools` sends it"), "{error}");
}
