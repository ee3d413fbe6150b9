//! The rows of threads: the epoch, and the record.

use eddyline_engine::fact::Failure;
use eddyline_engine::ids::Timestamp;
use eddyline_engine::{Key, Object, Shared};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::error::{Result, corrupt};
use super::heads::Head;
use super::json;
use super::memory::{Memory, Rows};
use super::names::Names;
use super::state::Dictionary;
use super::terms;
use super::values::Reader;
use crate::storage::StoredThread;
use crate::threads::{Interrupts, PruneStrategy, Thread, ThreadStatus, ThreadTtl, Ttl};

/// The column `rest`: what nobody looks for.
#[derive(Serialize, Deserialize)]
struct Rest<T> {
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    config: Map<String, Value>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    values: Option<Vec<(Key, Place<T>)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<(Key, Key, bool)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    interrupts: Interrupts,
    /// Strategy, minutes, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<(String, f64, i64)>,
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

/// The threads whose metadata names the assistant.
pub(super) fn of_assistant(db: &Connection, assistant_id: Uuid) -> Result<Vec<Uuid>> {
    let named = Map::from_iter([("assistant_id".to_owned(), json!(assistant_id))]);
    let mut find =
        db.prepare_cached("SELECT id FROM threads WHERE key IN (SELECT thread FROM terms WHERE term = ?1)")?;
    let mut found = Vec::new();
    for term in terms::wanted(&named).terms {
        let ids = find.query_map([term], |row| row.get(0).map(Uuid::from_bytes))?;
        found.extend(ids.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    Ok(found)
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

/// Stores the record, and by what it is found; `head` is the newest checkpoint of its root.
pub(super) fn put(
    db: &Connection,
    memory: &mut Memory,
    key: i64,
    thread: &Thread,
    head: Option<&Head>,
) -> Result<()> {
    let names = &mut memory.names;
    let values = thread.values.as_ref().map(|values| places(db, names, values, head)).transpose()?;
    let error = thread.error.clone().map(|error| (error.class, error.message, error.visible));
    let ttl =
        thread.ttl.map(|ThreadTtl { ttl, since }| (ttl.strategy.as_str().to_owned(), ttl.minutes, since.0));
    let (config, interrupts) = (thread.config.clone(), thread.interrupts.clone());
    let rest = Rest { config, values, error, interrupts, ttl };
    let mut update =
        db.prepare_cached("UPDATE threads SET updated = ?2, status = ?3, rest = ?4 WHERE key = ?1")?;
    update.execute(params![key, thread.updated_at.0, thread.status.as_str(), json::text(&rest)?])?;
    put_lasting(db, &mut memory.rows, key, thread)
}

/// What seldom changes of a row.
#[derive(Debug)]
pub(super) struct Lasting {
    pub(super) metadata: Option<String>,
    created: Option<i64>,
    state_updated: Option<i64>,
    expires: Option<i64>,
}

/// Stores what seldom changes, if it does: the database writes to an index whenever its column is set, and be it to
/// what it was.
fn put_lasting(db: &Connection, rows: &mut Rows, key: i64, thread: &Thread) -> Result<()> {
    let now = Lasting {
        metadata: Some(json::text(&thread.metadata)?),
        created: Some(thread.created_at.0),
        state_updated: Some(thread.state_updated_at.0),
        expires: thread.expires_at().map(|time| time.0),
    };
    let stored;
    let before = if let Some(known) = rows.lasting(key) {
        known
    } else {
        stored = read_lasting(db, key)?;
        &stored
    };
    if before.metadata != now.metadata {
        terms::put(db, key, before.metadata.as_deref(), &thread.metadata)?;
        db.prepare_cached("UPDATE threads SET metadata = ?2 WHERE key = ?1")?
            .execute(params![key, now.metadata])?;
    }
    if before.created != now.created {
        db.prepare_cached("UPDATE threads SET created = ?2 WHERE key = ?1")?
            .execute(params![key, now.created])?;
    }
    if (before.state_updated, before.expires) != (now.state_updated, now.expires) {
        db.prepare_cached("UPDATE threads SET state_updated = ?2, expires = ?3 WHERE key = ?1")?
            .execute(params![key, now.state_updated, now.expires])?;
    }
    rows.put_lasting(key, now);
    Ok(())
}

fn read_lasting(db: &Connection, key: i64) -> Result<Lasting> {
    let mut find =
        db.prepare_cached("SELECT metadata, created, state_updated, expires FROM threads WHERE key = ?1")?;
    let lasting = find.query_row([key], |row| {
        let (metadata, created) = (row.get(0)?, row.get(1)?);
        Ok(Lasting { metadata, created, state_updated: row.get(2)?, expires: row.get(3)? })
    })?;
    Ok(lasting)
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

/// The record and the epoch of the thread of this id.
pub(super) fn get(db: &Connection, names: &mut Names, id: Uuid) -> Result<Option<StoredThread>> {
    match find(db, id)? {
        Some((key, _)) => at(db, names, key),
        None => Ok(None),
    }
}

/// The record and the epoch of the thread of this key.
pub(super) fn at(db: &Connection, names: &mut Names, key: i64) -> Result<Option<StoredThread>> {
    let mut find = db.prepare_cached(
        "SELECT created, updated, status, metadata, rest, epoch, state_updated, id FROM threads
         WHERE key = ?1 AND created IS NOT NULL",
    )?;
    let mut rows = find.query([key])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let rest: String = row.get(4)?;
    let rest: Rest<Box<RawValue>> = json::read(&rest)?;
    let status: String = row.get(2)?;
    let metadata: String = row.get(3)?;
    let mut names = Dictionary { db, names };
    let thread = Thread {
        thread_id: Uuid::from_bytes(row.get(7)?),
        created_at: Timestamp(row.get(0)?),
        updated_at: Timestamp(row.get(1)?),
        state_updated_at: Timestamp(row.get(6)?),
        metadata: json::read(&metadata)?,
        status: status_of(&status)?,
        config: rest.config,
        values: rest.values.map(|places| read(&mut names, places)).transpose()?,
        error: rest.error.map(|(class, message, visible)| Failure { class, message, visible }),
        interrupts: rest.interrupts,
        ttl: rest.ttl.map(ttl_of).transpose()?,
    };
    Ok(Some(StoredThread { thread, epoch: row.get::<_, i64>(5)?.cast_unsigned() }))
}

fn read(names: &mut Dictionary<'_>, places: Vec<(Key, Place<Box<RawValue>>)>) -> Result<Object> {
    let mut reader = Reader::new(names.db);
    let read = |(name, place): (Key, Place<Box<RawValue>>)| {
        let value = match place {
            Place::Row(row, channel) => reader.value(row, channel)?.0,
            Place::Value(text) => json::read(text.get())?,
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
    let rest: Rest<Box<RawValue>> = json::read(&rest)?;
    let places = rest.values.into_iter().flatten();
    let row = |(_, place)| if let Place::Row(row, _) = place { Some(row) } else { None };
    Ok(places.filter_map(row).collect())
}

/// The threads that expired before `now` and are not busy, those first that did so first.
pub(super) fn expired(db: &Connection, now: Timestamp, limit: usize) -> Result<Vec<Uuid>> {
    let mut find = db.prepare_cached(
        "SELECT id FROM threads INDEXED BY threads_expiring
         WHERE expires <= ?1 AND status <> 'busy' ORDER BY expires LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let ids = find.query_map([now.0, limit], |row| row.get(0).map(Uuid::from_bytes))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

fn ttl_of((strategy, minutes, since): (String, f64, i64)) -> Result<ThreadTtl> {
    let strategy = PruneStrategy::from_name(&strategy).ok_or_else(|| corrupt("no known strategy"))?;
    Ok(ThreadTtl { ttl: Ttl { strategy, minutes }, since: Timestamp(since) })
}

fn status_of(word: &str) -> Result<ThreadStatus> {
    ThreadStatus::from_name(word).ok_or_else(|| corrupt("a thread of no known status"))
}
