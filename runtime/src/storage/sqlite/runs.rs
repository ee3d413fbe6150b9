//! The rows of runs.

use std::sync::Arc;

use eddyline_engine::config::{Breakpoints, Durability};
use eddyline_engine::ids::Timestamp;
use eddyline_engine::{Key, Shared};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::{Result, corrupt};
use super::json;
use super::memory::Rows;
use super::shared::{self, Own};
use super::short::RequestId;
use crate::runs::{CancelAction, Derived, Kwargs, ListRuns, MultitaskStrategy, Run, RunStatus, StreamMode};
use crate::storage::RunMark;

/// The column `asked`: what differs from run to run.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// In a list, because an input of `null` is an input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    input: Vec<Shared>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    command: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<Ids>,
    /// The id of the request that made the run.
    #[serde(rename = "r", alias = "request", skip_serializing_if = "Option::is_none")]
    request: Option<RequestId>,
}

/// Ids of questions: one was all that earlier versions knew.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Ids {
    One(String),
    Several(Arc<[String]>),
}

impl Ids {
    fn of(ids: &Arc<[String]>) -> Option<Self> {
        match &**ids {
            [] => None,
            [one] => Some(Self::One(one.clone())),
            _ => Some(Self::Several(ids.clone())),
        }
    }

    fn all(self) -> Arc<[String]> {
        match self {
            Self::One(id) => Arc::new([id]),
            Self::Several(ids) => ids,
        }
    }
}

/// What runs of a thread have in common.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools)]
pub(super) struct Told {
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) metadata: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    config: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    context: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stream_modes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interrupt_before: Option<Nodes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interrupt_after: Option<Nodes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feedback_keys: Option<Vec<String>>,
    #[serde(skip_serializing_if = "is_false")]
    temporary: bool,
    #[serde(skip_serializing_if = "is_false")]
    subgraphs: bool,
    #[serde(skip_serializing_if = "is_false")]
    resumable: bool,
    durability: Durability,
    #[serde(skip_serializing_if = "is_false")]
    strict_resume: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Breakpoints: all nodes, or these.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Nodes {
    All(bool),
    At(Vec<Key>),
}

/// Stores the record of a run, or puts it in the place of what there was.
pub(super) fn put(db: &Connection, rows: &mut Rows, thread: i64, run: &Run) -> Result<()> {
    let told = json::text(&told(&run.metadata, &run.kwargs))?;
    let request =
        run.kwargs.config.get("configurable").and_then(|values| values["langgraph_request_id"].as_str());
    let own = Own::run_and_request(run.run_id, request)?;
    let shared = shared::key(db, rows, thread, &told, &own)?;
    let asked = Asked { request: request.map(RequestId::of), ..asked(&run.kwargs) };
    let mut upsert = db.prepare_cached(
        "INSERT INTO runs (thread, id, status, created, updated, attempt, multitask, assistant, graph,
            shared, asked)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (id) DO UPDATE SET status = ?3, created = ?4, updated = ?5, attempt = ?6,
            multitask = ?7, assistant = ?8, graph = ?9, shared = ?10, asked = ?11",
    )?;
    upsert.execute(params![
        thread,
        run.run_id.as_bytes(),
        word_of(run.status),
        run.created_at.0,
        run.updated_at.0,
        run.attempt,
        run.multitask_strategy.as_str(),
        run.assistant_id.as_bytes(),
        run.graph_id,
        shared,
        json::text(&asked)?,
    ])?;
    Ok(())
}

/// Changes how a run stands; `false` when there is no such run.
pub(super) fn mark(db: &Connection, mark: &RunMark) -> Result<bool> {
    let sql = "UPDATE runs SET status = ?2, attempt = ?3, updated = ?4 WHERE id = ?1";
    let RunMark { run_id, status, attempt, updated_at } = mark;
    let mut update = db.prepare_cached(sql)?;
    Ok(update.execute(params![run_id.as_bytes(), word_of(*status), attempt, updated_at.0])? > 0)
}

const COLUMNS: &str = "id, status, created, updated, attempt, multitask, assistant, graph, shared, asked";

/// The record of a run.
pub(super) fn get(db: &Connection, thread: i64, thread_id: Uuid, run_id: Uuid) -> Result<Option<Run>> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE thread = ?1 AND id = ?2");
    let mut find = db.prepare_cached(&sql)?;
    let mut rows = find.query(params![thread, run_id.as_bytes()])?;
    rows.next()?.map(|row| read(db, row, thread_id)).transpose()
}

/// The records of a thread's runs, newest first.
pub(super) fn list(db: &Connection, thread: i64, request: ListRuns) -> Result<Vec<Run>> {
    let ListRuns { thread_id, status, limit, offset } = request;
    let sql = format!(
        "SELECT {COLUMNS} FROM runs WHERE thread = ?1 AND (?2 IS NULL OR status = ?2
            OR (?2 = 'interrupted' AND status IN ('cancelling', 'rolling back')))
         ORDER BY created DESC, id DESC LIMIT ?3 OFFSET ?4"
    );
    let mut find = db.prepare_cached(&sql)?;
    let [limit, offset] = [limit, offset].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    let mut rows = find.query(params![thread, status.map(RunStatus::as_str), limit, offset])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(read(db, row, thread_id)?);
    }
    Ok(runs)
}

/// What an open run stands as, in the words of the index of open runs.
const OPEN: &str = "status IN ('pending', 'running', 'cancelling', 'rolling back')";

/// The threads that have open runs, as the index of those has it, or that say that they are busy.
pub(super) fn open_threads(db: &Connection) -> Result<Vec<Uuid>> {
    let mut find = db.prepare_cached(&format!(
        "SELECT id FROM threads WHERE status = 'busy'
            OR key IN (SELECT thread FROM runs INDEXED BY open_runs WHERE {OPEN})",
    ))?;
    let ids = find.query_map([], |row| row.get(0).map(Uuid::from_bytes))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// The thread of a run.
pub(super) fn thread_of(db: &Connection, run_id: Uuid) -> Result<Option<Uuid>> {
    let mut find = db.prepare_cached(
        "SELECT threads.id FROM runs JOIN threads ON threads.key = runs.thread WHERE runs.id = ?1",
    )?;
    let found = find.query_row([run_id.as_bytes()], |row| row.get(0).map(Uuid::from_bytes));
    Ok(found.optional()?)
}

/// The records of a thread's open runs, oldest first.
pub(super) fn open(db: &Connection, thread: i64, thread_id: Uuid) -> Result<Vec<Run>> {
    let sql =
        format!("SELECT {COLUMNS} FROM runs INDEXED BY open_runs WHERE {OPEN} AND thread = ?1 ORDER BY id");
    let mut find = db.prepare_cached(&sql)?;
    let mut rows = find.query([thread])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(read(db, row, thread_id)?);
    }
    Ok(runs)
}

/// Drops the record of a run.
pub(super) fn delete(db: &Connection, thread: i64, run_id: Uuid) -> Result<()> {
    let mut delete = db.prepare_cached("DELETE FROM runs WHERE thread = ?1 AND id = ?2")?;
    delete.execute(params![thread, run_id.as_bytes()])?;
    Ok(())
}

fn read(db: &Connection, row: &Row<'_>, thread_id: Uuid) -> Result<Run> {
    let (status, multitask): (String, String) = (row.get(1)?, row.get(5)?);
    let asked: String = row.get(9)?;
    let asked: Asked = json::read(&asked)?;
    let run_id = Uuid::from_bytes(row.get(0)?);
    let request = asked.request.as_ref().map(RequestId::text);
    let own = Own::run_and_request(run_id, request.as_deref())?;
    let mut told: Told = json::read(&shared::text(db, row.get(8)?, &own)?)?;
    Ok(Run {
        run_id,
        thread_id,
        assistant_id: Uuid::from_bytes(row.get(6)?),
        graph_id: row.get(7)?,
        metadata: std::mem::take(&mut told.metadata),
        status: status_of(&status)?,
        kwargs: Arc::new(kwargs_of(asked, told)?),
        multitask_strategy: strategy_of(&multitask)?,
        created_at: Timestamp(row.get(2)?),
        updated_at: Timestamp(row.get(3)?),
        attempt: row.get(4)?,
        derived: Derived::default(),
    })
}

/// What of a request differs from run to run.
pub(super) fn asked(kwargs: &Kwargs) -> Asked {
    Asked {
        input: kwargs.input.iter().cloned().collect(),
        command: kwargs.command.iter().cloned().collect(),
        answers: Ids::of(&kwargs.answers),
        request: None,
    }
}

/// The rest of it.
pub(super) fn told(metadata: &Map<String, Value>, kwargs: &Kwargs) -> Told {
    let nodes = |breakpoints: &Breakpoints| match breakpoints {
        Breakpoints::Never => Nodes::At(Vec::new()),
        Breakpoints::All => Nodes::All(true),
        Breakpoints::At(nodes) => Nodes::At(nodes.clone()),
    };
    Told {
        metadata: metadata.clone(),
        config: kwargs.config.clone(),
        context: kwargs.context.clone(),
        stream_modes: kwargs.stream_modes.iter().map(|mode| mode.as_str().to_owned()).collect(),
        interrupt_before: kwargs.interrupt_before.as_ref().map(nodes),
        interrupt_after: kwargs.interrupt_after.as_ref().map(nodes),
        checkpoint_id: kwargs.checkpoint_id,
        webhook: kwargs.webhook.clone(),
        feedback_keys: kwargs.feedback_keys.clone(),
        temporary: kwargs.temporary,
        subgraphs: kwargs.subgraphs,
        resumable: kwargs.resumable,
        durability: kwargs.durability,
        strict_resume: kwargs.strict_resume,
    }
}

/// The request of which [`asked`] and [`told`] are the parts.
pub(super) fn kwargs_of(asked: Asked, told: Told) -> Result<Kwargs> {
    let nodes = |nodes| match nodes {
        Nodes::All(_) => Breakpoints::All,
        Nodes::At(nodes) if nodes.is_empty() => Breakpoints::Never,
        Nodes::At(nodes) => Breakpoints::At(nodes),
    };
    let mode = |name: &String| StreamMode::from_name(name).ok_or_else(|| corrupt("no known stream mode"));
    Ok(Kwargs {
        input: asked.input.into_iter().next(),
        command: asked.command.into_iter().next(),
        answers: asked.answers.map(Ids::all).unwrap_or_default(),
        config: told.config,
        context: told.context,
        stream_modes: told.stream_modes.iter().map(mode).collect::<Result<_>>()?,
        interrupt_before: told.interrupt_before.map(nodes),
        interrupt_after: told.interrupt_after.map(nodes),
        checkpoint_id: told.checkpoint_id,
        webhook: told.webhook,
        feedback_keys: told.feedback_keys,
        temporary: told.temporary,
        subgraphs: told.subgraphs,
        resumable: told.resumable,
        durability: told.durability,
        strict_resume: told.strict_resume,
    })
}

/// The column `status`.
fn word_of(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Cancelling(CancelAction::Interrupt) => "cancelling",
        RunStatus::Cancelling(CancelAction::Rollback) => "rolling back",
        other => other.as_str(),
    }
}

fn status_of(word: &str) -> Result<RunStatus> {
    use RunStatus::{Cancelling, Error, Interrupted, Pending, Running, Success, Timeout};
    let cancelling = [CancelAction::Interrupt, CancelAction::Rollback].map(Cancelling);
    [Pending, Running, Error, Success, Timeout, Interrupted]
        .into_iter()
        .chain(cancelling)
        .find(|status| word_of(*status) == word)
        .ok_or_else(|| corrupt("a run of no known status"))
}

/// The column `multitask`.
pub(super) fn strategy_of(word: &str) -> Result<MultitaskStrategy> {
    MultitaskStrategy::ALL
        .into_iter()
        .find(|strategy| strategy.as_str() == word)
        .ok_or_else(|| corrupt("no known multitask strategy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_as_they_were_written() {
        let check = |ids: &[&str], text: &str| {
            let ids: Arc<[String]> = ids.iter().map(|id| (*id).to_owned()).collect();
            let asked = Asked { answers: Ids::of(&ids), ..Asked::default() };
            assert_eq!(serde_json::to_string(&asked).expect("is JSON"), text);
            let read: Asked = serde_json::from_str(text).expect("reads");
            assert_eq!(read.answers.map(Ids::all).unwrap_or_default(), ids);
        };
        check(&[], "{}");
        // As earlier versions wrote it, which knew of no other.
        check(&["a"], r#"{"answers":"a"}"#);
        check(&["a", "b"], r#"{"answers":["a","b"]}"#);
    }
}
