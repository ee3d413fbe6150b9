//! The rows of deliveries.

use eddyline_engine::ids::Timestamp;
use rusqlite::{Connection, Params, Row, params};
use uuid::Uuid;

use super::error::Result;
use super::session::Session;
use crate::storage::webhooks::FAILED;
use crate::storage::{ReadWebhooks, WebhookChange};
use crate::webhooks::{Delivery, ListFailures};

/// Makes a change.
pub(super) fn change(db: &Connection, change: &WebhookChange) -> Result<()> {
    match change {
        WebhookChange::Owe(delivery) => owe(db, delivery),
        WebhookChange::Delivered(delivery_id) => {
            db.prepare_cached("DELETE FROM webhooks WHERE id = ?1")?.execute([delivery_id.as_bytes()])?;
            Ok(())
        }
        WebhookChange::Failed(delivery) => failed(db, delivery),
    }
}

/// Stores what is owed, unless it is stored.
pub(super) fn owe(db: &Connection, delivery: &Delivery) -> Result<()> {
    let sql = format!(
        "INSERT INTO webhooks ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (id) DO NOTHING"
    );
    db.prepare_cached(&sql)?.execute(params![
        delivery.delivery_id.as_bytes(),
        delivery.run_id.as_bytes(),
        delivery.thread_id.as_bytes(),
        delivery.url,
        delivery.body,
        delivery.attempts,
        delivery.due.map(|due| due.0),
        delivery.error,
        delivery.created_at.0,
        delivery.updated_at.0,
    ])?;
    Ok(())
}

fn failed(db: &Connection, delivery: &Delivery) -> Result<()> {
    let sql = "UPDATE webhooks SET attempts = ?2, due = ?3, error = ?4, updated = ?5 WHERE id = ?1";
    db.prepare_cached(sql)?.execute(params![
        delivery.delivery_id.as_bytes(),
        delivery.attempts,
        delivery.due.map(|due| due.0),
        delivery.error,
        delivery.updated_at.0,
    ])?;
    if delivery.due.is_none() {
        let sql = "DELETE FROM webhooks WHERE due IS NULL AND key IN (SELECT key FROM webhooks
                WHERE due IS NULL ORDER BY updated DESC, id DESC LIMIT -1 OFFSET ?1)";
        db.prepare_cached(sql)?.execute([i64::try_from(FAILED).unwrap_or(i64::MAX)])?;
    }
    Ok(())
}

const COLUMNS: &str = "id, run, thread, url, body, attempts, due, error, created, updated";

fn select(db: &Connection, which: &str, params: impl Params) -> Result<Vec<Delivery>> {
    let mut find = db.prepare_cached(&format!("SELECT {COLUMNS} FROM webhooks WHERE {which}"))?;
    let mut rows = find.query(params)?;
    let mut deliveries = Vec::new();
    while let Some(row) = rows.next()? {
        deliveries.push(read(row)?);
    }
    Ok(deliveries)
}

fn read(row: &Row<'_>) -> Result<Delivery> {
    Ok(Delivery {
        delivery_id: Uuid::from_bytes(row.get(0)?),
        run_id: Uuid::from_bytes(row.get(1)?),
        thread_id: Uuid::from_bytes(row.get(2)?),
        url: row.get(3)?,
        body: row.get(4)?,
        attempts: row.get(5)?,
        due: row.get::<_, Option<i64>>(6)?.map(Timestamp),
        error: row.get(7)?,
        created_at: Timestamp(row.get(8)?),
        updated_at: Timestamp(row.get(9)?),
    })
}

impl ReadWebhooks for Session {
    fn next_deliveries(&mut self, limit: usize) -> crate::storage::Result<Vec<Delivery>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.look(|db, _| select(db, "due IS NOT NULL ORDER BY due, id LIMIT ?1", [limit]))
    }

    fn owed_deliveries(&mut self) -> crate::storage::Result<usize> {
        self.look(|db, _| {
            let mut count = db.prepare_cached("SELECT count(*) FROM webhooks WHERE due IS NOT NULL")?;
            let count: i64 = count.query_row([], |row| row.get(0))?;
            Ok(usize::try_from(count).unwrap_or_default())
        })
    }

    fn failed_deliveries(&mut self, request: ListFailures) -> crate::storage::Result<Vec<Delivery>> {
        let page = [request.limit, request.offset].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        let which = "due IS NULL ORDER BY updated DESC, id DESC LIMIT ?1 OFFSET ?2";
        self.look(|db, _| select(db, which, page))
    }
}
