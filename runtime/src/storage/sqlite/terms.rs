//! What the metadata of threads says, one row for each part of it: threads are found by what they say.
//!
//! A term is a place in a document with what stands there, as a hash. A document that contains another has all of
//! its terms. Rows change with the metadata, and with nothing else.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::Result;
use super::json;

/// A hash that nobody makes on purpose twice.
pub(super) type Term = [u8; 16];

/// Apart from other hashes of this kind.
const TERMS: Uuid = Uuid::from_u128(0x6d0b_5c1e_3f57_4b0e_9d4a_6e5b_2f8c_71a3);

/// What a filter asks of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The terms that a document has which contains the filter.
    pub(super) terms: Vec<Term>,
    /// Whether every document that has them contains it.
    pub(super) exact: bool,
}

/// How many terms of a filter are looked for.
const LOOKED_FOR: usize = 8;

/// From here on several whole numbers are one float: 2 to the 53rd.
const SHARED: f64 = 9_007_199_254_740_992.0;

/// What a document has to have so that it contains `filter`.
pub(super) fn wanted(filter: &Map<String, Value>) -> Wanted {
    let mut walk = Walk { leaves_only: true, ..Walk::default() };
    walk.object(filter);
    let exact = !walk.vague && walk.terms.len() <= LOOKED_FOR;
    Wanted { terms: walk.terms.into_iter().take(LOOKED_FOR).collect(), exact }
}

/// Has the rows of a thread say what its record says now; `before` is the record's metadata until now.
pub(super) fn put(
    db: &Connection,
    thread: i64,
    before: Option<&str>,
    now: &Map<String, Value>,
) -> Result<()> {
    let before = before.map(json::read::<Map<String, Value>>).transpose()?;
    let (before, now) = (before.as_ref().map(terms).unwrap_or_default(), terms(now));
    let mut delete = db.prepare_cached("DELETE FROM terms WHERE term = ?1 AND thread = ?2")?;
    for term in before.difference(&now) {
        delete.execute(params![term, thread])?;
    }
    let mut insert = db.prepare_cached("INSERT INTO terms (term, thread) VALUES (?1, ?2)")?;
    for term in now.difference(&before) {
        insert.execute(params![term, thread])?;
    }
    Ok(())
}

/// Drops the rows of a thread, while its record is still there.
pub(super) fn delete(db: &Connection, thread: i64) -> Result<()> {
    let mut find =
        db.prepare_cached("SELECT metadata FROM threads WHERE key = ?1 AND metadata IS NOT NULL")?;
    let metadata: Option<String> = find.query_row([thread], |row| row.get(0)).optional()?;
    put(db, thread, metadata.as_deref(), &Map::new())
}

/// Fills the table from records that were stored before it was there.
pub(super) fn fill(db: &Connection) -> Result<()> {
    let mut find = db.prepare("SELECT key, metadata FROM threads WHERE metadata IS NOT NULL")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let metadata = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        put(db, row.get(0)?, None, &json::read(metadata)?)?;
    }
    Ok(())
}

/// The terms of a document.
fn terms(document: &Map<String, Value>) -> BTreeSet<Term> {
    let mut walk = Walk::default();
    walk.object(document);
    walk.terms
}

/// A walk through a document that collects its terms.
#[derive(Default)]
struct Walk {
    /// The place, told so that no two places are told alike.
    path: Vec<u8>,
    terms: BTreeSet<Term>,
    /// Leave out what the parts of a thing say of it already.
    leaves_only: bool,
    /// How many lists stand around the place.
    lists: usize,
    /// Set once something was met of which terms do not tell all: a thing with parts in a list, as which of the
    /// list's items has which part is not told, or a number that shares its term with others.
    vague: bool,
}

impl Walk {
    fn object(&mut self, object: &Map<String, Value>) {
        for (key, value) in object {
            let end = self.path.len();
            self.path.push(b'.');
            self.path.extend(key.len().to_le_bytes());
            self.path.extend(key.as_bytes());
            self.value(value);
            self.path.truncate(end);
        }
    }

    fn list(&mut self, list: &[Value]) {
        let end = self.path.len();
        self.path.push(b'*');
        self.lists += 1;
        for item in list {
            self.value(item);
        }
        self.lists -= 1;
        self.path.truncate(end);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.term(b'0', &[]),
            Value::Bool(on) => self.term(b'?', &[u8::from(*on)]),
            Value::Number(number) => {
                // As numbers compare: 1 is 1.0, and -0 is 0.
                let number = number.as_f64().unwrap_or_default() + 0.0;
                self.vague |= number.abs() >= SHARED;
                self.term(b'#', &number.to_bits().to_le_bytes());
            }
            Value::String(text) => self.term(b'"', text.as_bytes()),
            Value::Array(list) => {
                self.parts(b'[', list.is_empty());
                self.list(list);
            }
            Value::Object(object) => {
                self.parts(b'{', object.is_empty());
                self.object(object);
            }
        }
    }

    /// A thing that has parts, or could have.
    fn parts(&mut self, kind: u8, none: bool) {
        self.vague |= self.lists > 0;
        if none || !self.leaves_only {
            self.term(kind, &[]);
        }
    }

    fn term(&mut self, kind: u8, rest: &[u8]) {
        let end = self.path.len();
        self.path.push(kind);
        self.path.extend(rest);
        self.terms.insert(Uuid::new_v5(&TERMS, &self.path).into_bytes());
        self.path.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::containment::contains_all;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("{value} is no object") };
        map
    }

    #[test]
    fn a_document_has_the_terms_of_what_it_contains() {
        let documents = [
            json!({}),
            json!({"a": 1, "b": "1"}),
            json!({"a": 1.0, "b": null}),
            json!({"a": {"b": {"c": true}, "d": []}}),
            json!({"a": [1, "x", {"b": 2, "c": 3}, {"b": 4}]}),
            json!({"a": {}, "b": [[1], [2]]}),
            json!({"a.b": 1, "a\0b": "\0", "": ""}),
            json!({"a": -0.0, "b": "a.b"}),
            json!({"a": i64::MAX, "b": u64::MAX}),
            json!({"a": i64::MAX - 1, "b": 18_446_744_073_709_551_616.0}),
        ];
        let filters = documents.clone().into_iter().chain([
            json!({"a": 0}),
            json!({"a": {"d": []}}),
            json!({"a": []}),
            json!({"a": [{"b": 4, "c": 3}]}),
            json!({"a": [{"b": 4}, 1]}),
            json!({"b": [[1, 2]]}),
            json!({"a": "1"}),
            json!({"a": ["x", 1]}),
            json!({"a": {"b": 1}}),
        ]);
        for filter in filters {
            let filter = object(filter);
            let Wanted { terms: wanted, exact } = wanted(&filter);
            for document in &documents {
                let document = object(document.clone());
                let has = wanted.iter().all(|term| terms(&document).contains(term));
                let contains = contains_all(&document, &filter);
                assert!(has || !contains, "{document:?} {filter:?}");
                assert!(!exact || has == contains, "{document:?} {filter:?}");
            }
        }
    }

    #[test]
    fn terms_say_whether_they_say_all() {
        let check = |filter, terms, exact| {
            let wanted = wanted(&object(filter));
            assert_eq!((wanted.terms.len(), wanted.exact), (terms, exact));
        };
        check(json!({}), 0, true);
        check(json!({"a": {"b": 1, "c": [1, 2]}}), 3, true);
        check(json!({"a": [{"b": 1}]}), 1, false);
        check(json!({"a": SHARED - 1.0}), 1, true);
        check(json!({"a": -SHARED}), 1, false);
        let long: Map<_, _> = (0..9).map(|n| (n.to_string(), json!(n))).collect();
        check(Value::Object(long), 8, false);
    }
}
