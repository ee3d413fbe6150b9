//! What is remembered of the threads that were met last: what was just written is not read again.
//!
//! True only of a session beside which nobody writes, and only of what is stored: whoever takes a transaction back
//! forgets all of it.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use super::heads::Heads;
use super::names::Names;
use super::threads::Lasting;

/// What a session remembers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) names: Names,
    pub(super) heads: Heads,
    pub(super) rows: Rows,
}

/// Bytes that rows may weigh; then all are forgotten, and read again when they are needed.
const ROOM: usize = 16 << 20;

/// What a row weighs beside what it says.
const OVERHEAD: usize = 256;

/// How many texts of a thread are remembered: what two kinds of runs are told, and what their checkpoints say.
const TEXTS: usize = 4;

/// What the rows of threads say.
#[derive(Debug, Default)]
pub(super) struct Rows {
    found: HashMap<Uuid, (i64, u64)>,
    by_key: HashMap<i64, Row>,
    weight: usize,
}

#[derive(Debug, Default)]
struct Row {
    lasting: Option<Lasting>,
    /// What the runs have in common, and where that stands; the newest last.
    texts: VecDeque<(String, i64)>,
}

impl Rows {
    /// The key of a thread and its epoch.
    pub(super) fn find(&self, thread_id: Uuid) -> Option<(i64, u64)> {
        self.found.get(&thread_id).copied()
    }

    /// Remembers the key of a thread and its epoch.
    pub(super) fn found(&mut self, thread_id: Uuid, key: i64, epoch: u64) {
        self.make_room(OVERHEAD);
        self.found.insert(thread_id, (key, epoch));
    }

    /// What seldom changes of the row of a thread.
    pub(super) fn lasting(&self, thread: i64) -> Option<&Lasting> {
        self.by_key.get(&thread)?.lasting.as_ref()
    }

    /// Remembers what seldom changes of the row of a thread.
    pub(super) fn put_lasting(&mut self, thread: i64, lasting: Lasting) {
        self.make_room(OVERHEAD + lasting.metadata.as_ref().map_or(0, String::len));
        self.by_key.entry(thread).or_default().lasting = Some(lasting);
    }

    /// Where a text of a thread stands.
    pub(super) fn text(&self, thread: i64, text: &str) -> Option<i64> {
        let texts = self.by_key.get(&thread)?.texts.iter().rev();
        texts.into_iter().find(|(known, _)| known == text).map(|(_, key)| *key)
    }

    /// Remembers where a text of a thread stands.
    pub(super) fn put_text(&mut self, thread: i64, text: String, key: i64) {
        self.make_room(text.len());
        let texts = &mut self.by_key.entry(thread).or_default().texts;
        if texts.len() >= TEXTS {
            texts.pop_front();
        }
        texts.push_back((text, key));
    }

    /// Forgets a thread.
    pub(super) fn forget(&mut self, thread_id: Uuid) {
        if let Some((thread, _)) = self.found.remove(&thread_id) {
            self.by_key.remove(&thread);
        }
    }

    /// What goes is not counted out, so it is rather too early that all is forgotten than too late.
    fn make_room(&mut self, weight: usize) {
        if self.weight > ROOM {
            *self = Self::default();
        }
        self.weight += weight;
    }
}
