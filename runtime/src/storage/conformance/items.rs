//! The rules for items of the long-term store.

use std::time::Duration;

use eddyline_engine::ids::Timestamp;
use eddyline_engine::store::{Filter, FindItems, Item, ListNamespaces, NewItem, Place, StoredItem};
use serde_json::{Map, Value, json};

use super::super::{ItemChange, Storage, Transaction};

pub(super) const RULES: [fn(&mut dyn Storage); 9] = [
    items_come_back_as_put,
    the_newest_change_is_found_first,
    items_are_found_below_a_namespace,
    values_are_compared_with_a_filter,
    namespaces_are_listed_in_order,
    items_live_for_their_time,
    what_is_over_is_swept,
    close_items_are_found_first,
    odd_texts_touch_nothing_but_their_own_rows,
];

fn write(storage: &mut dyn Storage, changes: Vec<ItemChange>) {
    let answers = storage.write(vec![Transaction::Items(changes)]);
    assert!(matches!(answers[..], [Ok(())]), "{answers:?}");
}

fn new(namespace: &[&str], key: &str, value: &Value, at: i64) -> NewItem {
    let value = value.as_object().cloned().unwrap_or_default();
    NewItem { place: Place::new(namespace, key), value, at: Timestamp(at), ..NewItem::default() }
}

fn put(storage: &mut dyn Storage, new: NewItem) {
    write(storage, vec![ItemChange::Put(Box::new(new))]);
}

fn get(storage: &mut dyn Storage, place: &Place, at: i64) -> Option<Item> {
    storage.read().item(place, Timestamp(at)).expect("reads").map(|stored| stored.item)
}

fn below(prefix: &[&str], at: i64) -> FindItems {
    let prefix = prefix.iter().map(ToString::to_string).collect();
    FindItems { prefix, limit: 100, at: Timestamp(at), ..FindItems::default() }
}

fn search(storage: &mut dyn Storage, find: &FindItems) -> Vec<StoredItem> {
    storage.read().items(find).expect("reads")
}

#[track_caller]
fn check(storage: &mut dyn Storage, find: &FindItems, keys: &[&str]) {
    let found = search(storage, find);
    assert_eq!(found.iter().map(|found| found.item.key.as_str()).collect::<Vec<_>>(), keys);
}

fn items_come_back_as_put(storage: &mut dyn Storage) {
    let place = Place::new(&["users", "ada"], "likes");
    assert_eq!(get(storage, &place, 0), None);
    put(storage, new(&["users", "ada"], "likes", &json!({"b": 1, "a": [20, 20.0, null]}), 5));
    put(storage, new(&["users", "ada"], "likes", &json!({"topic": "sea"}), 7));
    put(storage, new(&["users"], "likes", &json!({}), 8));
    let item = get(storage, &place, 9).expect("is there");
    assert_eq!((&item.namespace, &*item.key), (&place.namespace, "likes"));
    assert_eq!(Value::from(item.value), json!({"topic": "sea"}));
    assert_eq!((item.created_at, item.updated_at), (Timestamp(5), Timestamp(7)));
    assert_eq!(get(storage, &Place::new(&["users", "ada"], "like"), 9), None);

    write(storage, vec![ItemChange::Delete(place.clone()), ItemChange::Delete(place.clone())]);
    assert_eq!(get(storage, &place, 9), None);
    assert!(get(storage, &Place::new(&["users"], "likes"), 9).is_some());
}

fn the_newest_change_is_found_first(storage: &mut dyn Storage) {
    let changes = ["1", "2", "3", "1"].map(|key| ItemChange::Put(Box::new(new(&["a"], key, &json!({}), 0))));
    write(storage, changes.into());
    check(storage, &below(&["a"], 0), &["1", "3", "2"]);
    check(storage, &FindItems { limit: 1, offset: 1, ..below(&["a"], 0) }, &["3"]);
    check(storage, &FindItems { offset: 2, ..below(&[], 0) }, &["2"]);
    check(storage, &FindItems { offset: 9, ..below(&["a"], 0) }, &[]);
    check(storage, &FindItems { limit: 0, ..below(&["a"], 0) }, &[]);
    write(storage, vec![ItemChange::Delete(Place::new(&["a"], "1"))]);
    put(storage, new(&["a"], "4", &json!({}), 0));
    check(storage, &below(&["a"], 0), &["4", "3", "2"]);
}

fn items_are_found_below_a_namespace(storage: &mut dyn Storage) {
    let namespaces: [&[&str]; 5] = [&["a"], &["a", "b"], &["a", "b", "c"], &["ab"], &["b"]];
    for (namespace, key) in namespaces.iter().zip(["1", "2", "3", "4", "5"]) {
        put(storage, new(namespace, key, &json!({}), 0));
    }
    check(storage, &below(&["a"], 0), &["3", "2", "1"]);
    check(storage, &below(&["a", "b"], 0), &["3", "2"]);
    check(storage, &below(&["a", "b", "c", "d"], 0), &[]);
    check(storage, &below(&[], 0), &["5", "4", "3", "2", "1"]);
}

fn values_are_compared_with_a_filter(storage: &mut dyn Storage) {
    for n in 1..=4 {
        let kind = if n % 2 == 0 { "even" } else { "odd" };
        put(storage, new(&["a"], &n.to_string(), &json!({"n": n, "kind": kind}), 0));
    }
    let mut check = |filter: Value, limit, keys: &[&str]| {
        let filter = filter.as_object().map(Filter::parse).transpose().expect("is a filter");
        let find = FindItems { filter: filter.unwrap_or_default(), limit, ..below(&["a"], 0) };
        check(storage, &find, keys);
    };
    check(json!({"kind": "odd"}), 9, &["3", "1"]);
    check(json!({"kind": "odd", "n": {"$gt": 1}}), 9, &["3"]);
    check(json!({"n": {"$ne": 4}}), 2, &["3", "2"]);
    check(json!({"other": 1}), 9, &[]);
}

fn namespaces_are_listed_in_order(storage: &mut dyn Storage) {
    let all: [&[&str]; 5] = [&["b"], &["a", "b", "c"], &["a"], &["a", "b", "d"], &["ab"]];
    for namespace in all {
        put(storage, new(namespace, "1", &json!({}), 0));
        put(storage, new(namespace, "2", &json!({}), 0));
    }
    let mut list = |list: ListNamespaces| storage.read().namespaces(&list, Timestamp(0)).expect("reads");
    let sorted = [vec!["a"], vec!["a", "b", "c"], vec!["a", "b", "d"], vec!["ab"], vec!["b"]];
    assert_eq!(list(ListNamespaces::default()), sorted);
    let cut =
        ListNamespaces { prefix: vec!["a".to_owned()], max_depth: Some(2), ..ListNamespaces::default() };
    assert_eq!(list(cut), [vec!["a"], vec!["a", "b"]]);
    let suffix = vec!["*".to_owned(), "d".to_owned()];
    assert_eq!(list(ListNamespaces { suffix, ..ListNamespaces::default() }), [vec!["a", "b", "d"]]);
    let page = ListNamespaces { limit: 2, offset: 3, ..ListNamespaces::default() };
    assert_eq!(list(page), [vec!["ab"], vec!["b"]]);
}

fn items_live_for_their_time(storage: &mut dyn Storage) {
    let lives = |key, micros, at| {
        let ttl = Some(Duration::from_micros(micros));
        NewItem { ttl, ..new(&[key], key, &json!({}), at) }
    };
    put(storage, lives("short", 5, 0));
    put(storage, lives("read", 5, 0));
    put(storage, lives("long", u64::MAX, 0));
    put(storage, new(&["good"], "good", &json!({}), 0));
    for key in ["read", "long", "good", "none"] {
        write(storage, vec![ItemChange::Refresh(Place::new(&[key], key), Timestamp(3))]);
    }
    check(storage, &below(&[], 4), &["good", "long", "read", "short"]);
    check(storage, &below(&[], 5), &["good", "long", "read"]);
    check(storage, &below(&["short"], 5), &[]);
    assert_eq!(get(storage, &Place::new(&["short"], "short"), 5), None);
    let stored = search(storage, &below(&["read"], 5));
    assert_eq!(stored[0].ttl, Some(Duration::from_micros(5)));
    assert_eq!(stored[0].item.updated_at, Timestamp(0), "to be read is no change");
    let listed = storage.read().namespaces(&ListNamespaces::default(), Timestamp(8)).expect("reads");
    assert_eq!(listed, [["good"], ["long"]]);

    write(storage, vec![ItemChange::Refresh(Place::new(&["short"], "short"), Timestamp(6))]);
    assert_eq!(get(storage, &Place::new(&["short"], "short"), 6), None, "what is over stays so");
    put(storage, new(&["short"], "short", &json!({}), 6));
    let again = get(storage, &Place::new(&["short"], "short"), i64::MAX - 1).expect("lives for good now");
    assert_eq!(again.created_at, Timestamp(6), "it is another");
}

fn what_is_over_is_swept(storage: &mut dyn Storage) {
    for (key, micros) in [("1", 5), ("2", 6), ("3", 7), ("4", 20)] {
        let ttl = Some(Duration::from_micros(micros));
        put(storage, NewItem { ttl, vectors: vec![vec![1.0]], ..new(&["a"], key, &json!({}), 0) });
    }
    put(storage, new(&["a"], "5", &json!({}), 0));
    let mut ended = |at| storage.read().items_ended(Timestamp(at)).expect("reads");
    assert_eq!((ended(4), ended(5), ended(10)), (false, true, true));
    write(storage, vec![ItemChange::Sweep(Timestamp(10), 2)]);
    // By a time that is earlier, what was not swept is still there.
    check(storage, &below(&[], 0), &["5", "4", "3"]);
    assert!(storage.read().items_ended(Timestamp(10)).expect("reads"));
    write(storage, vec![ItemChange::Sweep(Timestamp(10), 2)]);
    assert!(!storage.read().items_ended(Timestamp(10)).expect("reads"));
    check(storage, &below(&[], 0), &["5", "4"]);
}

fn close_items_are_found_first(storage: &mut dyn Storage) {
    let about = |key, vectors: &[&[f32]]| {
        let vectors = vectors.iter().map(|vector| vector.to_vec()).collect();
        NewItem { vectors, ..new(&["a"], key, &json!({"key": key}), 0) }
    };
    for item in [
        about("far", &[&[0.0, 1.0]]),
        about("close", &[&[0.0, 1.0], &[0.9, 0.1]]),
        about("none", &[]),
        about("same", &[&[0.5, 0.0]]),
        about("other", &[&[1.0, 0.0]]),
        about("other", &[&[-1.0, 0.0]]),
    ] {
        put(storage, item);
    }
    let find = FindItems { query: Some(vec![1.0, 0.0]), ..below(&["a"], 0) };
    check(storage, &find, &["same", "close", "far", "other", "none"]);
    check(storage, &FindItems { limit: 2, offset: 1, ..find.clone() }, &["close", "far"]);
    let scores: Vec<_> = search(storage, &find).iter().map(|found| found.score).collect();
    assert_eq!((scores[0], scores[2], scores[3], scores[4]), (Some(1.0), Some(0.0), Some(-1.0), None));
    write(storage, vec![ItemChange::Delete(Place::new(&["a"], "same"))]);
    let value = json!({"key": {"$ne": "far"}});
    let filter = Filter::parse(value.as_object().expect("an object")).expect("is a filter");
    check(storage, &FindItems { filter, ..find }, &["close", "other", "none"]);
}

/// Texts that mean something to a database, to a path or to a pattern.
const ODD: [&str; 20] = [
    "'",
    "''; DROP TABLE items; --",
    "\"",
    "\\",
    "\\u0000",
    "\0",
    "a\0b",
    "\u{1}",
    "\u{1}\u{1}",
    "%",
    "_",
    "*",
    "?1",
    "$",
    "$.a",
    "$[0]",
    "a\"].b",
    "é\u{301}\u{10ffff}",
    "\r\n",
    " ",
];

fn odd_texts_touch_nothing_but_their_own_rows(storage: &mut dyn Storage) {
    let value = |text: &str| {
        Map::from_iter([(text.to_owned(), json!({text: [text]})), ("is".to_owned(), json!(text))])
    };
    let all = || ODD.iter().flat_map(|one| ODD.iter().map(move |other| (*one, *other)));
    for (one, other) in all() {
        let place = Place::new(&["odd", one, other], other);
        put(storage, NewItem { place, value: value(one), ..NewItem::default() });
    }
    for (one, other) in all() {
        let found = get(storage, &Place::new(&["odd", one, other], other), 0).expect("is there");
        assert_eq!(found.value, value(one), "as it was put");
    }
    for text in ODD {
        assert_eq!(search(storage, &below(&["odd", text], 0)).len(), ODD.len(), "{text:?}");
        for filter in [json!({"is": text}), json!({"is": {"$eq": text}})] {
            let filter = Filter::parse(filter.as_object().expect("an object")).expect("is a filter");
            let found = search(storage, &FindItems { filter, limit: 1000, ..below(&["odd"], 0) });
            assert!(found.iter().all(|found| found.item.namespace[1] == text));
            assert_eq!(found.len(), ODD.len(), "{text:?}");
        }
    }
    let left = ODD.len() * (ODD.len() - 1);
    for other in ODD {
        write(storage, vec![ItemChange::Delete(Place::new(&["odd", ODD[1], other], other))]);
    }
    assert_eq!(search(storage, &FindItems { limit: 1000, ..below(&[], 0) }).len(), left);
    let list = ListNamespaces { limit: 1000, ..ListNamespaces::default() };
    assert_eq!(storage.read().namespaces(&list, Timestamp(0)).expect("reads").len(), left);
}
