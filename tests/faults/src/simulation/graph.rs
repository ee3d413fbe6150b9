//! The graph that simulated clients run: two nodes side by side, one that asks, one that holds a graph. What each
//! does, chance decides; what each has done is in the state, once.

use std::sync::Arc;

use eddyline::prelude::*;
use eddyline::runtime::RunStatus;
use eddyline::runtime::storage::{MemoryStorage, Read as _};
use eddyline::{Key, Shared, Which};
use serde_json::Value;
use uuid::Uuid;

use super::disk::{Rows, short};
use super::world::World;

/// The graph's id.
pub(super) const GRAPH: &str = "tour";

/// What was done, as `run:node`; the input brings the name of its run.
#[state]
pub(super) struct Tour {
    run: String,
    #[state(reduce = append)]
    done: Vec<String>,
}

/// `first → left and right → ask → nest → last`.
pub(super) fn graph(world: &Arc<World>) -> Result<CompiledGraph<Tour>, CompileError> {
    let inside = nested(world)?;
    let mut graph = StateGraph::<Tour>::new();
    for name in ["first", "left", "right", "last"] {
        let world = Arc::clone(world);
        graph = graph.node(name, move |state: Tour, ctx: NodeContext| work(Arc::clone(&world), state, ctx));
    }
    let asking = Arc::clone(world);
    let around = Arc::clone(world);
    graph
        .node("ask", move |state: Tour, ctx: NodeContext| ask(Arc::clone(&asking), state, ctx))
        .node("nest", move |state: Tour, ctx: NodeContext| {
            nest(Arc::clone(&around), inside.clone(), state, ctx)
        })
        .edge(START, "first")
        .edge("first", "left")
        .edge("first", "right")
        .edge(["left", "right"], "ask")
        .edge("ask", "nest")
        .edge("nest", "last")
        .compile()
}

/// `in → out`.
fn nested(world: &Arc<World>) -> Result<CompiledGraph<Tour>, CompileError> {
    let mut graph = StateGraph::<Tour>::new();
    for name in ["in", "out"] {
        let world = Arc::clone(world);
        graph = graph.node(name, move |state: Tour, ctx: NodeContext| work(Arc::clone(&world), state, ctx));
    }
    graph.edge(START, "in").edge("in", "out").compile()
}

async fn work(world: Arc<World>, state: Tour, ctx: NodeContext) -> Result<Update<Tour>, NodeError> {
    enter(&world, &state, &ctx).await;
    world.dawdle(20).await;
    if world.one_in(8) {
        ctx.write("on the way").await?;
    }
    if world.one_in(40) {
        return Err(NodeError::visible("ValueError", "by chance"));
    }
    leave(&world, &state, &ctx).await;
    Ok(did(&state, &ctx))
}

/// Asks none, one or two questions, as its run is called.
async fn ask(world: Arc<World>, state: Tour, ctx: NodeContext) -> Result<Update<Tour>, NodeError> {
    enter(&world, &state, &ctx).await;
    let questions = questions(&state.run);
    for number in 0..questions {
        let question = format!("{}?{number}", state.run);
        let answer: String = ctx.interrupt(question.clone())?;
        answered(&world, &question, &answer);
    }
    world.dawdle(20).await;
    leave(&world, &state, &ctx).await;
    Ok(did(&state, &ctx))
}

async fn nest(
    world: Arc<World>,
    inside: CompiledGraph<Tour>,
    state: Tour,
    ctx: NodeContext,
) -> Result<Update<Tour>, NodeError> {
    enter(&world, &state, &ctx).await;
    let input = Tour::update().run(state.run.clone()).done(Vec::<String>::new());
    let done = ctx.call(&inside, input).await?.done;
    if done != ["in", "out"].map(|node| format!("{}:{node}", state.run)) {
        world.broken(format!("the nested graph of {} did {done:?}", state.run));
    }
    leave(&world, &state, &ctx).await;
    Ok(did(&state, &ctx))
}

fn did(state: &Tour, ctx: &NodeContext) -> Update<Tour> {
    Tour::update().done([format!("{}:{}", state.run, ctx.node())])
}

/// How many questions the run of this name asks.
fn questions(run: &str) -> usize {
    run.bytes().map(usize::from).sum::<usize>() % 3
}

/// A node begins.
async fn enter(world: &Arc<World>, state: &Tour, ctx: &NodeContext) {
    side_effect(world, "enters", state, ctx).await;
    let execution = ctx.execution();
    let Some(thread_id) = execution.thread_id.as_deref().and_then(|id| Uuid::parse_str(id).ok()) else {
        return;
    };
    let rows = Rows::of(world, thread_id);
    let others = rows.runs.iter().filter(|run| run.status == RunStatus::Running);
    let others: Vec<Uuid> = others.map(|run| run.run_id).filter(|run| *run != execution.run_id).collect();
    if !others.is_empty() {
        world.broken(format!("{} begins while {others:?} are under way", ctx.node()));
    }
    let level: Key = execution.checkpoint_ns.rsplit_once('|').map_or("", |(level, _)| level).into();
    let from = Which::Id(execution.checkpoint_id);
    let from = world.memory.clone().checkpoint(thread_id, &level, from).expect("memory reads");
    let mut writes = from.iter().flat_map(|saved| &saved.writes);
    if writes.any(|write| write.task == execution.task_id && write.index >= 0) {
        world.broken(format!("{} of {} begins, although what it wrote is stored", ctx.node(), state.run));
    }
}

async fn leave(world: &Arc<World>, state: &Tour, ctx: &NodeContext) {
    side_effect(world, "leaves", state, ctx).await;
}

async fn side_effect(world: &Arc<World>, what: &str, state: &Tour, ctx: &NodeContext) {
    if world.is_dead() {
        std::future::pending::<()>().await;
    }
    let run_id = ctx.execution().run_id;
    let (node, run, attempt) = (ctx.node(), &state.run, &ctx.metadata()["run_attempt"]);
    world.happened(format!("{node} of {run} {what} in run {} attempt {attempt}", short(run_id)));
    let is_over = world.notes().over.contains(&run_id);
    if is_over {
        world.broken(format!("{node} {what} in run {}, which is over", short(run_id)));
    }
}

/// A question was answered: it is the one that was open when the answer was taken in.
fn answered(world: &World, question: &str, answer: &str) {
    let meant = world.notes().asked.get(answer).and_then(|asked| asked.question.clone());
    if meant.as_deref().is_some_and(|meant| meant != question) {
        world.broken(format!("{answer} answers {question}, and was meant for {meant:?}"));
    }
}

/// What a state says was done.
pub(super) fn done(value: Option<&Shared>) -> Vec<String> {
    let list = value.and_then(|value| value.json().as_array().cloned()).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What was done on a thread, as its newest checkpoint has it.
pub(super) fn newest(memory: &MemoryStorage, thread_id: Uuid) -> Vec<String> {
    let newest = memory.clone().checkpoint(thread_id, &"".into(), Which::Newest).expect("memory reads");
    done(newest.as_ref().and_then(|saved| saved.checkpoint.values.get("done")))
}

/// Whether all that a run has to do was done, in order and once.
pub(super) fn is_whole(done: &[String], run: &str) -> bool {
    let nodes = ["first", "left", "right", "ask", "nest", "last"].map(|node| format!("{run}:{node}"));
    steps(done, run) == [&[run.to_owned()][..], &nodes].concat()
}

/// Whether what was done of a run was done in order and once. A change by hand may have left something out.
pub(super) fn is_in_order(done: &[String], run: &str) -> bool {
    let nodes =
        ["", ":first", ":left", ":right", ":ask", ":nest", ":last"].map(|node| format!("{run}{node}"));
    let mut rest = nodes.iter();
    steps(done, run).iter().all(|step| rest.any(|node| node == step))
}

/// What was done of a run.
fn steps(done: &[String], run: &str) -> Vec<String> {
    let of_run = |step: &&String| step.split(':').next() == Some(run);
    done.iter().filter(of_run).cloned().collect()
}
