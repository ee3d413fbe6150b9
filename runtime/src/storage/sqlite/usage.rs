//! Counts what is stored of a thread.

use rusqlite::Connection;

use super::error::Result;
use super::names::Names;
use super::{values, writes};
use crate::threads::ThreadUsage;

/// What the rows of a thread hold.
pub(super) fn of(db: &Connection, names: &mut Names, thread: i64) -> Result<ThreadUsage> {
    let mut usage = ThreadUsage::default();
    let mut find =
        db.prepare_cached("SELECT made IS NOT NULL, state, added, writes FROM commits WHERE thread = ?1")?;
    let mut rows = find.query([thread])?;
    while let Some(row) = rows.next()? {
        if row.get(0)? {
            usage.checkpoints.add(row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?.len());
        }
        if let Some(added) = row.get::<_, Option<String>>(2)? {
            for (channel, bytes) in values::sizes(&added)? {
                usage.channels.entry(names.name(db, channel)?).or_default().add(bytes);
            }
        }
        if let Some(written) = row.get::<_, Option<String>>(3)? {
            for bytes in writes::sizes(&written)? {
                usage.writes.add(bytes);
            }
        }
    }
    Ok(usage)
}
