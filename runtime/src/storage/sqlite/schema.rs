//! The tables, how a connection is set up, and how an older database becomes one of today.
//!
//! ```text
//!  threads   one row for each thread: the epoch, and the record once there is one
//!  runs      one row for each run
//!  commits   one row for each superstep, and one for each task that stored its writes before its siblings
//!  shared    what runs of one thread have in common
//!  names     channels and nodes, which rows call by number
//!  items     one row for each item of the long-term store
//!  vectors   what items are about, for those that are indexed
//!  assistants, assistant_versions
//!            which version each assistant is now, and one row for each version
//!  crons     one row for each cron
//!  webhooks  one row for each word of the end of a run that is owed, or could not be delivered
//!  terms     what the metadata of threads says, one row for each part of it
//!  facts     what happened in runs that can be taken up again, one row for all that was put together
//! ```
//!
//! Rows of `commits` never change what they say of values, so later rows point at earlier ones.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::error::{Fault, OpenError};
use super::terms;

/// Each brings the schema from the version that is its place in the list to the next.
pub(super) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE threads (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    created INTEGER, -- NULL while there is no record
    updated INTEGER,
    status TEXT,
    metadata TEXT,
    rest TEXT
);
CREATE TABLE runs (
    key INTEGER PRIMARY KEY,
    thread INTEGER NOT NULL,
    id BLOB NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    multitask TEXT NOT NULL,
    assistant BLOB NOT NULL,
    graph TEXT NOT NULL,
    shared INTEGER NOT NULL, -- what it was told but for
    asked TEXT NOT NULL,     -- its input
    UNIQUE (thread, id)
);
CREATE INDEX open_runs ON runs (status) WHERE status IN ('pending', 'running');
CREATE TABLE commits (
    row INTEGER PRIMARY KEY,
    thread INTEGER NOT NULL,
    ns TEXT NOT NULL,
    id BLOB,          -- of the checkpoint; NULL when the row makes none
    parent BLOB,
    made INTEGER,     -- when; NULL while only writes are known of the checkpoint
    source INTEGER,
    step INTEGER,
    state TEXT,       -- packed: versions, what nodes have seen, and where values stand that the row does not add
    added TEXT,       -- the values that it adds
    run BLOB,         -- the run that the metadata names, if it names one; of writes alone, the run that made them
    shared INTEGER,   -- the metadata that is constant in a run
    hung INTEGER,     -- the row on whose checkpoint the writes hang; 0 for this one
    writes TEXT,
    UNIQUE (thread, ns, id)
);
CREATE INDEX hung_writes ON commits (hung) WHERE hung > 0;
CREATE TABLE shared (
    key INTEGER PRIMARY KEY,
    thread INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX shared_of_thread ON shared (thread);
CREATE TABLE names (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
",
    "
ALTER TABLE runs RENAME TO old_runs;
CREATE TABLE runs (
    key INTEGER PRIMARY KEY,
    thread INTEGER NOT NULL,
    id BLOB NOT NULL UNIQUE,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    multitask TEXT NOT NULL,
    assistant BLOB NOT NULL,
    graph TEXT NOT NULL,
    shared INTEGER NOT NULL, -- what it was told but for
    asked TEXT NOT NULL      -- its input
);
INSERT INTO runs SELECT * FROM old_runs;
DROP TABLE old_runs;
CREATE INDEX runs_of_thread ON runs (thread);
CREATE INDEX open_runs ON runs (thread) WHERE status IN ('pending', 'running', 'cancelling', 'rolling back');
",
    "
CREATE TABLE items (
    change INTEGER PRIMARY KEY, -- grows with every put, so it tells the newest
    namespace BLOB NOT NULL,    -- sorts as its labels do, and begins as the namespaces above it
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    ttl INTEGER,                -- NULL when it lives for good
    ends INTEGER,
    UNIQUE (namespace, key)
);
CREATE INDEX items_that_end ON items (ends) WHERE ends IS NOT NULL;
CREATE TABLE vectors (
    item INTEGER NOT NULL,      -- the change that put it
    place INTEGER NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (item, place)
) WITHOUT ROWID;
",
    "
CREATE TABLE assistants (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL, -- the row of assistant_versions that says what it is now
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE assistant_versions (
    assistant BLOB NOT NULL,
    version INTEGER NOT NULL,
    graph TEXT NOT NULL,
    config TEXT NOT NULL,
    context TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created INTEGER NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    PRIMARY KEY (assistant, version)
) WITHOUT ROWID;
",
    SEARCH,
    EXPIRY,
    PACKED,
    FACTS,
    CRONS,
    WEBHOOKS,
    SHORT,
];

/// Threads are found by what they say, by how they stand and by time. `terms` is filled from what is stored.
const SEARCH: &str = "
ALTER TABLE threads ADD COLUMN state_updated INTEGER;
UPDATE threads SET state_updated = rest ->> '$.state_updated' WHERE rest IS NOT NULL;
CREATE INDEX threads_by_status ON threads (status, updated);
CREATE INDEX threads_by_creation ON threads (created);
CREATE INDEX threads_by_state ON threads (state_updated);
CREATE TABLE terms (
    term BLOB NOT NULL,
    thread INTEGER NOT NULL,
    PRIMARY KEY (term, thread)
) WITHOUT ROWID;
";

/// Threads that are not kept for ever are found by the time until which they are kept.
const EXPIRY: &str = "
ALTER TABLE threads ADD COLUMN expires INTEGER;
CREATE INDEX threads_expiring ON threads (expires) WHERE expires IS NOT NULL;
";

/// Nothing changes of what is stored, but earlier programs would not read what is stored from here on.
const PACKED: &str = "-- Rows of commits may have a packed `state`.";

/// What happened on threads is read in its order, and goes by its age.
const FACTS: &str = "
CREATE TABLE facts (
    row INTEGER PRIMARY KEY,
    thread INTEGER NOT NULL,
    seq INTEGER NOT NULL,  -- the number of the first fact
    run BLOB NOT NULL,
    made INTEGER NOT NULL, -- when the last fact happened
    upto INTEGER NOT NULL, -- the weight of all facts of the thread up to here, those that are gone included
    facts TEXT NOT NULL,   -- the distance of each fact from the first, and the fact
    UNIQUE (thread, seq)
);
CREATE INDEX facts_by_age ON facts (made);
";

/// `due` is when the cron has to run next, and NULL when it does not have to; `next` is when its schedule is met.
const CRONS: &str = "
CREATE TABLE crons (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    thread BLOB,
    assistant BLOB NOT NULL,
    enabled INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    ends INTEGER,
    next INTEGER,
    due INTEGER,
    owed BLOB, -- the run of a tick that was taken
    metadata TEXT NOT NULL,
    terms TEXT NOT NULL
);
CREATE INDEX crons_of_thread ON crons (thread) WHERE thread IS NOT NULL;
CREATE INDEX crons_of_assistant ON crons (assistant);
CREATE INDEX crons_due ON crons (due, id) WHERE due IS NOT NULL;
CREATE INDEX crons_owing ON crons (owed, id) WHERE owed IS NOT NULL;
";

/// `due` is NULL for what failed for good.
const WEBHOOKS: &str = "
CREATE TABLE webhooks (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    run BLOB NOT NULL,
    thread BLOB NOT NULL,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due INTEGER,
    error TEXT,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
);
CREATE INDEX webhooks_due ON webhooks (due, id) WHERE due IS NOT NULL;
CREATE INDEX webhooks_failed ON webhooks (updated, id) WHERE due IS NULL;
";

/// As [`PACKED`].
const SHORT: &str =
    "-- Rows of commits may name their parents by row, and say when they were made by their ids.";

/// The newest version that this program knows.
pub(super) fn version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// The database's file in its folder.
pub(super) const FILE: &str = "eddyline.db";

/// How long a statement waits for the moment in which a checkpoint of the log holds the file.
const BUSY: Duration = Duration::from_secs(10);

/// Opens the database of the folder, makes it if it is not there, and brings it to today's schema.
pub(super) fn open(folder: &Path) -> Result<Connection, OpenError> {
    let unusable = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { file: folder.join(FILE) },
        _ => OpenError::Database { folder: folder.to_owned(), source },
    };
    // Before anything is set in it: what is not ours stays as it is.
    if folder.join(FILE).exists() && is_foreign(folder).map_err(unusable)? {
        return Err(OpenError::Foreign { file: folder.join(FILE) });
    }
    let mut connection = connect(folder).map_err(unusable)?;
    let found = migrate(&mut connection).map_err(unusable)?;
    let known = version();
    if found > known {
        return Err(OpenError::Newer { folder: folder.to_owned(), found, known });
    }
    Ok(connection)
}

/// True for a database that another program made: there is something in it, and no table of ours.
fn is_foreign(folder: &Path) -> rusqlite::Result<bool> {
    let connection = Connection::open(folder.join(FILE))?;
    connection.busy_timeout(BUSY)?;
    let tables = |table: &str| {
        let named = "SELECT count(*) FROM sqlite_schema WHERE ?1 IN ('', name)";
        connection.query_row(named, [table], |row| row.get::<_, i64>(0))
    };
    Ok(tables("")? > 0 && (tables("threads")? == 0 || tables("commits")? == 0))
}

/// A connection that is set up. Only `page_size` needs a database that is new.
pub(super) fn connect(folder: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(folder.join(FILE))?;
    set_up(&connection)?;
    connection.pragma_update(None, "page_size", 4096)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    // The log is brought home beside the commits, by `checkpointer`.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// A connection that only reads, beside one that was opened before it.
pub(super) fn look(folder: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(folder.join(FILE), flags)?;
    set_up(&connection)?;
    Ok(connection)
}

/// What holds for every connection.
fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Statements are planned once. Else SQLite plans those with `LIMIT ?` again whenever the number is set.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "temp_store", "memory")
}

/// What is stored and does not read, as SQLite would say it.
fn as_sqlite(fault: Fault) -> rusqlite::Error {
    match fault {
        Fault::Sqlite(error) => error,
        other => rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(other)),
    }
}

/// Takes the steps that are missing, all or none; answers with the version that was found if it is too new,
/// and with today's otherwise.
fn migrate(connection: &mut Connection) -> rusqlite::Result<i64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let missing = usize::try_from(found).unwrap_or_default();
    if missing >= MIGRATIONS.len() {
        return Ok(found);
    }
    for step in &MIGRATIONS[missing..] {
        transaction.execute_batch(step)?;
        if *step == SEARCH {
            terms::fill(&transaction).map_err(as_sqlite)?;
        }
    }
    transaction.pragma_update(None, "user_version", version())?;
    transaction.commit()?;
    Ok(version())
}
