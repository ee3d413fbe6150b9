//! The rows of items.
//!
//! A put takes the row away and makes another, so the row that was made last has the greatest number. Filters are
//! no part of a statement: rows of the range are read, newest first, and compared.

use std::time::Duration;

use eddyline_engine::ids::Timestamp;
use eddyline_engine::store::{FindItems, Item, NewItem, Place, StoredItem, Vector, best_first};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::{Result, corrupt};
use super::{json, namespaces};
use crate::storage::ItemChange;

/// Changes one item, or sweeps.
pub(super) fn change(db: &Connection, change: &ItemChange) -> Result<()> {
    match change {
        ItemChange::Put(new) => put(db, new),
        ItemChange::Delete(place) => take(db, place).map(drop),
        ItemChange::Refresh(place, at) => refresh(db, place, *at),
        ItemChange::Sweep(at, limit) => sweep(db, *at, *limit),
    }
}

fn put(db: &Connection, new: &NewItem) -> Result<()> {
    let before = take(db, &new.place)?;
    let before = before.filter(|(_, ends)| ends.is_none_or(|ends| ends > new.at.0));
    let mut insert = db.prepare_cached(
        "INSERT INTO items (namespace, key, value, created, updated, ttl, ends)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let item = insert.insert(params![
        namespaces::encode(&new.place.namespace),
        new.place.key,
        json::text(&new.value)?,
        before.map_or(new.at.0, |(created, _)| created),
        new.at.0,
        new.ttl.map(|ttl| i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX)),
        new.until().map(|until| until.0),
    ])?;
    let mut insert = db.prepare_cached("INSERT INTO vectors (item, place, vector) VALUES (?1, ?2, ?3)")?;
    for (place, vector) in (0_i64..).zip(&new.vectors) {
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        insert.execute(params![item, place, bytes])?;
    }
    Ok(())
}

/// Takes an item away; gives back when it was made, and when its time is over.
fn take(db: &Connection, place: &Place) -> Result<Option<(i64, Option<i64>)>> {
    let mut delete = db.prepare_cached(
        "DELETE FROM items WHERE namespace = ?1 AND key = ?2 RETURNING change, created, ends",
    )?;
    let namespace = namespaces::encode(&place.namespace);
    let taken = delete.query_row(params![namespace, place.key], |row| {
        Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?))
    });
    let Some((item, created, ends)) = taken.optional()? else { return Ok(None) };
    db.prepare_cached("DELETE FROM vectors WHERE item = ?1")?.execute([item])?;
    Ok(Some((created, ends)))
}

fn refresh(db: &Connection, place: &Place, at: Timestamp) -> Result<()> {
    // Written so that it cannot overflow.
    let mut update = db.prepare_cached(
        "UPDATE items SET ends = CASE WHEN ttl > ?4 - ?3 THEN ?4 ELSE ?3 + ttl END
         WHERE namespace = ?1 AND key = ?2 AND ends > ?3",
    )?;
    update.execute(params![namespaces::encode(&place.namespace), place.key, at.0, i64::MAX])?;
    Ok(())
}

pub(super) const ENDED: &str = "SELECT change FROM items WHERE ends <= ?1 ORDER BY ends LIMIT ?2";

fn sweep(db: &Connection, at: Timestamp, limit: usize) -> Result<()> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let ended: Vec<i64> = {
        let mut find = db.prepare_cached(ENDED)?;
        find.query_map(params![at.0, limit], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
    };
    for item in ended {
        db.prepare_cached("DELETE FROM items WHERE change = ?1")?.execute([item])?;
        db.prepare_cached("DELETE FROM vectors WHERE item = ?1")?.execute([item])?;
    }
    Ok(())
}

/// Whether there are items whose time is over.
pub(super) fn ended(db: &Connection, at: Timestamp) -> Result<bool> {
    Ok(db.prepare_cached(ENDED)?.exists(params![at.0, 1])?)
}

const COLUMNS: &str = "namespace, key, value, created, updated, ttl";

/// The item, if it exists.
pub(super) fn get(db: &Connection, place: &Place, at: Timestamp) -> Result<Option<StoredItem>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM items WHERE namespace = ?1 AND key = ?2 AND (ends IS NULL OR ends > ?3)"
    );
    let mut find = db.prepare_cached(&sql)?;
    let mut rows = find.query(params![namespaces::encode(&place.namespace), place.key, at.0])?;
    rows.next()?.map(|row| stored(row, None)).transpose()
}

/// Read from an index alone, which is in another order; so what is sorted are numbers and no values.
pub(super) const BELOW: &str =
    "SELECT change FROM items WHERE namespace >= ?1 AND namespace < ?2 ORDER BY change DESC";
/// The numbers are in order already, and none is read that nobody wants.
pub(super) const ALL: &str = "SELECT change FROM items ORDER BY change DESC";

/// The items that were searched for, best first.
pub(super) fn search(db: &Connection, find: &FindItems) -> Result<Vec<StoredItem>> {
    let mut below = db.prepare_cached(if find.prefix.is_empty() { ALL } else { BELOW })?;
    let (from, to) = namespaces::below(&find.prefix);
    let mut rows = if find.prefix.is_empty() { below.query([])? } else { below.query(params![from, to])? };
    // By a query the last may be the best; otherwise they come in the order in which they are shown.
    let wanted = if find.query.is_some() { usize::MAX } else { find.offset.saturating_add(find.limit) };
    let mut found = Vec::new();
    while found.len() < wanted
        && let Some(row) = rows.next()?
    {
        let change: i64 = row.get(0)?;
        if let Some(value) = value(db, change, find.at)?
            && find.filter.matches(&json::read(&value)?)
        {
            let score = if find.query.is_some() { find.score(&vectors(db, change)?) } else { None };
            found.push((score, change));
        }
    }
    found
        .sort_by(|one, other| best_first((one.0, one.1.cast_unsigned()), (other.0, other.1.cast_unsigned())));
    let page = found.into_iter().skip(find.offset).take(find.limit);
    page.map(|(score, change)| by_change(db, change, score)).collect()
}

/// What an item holds, if its time is not over.
fn value(db: &Connection, change: i64, at: Timestamp) -> Result<Option<String>> {
    let sql = "SELECT value FROM items WHERE change = ?1 AND (ends IS NULL OR ends > ?2)";
    Ok(db.prepare_cached(sql)?.query_row(params![change, at.0], |row| row.get(0)).optional()?)
}

fn vectors(db: &Connection, item: i64) -> Result<Vec<Vector>> {
    let mut find = db.prepare_cached("SELECT vector FROM vectors WHERE item = ?1 ORDER BY place")?;
    let mut rows = find.query([item])?;
    let mut vectors = Vec::new();
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        vectors.push(bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect());
    }
    Ok(vectors)
}

fn by_change(db: &Connection, change: i64, score: Option<f64>) -> Result<StoredItem> {
    let sql = format!("SELECT {COLUMNS} FROM items WHERE change = ?1");
    let mut find = db.prepare_cached(&sql)?;
    let mut rows = find.query([change])?;
    stored(rows.next()?.ok_or_else(|| corrupt("an item is missing"))?, score)
}

fn stored(row: &Row<'_>, score: Option<f64>) -> Result<StoredItem> {
    let value: String = row.get(2)?;
    let item = Item {
        namespace: namespaces::decode(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?,
        key: row.get(1)?,
        value: json::read(&value)?,
        created_at: Timestamp(row.get(3)?),
        updated_at: Timestamp(row.get(4)?),
    };
    let ttl = row.get::<_, Option<i64>>(5)?.map(|ttl| Duration::from_micros(ttl.cast_unsigned()));
    Ok(StoredItem { item, score, ttl })
}
