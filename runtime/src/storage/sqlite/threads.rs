//! The rows of threads: the epoch, and the record.

use eddyline_engine::fact::Failure;
use eddyline_engine::ids::Timestamp;
use eddyline_engine::{Key, Object, Shared};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::{Result, corrupt};
use super::heads::Head;
use super::json;
use super::names::Names;
use super::state::Dictionary;
use super::values::Reader;
use crate::storage::StoredThread;
use crate::threads::{Interrupts, Thread, ThreadStatus};

/// The column `rest`: what nobody looks for.
#[derive(Serialize, Deserialize)]
struct Rest<T> {
    state_updated: i64,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    config: Map<String, Value>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    values: Option<Vec<(Key, Place<T>)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<(Key, Key, bool)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    interrupts: Interrupts,
}

fn none<T>() -> Option<T> {
    None
}

/// A value of the record: where the newest checkpoint has it too, a pointer, so that a long state is not
/// written again whenever the record is.
#[derive(Serialize, Deserialize)]
enum Place<T> {
    /// The row and the number of the channel.
    #[serde(rename = "r")]
    Row(i64, i64),
    #[serde(rename = "v")]
    Value(T),
}

/// The key of a thread and its epoch.
pub(super) fn find(db: &Connection, id: Uuid) -> Result<Option<(i64, u64)>> {
    let mut find = db.prepare_cached("SELECT key, epoch FROM threads WHERE id = ?1")?;
    let found =
        find.query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())));
    Ok(found.optional()?)
}

/// The threads whose metadata names the assistant. Looks at every thread: it is asked once in the life of an
/// assistant, at its end, and an index would be written with every run.
pub(super) fn of_assistant(db: &Connection, assistant_id: Uuid) -> Result<Vec<Uuid>> {
    let mut find = db.prepare_cached("SELECT id FROM threads WHERE metadata ->> '$.assistant_id' = ?1")?;
    let ids = find.query_map([assistant_id.to_string()], |row| row.get(0).map(Uuid::from_bytes))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// A row for the epoch alone.
pub(super) fn create(db: &Connection, id: Uuid, epoch: u64) -> Result<i64> {
    let mut insert = db.prepare_cached("INSERT INTO threads (id, epoch) VALUES (?1, ?2)")?;
    Ok(insert.insert(params![id.as_bytes(), epoch.cast_signed()])?)
}

pub(super) fn set_epoch(db: &Connection, key: i64, epoch: u64) -> Result<()> {
    db.prepare_cached("UPDATE threads SET epoch = ?2 WHERE key = ?1")?
        .execute(params![key, epoch.cast_signed()])?;
    Ok(())
}

/// Stores the record; `head` is the newest checkpoint of its root.
pub(super) fn put(
    db: &Connection,
    names: &mut Names,
    key: i64,
    thread: &Thread,
    head: Option<&Head>,
) -> Result<()> {
    let values = thread.values.as_ref().map(|values| places(db, names, values, head)).transpose()?;
    let error = thread.error.clone().map(|error| (error.class, error.message, error.visible));
    let rest = Rest {
        state_updated: thread.state_updated_at.0,
        config: thread.config.clone(),
        values,
        error,
        interrupts: thread.interrupts.clone(),
    };
    let mut update = db.prepare_cached(
        "UPDATE threads SET created = ?2, updated = ?3, status = ?4, metadata = ?5, rest = ?6 WHERE key = ?1",
    )?;
    update.execute(params![
        key,
        thread.created_at.0,
        thread.updated_at.0,
        thread.status.as_str(),
        json::text(&thread.metadata)?,
        json::text(&rest)?,
    ])?;
    Ok(())
}

fn places(
    db: &Connection,
    names: &mut Names,
    values: &Object,
    head: Option<&Head>,
) -> Result<Vec<(Key, Place<Shared>)>> {
    let mut places = Vec::with_capacity(values.len());
    for (name, value) in values.iter() {
        let stored = head.and_then(|head| Some((head.checkpoint.values.get(name)?, head.slots.get(name)?)));
        let place = match stored {
            Some((same, slot)) if same == value => Place::Row(slot.row, names.number(db, name)?),
            _ => Place::Value(value.clone()),
        };
        places.push((name.clone(), place));
    }
    Ok(places)
}

/// The record and the epoch.
pub(super) fn get(db: &Connection, names: &mut Names, thread_id: Uuid) -> Result<Option<StoredThread>> {
    let mut find = db.prepare_cached(
        "SELECT created, updated, status, metadata, rest, epoch FROM threads
         WHERE id = ?1 AND created IS NOT NULL",
    )?;
    let mut rows = find.query([thread_id.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let rest: String = row.get(4)?;
    let rest: Rest<Box<RawValue>> = serde_json::from_str(&rest)?;
    let status: String = row.get(2)?;
    let metadata: String = row.get(3)?;
    let mut names = Dictionary { db, names };
    let thread = Thread {
        thread_id,
        created_at: Timestamp(row.get(0)?),
        updated_at: Timestamp(row.get(1)?),
        state_updated_at: Timestamp(rest.state_updated),
        metadata: serde_json::from_str(&metadata)?,
        status: status_of(&status)?,
        config: rest.config,
        values: rest.values.map(|places| read(&mut names, places)).transpose()?,
        error: rest.error.map(|(class, message, visible)| Failure { class, message, visible }),
        interrupts: rest.interrupts,
    };
    Ok(Some(StoredThread { thread, epoch: row.get::<_, i64>(5)?.cast_unsigned() }))
}

fn read(names: &mut Dictionary<'_>, places: Vec<(Key, Place<Box<RawValue>>)>) -> Result<Object> {
    let mut reader = Reader::new(names.db);
    let read = |(name, place): (Key, Place<Box<RawValue>>)| {
        let value = match place {
            Place::Row(row, channel) => reader.value(row, channel)?.0,
            Place::Value(text) => serde_json::from_str(text.get())?,
        };
        Ok((name, value))
    };
    places.into_iter().map(read).collect()
}

/// The rows to which the record of a thread points.
pub(super) fn pointed_at(db: &Connection, key: i64) -> Result<Vec<i64>> {
    let mut find = db.prepare_cached("SELECT rest FROM threads WHERE key = ?1 AND rest IS NOT NULL")?;
    let rest: Option<String> = find.query_row([key], |row| row.get(0)).optional()?;
    let Some(rest) = rest else { return Ok(Vec::new()) };
    let rest: Rest<Box<RawValue>> = serde_json::from_str(&rest)?;
    let places = rest.values.into_iter().flatten();
    let row = |(_, place)| if let Place::Row(row, _) = place { Some(row) } else { None };
    Ok(places.filter_map(row).collect())
}

fn status_of(word: &str) -> Result<ThreadStatus> {
    [ThreadStatus::Idle, ThreadStatus::Busy, ThreadStatus::Interrupted, ThreadStatus::Error]
        .into_iter()
        .find(|status| status.as_str() == word)
        .ok_or_else(|| corrupt("a thread of no known status"))
}
