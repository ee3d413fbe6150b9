//! The state of one graph level: every cell with its version, and what each node has seen.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use crate::channel::Channel;
use crate::checkpoint::{Checkpoint, Version};
use crate::error::RunError;
use crate::graph::names::{BRANCH, SENDS};
use crate::graph::program::{ChannelIx, NodeIx, Program};
use crate::ids::Timestamp;
use crate::value::{Key, Object, Shared};

/// Cells, versions, and what has been seen of them.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "the cells are the cells")]
pub(crate) struct Cells {
    pub(crate) cells: Vec<Box<dyn Channel>>,
    pub(crate) versions: Vec<Version>,
    /// For each node that has run: the versions of its triggers when it did.
    pub(crate) seen: Vec<Option<Vec<(ChannelIx, Version)>>>,
    /// An input has been taken in.
    pub(crate) input_seen: bool,
    /// All versions at the last resume.
    pub(crate) resumed_at: Option<Vec<Version>>,
    /// What the last superstep changed and left available; `None` when that is not known.
    pub(crate) updated: Option<Vec<ChannelIx>>,
}

impl Clone for Cells {
    fn clone(&self) -> Self {
        Self {
            cells: self.cells.iter().map(|cell| cell.boxed_clone()).collect(),
            versions: self.versions.clone(),
            seen: self.seen.clone(),
            input_seen: self.input_seen,
            resumed_at: self.resumed_at.clone(),
            updated: self.updated.clone(),
        }
    }
}

const INPUT: &str = "__input__";
const INTERRUPT: &str = "__interrupt__";

impl Cells {
    /// Cells that nothing was written to.
    pub(crate) fn empty(program: &Program) -> Self {
        Self {
            cells: program.channels.iter().map(|channel| channel.empty.boxed_clone()).collect(),
            versions: vec![0; program.channels.len()],
            seen: vec![None; program.nodes.len()],
            input_seen: false,
            resumed_at: None,
            updated: None,
        }
    }

    /// The cells of a checkpoint. What the graph no longer has is left out.
    pub(crate) fn restore(program: &Program, checkpoint: &Checkpoint) -> Self {
        let mut cells = Self::empty(program);
        for (ix, channel) in program.channels.iter().enumerate() {
            if let Some(value) = checkpoint.values.get(&channel.name) {
                cells.cells[ix].restore(value);
            }
            cells.versions[ix] = checkpoint.versions.get(&channel.name).copied().unwrap_or_default();
        }
        for (name, versions) in &checkpoint.seen {
            let known = || versions.iter().filter_map(|(key, v)| Some((*program.index.get(key)?, *v)));
            match (&**name, program.node(name)) {
                (INPUT, _) => cells.input_seen = true,
                (INTERRUPT, _) => {
                    let mut seen = vec![0; program.channels.len()];
                    known().for_each(|(ix, version)| seen[ix] = version);
                    cells.resumed_at = Some(seen);
                }
                (_, Some(node)) => cells.seen[node] = Some(known().collect()),
                _ => {}
            }
        }
        cells.updated = checkpoint
            .updated
            .as_ref()
            .map(|names| names.iter().filter_map(|name| program.index.get(name).copied()).collect());
        cells
    }

    /// The nodes at which a checkpoint waits and that the graph does not have.
    pub(crate) fn missing_nodes(program: &Program, checkpoint: &Checkpoint) -> Vec<Key> {
        let triggered = checkpoint.values.keys().filter_map(|channel| channel.strip_prefix(BRANCH));
        let sent = checkpoint.values.get(SENDS).map(Shared::json).and_then(Value::as_array);
        let sent = sent.into_iter().flatten().filter_map(|packet| packet.get("node")?.as_str());
        let mut missing: Vec<Key> =
            triggered.chain(sent).filter(|node| program.node(node).is_none()).map(Key::from).collect();
        missing.sort();
        missing.dedup();
        missing
    }

    /// The cells as a checkpoint keeps them.
    pub(crate) fn checkpoint(&self, program: &Program, id: Uuid, created_at: Timestamp) -> Checkpoint {
        let name = |ix: ChannelIx| program.channel_name(ix).clone();
        let versioned = |versions: &[Version]| -> BTreeMap<Key, Version> {
            versions.iter().enumerate().filter(|(_, v)| **v > 0).map(|(ix, v)| (name(ix), *v)).collect()
        };
        let kept = (0..self.cells.len()).filter(|ix| self.versions[*ix] > 0 && program.channels[*ix].tracked);
        let mut seen: BTreeMap<Key, BTreeMap<Key, Version>> = BTreeMap::new();
        for (node, versions) in self.seen.iter().enumerate() {
            if let Some(versions) = versions {
                let versions = versions.iter().map(|(ix, version)| (name(*ix), *version)).collect();
                seen.insert(program.nodes[node].name.clone(), versions);
            }
        }
        if self.input_seen {
            seen.insert(INPUT.into(), BTreeMap::new());
        }
        if let Some(versions) = &self.resumed_at {
            seen.insert(INTERRUPT.into(), versioned(versions));
        }
        Checkpoint {
            id,
            created_at,
            values: kept.filter_map(|ix| Some((name(ix), self.cells[ix].checkpoint()?))).collect(),
            versions: versioned(&self.versions),
            seen,
            updated: self.updated.as_ref().map(|updated| {
                let mut names: Vec<Key> = updated.iter().map(|ix| name(*ix)).collect();
                names.sort();
                names
            }),
        }
    }

    /// A stored write of `channel` in the form in which its cell takes it.
    pub(crate) fn settle(&self, program: &Program, channel: &str, value: Shared) -> Shared {
        match program.index.get(channel) {
            Some(ix) => self.cells[*ix].settle(value),
            None => value,
        }
    }

    /// True once anything was ever written.
    pub(crate) fn is_used(&self) -> bool {
        self.versions.iter().any(|version| *version > 0)
    }

    /// The values of those channels that have one.
    pub(crate) fn read(&self, program: &Program, channels: &[ChannelIx]) -> Object {
        channels
            .iter()
            .filter_map(|ix| Some((program.channel_name(*ix).clone(), self.cells[*ix].get()?)))
            .collect()
    }

    /// As [`read`](Self::read), with `writes` applied to copies.
    pub(crate) fn read_ahead(
        &self,
        program: &Program,
        channels: &[ChannelIx],
        writes: &[(Key, Shared)],
        new_id: crate::channel::NewId<'_>,
    ) -> Result<Object, RunError> {
        let mut values = Vec::with_capacity(channels.len());
        for ix in channels {
            let name = program.channel_name(*ix);
            let mut written = writes.iter().filter(|(key, _)| key == name).map(|(_, value)| value).peekable();
            let value = if written.peek().is_some() {
                let written: Vec<Shared> = written.cloned().collect();
                let mut copy = self.cells[*ix].boxed_clone();
                copy.update(&written, &mut *new_id)?;
                copy.get()
            } else {
                self.cells[*ix].get()
            };
            values.extend(value.map(|value| (name.clone(), value)));
        }
        Ok(values.into_iter().collect())
    }

    /// No more packets wait for the next superstep than it may have tasks, and all values together have no more bytes
    /// than they may.
    pub(crate) fn check(
        &self,
        program: &Program,
        max_tasks: usize,
        max_bytes: usize,
    ) -> Result<(), RunError> {
        let tasks = self.cells[program.sends].items().map_or(0, <[_]>::len);
        if tasks > max_tasks {
            return Err(RunError::TooManyTasks { tasks, limit: max_tasks });
        }
        // What is remembered of values that grew is a bound: they are counted when it is passed.
        if self.bytes(Shared::bytes) <= max_bytes {
            return Ok(());
        }
        let bytes = self.bytes(Shared::count_bytes);
        if bytes > max_bytes { Err(RunError::StateTooLarge { bytes, limit: max_bytes }) } else { Ok(()) }
    }

    fn bytes(&self, of: fn(&Shared) -> usize) -> usize {
        let cells = self.cells.iter().map(|cell| match cell.items() {
            Some(items) => items.iter().map(of).sum(),
            None => cell.get().as_ref().map_or(0, of),
        });
        cells.sum()
    }

    /// Whether something happened since the last resume.
    pub(crate) fn moved_since_resume(&self) -> bool {
        match &self.resumed_at {
            Some(seen) => self.versions.iter().zip(seen).any(|(now, then)| now > then),
            None => self.is_used(),
        }
    }

    /// Whether `node` has something to do: a trigger that holds a value which it has not seen.
    pub(crate) fn triggers(&self, program: &Program, node: NodeIx) -> bool {
        let seen = self.seen[node].as_ref();
        program.nodes[node].triggers.iter().any(|trigger| {
            let last = seen.map_or(0, |seen| {
                seen.iter().find(|(ix, _)| ix == trigger).map_or(0, |(_, version)| *version)
            });
            self.cells[*trigger].is_available() && (seen.is_none() || self.versions[*trigger] > last)
        })
    }
}
