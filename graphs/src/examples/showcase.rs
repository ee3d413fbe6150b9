//! A tour in one run: words of a model, a tool, a question to a person, a graph inside a node.
//!
//! Each node says on the stream when it begins and when it ends.

use eddyline_engine::prelude::*;
use serde_json::Map;

use crate::models::ScriptedModel;

/// What the tour collects.
#[state]
pub struct Tour {
    /// The conversation.
    pub messages: Messages,
    /// Set by the first node.
    pub value: Option<String>,
    /// One word for each stop.
    #[state(reduce = append)]
    pub items: Vec<String>,
}

/// What the graph inside the last node knows.
#[state]
pub struct Sub {
    /// What it did.
    #[state(reduce = append)]
    pub items: Vec<String>,
}

async fn starts(ctx: &NodeContext) -> Result<()> {
    ctx.write(json!({ "name": "progress", "step": ctx.node(), "phase": "start" })).await
}

async fn ends(ctx: &NodeContext) -> Result<()> {
    ctx.write(json!({ "name": "progress", "step": ctx.node(), "phase": "end" })).await
}

async fn stream_message(state: Tour, ctx: NodeContext) -> Result<Update<Tour>> {
    starts(&ctx).await?;
    let model = ScriptedModel::new([Message::ai("Hello, world!").with_id("ai-msg-1")]);
    let greeting = ctx.chat(model).invoke(&state.messages).await?;
    ends(&ctx).await?;
    Ok(Tour::update().messages([greeting]).value("x").items(["streamed"]))
}

async fn call_tool(_: Tour, ctx: NodeContext) -> Result<Update<Tour>> {
    starts(&ctx).await?;
    let args = Map::from_iter([("query".to_owned(), "v3".into())]);
    let call = ToolCall::new("search", args).with_id("call_1");
    let found = ctx.tool(&call, async |_| Ok(search(&call))).await?;
    let calling = Message::ai("").with_tool_calls([call]).with_id("ai-msg-2");
    ends(&ctx).await?;
    Ok(Tour::update().messages([calling, found]).items(["tool"]))
}

/// The tool: finds whatever it is asked for.
fn search(call: &ToolCall) -> Message {
    let query = call.args.get("query").and_then(Value::as_str).unwrap_or_default();
    Message::answer(call, format!("found {query}")).with_id("tool-msg-1")
}

/// On resume the node begins again, so its start is told twice.
async fn ask_human(_: Tour, ctx: NodeContext) -> Result<Update<Tour>> {
    starts(&ctx).await?;
    let answer: Value = ctx.interrupt("Are we good?")?;
    ctx.write(json!({ "name": "progress", "step": ctx.node(), "phase": "end", "answer": answer })).await?;
    Ok(Tour::update().items(["asked"]))
}

async fn run_subgraph(_: Tour, ctx: NodeContext) -> Result<Update<Tour>> {
    starts(&ctx).await?;
    let done = ctx.call(&sub()?, Sub::update()).await?;
    ends(&ctx).await?;
    Ok(Tour::update().items(done.items))
}

fn sub() -> Result<CompiledGraph<Sub>, CompileError> {
    let node = async |_: Sub| Sub::update().items(["sub"]);
    StateGraph::<Sub>::new().node("sub", node).edge(START, "sub").compile()
}

/// The graph.
pub fn graph() -> Result<CompiledGraph<Tour>, CompileError> {
    StateGraph::<Tour>::new()
        .node("stream_message", stream_message)
        .node("call_tool", call_tool)
        .node("ask_human", ask_human)
        .node("run_subgraph", run_subgraph)
        .edge(START, "stream_message")
        .edge("stream_message", "call_tool")
        .edge("call_tool", "ask_human")
        .edge("ask_human", "run_subgraph")
        .compile()
}
