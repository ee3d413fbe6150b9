//! Runs, nested graphs, questions, errors and ends.

use eddyline_engine::prelude::*;
use eddyline_engine::project::protocol::Channel::{
    self, Checkpoints, Custom, Input, Lifecycle, Tasks, Updates, Values,
};
use eddyline_runtime::{CancelAction, CancelRun};
use serde_json::json;

use super::{Thread, check, lines, listen, request};

#[state]
struct Log {
    x: Option<String>,
    #[state(reduce = append)]
    log: Vec<String>,
}

const ALL: [Channel; 9] = [
    Channel::Values,
    Channel::Updates,
    Channel::Messages,
    Channel::Tools,
    Channel::Lifecycle,
    Channel::Input,
    Channel::Checkpoints,
    Channel::Tasks,
    Channel::Custom,
];

async fn a(_: Log) -> Update<Log> {
    Log::update().log(["a".to_owned()])
}

async fn b(_: Log) -> Update<Log> {
    Log::update().log(["b".to_owned()])
}

async fn ask(_: Log, ctx: NodeContext) -> Result<Update<Log>> {
    let answer: String = ctx.interrupt(json!({"question": "ok?"}))?;
    Ok(Log::update().log([format!("ans:{answer}")]))
}

async fn boom(_: Log) -> Result<Update<Log>> {
    Err(NodeError::visible("ValueError", "kaput"))
}

async fn never(_: Log) -> Update<Log> {
    std::future::pending().await
}

fn one<M>(name: &str, node: impl eddyline_engine::node::IntoNode<Log, M>) -> CompiledGraph<Log> {
    StateGraph::<Log>::new().node(name, node).edge(START, name).compile().unwrap()
}

fn two() -> CompiledGraph<Log> {
    StateGraph::<Log>::new().node("a", a).node("b", b).edge(START, "a").edge("a", "b").compile().unwrap()
}

#[tokio::test]
async fn a_graph_of_two_nodes() {
    let mut thread = Thread::of(two()).await;
    let first = thread.run(json!({"x": "hi"})).await;
    check(
        &first,
        &[Lifecycle, Values, Updates],
        &[
            r#"lifecycle [] {"event":"running","graph_name":"g"}"#,
            r#"values [] {"x":"hi","log":[]}"#,
            r#"updates [] {"a":{"log":["a"]}}"#,
            r#"values [] {"x":"hi","log":["a"]}"#,
            r#"updates [] {"b":{"log":["b"]}}"#,
            r#"values [] {"x":"hi","log":["a","b"]}"#,
            r#"lifecycle [] {"event":"completed","graph_name":"g"}"#,
        ],
    );
    check(
        &first,
        &[Checkpoints, Values],
        &[
            r#"checkpoints [] {"id":"…","step":-1,"source":"input"}"#,
            r#"checkpoints [] {"id":"…","parent_id":"…","step":0,"source":"loop"}"#,
            r#"values [] {"x":"hi","log":[]}"#,
            r#"checkpoints [] {"id":"…","parent_id":"…","step":1,"source":"loop"}"#,
            r#"values [] {"x":"hi","log":["a"]}"#,
            r#"checkpoints [] {"id":"…","parent_id":"…","step":2,"source":"loop"}"#,
            r#"values [] {"x":"hi","log":["a","b"]}"#,
        ],
    );
    check(
        &first,
        &[Tasks],
        &[
            r#"tasks [] {"id":"…","name":"a","input":{"x":"hi","log":[]},"triggers":["branch:to:a"]}"#,
            r#"tasks [] {"id":"…","name":"a","error":null,"result":{"log":["a"]},"interrupts":[]}"#,
            r#"tasks [] {"id":"…","name":"b","input":{"x":"hi","log":["a"]},"triggers":["branch:to:b"]}"#,
            r#"tasks [] {"id":"…","name":"b","error":null,"result":{"log":["b"]},"interrupts":[]}"#,
        ],
    );
    let second = thread.run(json!({"x": "ho"})).await;
    assert_eq!(second.len(), first.len());

    let names: Vec<String> =
        first.iter().chain(&second).filter_map(|event| Some(event.name.as_ref()?.to_string())).collect();
    let mut distinct = names.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
    assert!(names[0].starts_with("synth:") && names[0].ends_with(":lc||running"), "{names:?}");

    // Whoever comes later is told the same.
    thread.listener = listen(&thread.handle(), thread.id).await;
    thread.fold = eddyline_engine::project::protocol::Protocol::new();
    assert_eq!(thread.events().await, first);
    assert_eq!(thread.events().await, second);
}

#[tokio::test]
async fn graphs_inside_graphs_begin_and_end() {
    let mid = StateGraph::<Log>::new().node("deep", one("leaf", b)).edge(START, "deep").compile().unwrap();
    let mut thread = Thread::of(one("mid", mid)).await;
    check(
        &thread.run(json!({"x": "hi"})).await,
        &[Lifecycle, Values],
        &[
            r#"lifecycle [] {"event":"running","graph_name":"g"}"#,
            r#"values [] {"x":"hi","log":[]}"#,
            r#"lifecycle [mid] {"event":"started","namespace":["…"],"graph_name":"mid","trigger_call_id":"…"}"#,
            r#"values [mid] {"x":"hi","log":[]}"#,
            r#"lifecycle [mid/deep] {"event":"started","namespace":["…","…"],"graph_name":"deep","trigger_call_id":"…"}"#,
            r#"values [mid/deep] {"x":"hi","log":[]}"#,
            r#"values [mid/deep] {"x":"hi","log":["b"]}"#,
            r#"lifecycle [mid/deep] {"event":"completed","graph_name":"deep"}"#,
            r#"values [mid] {"x":"hi","log":["b"]}"#,
            r#"lifecycle [mid] {"event":"completed","graph_name":"mid"}"#,
            r#"values [] {"x":"hi","log":["b"]}"#,
            r#"lifecycle [] {"event":"completed","graph_name":"g"}"#,
        ],
    );
}

#[tokio::test]
async fn a_question_ends_the_run_and_its_answer_goes_on() {
    let mut thread = Thread::of(one("ask", ask)).await;
    let asked = thread.run(json!({"x": "1"})).await;
    check(
        &asked,
        &[Lifecycle, Values, Input, Updates],
        &[
            r#"lifecycle [] {"event":"running","graph_name":"g"}"#,
            r#"values [] {"x":"1","log":[]}"#,
            r#"values [] {"x":"1","log":[]}"#,
            r#"input.requested [] {"interrupt_id":"…","payload":{"question":"ok?"},"value":{"question":"ok?"}}"#,
            r#"lifecycle [] {"event":"interrupted","graph_name":"g"}"#,
        ],
    );
    let question = asked.iter().find(|event| event.channel == Input).unwrap();
    let id = question.data["interrupt_id"].as_str().unwrap();
    check(
        &thread.resume(json!({"resume": {id: "yes"}})).await,
        &[Lifecycle, Values, Input, Updates],
        &[
            r#"lifecycle [] {"event":"running","graph_name":"g"}"#,
            r#"input.answered [] {"interrupt_ids":["…"]}"#,
            r#"values [] {"x":"1","log":[]}"#,
            r#"updates [] {"ask":{"log":["ans:yes"]}}"#,
            r#"values [] {"x":"1","log":["ans:yes"]}"#,
            r#"lifecycle [] {"event":"completed","graph_name":"g"}"#,
        ],
    );
}

#[tokio::test]
async fn what_a_nested_graph_asks_is_asked_where_it_was_asked() {
    let mut thread = Thread::of(one("outer", one("ask", ask))).await;
    let asked = thread.run(json!({"x": "1"})).await;
    check(
        &asked,
        &[Lifecycle, Values, Input],
        &[
            r#"lifecycle [] {"event":"running","graph_name":"g"}"#,
            r#"values [] {"x":"1","log":[]}"#,
            r#"lifecycle [outer] {"event":"started","namespace":["…"],"graph_name":"outer","trigger_call_id":"…"}"#,
            r#"values [outer] {"x":"1","log":[]}"#,
            r#"values [outer] {"x":"1","log":[]}"#,
            r#"values [] {"x":"1","log":[]}"#,
            r#"input.requested [outer] {"interrupt_id":"…","payload":{"question":"ok?"},"value":{"question":"ok?"}}"#,
            r#"lifecycle [outer] {"event":"interrupted","graph_name":"outer"}"#,
            r#"lifecycle [] {"event":"interrupted","graph_name":"g"}"#,
        ],
    );
    let answered = thread.resume(json!({"resume": "yes"})).await;
    let started = r#"lifecycle [outer] {"event":"started","namespace":["…"],"graph_name":"outer","trigger_call_id":"…"}"#;
    assert!(lines(&answered, &[Lifecycle]).contains(&started.to_owned()), "{answered:#?}");
    let namespaces = |events: &[eddyline_engine::project::protocol::Event]| {
        events.iter().find(|event| event.ns.len() == 1).unwrap().ns.clone()
    };
    assert_eq!(namespaces(&asked), namespaces(&answered), "it is the same task");
}

#[tokio::test]
async fn several_questions_are_asked_and_answered_one_by_one() {
    let graph = StateGraph::<Log>::new()
        .node("p", ask)
        .node("q", ask)
        .edge(START, "p")
        .edge(START, "q")
        .compile()
        .unwrap();
    let mut thread = Thread::of(graph).await;
    let asked = thread.run(json!({"x": "1"})).await;
    let ids: Vec<_> = asked
        .iter()
        .filter(|event| event.channel == Input)
        .map(|event| event.data["interrupt_id"].clone())
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(lines(&asked, &[Lifecycle]).len(), 2, "one end for all of them");
    let again = thread.resume(json!({"resume": {ids[0].as_str().unwrap(): "r0"}})).await;
    let open: Vec<_> = again.iter().filter(|event| event.method == "input.requested").collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].data["interrupt_id"], ids[1]);
    assert!(lines(&again, &[Lifecycle]).last().unwrap().contains("interrupted"));
}

#[tokio::test]
async fn errors_are_told_as_texts() {
    let mut thread = Thread::of(one("outer", one("boom", boom))).await;
    check(
        &thread.run(json!({"x": "1"})).await,
        &[Lifecycle],
        &[
            r#"lifecycle [] {"event":"running","graph_name":"g"}"#,
            r#"lifecycle [outer] {"event":"started","namespace":["…"],"graph_name":"outer","trigger_call_id":"…"}"#,
            r#"lifecycle [outer] {"event":"failed","graph_name":"outer","error":"kaput"}"#,
            r#"lifecycle [] {"event":"failed","graph_name":"g","error":"kaput"}"#,
        ],
    );
}

#[tokio::test]
async fn every_run_that_began_ends_once_however_it_is_stopped() {
    for action in [CancelAction::Interrupt, CancelAction::Rollback] {
        let mut thread = Thread::of(one("never", never)).await;
        let input = Some(json!({"x": "1"}).into());
        let run = thread.start(super::StartRun { input, ..request() }).await;
        let mut events = thread.events_until(|body| matches!(body, super::Body::TaskStarted(_))).await;
        let cancel = CancelRun {
            thread_id: thread.id,
            run_id: run.run_id,
            action,
            reason: String::new(),
            wait: false,
        };
        thread.handle().cancel(cancel).await.unwrap();
        events.extend(thread.events().await);
        let told = lines(&events, &[Lifecycle, Input]);
        assert_eq!(
            told.last().unwrap(),
            r#"lifecycle [] {"event":"interrupted","graph_name":"g"}"#,
            "{told:?}"
        );
        assert_eq!(told.iter().filter(|line| line.contains("interrupted")).count(), 1);
    }
}

#[tokio::test]
async fn what_nodes_write_is_a_payload_with_a_name_or_without() {
    let node = async |_: Log, ctx: NodeContext| {
        ctx.write(json!({"progress": 1})).await?;
        ctx.write(json!({"name": "progress", "payload": {"n": 1}})).await?;
        ctx.write(json!({"name": "progress", "n": 2})).await?;
        ctx.write(json!("half")).await?;
        Ok::<_, NodeError>(Log::update())
    };
    let mut thread = Thread::of(one("writes", node)).await;
    let events = thread.run(json!({"x": "1"})).await;
    check(
        &events,
        &[Custom],
        &[
            r#"custom [] {"payload":{"progress":1}}"#,
            r#"custom [] {"name":"progress","payload":{"n":1}}"#,
            r#"custom [] {"name":"progress","n":2,"payload":{"name":"progress","n":2}}"#,
            r#"custom [] {"payload":"half"}"#,
        ],
    );
    let order = lines(&events, &ALL);
    assert!(order.first().unwrap().contains("running") && order.last().unwrap().contains("completed"));
}

/// Whoever comes when the beginning is forgotten is told less, and nothing else.
#[tokio::test]
async fn what_is_told_without_the_beginning_is_told_under_the_same_numbers() {
    let nested = StateGraph::<Log>::new().node("a", a).node("boom", boom).edge(START, "a").edge("a", "boom");
    let mut thread = Thread::of(one("outer", nested.compile().unwrap())).await;
    thread.run(json!({"x": "1"})).await;
    let whole = super::told_from(&thread.handle(), thread.id, 0).await;
    assert!(whole.windows(2).all(|pair| pair[0].0 < pair[1].0), "numbers grow");
    for unknown in 1.. {
        let told = super::told_from(&thread.handle(), thread.id, unknown).await;
        if told.is_empty() {
            assert!(unknown > 10);
            break;
        }
        for (seq, event) in told {
            let known = whole.iter().find(|(known, _)| *known == seq).expect("the number is known");
            // Of a run whose beginning is unknown, the graph is not known either.
            assert_eq!(
                (&known.1.channel, &known.1.ns, &known.1.name),
                (&event.channel, &event.ns, &event.name)
            );
            assert!(known.1.data == event.data || event.ns.is_empty() && event.channel == Lifecycle);
        }
    }
}
