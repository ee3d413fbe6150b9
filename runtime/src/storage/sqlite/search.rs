//! Finds threads by what indexes know of them; no record is read that does not fit, unless the filter asks something
//! that no index knows.
//!
//! There are two ways. One goes along an index that has the order asked for and stops when the page is full: good
//! where many threads fit. The other gathers all that fit from the indexes that know the parts of the filter: good
//! where few fit. Which is better cannot be known beforehand, as those that fit may stand anywhere in the order; so
//! the first is given up when it has passed many threads in vain. Both together are bounded by what indexes hold.

use rusqlite::Connection;
use serde_json::json;

use super::error::Result;
use super::filter::{FEW, Part, Search, thread};
use super::keys::Keys;
use super::names::Names;
use super::thread_order::Order;
use crate::threads::{SearchThreads, ThreadFilter, ThreadPage, ThreadStatus};

/// So many threads are passed in the hope of a full page.
const PASSED: usize = 500;

/// A page of the threads that a filter means.
pub(super) fn page(db: &Connection, names: &mut Names, request: &SearchThreads) -> Result<ThreadPage> {
    let search = Search::new(db, &request.filter);
    let parts = search.parts();
    let order = Order::new(request, &parts);
    let mut page = Page { search: &search, names, request, skipped: 0, found: Vec::new() };
    if request.filter.ids.is_none() && !order.leaves_out(&parts) {
        page.walk(&order, usize::MAX, |key| Ok(order.knows_records() || search.has(Part::Any, key)?))?;
        return page.finish();
    }
    let hopeful = request.filter.ids.is_none() && search.least(&parts, FEW)?.1 >= FEW;
    if hopeful && page.walk(&order, PASSED, |key| search.has_all(&parts, key))? {
        return page.finish();
    }
    page.restart();
    let keys = search.keys(&parts)?;
    if keys.len() <= FEW {
        page.sort(&keys)?;
    } else if order.merges() && page.end() <= FEW / ThreadStatus::ALL.len() {
        let first = page.first_of_each(&order, &keys)?;
        page.sort(&first)?;
    } else {
        page.walk(&order, usize::MAX, |key| Ok(keys.contains(key)))?;
    }
    page.finish()
}

/// How many threads a filter means.
pub(super) fn count(db: &Connection, names: &mut Names, filter: &ThreadFilter) -> Result<usize> {
    let search = Search::new(db, filter);
    let parts = search.parts();
    match &parts[..] {
        [] if filter.ids.is_none() && search.knows_all() => search.count(Part::Any, usize::MAX),
        [one] if filter.ids.is_none() && search.knows_all() => search.count(*one, usize::MAX),
        parts => {
            let mut count = 0;
            for key in search.keys(parts)?.iter() {
                count += usize::from(search.knows_all() || search.fits(names, key)?);
            }
            Ok(count)
        }
    }
}

/// A page that is being filled.
struct Page<'a> {
    search: &'a Search<'a>,
    names: &'a mut Names,
    request: &'a SearchThreads,
    skipped: usize,
    /// The keys of those that are on it, and of one more if there is one.
    found: Vec<i64>,
}

impl Page<'_> {
    /// Goes along the order until the page is full; false when `limit` threads were passed before.
    fn walk(
        &mut self,
        order: &Order,
        limit: usize,
        mut fits: impl FnMut(i64) -> Result<bool>,
    ) -> Result<bool> {
        let (sql, status) = order.walk();
        let mut find = self.search.db.prepare_cached(&sql)?;
        let mut rows = find.query([status])?;
        let mut passed = 0;
        while let Some(row) = rows.next()? {
            passed += 1;
            if passed > limit {
                return Ok(false);
            }
            let key = row.get(0)?;
            if fits(key)? && !self.offer(key)? {
                break;
            }
        }
        Ok(true)
    }

    /// Of each status those that come first, as many as could be wanted. To pass many is cheaper so than in one order
    /// that is merged of all.
    fn first_of_each(&mut self, order: &Order, keys: &Keys) -> Result<Keys> {
        let mut first = Keys::default();
        for status in ThreadStatus::ALL {
            let (sql, status) = order.within(status).walk();
            let mut find = self.search.db.prepare_cached(&sql)?;
            let mut rows = find.query([status])?;
            let mut wanted = self.end();
            while let Some(row) = rows.next()? {
                let key = row.get(0)?;
                if keys.contains(key) && (self.search.knows_all() || self.search.fits(self.names, key)?) {
                    first.insert(key);
                    wanted -= 1;
                }
                if wanted == 0 {
                    break;
                }
            }
        }
        Ok(first)
    }

    /// Takes these in the order that is asked for.
    fn sort(&mut self, keys: &Keys) -> Result<()> {
        let order = Order::new(self.request, &[]).clause();
        let sql =
            format!("SELECT t.key FROM json_each(?1) k CROSS JOIN threads t ON t.key = k.value {order}");
        let mut find = self.search.db.prepare_cached(&sql)?;
        let mut rows = find.query([json!(keys.iter().collect::<Vec<_>>()).to_string()])?;
        while let Some(row) = rows.next()? {
            if !self.offer(row.get(0)?)? {
                break;
            }
        }
        Ok(())
    }

    /// Takes a thread if it fits and is not on an earlier page; false once the page is full.
    fn offer(&mut self, key: i64) -> Result<bool> {
        if !self.search.knows_all() && !self.search.fits(self.names, key)? {
            return Ok(true);
        }
        if self.skipped < self.request.offset {
            self.skipped += 1;
            return Ok(true);
        }
        self.found.push(key);
        Ok(self.found.len() <= self.request.limit)
    }

    /// Where the page ends, and one more.
    fn end(&self) -> usize {
        self.request.offset.saturating_add(self.request.limit).saturating_add(1)
    }

    fn restart(&mut self) {
        self.skipped = 0;
        self.found.clear();
    }

    fn finish(self) -> Result<ThreadPage> {
        let Self { search, names, request, found, .. } = self;
        let more = found.len() > request.limit;
        let threads = found.into_iter().take(request.limit).map(|key| thread(search.db, names, key));
        Ok(ThreadPage { threads: threads.collect::<Result<_>>()?, more })
    }
}
