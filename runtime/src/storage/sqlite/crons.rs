//! The rows of crons.

use std::time::Duration;

use eddyline_engine::ids::Timestamp;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::Result;
use super::json;
use super::runs::{self, Asked, Told, strategy_of};
use super::session::Session;
use crate::containment::contains_all;
use crate::crons::{Cron, CronFilter, CronPage, CronTerms, SearchCrons, SortCrons};
use crate::runs::{IfNotExists, Kwargs, OnCompletion, StartRun};
use crate::storage::{CronChange, ReadCrons};

/// The column `terms`: what is neither searched for nor sorted by.
#[derive(Serialize, Deserialize)]
struct Terms {
    schedule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
    keeps: bool,
    payload: Map<String, Value>,
    assistant: String,
    asked: Asked,
    told: Told,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    checkpoint: Map<String, Value>,
    /// Who asked for it, as its runs know them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    caller: Map<String, Value>,
    multitask: String,
    /// In microseconds.
    #[serde(default)]
    delay: u64,
}

/// Makes a change.
pub(super) fn change(db: &Connection, change: &CronChange) -> Result<()> {
    match change {
        CronChange::Make(cron) => put(
            db,
            cron,
            "INSERT INTO crons (id, thread, assistant, enabled, created, updated, ends, next, due, owed,
                metadata, terms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        ),
        CronChange::Revise(cron) => put(
            db,
            cron,
            "UPDATE crons SET thread = ?2, assistant = ?3, enabled = ?4, created = ?5, updated = ?6, ends = ?7,
                next = ?8, due = ?9, owed = ?10, metadata = ?11, terms = ?12
             WHERE id = ?1",
        ),
        CronChange::Delete(cron_id) => delete(db, "id", *cron_id),
    }
}

fn put(db: &Connection, cron: &Cron, sql: &str) -> Result<()> {
    db.prepare_cached(sql)?.execute(params![
        cron.cron_id.as_bytes(),
        cron.thread_id.map(Uuid::into_bytes),
        cron.assistant_id.as_bytes(),
        cron.terms.enabled,
        cron.created_at.0,
        cron.updated_at.0,
        cron.terms.end_time.map(|end| end.0),
        cron.next_run_date.map(|next| next.0),
        cron.due().map(|due| due.0),
        cron.owed.map(Uuid::into_bytes),
        json::text(&cron.terms.metadata)?,
        json::text(&terms(&cron.terms))?,
    ])?;
    Ok(())
}

/// Drops the crons of a thread.
pub(super) fn forget_thread(db: &Connection, thread_id: Uuid) -> Result<()> {
    delete(db, "thread", thread_id)
}

/// Drops the crons of an assistant.
pub(super) fn forget_assistant(db: &Connection, assistant_id: Uuid) -> Result<()> {
    delete(db, "assistant", assistant_id)
}

fn delete(db: &Connection, column: &str, id: Uuid) -> Result<()> {
    db.prepare_cached(&format!("DELETE FROM crons WHERE {column} = ?1"))?.execute([id.as_bytes()])?;
    Ok(())
}

const COLUMNS: &str = "id, thread, assistant, enabled, created, updated, ends, next, owed, metadata, terms";

/// What a filter says of columns.
const FITS: &str = "(?1 IS NULL OR assistant = ?1) AND (?2 IS NULL OR thread = ?2)
    AND (?3 IS NULL OR enabled = ?3)";

fn get(db: &Connection, cron_id: Uuid) -> Result<Option<Cron>> {
    let mut find = db.prepare_cached(&format!("SELECT {COLUMNS} FROM crons WHERE id = ?1"))?;
    let mut rows = find.query([cron_id.as_bytes()])?;
    rows.next()?.map(read).transpose()
}

/// Rows before the page are read too: whether one counts is known by its metadata.
fn search(db: &Connection, request: &SearchCrons) -> Result<CronPage> {
    let SearchCrons { filter, sort_by, descending, limit, offset } = request;
    let (column, direction) = (column_of(*sort_by), if *descending { "DESC" } else { "ASC" });
    let sql = format!(
        "SELECT {COLUMNS} FROM crons WHERE {FITS}
         ORDER BY {column} IS NULL {direction}, {column} {direction}, id {direction}"
    );
    let mut find = db.prepare_cached(&sql)?;
    let mut rows = find.query(fits(filter))?;
    let (mut page, mut before) = (CronPage::default(), *offset);
    while let Some(row) = rows.next()? {
        if !says(row, 9, filter)? {
            continue;
        }
        if before > 0 {
            before -= 1;
        } else if page.crons.len() < *limit {
            page.crons.push(read(row)?);
        } else {
            page.more = true;
            break;
        }
    }
    Ok(page)
}

fn count(db: &Connection, filter: &CronFilter) -> Result<usize> {
    let mut find = db.prepare_cached(&format!("SELECT metadata FROM crons WHERE {FITS}"))?;
    let mut rows = find.query(fits(filter))?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += usize::from(says(row, 0, filter)?);
    }
    Ok(count)
}

fn fits(filter: &CronFilter) -> impl rusqlite::Params {
    let bytes = |id: Option<Uuid>| id.map(Uuid::into_bytes);
    (bytes(filter.assistant_id), bytes(filter.thread_id), filter.enabled)
}

fn says(row: &Row<'_>, column: usize, filter: &CronFilter) -> Result<bool> {
    if filter.metadata.is_empty() {
        return Ok(true);
    }
    let metadata: String = row.get(column)?;
    Ok(contains_all(&json::read(&metadata)?, &filter.metadata))
}

fn column_of(sort_by: SortCrons) -> &'static str {
    match sort_by {
        SortCrons::CronId => "id",
        SortCrons::AssistantId => "assistant",
        SortCrons::ThreadId => "thread",
        SortCrons::NextRunDate => "next",
        SortCrons::EndTime => "ends",
        SortCrons::CreatedAt => "created",
        SortCrons::UpdatedAt => "updated",
    }
}

/// Each of both questions has its index.
fn next(db: &Connection, limit: usize) -> Result<Vec<Cron>> {
    let mut crons = Vec::new();
    for which in ["owed IS NOT NULL ORDER BY owed, id", "due IS NOT NULL AND owed IS NULL ORDER BY due, id"] {
        let sql = format!("SELECT {COLUMNS} FROM crons WHERE {which} LIMIT ?1");
        let mut find = db.prepare_cached(&sql)?;
        let mut rows = find.query([i64::try_from(limit - crons.len()).unwrap_or(i64::MAX)])?;
        while let Some(row) = rows.next()? {
            crons.push(read(row)?);
        }
    }
    Ok(crons)
}

fn read(row: &Row<'_>) -> Result<Cron> {
    let id = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<[u8; 16]>>(column)?.map(Uuid::from_bytes));
    let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp));
    let (metadata, terms): (String, String) = (row.get(9)?, row.get(10)?);
    let metadata = json::read(&metadata)?;
    let stored: Terms = json::read(&terms)?;
    Ok(Cron {
        cron_id: Uuid::from_bytes(row.get(0)?),
        thread_id: id(1)?,
        assistant_id: Uuid::from_bytes(row.get(2)?),
        terms: terms_of(stored, row.get(3)?, time(6)?, metadata)?,
        created_at: Timestamp(row.get(4)?),
        updated_at: Timestamp(row.get(5)?),
        next_run_date: time(7)?,
        owed: id(8)?,
    })
}

fn terms(terms: &CronTerms) -> Terms {
    let run = terms.run.clone();
    let kwargs = Kwargs {
        input: run.input,
        command: run.command,
        config: run.config,
        context: run.context,
        stream_modes: run.stream_modes,
        interrupt_before: run.interrupt_before,
        interrupt_after: run.interrupt_after,
        checkpoint_id: run.checkpoint_id,
        webhook: run.webhook,
        feedback_keys: run.feedback_keys,
        subgraphs: run.subgraphs,
        resumable: run.resumable,
        durability: run.durability,
        strict_resume: run.strict_resume,
        ..Kwargs::default()
    };
    Terms {
        schedule: terms.schedule.clone(),
        timezone: terms.timezone.clone(),
        keeps: terms.on_completion == OnCompletion::Keep,
        payload: terms.payload.clone(),
        assistant: run.assistant,
        asked: runs::asked(&kwargs),
        told: runs::told(&run.metadata, &kwargs),
        checkpoint: run.checkpoint,
        caller: run.caller,
        multitask: run.multitask_strategy.as_str().to_owned(),
        delay: u64::try_from(run.delay.as_micros()).unwrap_or(u64::MAX),
    }
}

fn terms_of(
    stored: Terms,
    enabled: bool,
    end_time: Option<Timestamp>,
    metadata: Map<String, Value>,
) -> Result<CronTerms> {
    let Terms { schedule, timezone, keeps, payload, assistant, asked, mut told, .. } = stored;
    let own = std::mem::take(&mut told.metadata);
    let kwargs = runs::kwargs_of(asked, told)?;
    let run = StartRun {
        input: kwargs.input,
        command: kwargs.command,
        config: kwargs.config,
        context: kwargs.context,
        metadata: own,
        stream_modes: kwargs.stream_modes,
        interrupt_before: kwargs.interrupt_before,
        interrupt_after: kwargs.interrupt_after,
        checkpoint_id: kwargs.checkpoint_id,
        webhook: kwargs.webhook,
        feedback_keys: kwargs.feedback_keys,
        subgraphs: kwargs.subgraphs,
        resumable: kwargs.resumable,
        durability: kwargs.durability,
        strict_resume: kwargs.strict_resume,
        checkpoint: stored.checkpoint,
        caller: stored.caller,
        multitask_strategy: strategy_of(&stored.multitask)?,
        delay: Duration::from_micros(stored.delay),
        if_not_exists: IfNotExists::default(),
        ..StartRun::new(assistant)
    };
    let on_completion = if keeps { OnCompletion::Keep } else { OnCompletion::Delete };
    Ok(CronTerms { schedule, timezone, end_time, enabled, on_completion, metadata, run, payload })
}

impl ReadCrons for Session {
    fn cron(&mut self, cron_id: Uuid) -> crate::storage::Result<Option<Cron>> {
        self.look(|db, _| get(db, cron_id))
    }

    fn search_crons(&mut self, request: &SearchCrons) -> crate::storage::Result<CronPage> {
        self.look(|db, _| search(db, request))
    }

    fn count_crons(&mut self, filter: &CronFilter) -> crate::storage::Result<usize> {
        self.look(|db, _| count(db, filter))
    }

    fn next_crons(&mut self, limit: usize) -> crate::storage::Result<Vec<Cron>> {
        self.look(|db, _| next(db, limit))
    }
}
