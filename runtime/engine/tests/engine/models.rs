//! Chat models inside nodes, and what of them streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use eddyline_engine::message::{ToolCallChunk, Usage};
use eddyline_engine::model::ModelRequest;
use eddyline_engine::prelude::*;
use eddyline_engine::project::Mode::{self, Messages as Growing, MessagesTuple, Tools, Updates};
use eddyline_engine::testing::World;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use crate::support::{Thread, check};

/// Gives its pieces as they are; an error after them if it has one.
struct Scripted {
    pieces: Vec<MessageChunk>,
    breaks: bool,
    /// Counts the streams that were dropped before their end.
    dropped: Arc<AtomicU32>,
}

struct Guard(Arc<AtomicU32>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl ChatModel for Scripted {
    fn name(&self) -> &'static str {
        "Scripted"
    }

    fn stream(&self, _: ModelRequest) -> BoxStream<'static, Result<MessageChunk>> {
        let error = self.breaks.then(|| Err(NodeError::visible("ProviderError", "overloaded")));
        let guard = Guard(self.dropped.clone());
        let pieces = self.pieces.clone().into_iter().map(Ok).chain(error);
        stream::iter(pieces)
            .map(move |piece| {
                let _ = &guard;
                piece
            })
            .boxed()
    }
}

fn graph(pieces: Vec<MessageChunk>, breaks: bool, tags: &'static [&'static str]) -> Thread<MessagesState> {
    let node = move |state: MessagesState, ctx: NodeContext| {
        let model = Scripted { pieces: pieces.clone(), breaks, dropped: Arc::default() };
        async move {
            let reply = ctx.chat(model).tags(tags.iter().copied()).invoke(&state.messages).await?;
            Ok::<_, NodeError>(MessagesState::update().messages([reply]))
        }
    };
    Thread::new(StateGraph::<MessagesState>::new().node("llm", node).edge(START, "llm").compile())
}

fn input() -> Update<MessagesState> {
    MessagesState::update().messages([Message::human("hi").with_id("h")])
}

/// What a run streams in one mode: id, content, type, position and whether tags show.
fn told(thread: &Thread<MessagesState>, mode: Mode) -> Vec<String> {
    let run = thread.input(input()).modes(mode);
    thread.world.block_on(
        run.map(|event| {
            let event = event.unwrap();
            let payload = event.data.payload();
            let message = match payload.as_array().map(Vec::as_slice) {
                Some([message, ..]) => message.clone(),
                _ => return event.name(),
            };
            let calls =
                message["tool_calls"].as_array().map(|calls| json!(calls).to_string()).unwrap_or_default();
            let id = message["id"].as_str().unwrap_or_default();
            let id = if id.starts_with("lc_run--") { "lc_run" } else { id };
            format!(
                "{} {id} {} {} {}{calls}",
                event.name(),
                message["type"],
                message["content"],
                message["chunk_position"]
            )
        })
        .collect::<Vec<_>>(),
    )
}

#[test]
fn pieces_without_ids_get_one_and_an_empty_last_piece_follows() {
    let pieces = vec![MessageChunk::text("Hel"), MessageChunk::text("lo").with_usage(Usage::new(1, 2))];
    let thread = graph(pieces, false, &[]);
    check(
        &told(&thread, MessagesTuple),
        &[
            r#"messages lc_run "AIMessageChunk" "Hel" null[]"#,
            r#"messages lc_run "AIMessageChunk" "lo" null[]"#,
            r#"messages lc_run "AIMessageChunk" "" "last"[]"#,
        ],
    );
    let saved = &thread.memory.history("")[0];
    let messages: Messages = saved.checkpoint.values["messages"].read().unwrap();
    assert_eq!((messages[1].text().as_ref(), messages[1].usage()), ("Hello", Some(&Usage::new(1, 2))));
    check(
        &told(&thread, Growing),
        &[
            "messages/metadata",
            r#"messages/partial lc_run "ai" "Hel" null[]"#,
            r#"messages/partial lc_run "ai" "Hello" null[]"#,
            r#"messages/partial lc_run "ai" "Hello" null[]"#,
        ],
    );
}

#[test]
fn fragments_of_a_tool_call_keep_their_index_and_add_up() {
    let piece = |args: &str| ToolCallChunk::args(0, args);
    let pieces = vec![
        MessageChunk::tool_call(piece("").with_name_and_id("f", "c1")),
        MessageChunk::tool_call(piece("{\"a\":")),
        MessageChunk::tool_call(piece("1}")).last(),
    ];
    let thread = graph(pieces, false, &[]);
    let lines = told(&thread, Growing);
    assert!(lines[3].ends_with(r#"[{"name":"f","args":{"a":1},"id":"c1","type":"tool_call"}]"#), "{lines:?}");
    assert_eq!(lines.len(), 4, "the model marked its last piece");
}

#[test]
fn a_silent_call_shows_only_as_the_message_that_the_node_returns() {
    let pieces = vec![MessageChunk::text("quiet").with_id("ai").last()];
    check(
        &told(&graph(pieces, false, &["nostream"]), MessagesTuple),
        &[r#"messages ai "ai" "quiet" null[]"#],
    );
}

#[test]
fn nobody_listening_means_one_answer_at_once() {
    let thread = graph(vec![MessageChunk::text("Hel"), MessageChunk::text("lo")], false, &[]);
    let state = thread.world.block_on(thread.input(input()).invoke()).unwrap();
    assert!(state.messages[1].id().unwrap().ends_with("-0"), "an answer that did not stream");
    let run = thread.input(input()).modes(Updates);
    let events = thread.world.block_on(run.collect::<Vec<_>>());
    assert_eq!(events.len(), 1);
}

#[test]
fn an_error_in_mid_stream_ends_the_node_with_the_provider_s_words() {
    let thread = graph(vec![MessageChunk::text("Hel")], true, &[]);
    let report = thread.observe(thread.input(input()));
    let failure = report.error().unwrap().failure();
    assert_eq!((&*failure.class, failure.public_message()), ("ProviderError", "overloaded"));
    let pieces = report.events.iter().filter(|event| event.data.name() == "messages").count();
    assert_eq!(pieces, 1, "what came before the error was told");
}

#[test]
fn dropping_the_stream_of_pieces_drops_the_request() {
    let dropped: Arc<AtomicU32> = Arc::default();
    let count = dropped.clone();
    let node = move |state: MessagesState, ctx: NodeContext| {
        let pieces = ["a", "b", "c"].map(|text| MessageChunk::text(text).with_id("ai")).to_vec();
        let model = Scripted { pieces, breaks: false, dropped: count.clone() };
        async move {
            let mut pieces = ctx.chat(model).stream(&state.messages);
            let first = pieces.next().await.unwrap()?;
            drop(pieces);
            Ok::<_, NodeError>(MessagesState::update().messages([first.into_message()]))
        }
    };
    let thread =
        Thread::new(StateGraph::<MessagesState>::new().node("llm", node).edge(START, "llm").compile());
    check(&told(&thread, MessagesTuple), &[r#"messages ai "AIMessageChunk" "a" null[]"#]);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

#[test]
fn a_model_in_a_nested_graph_streams_only_when_asked_for() {
    let pieces = vec![MessageChunk::text("deep").with_id("ai").last()];
    let inner = graph(pieces, false, &["inner"]).graph;
    let outer = StateGraph::<MessagesState>::new().node("sub", inner).edge(START, "sub").compile();
    let thread = Thread::new(outer);
    check(&told(&thread, MessagesTuple), &[r#"messages ai "ai" "deep" null[]"#]);
    let world = World::new();
    let run = world.run(&thread.graph, input()).modes(MessagesTuple).subgraphs();
    let events = world.block_on(run.collect::<Vec<_>>());
    let payload = events[0].as_ref().unwrap().data.payload();
    assert_eq!(events.len(), 1);
    assert!(events[0].as_ref().unwrap().name().starts_with("messages|sub:"));
    assert_eq!(payload[1]["tags"], json!(["inner"]));
    assert_eq!(payload[1]["langgraph_node"], "llm");
    let ns = payload[1]["langgraph_checkpoint_ns"].as_str().unwrap();
    assert_eq!(payload[1]["checkpoint_ns"].as_str().unwrap(), ns.split('|').next().unwrap());
}

#[test]
fn a_tool_tells_when_it_starts_what_it_says_and_how_it_ends() {
    async fn node(_: MessagesState, ctx: NodeContext) -> Result<()> {
        let call =
            ToolCall::new("search", json!({"q": 1}).as_object().cloned().unwrap_or_default()).with_id("c1");
        ctx.tool(&call, async |stream| {
            stream.write(json!("half")).await;
            Ok(Message::answer(&call, "found").with_id("t"))
        })
        .await?;
        let failed: Result<Message> =
            ctx.tool(&call, async |_| Err(NodeError::masked("Broken", "secret"))).await;
        assert!(failed.is_err());
        Ok(())
    }
    let thread = Thread::new(StateGraph::<MessagesState>::new().node("n", node).edge(START, "n").compile());
    check(
        &thread.lines(thread.input(input()), [Tools]),
        &[
            r#"tools {"event":"tool-started","tool_call_id":"c1","tool_name":"search","input":{"q":1}}"#,
            r#"tools {"event":"tool-output-delta","tool_call_id":"c1","delta":"half"}"#,
            r#"tools {"event":"tool-finished","tool_call_id":"c1","output":{"content":"found","additional_kwargs":{},"response_metadata":{},"type":"tool","name":"search","id":"t","tool_call_id":"c1","artifact":null,"status":"success"}}"#,
            r#"tools {"event":"tool-started","tool_call_id":"c1","tool_name":"search","input":{"q":1}}"#,
            r#"tools {"event":"tool-error","tool_call_id":"c1","message":"An internal error occurred"}"#,
        ],
    );
}
