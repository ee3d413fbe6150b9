//! Copies what is stored of a thread: row by row, as rows are stored, so that a long history is neither put together
//! nor taken apart again.

use std::collections::HashMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::commits::Commits;
use super::error::{Result, corrupt};
use super::json;
use super::memory::Rows;
use super::shared::{self, Own};
use super::state::State;
use super::threads;
use super::values;
use crate::threads::{Thread, moved};

/// Fills a new thread with what is stored of another: its checkpoints, and `record`.
pub(super) fn thread(mut commits: Commits<'_>, (from, source): (i64, Uuid), record: &Thread) -> Result<()> {
    let mut copy = Copy {
        db: commits.db,
        known: &mut commits.memory.rows,
        to: commits.thread,
        source,
        target: record.thread_id,
        rows: HashMap::new(),
        shared: HashMap::new(),
    };
    for row in numbers(commits.db, from)? {
        copy.row(row)?;
    }
    let head = commits.newest(&"".into())?;
    threads::put(commits.db, commits.memory, commits.thread, record, head.as_deref())
}

fn numbers(db: &Connection, thread: i64) -> Result<Vec<i64>> {
    let mut find = db.prepare_cached("SELECT row FROM commits WHERE thread = ?1 ORDER BY row")?;
    let rows = find.query_map([thread], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A copy under way. Rows point backward only, so what a row points at is copied before it.
struct Copy<'a> {
    db: &'a Connection,
    known: &'a mut Rows,
    to: i64,
    source: Uuid,
    target: Uuid,
    /// Where the copy of each row is.
    rows: HashMap<i64, i64>,
    shared: HashMap<i64, i64>,
}

impl Copy<'_> {
    fn row(&mut self, number: i64) -> Result<()> {
        let mut find = self
            .db
            .prepare_cached("SELECT state, added, shared, run, hung, parent FROM commits WHERE row = ?1")?;
        let mut found = find.query([number])?;
        let row = found.next()?.ok_or_else(|| corrupt("a row is missing"))?;
        let state = row.get::<_, Option<State>>(0)?.map(|state| self.state(state)).transpose()?;
        let added = row.get::<_, Option<String>>(1)?;
        let added = added.map(|text| values::moved(&text, |row| self.copy_of(row))).transpose()?;
        let shared = self.shared(row)?;
        let hung = match row.get::<_, Option<i64>>(4)? {
            Some(hung) if hung > 0 => Some(self.copy_of(hung)?),
            hung => hung,
        };
        let parent = match row.get_ref(5)? {
            ValueRef::Integer(parent) => Some(self.copy_of(parent)?),
            _ => None,
        };
        let mut insert = self.db.prepare_cached(
            "INSERT INTO commits (thread, ns, id, parent, made, source, step, state, added, run, shared, hung, writes)
             SELECT ?2, ns, id, coalesce(?7, parent), made, source, step, ?3, ?4, run, ?5, ?6, writes FROM commits WHERE row = ?1",
        )?;
        let copy = insert.insert(params![number, self.to, state, added, shared, hung, parent])?;
        self.rows.insert(number, copy);
        Ok(())
    }

    fn copy_of(&self, row: i64) -> Result<i64> {
        self.rows.get(&row).copied().ok_or_else(|| corrupt("a row points at one that is not there"))
    }

    fn state(&self, mut state: State) -> Result<State> {
        for (_, row) in &mut state.earlier {
            *row = self.copy_of(*row)?;
        }
        Ok(state)
    }

    /// What the row's checkpoint has in common with others, as the new thread says it.
    fn shared(&mut self, row: &Row<'_>) -> Result<Option<i64>> {
        let Some(key) = row.get::<_, Option<i64>>(2)? else { return Ok(None) };
        if let Some(copy) = self.shared.get(&key) {
            return Ok(Some(*copy));
        }
        let own = Own::run(row.get::<_, Option<[u8; 16]>>(3)?.map(Uuid::from_bytes));
        let mut extra: Map<String, Value> = json::read(&shared::text(self.db, key, &own)?)?;
        moved(&mut extra, self.source, self.target);
        let copy = shared::key(self.db, self.known, self.to, &json::text(&extra)?, &own)?;
        self.shared.insert(key, copy);
        Ok(Some(copy))
    }
}
