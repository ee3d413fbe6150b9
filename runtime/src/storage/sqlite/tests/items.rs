//! Items in a folder: which index serves what, and what is there after it was opened again.

use std::time::Duration;

use eddyline_engine::ids::Timestamp;
use eddyline_engine::store::{FindItems, NewItem, Place};
use serde_json::json;

use super::super::{items, namespaces};
use super::*;
use crate::storage::ItemChange;

fn new(key: &str) -> NewItem {
    let value = json!({"of": key}).as_object().unwrap().clone();
    let ttl = Some(Duration::from_mins(1));
    NewItem { place: Place::new(&["a"], key), value, ttl, vectors: vec![vec![1.0, 0.5]], at: Timestamp(0) }
}

/// What SQLite does to carry a statement out, a line for each step.
fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let parameters = vec![rusqlite::types::Null; explain.parameter_count()];
    let steps = explain.query_map(rusqlite::params_from_iter(parameters), |row| row.get(3));
    steps.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn an_index_serves_every_question() {
    let folder = Folder::new("item-plans");
    let db = schema::open(&folder.0).unwrap();
    let below = "SEARCH items USING COVERING INDEX sqlite_autoindex_items_1 (namespace>? AND namespace<?)";
    assert_eq!(plan(&db, items::BELOW), [below, "USE TEMP B-TREE FOR ORDER BY"]);
    // In order, so it ends with the last one that is wanted.
    assert_eq!(plan(&db, items::ALL), ["SCAN items"]);
    assert_eq!(plan(&db, namespaces::LIST), [below.replace("COVERING ", "")]);
    assert_eq!(plan(&db, items::ENDED), ["SEARCH items USING COVERING INDEX items_that_end (ends<?)"]);
}

#[test]
fn items_are_there_after_a_restart() {
    let folder = Folder::new("items");
    let mut storage = folder.open();
    let items = ["1", "2"].map(|key| ItemChange::Put(Box::new(new(key))));
    assert!(matches!(storage.write(vec![Transaction::Items(items.into())])[..], [Ok(())]));
    let find = FindItems {
        prefix: vec!["a".to_owned()],
        query: Some(vec![1.0, 0.5]),
        limit: 10,
        ..FindItems::default()
    };
    let before = storage.read().items(&find).unwrap();
    assert_eq!(before.len(), 2);
    drop(storage);
    assert_eq!(folder.open().read().items(&find).unwrap(), before);
}

#[test]
fn an_item_that_could_not_be_read_again_is_refused_alone() {
    let folder = Folder::new("deep-items");
    let mut storage = folder.open();
    let mut deep = new("deep");
    let nested = (0..300).fold(json!(1), |inner, _| json!([inner]));
    deep.value.insert("nested".to_owned(), nested);
    let batch = [new("1"), deep, new("2")];
    let batch = batch.map(|new| Transaction::Items(vec![ItemChange::Put(Box::new(new))]));
    assert!(matches!(storage.write(batch.into())[..], [Ok(()), Err(Error::Refused { .. }), Ok(())]));
    let found = storage.read().items(&FindItems { limit: 10, ..FindItems::default() }).unwrap();
    assert_eq!(found.iter().map(|found| &*found.item.key).collect::<Vec<_>>(), ["2", "1"]);
}
