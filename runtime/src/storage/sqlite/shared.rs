//! Text that the runs of a thread have in common: what they are told, and what their checkpoints say of them.
//!
//! It differs from run to run by the run's id and often by nothing else; without the id it is stored once.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::error::{Result, corrupt};
use super::memory::Rows;

/// Stands for the run's id in its quotes. JSON text has no such character: in strings it is escaped.
const RUN: &str = "\u{1}";

/// How many of the newest texts of a thread are looked at before another is stored.
const LOOKED_AT: i64 = 8;

/// The key of a JSON text of a thread, which gets one if it has none.
pub(super) fn key(
    db: &Connection,
    rows: &mut Rows,
    thread: i64,
    text: &str,
    run: Option<Uuid>,
) -> Result<i64> {
    let text = match run {
        Some(run) => text.replace(&quoted(run), RUN),
        None => text.to_owned(),
    };
    if let Some(key) = rows.text(thread, &text) {
        return Ok(key);
    }
    let key = find_or_insert(db, thread, &text)?;
    rows.put_text(thread, text, key);
    Ok(key)
}

fn find_or_insert(db: &Connection, thread: i64, text: &str) -> Result<i64> {
    let mut find = db.prepare_cached(
        "SELECT key FROM (SELECT key, text FROM shared WHERE thread = ?1 ORDER BY key DESC LIMIT ?2)
         WHERE text = ?3",
    )?;
    if let Some(key) = find.query_row(params![thread, LOOKED_AT, text], |row| row.get(0)).optional()? {
        return Ok(key);
    }
    let mut insert = db.prepare_cached("INSERT INTO shared (thread, text) VALUES (?1, ?2)")?;
    Ok(insert.insert(params![thread, text])?)
}

/// The text of a key.
pub(super) fn text(db: &Connection, key: i64, run: Option<Uuid>) -> Result<String> {
    let mut find = db.prepare_cached("SELECT text FROM shared WHERE key = ?1")?;
    let text: Option<String> = find.query_row([key], |row| row.get(0)).optional()?;
    let text = text.ok_or_else(|| corrupt("what runs have in common is missing"))?;
    Ok(match run {
        Some(run) => text.replace(RUN, &quoted(run)),
        None => text,
    })
}

fn quoted(run: Uuid) -> String {
    format!("\"{run}\"")
}
