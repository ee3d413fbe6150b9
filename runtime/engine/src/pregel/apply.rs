//! What the writes of a superstep make of a state (LangGraph's `apply_writes`).

use super::Cells;
use super::reserved::is_reserved;
use crate::channel::NewId;
use crate::checkpoint::Version;
use crate::error::RunError;
use crate::fact::TaskPath;
use crate::graph::program::{ChannelIx, NodeIx, Program};
use crate::value::{Key, Shared};

/// The writes of one task, with what the task says about itself.
#[derive(Debug)]
pub(crate) struct TaskWrites<'a> {
    pub(crate) path: &'a TaskPath,
    /// The node that has now seen its triggers; `None` for the input.
    pub(crate) node: Option<NodeIx>,
    /// The channels that triggered it: they count as consumed.
    pub(crate) triggers: &'a [ChannelIx],
    /// True for tasks that something triggered, be it a packet: they end a superstep.
    pub(crate) triggered: bool,
    pub(crate) writes: &'a [(Key, Shared)],
}

/// Applies the writes of `tasks` in the order of their paths, whatever finished first.
///
/// Every channel that changes gets the same new version. `cells.updated` tells afterwards which ones
/// changed and hold a value. On an error the cells are not to be used any further.
pub(crate) fn apply(
    program: &Program,
    cells: &mut Cells,
    tasks: &mut [TaskWrites<'_>],
    new_id: NewId<'_>,
) -> Result<(), RunError> {
    if tasks.len() > 1 {
        tasks.sort_by_cached_key(|task| task.path.text());
    }
    let ends_superstep = tasks.iter().any(|task| task.triggered);
    see(cells, tasks);
    let next = cells.versions.iter().max().copied().unwrap_or_default() + 1;
    for task in &*tasks {
        for &trigger in task.triggers {
            if cells.cells[trigger].consume() {
                cells.versions[trigger] = next;
            }
        }
    }
    let mut updated = write(program, cells, tasks, next, new_id)?;
    if ends_superstep {
        sweep(cells, &mut updated, next, new_id)?;
        if updated.iter().all(|channel| program.subscribers[*channel].is_empty()) {
            finish(cells, &mut updated, next);
        }
    }
    cells.updated = Some(updated);
    Ok(())
}

/// Each task has seen its triggers as they were before anything is written.
fn see(cells: &mut Cells, tasks: &[TaskWrites<'_>]) {
    for task in tasks {
        let Some(node) = task.node else {
            cells.input_seen = true;
            continue;
        };
        let mut seen = cells.seen[node].take().unwrap_or_default();
        for &trigger in task.triggers {
            let version = cells.versions[trigger];
            match seen.iter_mut().find(|(ix, _)| *ix == trigger) {
                Some(entry) => entry.1 = version,
                None if version > 0 => seen.push((trigger, version)),
                None => {}
            }
        }
        cells.seen[node] = Some(seen);
    }
}

/// Groups the writes by channel, in the order of the first write to each, and applies each group.
fn write(
    program: &Program,
    cells: &mut Cells,
    tasks: &[TaskWrites<'_>],
    next: Version,
    new_id: NewId<'_>,
) -> Result<Vec<ChannelIx>, RunError> {
    let mut groups: Vec<(ChannelIx, Vec<Shared>)> = Vec::new();
    for (key, value) in tasks.iter().flat_map(|task| task.writes) {
        let Some(&channel) = program.index.get(key).filter(|_| !is_reserved(key)) else { continue };
        match groups.iter_mut().find(|(ix, _)| *ix == channel) {
            Some((_, values)) => values.push(value.clone()),
            None => groups.push((channel, vec![value.clone()])),
        }
    }
    let mut updated = Vec::new();
    for (channel, values) in groups {
        if cells.cells[channel].update(&values, &mut *new_id)? {
            cells.versions[channel] = next;
            if cells.cells[channel].is_available() {
                updated.push(channel);
            }
        }
    }
    Ok(updated)
}

/// Tells every other cell that a superstep has passed without a write to it.
fn sweep(
    cells: &mut Cells,
    updated: &mut Vec<ChannelIx>,
    next: Version,
    new_id: NewId<'_>,
) -> Result<(), RunError> {
    for channel in 0..cells.cells.len() {
        let cell = &mut cells.cells[channel];
        if updated.contains(&channel) || !cell.is_available() {
            continue;
        }
        if cell.update(&[], &mut *new_id)? {
            cells.versions[channel] = next;
            if cell.is_available() {
                updated.push(channel);
            }
        }
    }
    Ok(())
}

/// Nothing is left to run: deferred nodes may.
fn finish(cells: &mut Cells, updated: &mut Vec<ChannelIx>, next: Version) {
    for (channel, cell) in cells.cells.iter_mut().enumerate() {
        if cell.finish() {
            cells.versions[channel] = next;
            if cell.is_available() {
                updated.push(channel);
            }
        }
    }
}
