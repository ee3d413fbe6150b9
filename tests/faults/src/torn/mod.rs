//! A crash cuts off the log of a busy database anywhere: what is left opens, holds the transactions that lie
//! whole before the cut, and nothing of any other.

mod log;
mod numbered;

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use eddyline::runtime::storage::{SqliteStorage, Storage as _};
use rusqlite::Connection;

use self::log::Log;
use crate::random::Random;
use crate::sqlite::{check_integrity, file, log_file};

/// A transaction is a few frames, and each of these is cut at a few places.
const CUTS_PER_TRANSACTION: usize = 60;

/// Cuts that are tried at once: most of the time goes to syncing files.
const AT_ONCE: usize = 8;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    cuts: usize,
    opened: usize,
    transactions: usize,
    /// Transactions that had begun before a cut and are not there.
    longest_lost_tail: usize,
    /// Transactions that lay whole before a cut and are not there.
    lost: usize,
    broken: Vec<String>,
}

impl Figures {
    /// Whether no cut took more than the transaction that it went through.
    pub fn hold(&self) -> bool {
        self.cuts == self.opened
            && self.transactions > 0
            && self.longest_lost_tail <= 1
            && self.lost == 0
            && self.broken.is_empty()
    }
}

impl Figures {
    fn add(&mut self, cut: usize, found: Result<usize>, log: &Log) {
        self.cuts += 1;
        match found {
            Ok(found) => {
                self.opened += 1;
                self.longest_lost_tail = self.longest_lost_tail.max(log.begun(cut).saturating_sub(found));
                self.lost += log.whole(cut).saturating_sub(found);
            }
            Err(error) => self.broken.push(format!("cut at byte {cut} of {}: {error:#}", log.len())),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "opens that work: {} of {} cuts", self.opened, self.cuts)?;
        writeln!(f, "longest lost tail: {} of {} commits", self.longest_lost_tail, self.transactions)?;
        writeln!(f, "lost commits that lay whole before the cut: {}", self.lost)?;
        writeln!(f, "broken invariants: {}", self.broken.len())?;
        self.broken.iter().try_for_each(|broken| writeln!(f, "{broken}"))
    }
}

/// Copies a busy database once, and cuts its log at so many places or a few more.
///
/// Fails when it cannot be copied; what is wrong after a cut is in the figures.
pub fn run(folder: &Path, count: usize, seed: u64) -> Result<Figures> {
    let (database, log) = copy_while_busy(&folder.join("busy"), count / CUTS_PER_TRANSACTION)?;
    let cuts = log.cuts(count, &mut Random::new(seed));
    let mut figures = Figures { transactions: log.whole(log.len()), ..Figures::default() };
    for (cut, found) in cuts.iter().zip(open_all(folder, &database, &log, &cuts)) {
        figures.add(*cut, found, &log);
    }
    Ok(figures)
}

/// What is left after each of the cuts.
fn open_all(folder: &Path, database: &[u8], log: &Log, cuts: &[usize]) -> Vec<Result<usize>> {
    let open_share = |(nth, cuts): (usize, &[usize])| -> Vec<Result<usize>> {
        let folder = folder.join(nth.to_string());
        cuts.iter().map(|cut| open(&folder, database, log.until(*cut))).collect()
    };
    thread::scope(|scope| {
        let shares = cuts.chunks(cuts.len().div_ceil(AT_ONCE)).enumerate();
        let workers: Vec<_> = shares.map(|share| scope.spawn(move || open_share(share))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a cut does not panic")).collect()
    })
}

/// The files as they are after so many transactions, while the next ones are written.
fn copy_while_busy(folder: &Path, transactions: usize) -> Result<(Vec<u8>, Log)> {
    let mut storage = SqliteStorage::open(folder)?;
    let _reader = pin_log(folder)?;
    let (stored, copied) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 1.. {
                if copied.load(Ordering::SeqCst) {
                    break;
                }
                numbered::store(&mut storage, number)?;
                stored.store(number, Ordering::SeqCst);
            }
            anyhow::Ok(())
        });
        while stored.load(Ordering::SeqCst) < transactions && !writer.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        let acknowledged = stored.load(Ordering::SeqCst);
        let copy = fs::read(file(folder)).and_then(|database| Ok((database, fs::read(log_file(folder))?)));
        copied.store(true, Ordering::SeqCst);
        writer.join().expect("the writer does not panic")?;
        let (database, log) = copy?;
        let log = Log::read(log)?;
        ensure!(log.whole(log.len()) >= acknowledged, "a transaction was answered before it was written");
        Ok((database, log))
    })
}

/// Keeps the log from being brought home, so that file and log can be copied one after the other: somebody
/// reads the database as it was when the log was empty.
fn pin_log(folder: &Path) -> Result<Connection> {
    let reader = Connection::open(file(folder))?;
    reader.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    reader.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
    Ok(reader)
}

/// How many transactions are left; all of them are whole, and a further one can be stored.
fn open(folder: &Path, database: &[u8], log: &[u8]) -> Result<usize> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    fs::write(file(folder), database)?;
    fs::write(log_file(folder), log)?;
    let mut storage = SqliteStorage::open(folder)?;
    let count = numbered::count(storage.read())?;
    numbered::store(&mut storage, count + 1)?;
    drop(storage);
    check_integrity(folder)?;
    Ok(count)
}
