//! One attempt at a task: the node, then what its return value writes, then where its routes lead.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::Value;

use super::Cells;
use super::writes::{self, WriteList, check_sends, settle_messages, shown, write_node};
use crate::channel::NewId;
use crate::command::{AnyCommand, END, Goto, START};
use crate::error::{Kind, NodeError};
use crate::fact::Body;
use crate::graph::Graph;
use crate::graph::names::SENDS;
use crate::graph::program::{BranchSpec, NodeIx, Program};
use crate::node::{NodeContext, Output, Returned, lock};
use crate::state::Writes;
use crate::value::Shared;

/// How an attempt ended. A failed one may have written before it failed: its routes run last.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) writes: WriteList,
    /// What the node returned, for event streams; `None` when nobody wants to know or it did not return.
    pub(crate) output: Option<Shared>,
    pub(crate) result: Result<(), NodeError>,
}

impl Ended {
    pub(crate) fn failed(error: NodeError) -> Self {
        Self { writes: Vec::new(), output: None, result: Err(error) }
    }
}

/// What an attempt needs.
pub(crate) struct Run {
    pub(crate) graph: Graph,
    pub(crate) node: NodeIx,
    /// The state as it is while the superstep runs.
    pub(crate) cells: Arc<Cells>,
    pub(crate) ctx: NodeContext,
}

/// Runs a node once. Its panic is an error, and so is that of a route.
pub(crate) async fn run(run: Run) -> Ended {
    let ctx = run.ctx.clone();
    let ended = AssertUnwindSafe(run.execute()).catch_unwind().await;
    let mut ended = ended.unwrap_or_else(|panic| Ended::failed(panicked(&ctx, &*panic)));
    let recorded = std::mem::take(&mut lock(&ctx.env().scratch).recorded);
    let answers = recorded.into_iter().map(|answers| {
        let list = Value::Array(answers.iter().map(|answer| answer.json().clone()).collect());
        (super::reserved::RESUME.into(), Shared::from(list))
    });
    ended.writes.splice(0..0, answers);
    ended
}

fn panicked(ctx: &NodeContext, panic: &(dyn Any + Send)) -> NodeError {
    let text = crate::error::panic_text(panic);
    NodeError::masked("NodePanicked", format!("node `{}` panicked: {text}", ctx.node()))
}

impl Run {
    async fn execute(self) -> Ended {
        let spec = &self.graph.0.nodes[self.node];
        let input = self.ctx.env().info.input.clone();
        let output = match spec.node.run(input, self.ctx.clone()).await {
            Ok(output) => output,
            Err(error) => match deliver(error) {
                Ok(command) => command,
                Err(error) => return Ended::failed(error),
            },
        };
        if let Some(command) = to_parent(&output, self.ctx.node()) {
            return Ended::failed(command.map_or_else(|error| error, NodeError::parent));
        }
        let wanted = self.ctx.env().level.host.interest().facts && !spec.hidden;
        let shown = wanted.then(|| shown(&output));
        let mut writes = match write_node(&self.graph.0, self.node, output) {
            Ok(writes) => writes,
            Err(error) => return Ended::failed(error),
        };
        let pushed = std::mem::take(&mut lock(&self.ctx.env().scratch).pushed);
        writes.splice(0..0, pushed);
        settle_messages(&mut writes, &mut || self.ctx.new_id());
        let mut result = check_sends(&writes, self.ctx.node());
        for branch in &spec.branches {
            if result.is_ok() {
                result = self.branch(branch, shown.as_ref(), &mut writes).await;
            }
        }
        if result.is_ok() {
            result = check_sends(&writes, self.ctx.node());
        }
        Ended { writes, output: shown.filter(|_| result.is_ok()), result }
    }

    /// Evaluates one conditional edge on the state with the task's own writes in it.
    async fn branch(
        &self,
        branch: &BranchSpec,
        shown: Option<&Shared>,
        writes: &mut WriteList,
    ) -> Result<(), NodeError> {
        let (state, targets) = choose(&self.graph.0, branch, &self.cells, writes, &mut || self.ctx.new_id())?;
        if shown.is_some() {
            let output = match targets.as_slice() {
                [one] => serde_json::to_value(one)?,
                many => serde_json::to_value(many)?,
            };
            let (task, name) = (self.ctx.env().info.clone(), branch.route.name.clone());
            self.ctx.emit(Body::Branch { task, name, input: state, output }).await;
        }
        follow(&self.graph.0, branch, targets, writes)
    }
}

/// Where a route leads, with the state that it saw: the cells with `writes` in them.
pub(crate) fn choose(
    program: &Program,
    branch: &BranchSpec,
    cells: &Cells,
    writes: &WriteList,
    new_id: NewId<'_>,
) -> Result<(Shared, Vec<Goto>), NodeError> {
    let reads = branch.reads.as_ref().unwrap_or(&program.state_keys);
    let state = cells.read_ahead(program, reads, writes, new_id);
    let state = Shared::from(state.map_err(crate::error::RunError::into_node_error)?);
    let targets = (branch.route.choose)(&state)?;
    Ok((state, targets))
}

/// Adds the writes that go where a route points.
pub(crate) fn follow(
    program: &Program,
    branch: &BranchSpec,
    targets: Vec<Goto>,
    writes: &mut WriteList,
) -> Result<(), NodeError> {
    for target in targets {
        writes.extend(destination(program, branch, target)?);
    }
    Ok(())
}

/// The write that goes where a route points; none for the end.
fn destination(
    program: &Program,
    branch: &BranchSpec,
    target: Goto,
) -> Result<Option<(crate::value::Key, Shared)>, NodeError> {
    let name = match target {
        Goto::Send(send) if &*send.node == END => {
            return Err(NodeError::visible("InvalidUpdateError", "Cannot send a packet to the END node"));
        }
        Goto::Send(send) => return Ok(Some((SENDS.into(), send.into()))),
        Goto::Node(name) => name,
    };
    let name = match &branch.map {
        Some(map) => {
            let found = map.iter().find(|(label, _)| *label == name).map(|(_, node)| node.clone());
            found.ok_or_else(|| NodeError::visible("KeyError", format!("'{name}'")))?
        }
        None => name,
    };
    match &*name {
        START | "" => Err(NodeError::visible("ValueError", "Branch did not return a valid destination")),
        END => Ok(None),
        name => Ok(Some((program.route_to(name), Shared::null()))),
    }
}

/// A command that came up from a nested graph counts as what its node returned.
fn deliver(error: NodeError) -> Result<Output, NodeError> {
    match error.into_kind() {
        Kind::Delivered(AnyCommand { update, goto, .. }) => {
            let update = update.map(|pairs| {
                pairs.into_iter().map(|(key, value)| (key.to_string(), value)).collect::<Writes>()
            });
            Ok(Output(Returned::Command { parent: false, update, goto }))
        }
        other => Err(NodeError::from_kind(other)),
    }
}

/// The command to the graph around this one, if that is what the node returned.
fn to_parent(output: &Output, node: &str) -> Option<Result<AnyCommand, NodeError>> {
    let one = |output: &Output| match &output.0 {
        Returned::Command { parent: true, update, goto } => {
            let update = update.clone().map(|update| writes::pairs_of(update, node)).transpose();
            Some(update.map(|update| AnyCommand { parent: false, update, resume: None, goto: goto.clone() }))
        }
        _ => None,
    };
    match &output.0 {
        Returned::Many(outputs) => outputs.iter().find_map(one),
        _ => one(output),
    }
}
