//! The rows of assistants: which version each is now, and what its versions are.

use eddyline_engine::ids::Timestamp;
use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::crons;
use super::error::Result;
use super::json;
use crate::assistants::{Assistant, AssistantVersion, ListVersions};
use crate::containment::contains_all;
use crate::storage::{AssistantChange, StoredAssistant};

/// Makes a change.
pub(super) fn change(db: &Connection, change: &AssistantChange) -> Result<()> {
    match change {
        AssistantChange::Put(assistant) => put(db, assistant),
        AssistantChange::Delete(assistant_id) => delete(db, *assistant_id),
    }
}

fn put(db: &Connection, assistant: &Assistant) -> Result<()> {
    let Assistant { assistant_id, version, created_at, updated_at, .. } = assistant;
    let version = version.cast_signed();
    let mut upsert = db.prepare_cached(
        "INSERT INTO assistants (id, version, created, updated) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET version = ?2, created = ?3, updated = ?4",
    )?;
    upsert.execute(params![assistant_id.as_bytes(), version, created_at.0, updated_at.0])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO assistant_versions
            (assistant, version, graph, config, context, metadata, created, name, description)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (assistant, version) DO NOTHING",
    )?;
    insert.execute(params![
        assistant_id.as_bytes(),
        version,
        assistant.graph_id,
        json::text(&assistant.config)?,
        json::text(&assistant.context)?,
        json::text(&assistant.metadata)?,
        updated_at.0,
        assistant.name,
        assistant.description,
    ])?;
    Ok(())
}

fn delete(db: &Connection, assistant_id: Uuid) -> Result<()> {
    crons::forget_assistant(db, assistant_id)?;
    for sql in ["DELETE FROM assistants WHERE id = ?1", "DELETE FROM assistant_versions WHERE assistant = ?1"]
    {
        db.prepare_cached(sql)?.execute([assistant_id.as_bytes()])?;
    }
    Ok(())
}

/// What a row of `assistant_versions` is read by.
const VERSION: &str = "assistant, v.version, graph, config, context, metadata, v.created, name, description";

/// All assistants.
pub(super) fn all(db: &Connection) -> Result<Vec<StoredAssistant>> {
    let sql = format!(
        "SELECT {VERSION}, a.created, a.updated,
            (SELECT max(n.version) FROM assistant_versions n WHERE n.assistant = a.id)
         FROM assistants a JOIN assistant_versions v ON v.assistant = a.id AND v.version = a.version"
    );
    let mut find = db.prepare_cached(&sql)?;
    let mut rows = find.query([])?;
    let mut assistants = Vec::new();
    while let Some(row) = rows.next()? {
        let (created, updated) = (Timestamp(row.get(9)?), Timestamp(row.get(10)?));
        let assistant = read(row)?.current(created, updated);
        let newest_version = row.get::<_, i64>(11)?.cast_unsigned();
        assistants.push(StoredAssistant { assistant, newest_version });
    }
    Ok(assistants)
}

/// A version of an assistant.
pub(super) fn version(db: &Connection, assistant_id: Uuid, version: u64) -> Result<Option<AssistantVersion>> {
    let sql = format!("SELECT {VERSION} FROM assistant_versions v WHERE assistant = ?1 AND version = ?2");
    let mut find = db.prepare_cached(&sql)?;
    let mut rows = find.query(params![assistant_id.as_bytes(), version.cast_signed()])?;
    rows.next()?.map(read).transpose()
}

/// The versions of an assistant, newest first. Those before the page are read, too: whether one counts is known
/// by its metadata.
pub(super) fn versions(db: &Connection, request: &ListVersions) -> Result<Vec<AssistantVersion>> {
    let ListVersions { assistant_id, metadata, limit, offset } = request;
    let sql =
        format!("SELECT {VERSION} FROM assistant_versions v WHERE assistant = ?1 ORDER BY version DESC");
    let mut find = db.prepare_cached(&sql)?;
    let mut rows = find.query([assistant_id.as_bytes()])?;
    let (mut page, mut before) = (Vec::new(), *offset);
    while page.len() < *limit
        && let Some(row) = rows.next()?
    {
        let version = read(row)?;
        if !contains_all(&version.metadata, metadata) {
            continue;
        }
        if before > 0 {
            before -= 1;
        } else {
            page.push(version);
        }
    }
    Ok(page)
}

fn read(row: &Row<'_>) -> Result<AssistantVersion> {
    Ok(AssistantVersion {
        assistant_id: Uuid::from_bytes(row.get(0)?),
        version: row.get::<_, i64>(1)?.cast_unsigned(),
        graph_id: row.get(2)?,
        config: object(row, 3)?,
        context: object(row, 4)?,
        metadata: object(row, 5)?,
        created_at: Timestamp(row.get(6)?),
        name: row.get(7)?,
        description: row.get(8)?,
    })
}

fn object(row: &Row<'_>, column: usize) -> Result<Map<String, Value>> {
    let text: String = row.get(column)?;
    Ok(json::read(&text)?)
}
