//! Writes of tasks, as a row has them: those of one task stand together.

use std::collections::BTreeMap;

use eddyline_engine::checkpoint::PendingWrite;
use eddyline_engine::{Key, Shared};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::error::{Result, corrupt};
use super::json;
use super::names::Names;
use super::short::ShortId;

/// How the path of a task begins that its node's triggers made; the rest is the node.
const PULLED: &str = "~__pregel_pull, ";

/// The writes of one task: index, channel and value of each.
#[derive(Serialize)]
struct Task<'a> {
    #[serde(rename = "t")]
    id: ShortId,
    /// The node of a task whose path says no more, by number: most are.
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    node: Option<i64>,
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(rename = "w")]
    writes: Vec<(i32, i64, &'a Shared)>,
}

/// The same, as it is read. Values are read apart, so that they may nest as deep as they did.
#[derive(Deserialize)]
struct TaskText<'a> {
    #[serde(rename = "t")]
    id: ShortId,
    #[serde(rename = "n", default)]
    node: Option<i64>,
    #[serde(rename = "p", default)]
    path: Option<Key>,
    #[serde(rename = "w", borrow)]
    writes: Vec<(i32, i64, &'a RawValue)>,
}

/// The text of a row's writes.
pub(super) fn encode(db: &Connection, names: &mut Names, writes: &[PendingWrite]) -> Result<String> {
    let mut tasks: Vec<Task<'_>> = Vec::new();
    let mut path: &str = "";
    for write in writes {
        let entry = (write.index, names.number(db, &write.channel)?, &write.value);
        match tasks.last_mut() {
            Some(last) if last.id.0 == write.task && *path == *write.path => last.writes.push(entry),
            _ => {
                path = &write.path;
                let pulled = path.strip_prefix(PULLED).map(Key::from);
                let node = pulled.map(|node| names.number(db, &node)).transpose()?;
                let path = node.is_none().then_some(path);
                tasks.push(Task { id: ShortId(write.task), node, path, writes: vec![entry] });
            }
        }
    }
    json::text(&tasks)
}

/// The path of a task as it was written.
fn path(db: &Connection, names: &mut Names, task: &TaskText<'_>) -> Result<Key> {
    match (&task.path, task.node) {
        (Some(path), _) => Ok(path.clone()),
        (None, Some(node)) => Ok(format!("{PULLED}{}", names.name(db, node)?).into()),
        (None, None) => Err(corrupt("writes of no task")),
    }
}

/// The writes that hang on the checkpoint of a row, in order of path, task and index.
///
/// Rows are read in the order in which they were stored: what has finished stays as it was, and the four slots
/// of a task hold what came last.
pub(super) fn hanging(db: &Connection, names: &mut Names, row: i64) -> Result<Vec<PendingWrite>> {
    let mut found = BTreeMap::new();
    for sql in [
        "SELECT writes FROM commits WHERE row = ?1 AND hung = 0 AND writes IS NOT NULL",
        "SELECT writes FROM commits WHERE hung > 0 AND hung = ?1 ORDER BY row",
    ] {
        let mut find = db.prepare_cached(sql)?;
        let mut rows = find.query([row])?;
        while let Some(row) = rows.next()? {
            decode(db, names, row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?, &mut found)?;
        }
    }
    let mut writes: Vec<PendingWrite> = found.into_values().collect();
    // Stable: rows of one path stay ordered by task and index.
    writes.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(writes)
}

/// How long the values are that a row's tasks wrote.
pub(super) fn sizes(text: &str) -> Result<Vec<usize>> {
    let tasks: Vec<TaskText<'_>> = json::read(text)?;
    Ok(tasks.iter().flat_map(|task| &task.writes).map(|(_, _, value)| value.get().len()).collect())
}

/// Takes the writes of a row in.
pub(super) fn decode(
    db: &Connection,
    names: &mut Names,
    text: &str,
    found: &mut BTreeMap<(Uuid, i32), PendingWrite>,
) -> Result<()> {
    let tasks: Vec<TaskText<'_>> = json::read(text)?;
    for text in tasks {
        let path = path(db, names, &text)?;
        let TaskText { id: ShortId(task), writes, .. } = text;
        for (index, channel, value) in writes {
            if index >= 0 && found.contains_key(&(task, index)) {
                continue;
            }
            let channel = names.name(db, channel)?;
            let value = json::read(value.get())?;
            let write = PendingWrite { task, index, channel, value, path: path.clone() };
            found.insert((task, index), write);
        }
    }
    Ok(())
}
