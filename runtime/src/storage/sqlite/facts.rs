//! Facts: one row for all that were put together.
//!
//! Facts of a thread are put in the order of their numbers, so the weight of all of them is carried along from row to
//! row, and what is beyond the budget is found without looking at the rest.

use std::sync::Arc;

use eddyline_engine::fact::Fact;
use eddyline_engine::ids::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::error::{Result, corrupt};
use super::json;
use crate::stream::Entry;

/// How much all facts of a thread weigh.
pub(super) const NEWEST: &str = "SELECT upto FROM facts WHERE thread = ?1 ORDER BY seq DESC LIMIT 1";

/// The oldest row of a thread, but for one.
pub(super) const OLDEST: &str =
    "SELECT row, upto FROM facts WHERE thread = ?1 AND seq < ?2 ORDER BY seq LIMIT 1";

/// All rows of a thread.
pub(super) const ALL: &str = "SELECT seq, run, facts FROM facts WHERE thread = ?1 ORDER BY seq";

/// What goes with a run.
pub(super) const OF_RUN: &str = "DELETE FROM facts WHERE thread = ?1 AND run = ?2";

/// The rows of runs that are over since before ?1. A run that is not there has nobody who could ask for them.
pub(super) const OLD: &str = "SELECT row FROM facts INDEXED BY facts_by_age WHERE made < ?1 AND NOT EXISTS (
    SELECT 1 FROM runs WHERE runs.id = facts.run
        AND (runs.updated >= ?1 OR runs.status IN ('pending', 'running', 'cancelling', 'rolling back')))
    LIMIT ?2";

/// Stores facts, and drops the oldest of the thread beyond the budget.
pub(super) fn append(db: &Connection, thread: i64, entries: &[Arc<Entry>], budget: usize) -> Result<()> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(()) };
    let before: Option<i64> = db.prepare_cached(NEWEST)?.query_row([thread], |row| row.get(0)).optional()?;
    let told: Vec<(u64, &Fact)> = entries.iter().map(|entry| (entry.seq - first.seq, &entry.fact)).collect();
    let text = json::text(&told)?;
    let weight: usize = entries.iter().map(|entry| entry.weight()).sum();
    let upto = before.unwrap_or_default() + number(weight);
    let sql = "INSERT INTO facts (thread, seq, run, made, upto, facts) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (thread, seq) DO NOTHING";
    let run = first.run_id;
    db.prepare_cached(sql)?.execute(params![
        thread,
        number(first.seq),
        run.as_bytes(),
        last.fact.at.0,
        upto,
        text
    ])?;
    trim(db, thread, number(first.seq), upto - number(budget))
}

/// Drops the oldest rows: those that end before the weight `upto`, but not that of number `newest`.
fn trim(db: &Connection, thread: i64, newest: i64, upto: i64) -> Result<()> {
    let mut oldest = db.prepare_cached(OLDEST)?;
    let mut delete = db.prepare_cached("DELETE FROM facts WHERE row = ?1")?;
    loop {
        let found = oldest
            .query_row([thread, newest], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .optional()?;
        match found {
            Some((row, end)) if end <= upto => delete.execute([row])?,
            _ => return Ok(()),
        };
    }
}

/// All facts of a thread, in their order.
pub(super) fn of(db: &Connection, thread: i64) -> Result<Vec<Arc<Entry>>> {
    let mut find = db.prepare_cached(ALL)?;
    let mut rows = find.query([thread])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let first = u64::try_from(row.get::<_, i64>(0)?).map_err(|_| corrupt("a number below zero"))?;
        let run_id = Uuid::from_bytes(row.get(1)?);
        let text = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        for (distance, fact) in json::read::<Vec<(u64, Fact)>>(text)? {
            entries.push(Arc::new(Entry::new(first.saturating_add(distance), run_id, fact)));
        }
    }
    Ok(entries)
}

/// Drops the facts of a run.
pub(super) fn delete(db: &Connection, thread: i64, run_id: Uuid) -> Result<()> {
    let mut delete = db.prepare_cached(OF_RUN)?;
    delete.execute(params![thread, run_id.as_bytes()])?;
    Ok(())
}

/// Whether there are facts of runs that are over since before then.
pub(super) fn has_old(db: &Connection, before: Timestamp) -> Result<bool> {
    Ok(db.prepare_cached(OLD)?.exists([before.0, 1])?)
}

/// Drops facts of runs that are over since before then, at most so many rows.
pub(super) fn sweep(db: &Connection, before: Timestamp, limit: usize) -> Result<()> {
    let mut delete = db.prepare_cached(&format!("DELETE FROM facts WHERE row IN ({OLD})"))?;
    delete.execute([before.0, number(limit)])?;
    Ok(())
}

fn number<T>(number: T) -> i64
where
    i64: TryFrom<T>,
{
    i64::try_from(number).unwrap_or(i64::MAX)
}
