//! What goes: a thread with all its rows, or what one run made.
//!
//! A row whose checkpoint goes stays as long as a later version, or the record of the thread, is based on a
//! value in it.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::error::Result;
use super::facts;
use super::runs;
use super::state::State;
use super::terms;
use super::threads;
use super::values::bases;
use crate::storage::belongs_to;

/// Drops a thread and everything of it.
pub(super) fn thread(db: &Connection, key: i64) -> Result<()> {
    terms::delete(db, key)?;
    for sql in [
        "DELETE FROM commits WHERE thread = ?1",
        "DELETE FROM runs WHERE thread = ?1",
        "DELETE FROM shared WHERE thread = ?1",
        "DELETE FROM facts WHERE thread = ?1",
        "DELETE FROM threads WHERE key = ?1",
    ] {
        db.prepare_cached(sql)?.execute([key])?;
    }
    Ok(())
}

/// Drops the record of a run, its checkpoints, the writes that hang on them, and what it wrote beside others.
pub(super) fn run(db: &Connection, key: i64, run_id: Uuid) -> Result<()> {
    runs::delete(db, key, run_id)?;
    facts::delete(db, key, run_id)?;
    for sql in [
        "DELETE FROM commits WHERE thread = ?1 AND run = ?2 AND hung > 0 AND id IS NULL AND added IS NULL",
        "UPDATE commits SET hung = NULL, writes = NULL WHERE thread = ?1 AND run = ?2 AND hung > 0",
    ] {
        db.prepare_cached(sql)?.execute(params![key, run_id.as_bytes()])?;
    }
    checkpoints(db, key, &made_by(db, key, run_id)?)
}

/// Drops all checkpoints but the newest of the root and those that nested graphs made beside it.
pub(super) fn all_but_latest(db: &Connection, key: i64) -> Result<()> {
    checkpoints(db, key, &superseded(db, key)?)
}

/// Drops the checkpoints of these rows, and the writes that hang on them.
fn checkpoints(db: &Connection, key: i64, rows: &[i64]) -> Result<()> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
    for row in rows {
        unhang(db, *row)?;
    }
    // Those that follow them say whom they followed. Rows point backward only.
    let sql = "UPDATE commits SET parent = (SELECT id FROM commits AS above WHERE above.row = commits.parent)
               WHERE thread = ?1 AND row > ?2 AND typeof(parent) = 'integer' AND parent BETWEEN ?2 AND ?3";
    db.prepare_cached(sql)?.execute([key, *first, *last])?;
    // Writes beside earlier checkpoints stay where they are; `hung` of a row that goes was emptied above.
    let sql = "UPDATE commits SET id = NULL, parent = NULL, made = NULL, step = NULL, source = NULL,
                   run = NULL, shared = NULL,
                   state = NULL, writes = CASE WHEN hung > 0 THEN writes END
               WHERE row = ?1";
    for row in rows {
        db.prepare_cached(sql)?.execute([row])?;
    }
    sweep(db, key, rows)
}

/// The rows of all checkpoints but the latest, in order.
fn superseded(db: &Connection, key: i64) -> Result<Vec<i64>> {
    let mut find = db.prepare_cached(
        "SELECT row, ns, id, state FROM commits WHERE thread = ?1 AND made IS NOT NULL ORDER BY ns, id DESC",
    )?;
    let mut found = find.query([key])?;
    let (mut rows, mut root, mut level) = (Vec::new(), None, None);
    while let Some(row) = found.next()? {
        let (number, ns, id) = (row.get(0)?, row.get::<_, String>(1)?, Uuid::from_bytes(row.get(2)?));
        let newest = level.as_ref() != Some(&ns);
        let stays = match root {
            _ if !newest => false,
            None if ns.is_empty() => {
                root = Some(id);
                true
            }
            // The root's level comes first: a thread without it keeps what there is.
            None => return Ok(Vec::new()),
            Some(root) => {
                let state: State = row.get(3)?;
                belongs_to(root, &state.parents)
            }
        };
        level = Some(ns);
        if !stays {
            rows.push(number);
        }
    }
    rows.sort_unstable();
    Ok(rows)
}

/// The rows of a run's checkpoints, on all levels.
fn made_by(db: &Connection, key: i64, run_id: Uuid) -> Result<Vec<i64>> {
    let mut find = db.prepare_cached(
        "SELECT row FROM commits WHERE thread = ?1 AND made IS NOT NULL AND run = ?2 ORDER BY row",
    )?;
    let rows = find.query_map(params![key, run_id.as_bytes()], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Drops the writes that hang on the checkpoint of a row.
fn unhang(db: &Connection, row: i64) -> Result<()> {
    for sql in [
        "DELETE FROM commits WHERE hung > 0 AND hung = ?1 AND id IS NULL AND added IS NULL",
        "UPDATE commits SET hung = NULL, writes = NULL WHERE hung > 0 AND hung = ?1",
    ] {
        db.prepare_cached(sql)?.execute([row])?;
    }
    Ok(())
}

/// Drops those of the rows to which nothing points any more.
///
/// Rows point backward only, so none before the first of them can be concerned, and one pass from the newest
/// suffices: whatever points at a row is judged before it.
fn sweep(db: &Connection, key: i64, rows: &[i64]) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let mut kept: HashSet<i64> = threads::pointed_at(db, key)?.into_iter().collect();
    let numbers: Vec<i64> = db
        .prepare_cached("SELECT row FROM commits WHERE thread = ?1 AND row >= ?2 ORDER BY row DESC")?
        .query_map([key, *first], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for row in numbers {
        let (state, added) = columns(db, row)?;
        if rows.binary_search(&row).is_ok() && !kept.contains(&row) {
            drop_row(db, row)?;
            continue;
        }
        let state = state.unwrap_or_default();
        let added = added.as_deref().map(bases).transpose()?.unwrap_or_default();
        kept.extend(state.earlier.into_iter().chain(added).map(|(_, row)| row));
    }
    Ok(())
}

/// A row may still hold writes that hang on the checkpoint of another run.
fn drop_row(db: &Connection, row: i64) -> Result<()> {
    for sql in [
        "DELETE FROM commits WHERE row = ?1 AND writes IS NULL",
        "UPDATE commits SET added = NULL WHERE row = ?1",
    ] {
        db.prepare_cached(sql)?.execute([row])?;
    }
    Ok(())
}

type Columns = (Option<State>, Option<String>);

fn columns(db: &Connection, row: i64) -> Result<Columns> {
    let mut find = db.prepare_cached("SELECT state, added FROM commits WHERE row = ?1")?;
    let found = find.query_row([row], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.unwrap_or_default())
}
