//! What of a filter of threads indexes know, and who fits it.

use rusqlite::types::Value as Bound;
use rusqlite::{Connection, params};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::{Result, corrupt};
use super::json;
use super::keys::Keys;
use super::names::Names;
use super::terms::{self, Wanted};
use super::threads;
use crate::containment::contains_all;
use crate::threads::{Thread, ThreadFilter, ThreadStatus};

/// So many threads are few: they are looked at one by one.
pub(super) const FEW: usize = 1000;

/// So far the parts of a filter are counted to find the one that leaves the fewest.
const COUNTED: usize = 4000;

/// A part of a filter that an index knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// That the thread is there.
    Any,
    /// That it stands so.
    Status(ThreadStatus),
    /// That its metadata has a term.
    Term(terms::Term),
}

impl Part {
    /// The keys of the threads that fit it, and all that it is compared with.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Any => {
                "SELECT key FROM threads INDEXED BY threads_by_status WHERE status IS NOT NULL AND ?1 IS NULL"
            }
            Self::Status(_) => "SELECT key FROM threads INDEXED BY threads_by_status WHERE status = ?1",
            Self::Term(_) => "SELECT thread FROM terms WHERE term = ?1",
        }
    }

    pub(super) fn bound(self) -> Bound {
        match self {
            Self::Any => Bound::Null,
            Self::Status(status) => status.as_str().to_owned().into(),
            Self::Term(term) => term.to_vec().into(),
        }
    }
}

/// What is looked for.
pub(super) struct Search<'a> {
    pub(super) db: &'a Connection,
    filter: &'a ThreadFilter,
    wanted: Wanted,
}

impl<'a> Search<'a> {
    pub(super) fn new(db: &'a Connection, filter: &'a ThreadFilter) -> Self {
        Self { db, filter, wanted: terms::wanted(&filter.metadata) }
    }

    pub(super) fn parts(&self) -> Vec<Part> {
        let terms = self.wanted.terms.iter().map(|term| Part::Term(*term));
        terms.chain(self.filter.status.map(Part::Status)).collect()
    }

    /// Whether indexes know everything that the filter asks.
    pub(super) fn knows_all(&self) -> bool {
        self.wanted.exact && self.filter.values.is_empty()
    }

    /// How many threads fit a part of the filter; counted up to `limit`.
    pub(super) fn count(&self, part: Part, limit: usize) -> Result<usize> {
        let sql = format!("SELECT count(*) FROM ({} LIMIT ?2)", part.sql());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found: i64 =
            self.db.prepare_cached(&sql)?.query_row(params![part.bound(), limit], |row| row.get(0))?;
        usize::try_from(found).map_err(|_| corrupt("a number of threads is negative"))
    }

    /// The part that leaves the fewest threads, by its place, and how many; those that leave `limit` are alike.
    pub(super) fn least(&self, parts: &[Part], limit: usize) -> Result<(usize, usize)> {
        let mut least = (0, usize::MAX);
        for (place, part) in parts.iter().enumerate() {
            let count = self.count(*part, limit)?;
            if count < least.1 {
                least = (place, count);
            }
        }
        Ok(least)
    }

    pub(super) fn has(&self, part: Part, key: i64) -> Result<bool> {
        let sql = match part {
            Part::Any => "SELECT 1 FROM threads WHERE key = ?2 AND updated IS NOT NULL AND ?1 IS NULL",
            Part::Status(_) => "SELECT 1 FROM threads WHERE key = ?2 AND status = ?1",
            Part::Term(_) => "SELECT 1 FROM terms WHERE term = ?1 AND thread = ?2",
        };
        Ok(self.db.prepare_cached(sql)?.exists(params![part.bound(), key])?)
    }

    pub(super) fn has_all(&self, parts: &[Part], key: i64) -> Result<bool> {
        for part in parts {
            if !self.has(*part, key)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The threads that fit all parts.
    pub(super) fn keys(&self, parts: &[Part]) -> Result<Keys> {
        let mut rest = parts.to_vec();
        let mut keys = match &self.filter.ids {
            Some(ids) => self.named(ids)?,
            None if rest.is_empty() => self.all(Part::Any)?,
            None => {
                let (least, _) = self.least(&rest, COUNTED)?;
                self.all(rest.swap_remove(least))?
            }
        };
        for part in rest {
            if keys.len() <= FEW {
                keys.retain(|key| self.has(part, key))?;
            } else {
                keys.intersect(&self.all(part)?);
            }
        }
        Ok(keys)
    }

    /// The threads that fit a part.
    fn all(&self, part: Part) -> Result<Keys> {
        let mut find = self.db.prepare_cached(part.sql())?;
        let mut rows = find.query([part.bound()])?;
        let mut keys = Keys::default();
        while let Some(row) = rows.next()? {
            keys.insert(row.get(0)?);
        }
        Ok(keys)
    }

    /// The threads of these ids.
    fn named(&self, ids: &[Uuid]) -> Result<Keys> {
        let mut find =
            self.db.prepare_cached("SELECT key FROM threads WHERE id = ?1 AND updated IS NOT NULL")?;
        let mut keys = Keys::default();
        for id in ids {
            let mut rows = find.query([id.as_bytes()])?;
            if let Some(row) = rows.next()? {
                keys.insert(row.get(0)?);
            }
        }
        Ok(keys)
    }

    /// Whether a thread that fits as far as indexes know fits altogether.
    pub(super) fn fits(&self, names: &mut Names, key: i64) -> Result<bool> {
        if !self.wanted.exact {
            let mut find = self.db.prepare_cached("SELECT metadata FROM threads WHERE key = ?1")?;
            let metadata: String = find.query_row([key], |row| row.get(0))?;
            let metadata: Map<String, Value> = json::read(&metadata)?;
            if !contains_all(&metadata, &self.filter.metadata) {
                return Ok(false);
            }
        }
        Ok(self.filter.values.is_empty() || self.filter.fits_values(&thread(self.db, names, key)?))
    }
}

/// The record of a key that an index has.
pub(super) fn thread(db: &Connection, names: &mut Names, key: i64) -> Result<Thread> {
    let stored =
        threads::at(db, names, key)?.ok_or_else(|| corrupt("a thread that is indexed is missing"))?;
    Ok(stored.thread)
}
