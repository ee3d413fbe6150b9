//! Text that the runs of a thread have in common: what they are told, and what their checkpoints say of them.
//!
//! It differs from run to run by ids and often by nothing else; without them it is stored once.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::error::{Result, corrupt};
use super::json;
use super::memory::Rows;

/// Stand for what is a run's own. JSON text has no such characters: in strings they are escaped.
const STANDINS: [&str; 2] = ["\u{1}", "\u{2}"];

/// What a run has to itself, as JSON texts: its id, and that of the request that made it. Each of them stands for
/// itself, whatever else is left out of a text.
#[derive(Debug, Default)]
pub(super) struct Own(Vec<String>);

impl Own {
    /// The id of a run.
    pub(super) fn run(run: Option<Uuid>) -> Self {
        Self(run.map(|run| format!("\"{run}\"")).into_iter().collect())
    }

    /// The ids of a run and of its request.
    pub(super) fn run_and_request(run: Uuid, request: Option<&str>) -> Result<Self> {
        let mut own = Self::run(Some(run));
        own.0.extend(request.map(json::text).transpose()?);
        Ok(own)
    }

    fn leave_out(&self, text: &str) -> String {
        let each = self.0.iter().zip(STANDINS);
        each.fold(text.to_owned(), |text, (own, standin)| text.replace(own, standin))
    }

    fn put_back(&self, text: String) -> String {
        self.0.iter().zip(STANDINS).fold(text, |text, (own, standin)| text.replace(standin, own))
    }
}

/// How many of the newest texts of a thread are looked at before another is stored.
const LOOKED_AT: i64 = 8;

/// The key of a JSON text of a thread, which gets one if it has none.
pub(super) fn key(db: &Connection, rows: &mut Rows, thread: i64, text: &str, own: &Own) -> Result<i64> {
    let text = own.leave_out(text);
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
pub(super) fn text(db: &Connection, key: i64, own: &Own) -> Result<String> {
    let mut find = db.prepare_cached("SELECT text FROM shared WHERE key = ?1")?;
    let text: Option<String> = find.query_row([key], |row| row.get(0)).optional()?;
    let text = text.ok_or_else(|| corrupt("what runs have in common is missing"))?;
    Ok(own.put_back(text))
}
