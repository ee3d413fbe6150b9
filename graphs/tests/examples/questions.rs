//! Questions to people: the pause, the answer, and what goes on.

use eddyline_engine::AnyCommand;
use eddyline_engine::prelude::*;
use eddyline_engine::project::Mode::{Updates, Values};
use eddyline_graphs::examples::{approval, approvals, deep};

use crate::support::{Thread, payloads, seen};

#[test]
fn approval_takes_any_answer() {
    let answers = [(json!("yes"), "answer=yes"), (json!({"deep": [1]}), "answer={\"deep\": [1]}")];
    for (answer, joke) in answers {
        let thread = Thread::new(approval::graph());
        let asked = thread.run(approval::Joke::update().topic("x"));
        let question = &asked.finished.interrupts[0];
        assert_eq!(question.value.json(), &json!({"question": "ok?", "topic": "x and cats"}));
        let waiting = payloads(&asked, Values);
        assert_eq!(waiting.last().unwrap()["__interrupt__"], json!([question]));

        let answered = thread.command(AnyCommand::resume(answer));
        assert_eq!(payloads(&answered, Updates), [json!({"ask": {"joke": joke}})]);
        let expected = [json!({"topic": "x and cats"}), json!({"topic": "x and cats", "joke": joke})];
        assert_eq!(payloads(&answered, Values), expected);
    }
}

#[test]
fn approvals_are_answered_by_id_and_one_after_another() {
    let thread = Thread::new(approvals::graph());
    let asked = thread.run(approvals::Answers::update().out([] as [&str; 0])).finished.interrupts;
    let questions: Vec<_> = asked.iter().map(|question| question.value.json()).collect();
    assert_eq!(questions, ["a1", "b1"]);

    let both = json!({ (asked[0].id.clone()): "one", (asked[1].id.clone()): "bee" });
    let half = thread.command(AnyCommand::resume(both));
    let open = &half.finished.interrupts;
    assert_eq!(open[0].value.json(), "a2");
    let expected = [json!({"__interrupt__": [open[0]]}), json!({"ask_b": {"out": ["b:bee"]}})];
    assert_eq!(payloads(&half, Updates), expected);

    let whole = thread.command(open[0].answer(json!("two")));
    let expected = [
        json!(["values", {"out": []}]),
        json!(["updates", {"ask_b": {"out": ["b:bee"]}, "__metadata__": {"cached": true}}]),
        json!(["updates", {"ask_a": {"out": ["a:one,two"]}}]),
        json!(["values", {"out": ["a:one,two", "b:bee"]}]),
    ];
    assert_eq!(seen(&whole, [Updates, Values]), expected);
}

#[test]
fn deep_finds_its_answer_at_the_bottom() {
    let thread = Thread::new(deep::graph());
    let asked = thread.run(deep::Trail::update().out(Vec::new()));
    let question = json!({"__interrupt__": asked.finished.interrupts});
    assert_eq!(question["__interrupt__"][0]["value"], "how deep?");
    let expected = [
        json!(["updates", {"gp_one": {"out": ["gp_one"]}}]),
        json!(["updates|gp_two", {"p_one": {"out": ["gp_one", "p_one"]}}]),
        json!(["updates|gp_two|p_two", {"c_one": {"out": ["gp_one", "p_one", "c_one"]}}]),
        json!(["updates|gp_two|p_two", question]),
        json!(["updates|gp_two", question]),
        json!(["updates", question]),
    ];
    assert_eq!(seen(&asked, [Updates]), expected);

    let answered = thread.command(AnyCommand::resume(json!("very")));
    let bottom = json!({"out": ["gp_one", "p_one", "c_one", "bottom:very"]});
    let top = json!({"out": ["gp_one", "p_one", "c_one", "bottom:very", "gp_three"]});
    let expected = [
        json!(["values", {"out": ["gp_one"]}]),
        json!(["values|gp_two", {"out": ["gp_one", "p_one"]}]),
        json!(["values|gp_two|p_two", {"out": ["gp_one", "p_one", "c_one"]}]),
        json!(["updates|gp_two|p_two", {"c_two": bottom}]),
        json!(["values|gp_two|p_two", bottom]),
        json!(["updates|gp_two", {"p_two": bottom}]),
        json!(["values|gp_two", bottom]),
        json!(["updates", {"gp_two": bottom}]),
        json!(["values", bottom]),
        json!(["updates", {"gp_three": top}]),
        json!(["values", top]),
    ];
    assert_eq!(seen(&answered, [Updates, Values]), expected);
}
