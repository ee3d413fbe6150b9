//! A graph with a channel of every kind, and with packets, joins, a deferred node and questions.

use eddyline_engine::prelude::*;

/// A key of every kind.
#[state]
pub(super) struct Everything {
    last: String,
    #[state(reduce = append)]
    list: Vec<String>,
    #[state(reduce = add)]
    sum: i64,
    messages: Messages,
    #[state(reduce = i64::max)]
    greatest: i64,
    #[state(ephemeral)]
    once: Option<String>,
    #[state(untracked)]
    unkept: Option<String>,
    #[state(any)]
    any: Option<String>,
    #[state(topic)]
    #[serde(default)]
    news: Vec<String>,
    #[state(topic(accumulate))]
    #[serde(default)]
    archive: Vec<String>,
    #[state(managed = remaining_steps)]
    #[serde(default)]
    left: u64,
}

/// The keys, and what else is called by a number, in the order of the numbers, which begin with 1.
pub(super) const NAMES: [&str; 31] = [
    "last",
    "__start__",
    "messages",
    "branch:to:first",
    "__input__",
    "list",
    "first",
    "sum",
    "greatest",
    "once",
    "any",
    "news",
    "archive",
    "branch:to:one",
    "branch:to:late",
    "__pregel_tasks",
    "one",
    "branch:to:other",
    "join:one+other:join",
    "unkept",
    "other",
    "work",
    "join",
    "branch:to:ask",
    "branch:to:beside",
    "__answers__",
    "__resume__",
    "ask",
    "__interrupt__",
    "beside",
    "late",
];

/// What a worker is sent.
#[view]
struct Item {
    item: i64,
}

async fn first(state: Everything) -> Update<Everything> {
    let arguments = json!({"for": "rain", "deep": [1, null]}).as_object().cloned().unwrap_or_default();
    let said = Message::ai("well").with_tool_calls([ToolCall::new("search", arguments).with_id("call")]);
    Everything::update()
        .list(["a", "b"])
        .sum(2)
        .messages([said, Message::tool("sun", "call")])
        .greatest(7)
        .once("now".to_owned())
        .unkept("never".to_owned())
        .any("either".to_owned())
        .news(state.last.clone())
        .archive(state.last)
}

fn fan(_: Everything) -> Vec<SendTo> {
    [1, 2].map(|item| SendTo::new("work", Item { item })).into()
}

async fn work(task: Item) -> Update<Everything> {
    Everything::update().sum(task.item).archive(format!("item {}", task.item))
}

async fn log(_: Everything, ctx: NodeContext) -> Update<Everything> {
    Everything::update().list([ctx.node()])
}

async fn ask(_: Everything, ctx: NodeContext) -> Result<Update<Everything>> {
    let answer: String = ctx.interrupt(json!({"question": "ok?"}))?;
    Ok(Everything::update().last(answer))
}

pub(super) fn everything() -> Result<CompiledGraph<Everything>, CompileError> {
    StateGraph::<Everything>::new()
        .node("first", first)
        .node("work", work)
        .node("one", log)
        .node("other", log)
        .node("join", log)
        .node("ask", ask)
        .node("beside", log)
        .add(Node::new("late", log).defer())
        .edge(START, "first")
        .conditional_edges("first", fan, ["work"])
        .edge("first", "one")
        .edge("first", "late")
        .edge("one", "other")
        .edge(["one", "other"], "join")
        .edge("join", "ask")
        .edge("join", "beside")
        .compile()
}
