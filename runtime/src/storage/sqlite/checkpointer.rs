//! Brings the write-ahead log home, on an OS thread of its own: commits do not wait for it.
//!
//! While there is work it copies pages beside the writer, who begins the log anew once all of it is home.
//! When the writer has been quiet for a while the log is cut to nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

use super::schema;

/// Pages in the log from which on they are brought home: 2 MiB.
const PAGES: u64 = 512;

/// Pages from which on the writer does it, for its log begins anew only when it finds all of it home: behind a
/// busy writer the thread always lags a little. It keeps out of the way then, only one can be at it.
const MANY_PAGES: u64 = 4 * PAGES;

/// For how long the writer must be quiet.
const QUIET: Duration = Duration::from_secs(1);

/// What writer and checkpointer know of the log.
#[derive(Debug, Default)]
struct Log {
    pages: AtomicU64,
    commits: AtomicU64,
    /// The checkpointer waits for the writer to be quiet.
    watched: AtomicBool,
}

/// The OS thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Checkpointer {
    log: Arc<Log>,
    /// Room for one: a second order would say the same.
    orders: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(folder: &Path) -> std::io::Result<Self> {
        let log = Arc::<Log>::default();
        let (orders, receiver) = sync_channel(1);
        let (folder, seen) = (folder.to_owned(), Arc::clone(&log));
        let thread = thread::Builder::new().name("eddyline-log".to_owned());
        let thread = thread.spawn(move || work(folder, &receiver, &seen))?;
        Ok(Self { log, orders: Some(orders), thread: Some(thread) })
    }

    /// What watches the log of the connection that writes.
    pub(super) fn watch(&self) -> impl Fn(&mut Connection) -> rusqlite::Result<()> + Send + use<> {
        let log = Arc::clone(&self.log);
        move |connection| {
            let log = Arc::clone(&log);
            connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
                log.pages.store(u64::try_from(pages).unwrap_or_default(), Ordering::Relaxed);
                Ok(())
            }))
        }
    }

    /// The writer has committed.
    pub(super) fn committed(&self, connection: &Connection) {
        self.log.commits.fetch_add(1, Ordering::Relaxed);
        let pages = self.log.pages.load(Ordering::Relaxed);
        if pages >= MANY_PAGES {
            bring_home(connection, "PASSIVE");
        }
        let watched = self.log.watched.swap(true, Ordering::Relaxed);
        if (!watched || (PAGES..MANY_PAGES).contains(&pages))
            && let Some(orders) = &self.orders
        {
            // One that finds no room is there already.
            let _ = orders.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // It panicked, and has nothing to save.
            let _ = thread.join();
        }
    }
}

fn work(folder: PathBuf, orders: &Receiver<()>, log: &Log) {
    let connection = match schema::connect(&folder) {
        Ok(connection) => connection,
        Err(error) => {
            tracing::error!(%error, "the log of the database grows until the writer brings it home");
            return;
        }
    };
    drop(folder);
    while orders.recv().is_ok() {
        let mut seen = log.commits.load(Ordering::Relaxed);
        loop {
            if (PAGES..MANY_PAGES).contains(&log.pages.load(Ordering::Relaxed)) {
                bring_home(&connection, "PASSIVE");
            }
            match orders.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let before = std::mem::replace(&mut seen, log.commits.load(Ordering::Relaxed));
                    if before == seen {
                        log.watched.store(false, Ordering::Relaxed);
                        bring_home(&connection, "TRUNCATE");
                        break;
                    }
                }
            }
        }
    }
}

/// `mode` is one of SQLite's words.
pub(super) fn bring_home(connection: &Connection, mode: &str) {
    // What is not brought home now is brought home next time; a full disk shows in the writer's commits.
    if let Err(error) = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(())) {
        tracing::warn!(%error, mode, "the log of the database is not brought home");
    }
}
