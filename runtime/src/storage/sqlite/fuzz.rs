//! What is stored of checkpoints, read: for fuzzers, and for their corpora as plain tests. Nothing of it may panic.

mod graph;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use eddyline_engine::checkpoint::{Checkpoint, Metadata, PendingWrite, Saved, Source};
use eddyline_engine::ids::Timestamp;
use eddyline_engine::snapshot::View;
use eddyline_engine::{CompiledGraph, Key, Shared};
use rusqlite::Connection;
use rusqlite::types::{FromSql as _, ValueRef};
use uuid::Uuid;

use self::graph::{Everything, NAMES};
use super::error::Result;
use super::names::Names;
use super::state::State;
use super::{values, writes};

static GRAPH: LazyLock<CompiledGraph<Everything>> =
    LazyLock::new(|| graph::everything().expect("the graph has no mistakes"));

/// The columns of a checkpoint: what it says of versions, packed as it is now and as JSON as it was; values; and writes.
/// Values and writes are read once more by a graph that has a channel of every kind.
pub fn checkpoints(data: &[u8]) {
    for value in [ValueRef::Blob(data), ValueRef::Text(data)] {
        if let Ok(mut state) = State::column_result(value) {
            let _ = state.spread();
            let _ = state.updated();
        }
    }
    let text = String::from_utf8_lossy(data);
    let _ = writes::sizes(&text);
    let _ = values::sizes(&text);
    let _ = values::bases(&text);
    let _ = values::moved(&text, Ok);
    if let Ok(values) = values(&text) {
        look(values, Vec::new());
    }
    if let Ok(writes) = hanging(&text) {
        look(BTreeMap::new(), writes);
    }
}

/// The values of a row, as if each were whole.
fn values(text: &str) -> Result<BTreeMap<Key, Shared>> {
    let contents = values::contents(text)?.into_iter();
    with_names(|db, names| {
        contents.map(|(channel, value)| Ok((names.name(db, channel)?, value.into()))).collect()
    })
}

fn hanging(text: &str) -> Result<Vec<PendingWrite>> {
    let mut found = BTreeMap::new();
    with_names(|db, names| writes::decode(db, names, text, &mut found))?;
    Ok(found.into_values().collect())
}

thread_local! {
    /// Made once: an input is read in microseconds, and a database takes longer.
    static KNOWN: RefCell<(Connection, Names)> =
        RefCell::new(names().expect("a database in memory takes a few names"));
}

fn with_names<T>(read: impl FnOnce(&Connection, &mut Names) -> Result<T>) -> Result<T> {
    KNOWN.with_borrow_mut(|(db, names)| read(db, names))
}

/// The names that the corpus calls by number.
fn names() -> Result<(Connection, Names)> {
    let db = Connection::open_in_memory()?;
    db.execute_batch("CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)")?;
    let mut names = Names::default();
    for name in NAMES {
        names.number(&db, &name.into())?;
    }
    Ok((db, names))
}

/// The state as clients read it.
fn look(values: BTreeMap<Key, Shared>, writes: Vec<PendingWrite>) {
    let versions = NAMES.map(|name| (Key::from(name), 2)).into();
    let checkpoint = Checkpoint {
        id: Uuid::from_u128(1),
        created_at: Timestamp(1),
        values,
        versions,
        seen: BTreeMap::new(),
        updated: None,
    };
    let metadata = Metadata { extra: Arc::default(), source: Source::Loop, step: 1, parents: Arc::default() };
    let saved = Saved { checkpoint: Arc::new(checkpoint), metadata, parent: None, writes };
    for view in [View::Live, View::Historic] {
        let _ = GRAPH.graph().snapshot("", &saved, view, &mut || Uuid::from_u128(2));
    }
}
