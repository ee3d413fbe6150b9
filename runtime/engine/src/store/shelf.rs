//! Items in memory: maps without a clock, a lock or a limit of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Filter, Item, ListNamespaces, Place, Vector, best_first, closeness};
use crate::ids::Timestamp;

/// Items by place. Whoever asks says what time it is; an item whose time is over is not found any more, and goes
/// with [`sweep`](Self::sweep).
#[derive(Debug, Default)]
pub struct Shelf {
    rows: BTreeMap<Place, Row>,
    /// Which items end, in that order.
    ends: BTreeSet<(Timestamp, Place)>,
    changes: u64,
}

#[derive(Debug)]
struct Row {
    value: Map<String, Value>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// The how-many-eth change put it here: times may be equal.
    change: u64,
    ttl: Option<Duration>,
    until: Option<Timestamp>,
    vectors: Vec<Vector>,
}

/// An item to store, with everything about it decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewItem {
    /// Where it goes.
    pub place: Place,
    /// What it holds.
    pub value: Map<String, Value>,
    /// How long it lives; `None` for good.
    pub ttl: Option<Duration>,
    /// What it is about.
    pub vectors: Vec<Vector>,
    /// When it is put.
    pub at: Timestamp,
}

/// What to search for, with everything about it decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FindItems {
    /// The namespaces begin with it.
    pub prefix: Vec<String>,
    /// What the values must be like.
    pub filter: Filter,
    /// What the items should be about.
    pub query: Option<Vector>,
    /// How many at most.
    pub limit: usize,
    /// How many to leave out before.
    pub offset: usize,
    /// When it is.
    pub at: Timestamp,
}

/// An item that was found, with what else is stored of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredItem {
    /// The item.
    pub item: Item,
    /// How close it is to what was searched for.
    pub score: Option<f64>,
    /// How long it lives from each time at which it is refreshed.
    pub ttl: Option<Duration>,
}

impl NewItem {
    /// When its time is over.
    pub fn until(&self) -> Option<Timestamp> {
        self.ttl.map(|ttl| after(self.at, ttl))
    }
}

fn after(at: Timestamp, ttl: Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX)))
}

impl FindItems {
    /// How close an item of these vectors is to what the search is about.
    pub fn score(&self, vectors: &[Vector]) -> Option<f64> {
        closeness(vectors, self.query.as_deref()?)
    }
}

impl Row {
    fn lives(&self, at: Timestamp) -> bool {
        self.until.is_none_or(|until| until > at)
    }

    fn stored(&self, place: &Place, score: Option<f64>) -> StoredItem {
        let Place { namespace, key } = place.clone();
        let (created_at, updated_at) = (self.created_at, self.updated_at);
        let item = Item { namespace, key, value: self.value.clone(), created_at, updated_at };
        StoredItem { item, score, ttl: self.ttl }
    }
}

impl Shelf {
    /// The item, if it exists.
    pub fn get(&self, place: &Place, at: Timestamp) -> Option<StoredItem> {
        let row = self.rows.get(place).filter(|row| row.lives(at))?;
        Some(row.stored(place, None))
    }

    /// Puts an item, in place of what was there; it keeps the time at which that was made.
    pub fn put(&mut self, new: NewItem) {
        let until = new.until();
        let before = self.take(&new.place).filter(|row| row.lives(new.at));
        self.changes += 1;
        let NewItem { place, value, ttl, vectors, at } = new;
        let created_at = before.map_or(at, |row| row.created_at);
        if let Some(until) = until {
            self.ends.insert((until, place.clone()));
        }
        let row = Row { value, created_at, updated_at: at, change: self.changes, ttl, until, vectors };
        self.rows.insert(place, row);
    }

    /// Removes the item, if it exists.
    pub fn delete(&mut self, place: &Place) {
        self.take(place);
    }

    /// Lets an item that lives for a time do so from now.
    pub fn refresh(&mut self, place: &Place, at: Timestamp) {
        let Some(row) = self.rows.get_mut(place).filter(|row| row.lives(at)) else { return };
        let (Some(ttl), Some(until)) = (row.ttl, row.until) else { return };
        let later = after(at, ttl);
        row.until = Some(later);
        self.ends.remove(&(until, place.clone()));
        self.ends.insert((later, place.clone()));
    }

    /// Drops items whose time is over, the ones that ended first before others, at most `limit`.
    pub fn sweep(&mut self, at: Timestamp, limit: usize) {
        for _ in 0..limit {
            if !self.has_ended(at) {
                return;
            }
            if let Some((_, place)) = self.ends.pop_first() {
                self.rows.remove(&place);
            }
        }
    }

    /// Whether there is an item whose time is over.
    pub fn has_ended(&self, at: Timestamp) -> bool {
        self.ends.first().is_some_and(|(until, _)| *until <= at)
    }

    /// The items that were searched for, best first.
    pub fn search(&self, find: &FindItems) -> Vec<StoredItem> {
        let wanted = self.below(&find.prefix, find.at).filter(|(_, row)| find.filter.matches(&row.value));
        let mut found: Vec<_> =
            wanted.map(|(place, row)| (find.score(&row.vectors), row.change, place, row)).collect();
        found.sort_unstable_by(|one, other| best_first((one.0, one.1), (other.0, other.1)));
        let page = found.into_iter().skip(find.offset).take(find.limit);
        page.map(|(score, _, place, row)| row.stored(place, score)).collect()
    }

    /// The namespaces that were asked for.
    pub fn namespaces(&self, list: &ListNamespaces, at: Timestamp) -> Vec<Vec<String>> {
        let rows = self.below(list.known_prefix(), at);
        let page =
            list.page(rows.map(|(place, _)| Ok::<_, std::convert::Infallible>(place.namespace.clone())));
        page.unwrap_or_else(|never| match never {})
    }

    fn below<'a>(
        &'a self,
        prefix: &'a [String],
        at: Timestamp,
    ) -> impl Iterator<Item = (&'a Place, &'a Row)> {
        let from = Place { namespace: prefix.to_vec(), key: String::new() };
        let rows = self.rows.range(from..).take_while(|(place, _)| place.namespace.starts_with(prefix));
        rows.filter(move |(_, row)| row.lives(at))
    }

    fn take(&mut self, place: &Place) -> Option<Row> {
        let row = self.rows.remove(place)?;
        if let Some(until) = row.until {
            self.ends.remove(&(until, place.clone()));
        }
        Some(row)
    }
}
