//! Models and tools.

use std::sync::Arc;

use eddyline_engine::message::{ToolCallChunk, Usage};
use eddyline_engine::model::ModelRequest;
use eddyline_engine::prelude::*;
use eddyline_engine::project::protocol::Channel::{Lifecycle, Messages as Told, Tools, Values};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde_json::json;

use super::{Thread, check, lines};

/// Gives its pieces as they are; an error after them if it breaks.
#[derive(Clone)]
struct Scripted {
    pieces: Arc<[MessageChunk]>,
    breaks: bool,
}

impl ChatModel for Scripted {
    fn name(&self) -> &'static str {
        "Scripted"
    }

    fn stream(&self, _: ModelRequest) -> BoxStream<'static, Result<MessageChunk>> {
        let error = self.breaks.then(|| Err(NodeError::visible("ProviderError", "provider down")));
        let pieces: Vec<_> = self.pieces.iter().cloned().map(Ok).chain(error).collect();
        stream::iter(pieces).boxed()
    }
}

fn chat(pieces: Vec<MessageChunk>, breaks: bool) -> CompiledGraph<MessagesState> {
    let model = Scripted { pieces: pieces.into(), breaks };
    let node = move |state: MessagesState, ctx: NodeContext| {
        let model = model.clone();
        async move {
            let reply = ctx.chat(model).invoke(&state.messages).await?;
            Ok::<_, NodeError>(MessagesState::update().messages([reply]))
        }
    };
    StateGraph::<MessagesState>::new().node("llm", node).edge(START, "llm").compile().unwrap()
}

fn input() -> Value {
    json!({"messages": [{"type": "human", "content": "hi", "id": "h"}]})
}

#[tokio::test]
async fn an_answer_is_told_block_by_block_and_then_stands_in_the_state() {
    let last = MessageChunk::text("")
        .with_usage(Usage::new(7, 5))
        .with_response_metadata("finish_reason", "stop")
        .last();
    let mut thread =
        Thread::of(chat(vec![MessageChunk::text("Hello"), MessageChunk::text(" there"), last], false)).await;
    let events = thread.run(input()).await;
    check(
        &events,
        &[Told, Values, Lifecycle],
        &[
            r#"lifecycle [] {"event":"running","graph_name":"g"}"#,
            r#"values [] {"messages":[{"type":"human","content":"hi","id":"h"}]}"#,
            r#"messages [] {"event":"message-start","role":"ai","id":"…","run_id":"…"}"#,
            r#"messages [] {"event":"content-block-start","index":0,"content":{"type":"text","text":""},"id":"…","run_id":"…"}"#,
            r#"messages [] {"event":"content-block-delta","index":0,"delta":{"type":"text-delta","text":"Hello"},"id":"…","run_id":"…"}"#,
            r#"messages [] {"event":"content-block-delta","index":0,"delta":{"type":"text-delta","text":" there"},"id":"…","run_id":"…"}"#,
            r#"messages [] {"event":"content-block-finish","index":0,"content":{"type":"text","text":"Hello there"},"id":"…","run_id":"…"}"#,
            r#"messages [] {"event":"message-finish","usage":{"input_tokens":7,"output_tokens":5,"total_tokens":12},"metadata":{"finish_reason":"stop"},"id":"…","run_id":"…"}"#,
            r#"values [] {"messages":[{"type":"human","content":"hi","id":"h"},{"type":"ai","content":"Hello there","id":"…","response_metadata":{"finish_reason":"stop"},"usage_metadata":{"input_tokens":7,"output_tokens":5,"total_tokens":12}}]}"#,
            r#"lifecycle [] {"event":"completed","graph_name":"g"}"#,
        ],
    );
    let started = events.iter().find(|event| event.channel == Told).unwrap();
    let state = events.iter().rfind(|event| event.channel == Values).unwrap();
    assert_eq!(
        state.data["messages"][1]["id"], started.data["id"],
        "the id that streams is the id that is stored"
    );
    assert_eq!(started.node.as_deref(), Some("llm"));
}

#[tokio::test]
async fn an_answer_that_breaks_off_says_so() {
    let mut thread = Thread::of(chat(vec![MessageChunk::text("par")], true)).await;
    let told = lines(&thread.run(input()).await, &[Told, Lifecycle]);
    assert_eq!(
        told[3..],
        [
            r#"messages [] {"event":"content-block-delta","index":0,"delta":{"type":"text-delta","text":"par"},"id":"…","run_id":"…"}"#,
            r#"messages [] {"event":"error","message":"provider down","id":"…","run_id":"…"}"#,
            r#"lifecycle [] {"event":"failed","graph_name":"g","error":"provider down"}"#,
        ]
    );
}

#[tokio::test]
async fn a_graph_inside_tells_its_messages_in_its_namespace() {
    let outer = StateGraph::<MessagesState>::new()
        .node("worker", chat(vec![MessageChunk::text("Hello").last()], false))
        .edge(START, "worker")
        .compile()
        .unwrap();
    let mut thread = Thread::of(outer).await;
    let told = lines(&thread.run(input()).await, &[Told, Values, Lifecycle]);
    let order: Vec<String> = told
        .iter()
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let (method, ns) = (words.next().unwrap(), words.next().unwrap());
            let data: Value = serde_json::from_str(words.next().unwrap()).unwrap();
            format!("{method} {ns} {}", data["event"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        order,
        [
            "lifecycle [] running",
            "values [] ",
            "lifecycle [worker] started",
            "values [worker] ",
            "messages [worker] message-start",
            "messages [worker] content-block-start",
            "messages [worker] content-block-delta",
            "messages [worker] content-block-finish",
            "messages [worker] message-finish",
            "values [worker] ",
            "lifecycle [worker] completed",
            "values [] ",
            "lifecycle [] completed",
        ]
    );
}

/// A tool that talks while it works, in a graph that calls it and does nothing else.
fn tools(fails: bool) -> CompiledGraph<MessagesState> {
    let node = move |_: MessagesState, ctx: NodeContext| async move {
        let args = [("q".to_owned(), json!("rain"))].into_iter().collect();
        let call = ToolCall::new("streamy", args).with_id("call_1");
        let result = ctx
            .tool(&call, async |stream| {
                stream.write(json!("part1 ")).await;
                stream.write(json!({"n": 2})).await;
                if fails {
                    return Err(NodeError::visible("ValueError", "tool broke"));
                }
                Ok(Message::answer(&call, "result for rain"))
            })
            .await?;
        let asked = Message::ai("").with_tool_calls([call]).with_id("a");
        Ok::<_, NodeError>(MessagesState::update().messages([asked, result]))
    };
    StateGraph::<MessagesState>::new().node("tools", node).edge(START, "tools").compile().unwrap()
}

#[tokio::test]
async fn tools_are_told_and_their_answers_as_messages_of_their_own() {
    let mut thread = Thread::of(tools(false)).await;
    check(
        &thread.run(input()).await,
        &[Tools, Told],
        &[
            r#"tools [] {"event":"tool-started","tool_call_id":"call_1","tool_name":"streamy","input":{"q":"rain"}}"#,
            r#"tools [] {"event":"tool-output-delta","tool_call_id":"call_1","delta":"part1 "}"#,
            r#"tools [] {"event":"tool-output-delta","tool_call_id":"call_1","delta":"{\"n\":2}"}"#,
            r#"tools [] {"event":"tool-finished","tool_call_id":"call_1","output":{"content":"result for rain","additional_kwargs":{},"response_metadata":{},"type":"tool","name":"streamy","id":null,"tool_call_id":"call_1","artifact":null,"status":"success"}}"#,
            r#"messages [tools] {"event":"message-start","role":"tool","tool_call_id":"call_1","id":"tool-call_1","run_id":"…"}"#,
            r#"messages [tools] {"event":"content-block-start","index":0,"content":{"type":"text","text":""},"id":"tool-call_1","run_id":"…"}"#,
            r#"messages [tools] {"event":"content-block-delta","index":0,"delta":{"type":"text-delta","text":"result for rain"},"id":"tool-call_1","run_id":"…"}"#,
            r#"messages [tools] {"event":"content-block-finish","index":0,"content":{"type":"text","text":"result for rain"},"id":"tool-call_1","run_id":"…"}"#,
            r#"messages [tools] {"event":"message-finish","metadata":{},"id":"tool-call_1","run_id":"…"}"#,
        ],
    );
    let mut thread = Thread::of(tools(true)).await;
    let told = lines(&thread.run(input()).await, &[Tools, Lifecycle]);
    assert_eq!(
        told[told.len() - 2..],
        [
            r#"tools [] {"event":"tool-error","tool_call_id":"call_1","message":"tool broke"}"#,
            r#"lifecycle [] {"event":"failed","graph_name":"g","error":"tool broke"}"#,
        ]
    );
}

#[tokio::test]
async fn answers_that_come_at_the_same_time_can_be_told_apart() {
    let node = async |_: MessagesState, ctx: NodeContext| {
        let call = ToolCallChunk::args(0, "{}").with_name_and_id("f", "c");
        let pieces: Arc<[MessageChunk]> =
            vec![MessageChunk::text("a"), MessageChunk::tool_call(call).last()].into();
        let model = || Scripted { pieces: Arc::clone(&pieces), breaks: false };
        let ask = || ctx.chat(model()).invoke("hi");
        let (left, right) = futures_util::join!(ask(), ask());
        Ok::<_, NodeError>(MessagesState::update().messages([left?, right?]))
    };
    let graph = StateGraph::<MessagesState>::new().node("llm", node).edge(START, "llm").compile().unwrap();
    let mut thread = Thread::of(graph).await;
    let events = thread.run(input()).await;
    let told: Vec<_> = events.iter().filter(|event| event.channel == Told).collect();
    let of = |id: &Value| {
        told.iter()
            .filter(|event| event.data["id"] == *id)
            .map(|event| event.data["event"].clone())
            .collect::<Vec<_>>()
    };
    let starts: Vec<_> = told
        .iter()
        .filter(|event| event.data["event"] == "message-start")
        .map(|event| &event.data["id"])
        .collect();
    assert_eq!(starts.len(), 2);
    assert_eq!(of(starts[0]), of(starts[1]));
    assert_eq!(of(starts[0]).len() * 2, told.len());
}
