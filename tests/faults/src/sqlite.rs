//! The files of a data folder, and what SQLite says of them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;

/// The database.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("eddyline.db")
}

/// Its write-ahead log.
pub(crate) fn log_file(folder: &Path) -> PathBuf {
    folder.join("eddyline.db-wal")
}

/// Fails when the database is corrupt. Nobody else may have it open.
pub(crate) fn check_integrity(folder: &Path) -> Result<()> {
    let database = Connection::open(file(folder)).context("the database opens")?;
    let verdict: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(verdict == "ok", "the database is corrupt: {verdict}");
    Ok(())
}
