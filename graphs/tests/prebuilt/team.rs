//! A supervisor that hands over, and conversations that are made short.

use eddyline_engine::message::Role;
use eddyline_engine::prelude::*;
use eddyline_engine::project::Data;
use eddyline_engine::testing::run;
use eddyline_graphs::prebuilt::{Agent, AgentState, Summary, Supervisor};
use eddyline_graphs::tools::Tool;

use crate::support::{Scripted, Thread, asks, call, said};

fn input() -> Update<MessagesState> {
    MessagesState::update().messages(["2 + 2, in verse"])
}

fn handover(id: &str, agent: &str) -> ToolCall {
    call(id, &format!("transfer_to_{agent}"), json!({}))
}

fn agent(answer: &str) -> CompiledGraph<AgentState> {
    Agent::with_model(Scripted::new([Message::ai(answer)])).compile().expect("an agent compiles")
}

fn team(model: &Scripted) -> Supervisor {
    Supervisor::with_model(model.clone()).prompt("You lead.").agent("sums", "Does sums.", agent("4")).agent(
        "verse",
        "Writes verse.",
        agent("four, no more"),
    )
}

#[test]
fn it_hands_over_to_one_agent_after_another() {
    let model =
        Scripted::new([asks([handover("1", "sums")]), asks([handover("2", "verse")]), Message::ai("there")]);
    let report = run(&team(&model).compile().unwrap(), input());
    assert_eq!(report.nodes(), ["supervisor", "sums", "supervisor", "verse", "supervisor"]);
    let expected = [
        json!(["human", "2 + 2, in verse"]),
        json!(["ai", ""]),
        json!(["1", "Successfully transferred to sums", "success"]),
        json!(["ai", "4"]),
        json!(["ai", ""]),
        json!(["2", "Successfully transferred to verse", "success"]),
        json!(["ai", "four, no more"]),
        json!(["ai", "there"]),
    ];
    assert_eq!(said(&report.values().messages), expected);
    let asked = &model.asked()[0];
    let tools: Vec<_> = asked.tools.iter().map(|tool| json!([&*tool.name, tool.description])).collect();
    let expected = [
        json!(["transfer_to_sums", "Hands the conversation over to sums. Does sums."]),
        json!(["transfer_to_verse", "Hands the conversation over to verse. Writes verse."]),
    ];
    assert_eq!(tools, expected);
    assert_eq!(asked.messages[0].text(), "You lead.");
}

#[test]
fn what_agents_say_streams_under_their_names() {
    let model = Scripted::new([asks([handover("1", "sums")]), Message::ai("there")]);
    let report = run(&team(&model).compile().unwrap(), input());
    let spoke = report.events.iter().filter_map(|event| match &event.data {
        Data::Messages { chunk, metadata } if chunk["content"] != "" => {
            Some(json!([event.ns.first().map(|level| level.split(':').next()), metadata["langgraph_node"]]))
        }
        _ => None,
    });
    let expected = [json!([null, "supervisor"]), json!(["sums", "model"]), json!([null, "supervisor"])];
    assert_eq!(spoke.collect::<Vec<_>>(), expected);
}

#[test]
fn several_handovers_at_once_and_unknown_ones_are_answered() {
    let both = asks([handover("1", "sums"), handover("2", "verse")]);
    let model = Scripted::new([asks([handover("0", "nobody")]), both, Message::ai("there")]);
    let report = run(&team(&model).compile().unwrap(), input());
    assert_eq!(report.nodes(), ["supervisor", "supervisor", "sums", "supervisor"]);
    let answers = said(&report.values().messages);
    assert_eq!(answers[2], json!(["0", "Error: there is no such agent", "error"]));
    assert_eq!(answers[4], json!(["1", "Successfully transferred to sums", "success"]));
    assert_eq!(answers[5], json!(["2", "Error: the conversation goes to sums first", "error"]));
}

#[test]
fn it_says_so_when_it_is_out_of_turns() {
    let model = Scripted::new([asks([handover("1", "sums")]), asks([handover("2", "verse")])]);
    let report = run(&team(&model).max_turns(1).compile().unwrap(), input());
    assert_eq!(report.nodes(), ["supervisor", "sums", "supervisor"]);
    let last = report.values().messages.last().unwrap().clone();
    assert_eq!(last.text(), "Sorry, need more steps to process this request.");
}

#[test]
fn an_agent_of_the_team_may_ask_a_person() {
    async fn ask(_: MessagesState, ctx: NodeContext) -> Result<Update<MessagesState>> {
        let answer: String = ctx.interrupt("ok?")?;
        Ok(MessagesState::update().messages([Message::ai(answer)]))
    }
    let asking = StateGraph::<MessagesState>::new().node("ask", ask).edge(START, "ask").compile().unwrap();
    let model = Scripted::new([asks([handover("1", "asking")]), Message::ai("there")]);
    let thread = Thread::new(Supervisor::with_model(model).agent("asking", "Asks.", asking).compile());
    let asked = thread.run(input()).finished.interrupts;
    let report = thread.answer(asked[0].answer(json!("fine")));
    let texts: Vec<_> = report.values().messages.iter().skip(3).map(|m| m.text().into_owned()).collect();
    assert_eq!(texts, ["fine", "there"]);
}

#[test]
fn an_agent_does_not_count_the_turns_of_others() {
    #[view]
    struct Nothing {}
    let add = Tool::new("add", "Adds.", async |_: Nothing| Ok("4"));
    let script = Scripted::new([asks([call("2", "add", json!({}))]), Message::ai("it is 4")]);
    let sums = Agent::with_model(script).tool(add).max_turns(2).compile().unwrap();
    let model = Scripted::new([asks([handover("1", "sums")]), Message::ai("there")]);
    let report = run(&Supervisor::with_model(model).agent("sums", "", sums).compile().unwrap(), input());
    let texts: Vec<_> = report.values().messages.iter().skip(3).map(|m| m.text().into_owned()).collect();
    assert_eq!(texts, ["", "4", "it is 4", "there"]);
}

#[test]
fn a_team_draws_itself() {
    let drawn = team(&Scripted::new([])).compile().unwrap().graph().mermaid(0);
    for edge in
        ["sums --> supervisor", "verse --> supervisor", "supervisor -.-> sums", "supervisor -.-> verse"]
    {
        assert!(drawn.contains(edge), "{drawn}");
    }
}

/// Three turns with a tool each, and what the agent's model hears of it.
fn shortened(summary: impl Fn(Scripted) -> Summary) -> (Vec<String>, Vec<Vec<String>>, Vec<Message>) {
    let old = (0..3).flat_map(|n| {
        let id = format!("call_{n}");
        let asking = asks([call(&id, "f", json!({"x": n}))]).with_id(format!("a{n}"));
        [Message::human(format!("question {n}")), asking, Message::tool(format!("found {n}"), id)]
    });
    let (writer, model) = (Scripted::new([Message::ai("in short")]), Scripted::new([Message::ai("done")]));
    let agent = Agent::with_model(model.clone())
        .before_model("shorten", summary(writer.clone()))
        .compile()
        .expect("an agent compiles");
    let report = run(&agent, AgentState::update().messages(old.collect::<Vec<_>>()));
    let spoken = report.events.iter().filter_map(|event| match &event.data {
        Data::Messages { chunk, .. } => Some(chunk["content"].as_str()?.to_owned()),
        _ => None,
    });
    assert!(
        !spoken.collect::<Vec<_>>().contains(&"in short".to_owned()),
        "a summary is not for those who listen"
    );
    let heard = model.heard().remove(0);
    (heard, writer.heard(), report.values().messages.iter().cloned().collect())
}

#[test]
fn the_beginning_of_a_long_conversation_becomes_a_summary() {
    let (heard, written, messages) = shortened(|writer| Summary::with_model(writer).over(50).keep(4));
    let summary = "Here is a summary of the conversation to date:\n\nin short";
    // The fourth message from the end answers a call, so the call stays too.
    assert_eq!(heard, [summary, "", "found 1", "question 2", "", "found 2"]);
    assert_eq!(written[0][..4], ["question 0", "", "found 0", "question 1"]);
    assert!(written[0][4].starts_with("Summarise the conversation") && written[0].len() == 5);
    assert_eq!(messages.len(), 7);
    assert_eq!((messages[0].role(), messages[6].text()), (Role::Human, "done".into()));
}

#[test]
fn a_short_one_stays_as_it_is() {
    let cases: [fn(Scripted) -> Summary; 2] = [
        |writer| Summary::with_model(writer).over(5_000).keep(1),
        |writer| Summary::with_model(writer).over(1).keep(9),
    ];
    for summary in cases {
        let (heard, written, messages) = shortened(summary);
        assert_eq!((heard.len(), written.len(), messages.len()), (9, 0, 10));
    }
}
