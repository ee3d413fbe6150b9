//! One task of a superstep: what has become of it, as it is stored, and as listeners are told.

use std::sync::Arc;

use serde_json::Value;

use super::level::Level;
use crate::checkpoint::PendingWrite;
use crate::command::{Interrupt, SendTo};
use crate::fact::{Body, Failure, TaskEnd};
use crate::graph::program::Program;
use crate::pregel::{Planned, WriteList, reserved};
use crate::value::{Key, Object, Shared};

/// A task and what has become of it.
pub(super) struct Slot {
    pub(super) task: Planned,
    /// `None` until it has ended.
    pub(super) writes: Option<WriteList>,
    /// It did not run: its writes were stored or cached.
    pub(super) restored: bool,
    pub(super) handles: Option<(Key, Failure)>,
}

/// What streams are told of an end beside the writes.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) restored: bool,
    pub(super) output: Option<Shared>,
    pub(super) failure: Option<Failure>,
    pub(super) waiting: Option<(Vec<Interrupt>, Object)>,
}

impl Level {
    /// The writes of a task as they are stored.
    pub(super) fn rows(&self, slot: &Slot) -> Vec<PendingWrite> {
        if !self.saver.keeps() {
            return Vec::new();
        }
        let program = self.program();
        let path: Key = slot.task.info.path.text().into();
        let tracked = |key: &Key| program.index.get(key).is_none_or(|ix| program.channels[*ix].tracked);
        let writes = slot.writes.iter().flatten().enumerate().filter(|(_, (channel, _))| tracked(channel));
        let mut rows: Vec<PendingWrite> = writes
            .map(|(place, (channel, value))| PendingWrite {
                task: slot.task.info.id,
                index: reserved::slot(channel).unwrap_or_else(|| i32::try_from(place).unwrap_or(i32::MAX)),
                channel: channel.clone(),
                value: without_untracked(program, value),
                path: path.clone(),
            })
            .collect();
        // Of several answers the last holds all; the slot keeps that one.
        let answers = rows.iter().filter(|row| &*row.channel == reserved::RESUME).count();
        let mut earlier = answers.saturating_sub(1);
        rows.retain(|row| {
            let drop = earlier > 0 && &*row.channel == reserved::RESUME;
            earlier -= usize::from(drop);
            !drop
        });
        rows
    }

    /// Tells listeners how a task ended.
    pub(super) async fn tell_end(&self, slot: &Slot, shown: Shown) {
        if slot.task.info.hidden {
            return;
        }
        self.tell(|| {
            let writes = slot.writes.as_deref().unwrap_or_default();
            let failed_at_once = writes.first().is_some_and(|(channel, _)| &**channel == reserved::ERROR);
            let keys = writes.iter().filter(|(key, _)| self.program().is_key(key));
            let end = Arc::new(TaskEnd {
                task: slot.task.info.clone(),
                written: keys.cloned().collect(),
                output_keys: self.output_names.clone(),
                updates: !failed_at_once,
                output: shown.output,
                failure: shown.failure,
                waiting: shown.waiting,
            });
            if shown.restored { Body::TaskRestored(end) } else { Body::TaskFinished(end) }
        })
        .await;
    }
}

/// A packet without the keys that are never stored; any other value as it is.
fn without_untracked(program: &Program, value: &Shared) -> Shared {
    let untracked = |key: &str| program.index.get(key).is_some_and(|ix| !program.channels[*ix].tracked);
    let Some(send) = value.send() else { return value.clone() };
    match send.args.json() {
        Value::Object(map) if map.keys().any(|key| untracked(key)) => {
            let kept = map.iter().filter(|(key, _)| !untracked(key));
            let args: Value = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
            SendTo { args: args.into(), ..send.clone() }.into()
        }
        _ => value.clone(),
    }
}
