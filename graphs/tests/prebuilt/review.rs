//! A person approves, changes and refuses tool calls.

use eddyline_engine::AnyCommand;
use eddyline_engine::prelude::*;
use eddyline_graphs::prebuilt::{Agent, AgentState};
use eddyline_graphs::tools::Tool;

use crate::support::{Scripted, Thread, asks, call, said};

#[view]
struct Payment {
    amount: u32,
}

/// An agent that wants to pay twice and to look once, and then is done.
fn payer() -> (Scripted, Thread<AgentState>) {
    let calls = [
        call("1", "pay", json!({"amount": 5})),
        call("2", "look", json!({"amount": 0})),
        call("3", "pay", json!({"amount": 7})),
    ];
    let model = Scripted::new([asks(calls).with_id("ai-1"), Message::ai("done")]);
    let pay = Tool::new("pay", "Pays.", async |args: Payment| Ok(format!("paid {}", args.amount)));
    let look = Tool::new("look", "Looks.", async |_: Payment| Ok("looked"));
    let agent = Agent::with_model(model.clone()).tools([pay.reviewed(), look]).compile();
    (model, Thread::new(agent))
}

fn input() -> Update<AgentState> {
    AgentState::update().messages(["pay"])
}

fn decisions(decisions: &Value) -> AnyCommand {
    AnyCommand::resume(json!({ "decisions": decisions }))
}

#[test]
fn the_question_has_the_shape_that_frontends_know() {
    let asked = payer().1.run(input()).finished.interrupts;
    let request = |amount: u32| {
        let description =
            format!("Tool execution requires approval\n\nTool: pay\nArgs: {{\"amount\":{amount}}}");
        json!({"name": "pay", "args": {"amount": amount}, "description": description})
    };
    let config = json!({"action_name": "pay", "allowed_decisions": ["approve", "edit", "reject"]});
    let expected =
        json!({"action_requests": [request(5), request(7)], "review_configs": [config.clone(), config]});
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].value.json(), &expected);
}

#[test]
fn calls_are_approved_changed_and_refused() {
    let approve = json!({"type": "approve"});
    let edit = json!({"type": "edit", "edited_action": {"name": "pay", "args": {"amount": 1}}});
    let reject = json!({"type": "reject", "message": "too much"});
    let looked = json!(["2", "looked", "success"]);
    let paid = |id: &str, amount: u32| json!([id, format!("paid {amount}"), "success"]);
    let refused = |id: &str, words: &str| json!([id, words, "error"]);
    let unsaid = "User rejected the tool call for `pay` with id 3";
    let cases = [
        (json!([approve, approve]), vec![paid("1", 5), looked.clone(), paid("3", 7)]),
        (json!([edit, approve]), vec![paid("1", 1), looked.clone(), paid("3", 7)]),
        (json!([reject, approve]), vec![refused("1", "too much"), looked.clone(), paid("3", 7)]),
        (json!([approve, {"type": "reject"}]), vec![refused("3", unsaid), paid("1", 5), looked]),
    ];
    for (answer, expected) in cases {
        let (_, thread) = payer();
        thread.run(input());
        let report = thread.answer(decisions(&answer));
        let messages = report.values().messages;
        assert_eq!(said(&messages[2..messages.len() - 1]), expected, "{answer}");
        assert_eq!(messages.last().unwrap().text(), "done");
    }
}

#[test]
fn a_changed_call_stands_so_in_the_models_message() {
    let (model, thread) = payer();
    thread.run(input());
    let edit = json!({"type": "edit", "edited_action": {"name": "pay", "args": {"amount": 1}}});
    thread.answer(decisions(&json!([edit, {"type": "approve"}])));
    let heard = &model.asked()[1].messages;
    let amounts: Vec<_> = heard[1].tool_calls().iter().map(|call| call.args["amount"].clone()).collect();
    assert_eq!(amounts, [1, 0, 7]);
}

#[test]
fn when_all_is_refused_the_model_goes_on() {
    let model = Scripted::new([asks([call("1", "pay", json!({"amount": 5}))]), Message::ai("a pity")]);
    let pay = Tool::new("pay", "Pays.", async |args: Payment| Ok(format!("paid {}", args.amount)));
    let thread = Thread::new(Agent::with_model(model).tool(pay.reviewed()).compile());
    thread.run(input());
    let report = thread.answer(decisions(&json!([{"type": "reject", "message": "no"}])));
    let expected =
        [json!(["human", "pay"]), json!(["ai", ""]), json!(["1", "no", "error"]), json!(["ai", "a pity"])];
    assert_eq!(said(&report.values().messages), expected);
}

#[test]
fn an_answer_that_is_none_is_refused() {
    for (answer, expected) in [
        (json!({"decisions": []}), "there are 0 decisions on 2 tool calls"),
        (json!("yes"), "the answer does not fit"),
    ] {
        let (_, thread) = payer();
        thread.run(input());
        let error = thread.answer(AnyCommand::resume(answer)).error().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_needs_no_review_is_not_asked_about() {
    let model = Scripted::new([asks([call("1", "look", json!({"amount": 0}))]), Message::ai("done")]);
    let look = Tool::new("look", "Looks.", async |_: Payment| Ok("looked"));
    let pay = Tool::new("pay", "Pays.", async |_: Payment| Ok("paid")).reviewed();
    let report = Thread::new(Agent::with_model(model).tools([pay, look]).compile()).run(input());
    assert!(report.finished.interrupts.is_empty());
    assert_eq!(report.values().messages.last().unwrap().text(), "done");
}
