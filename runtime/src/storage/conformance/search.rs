//! Rules of finding threads.

use eddyline_engine::Shared;
use eddyline_engine::ids::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Change, Storage, Transaction};
use crate::threads::{SearchThreads, SortThreads, Thread, ThreadFilter, ThreadStatus};

pub(super) const RULES: [fn(&mut dyn Storage); 4] =
    [threads_are_filtered, numbers_are_found_exactly, threads_are_sorted_and_paged, what_clients_say_is_data];

/// Stores a thread; `change` says what it is like.
fn thread(storage: &mut dyn Storage, id: u128, metadata: Value, change: impl FnOnce(&mut Thread)) {
    let Value::Object(metadata) = metadata else { panic!("metadata is an object") };
    let mut thread =
        Thread::new(Uuid::from_u128(id), metadata, Timestamp(i64::try_from(id).expect("is small")));
    change(&mut thread);
    order(storage, id, Change::PutThread(thread));
}

fn order(storage: &mut dyn Storage, id: u128, change: Change) {
    let order =
        Transaction::Thread { thread_id: Uuid::from_u128(id), epoch: 0, begins: true, changes: vec![change] };
    let answers = storage.write(vec![order]);
    assert!(matches!(answers[..], [Ok(())]), "{answers:?}");
}

fn ids(storage: &mut dyn Storage, request: &SearchThreads) -> Vec<u128> {
    let page = storage.read().search_threads(request).expect("reads");
    page.threads.iter().map(|thread| thread.thread_id.as_u128()).collect()
}

/// What a filter means, in the order of ids; the count has to say the same.
fn found(storage: &mut dyn Storage, filter: ThreadFilter) -> Vec<u128> {
    let count = storage.read().count_threads(&filter).expect("reads");
    let sort_by = SortThreads::ThreadId;
    let request = SearchThreads { filter, sort_by, descending: false, ..SearchThreads::default() };
    let found = ids(storage, &request);
    assert_eq!(found.len(), count, "{request:?}");
    found
}

fn about(metadata: Value) -> ThreadFilter {
    let Value::Object(metadata) = metadata else { panic!("a filter is an object") };
    ThreadFilter { metadata, ..ThreadFilter::default() }
}

fn threads_are_filtered(storage: &mut dyn Storage) {
    assert_eq!(found(storage, ThreadFilter::default()), [0; 0]);
    thread(storage, 1, json!({"user": "a", "n": 1, "deep": {"list": [1, {"x": 1, "y": 2}]}}), |_| {});
    thread(storage, 2, json!({"user": "b", "n": 1.0}), |thread| {
        thread.status = ThreadStatus::Busy;
        thread.values = Some([("text".into(), Shared::from("cats"))].into_iter().collect());
    });
    thread(storage, 3, json!({}), |thread| thread.status = ThreadStatus::Busy);
    // Only an epoch, and no record.
    let fence =
        Transaction::Thread { thread_id: Uuid::from_u128(4), epoch: 1, begins: true, changes: vec![] };
    storage.write(vec![fence]);

    let status = |status| ThreadFilter { status: Some(status), ..ThreadFilter::default() };
    assert_eq!(found(storage, ThreadFilter::default()), [1, 2, 3]);
    assert_eq!(found(storage, status(ThreadStatus::Busy)), [2, 3]);
    assert_eq!(found(storage, status(ThreadStatus::Error)), [0; 0]);
    assert_eq!(found(storage, about(json!({"n": 1}))), [1, 2]);
    assert_eq!(found(storage, about(json!({"n": 1, "user": "b"}))), [2]);
    assert_eq!(found(storage, about(json!({"n": "1"}))), [0; 0]);
    assert_eq!(found(storage, about(json!({"deep": {}}))), [1]);
    assert_eq!(found(storage, about(json!({"deep": {"list": [{"y": 2}, 1]}}))), [1]);
    assert_eq!(found(storage, about(json!({"deep": {"list": [{"y": 1}]}}))), [0; 0]);
    assert_eq!(
        found(storage, ThreadFilter { status: Some(ThreadStatus::Busy), ..about(json!({"n": 1})) }),
        [2]
    );
    let named = |ids: &[u128]| Some(ids.iter().map(|id| Uuid::from_u128(*id)).collect());
    assert_eq!(
        found(storage, ThreadFilter { ids: named(&[3, 1, 3, 4, 9]), ..ThreadFilter::default() }),
        [1, 3]
    );
    assert_eq!(found(storage, ThreadFilter { ids: named(&[3, 1]), ..about(json!({"n": 1})) }), [1]);
    assert_eq!(found(storage, ThreadFilter { ids: named(&[]), ..ThreadFilter::default() }), [0; 0]);
    let values = |value| ThreadFilter {
        values: Map::from_iter([("text".to_owned(), value)]),
        ..ThreadFilter::default()
    };
    assert_eq!(found(storage, values(json!("cats"))), [2]);
    assert_eq!(found(storage, values(json!("dogs"))), [0; 0]);
    assert_eq!(
        found(storage, ThreadFilter { status: Some(ThreadStatus::Busy), ..values(json!("cats")) }),
        [2]
    );

    thread(storage, 1, json!({"user": "b"}), |_| {});
    assert_eq!(found(storage, about(json!({"user": "b"}))), [1, 2], "what it said before is forgotten");
    assert_eq!(found(storage, about(json!({"user": "a"}))), [0; 0]);
    order(storage, 2, Change::DeleteThread);
    assert_eq!(found(storage, about(json!({"user": "b"}))), [1]);
    order(storage, 1, Change::DeleteThread);
    assert_eq!(found(storage, about(json!({}))), [3]);
}

/// Whole numbers are themselves, also those that no float is.
fn numbers_are_found_exactly(storage: &mut dyn Storage) {
    let numbers = [
        json!(1_234_567_890_123_456_789_i64),
        json!(1_234_567_890_123_456_788_i64),
        json!(u64::MAX),
        json!(u64::MAX - 1),
        json!(i64::MIN),
        json!(i64::MIN + 1),
        json!(9_007_199_254_740_992_i64),
        json!(9_007_199_254_740_993_i64),
        json!(1.5),
        json!(1),
    ];
    for (id, number) in (1..).zip(&numbers) {
        thread(storage, id, json!({"v": number, "l": [number]}), |thread| {
            thread.values = Some([("v".into(), Shared::from(number.clone()))].into_iter().collect());
        });
    }
    for (id, number) in (1..).zip(&numbers) {
        assert_eq!(found(storage, about(json!({"v": number}))), [id], "{number}");
        assert_eq!(found(storage, about(json!({"l": [number]}))), [id], "{number}");
        let values = Map::from_iter([("v".to_owned(), number.clone())]);
        assert_eq!(found(storage, ThreadFilter { values, ..ThreadFilter::default() }), [id], "{number}");
    }
    assert_eq!(found(storage, about(json!({"v": 1.0}))), [10]);
    assert_eq!(found(storage, about(json!({"v": 9_007_199_254_740_992.0}))), [7]);
    assert_eq!(found(storage, about(json!({"v": 18_446_744_073_709_551_616.0}))), [0; 0]);
    assert_eq!(found(storage, about(json!({"v": -9_223_372_036_854_775_808.0}))), [5]);
}

fn threads_are_sorted_and_paged(storage: &mut dyn Storage) {
    let statuses = [ThreadStatus::Idle, ThreadStatus::Error, ThreadStatus::Busy, ThreadStatus::Error];
    for (id, status) in [3, 1, 4, 2].into_iter().zip(statuses) {
        thread(storage, id, json!({"all": true}), |thread| {
            thread.status = status;
            thread.created_at = Timestamp(7);
            thread.updated_at = Timestamp(i64::try_from(id % 3).expect("is small"));
        });
    }
    let mut check = |sort_by, expected: [u128; 4]| {
        for filter in [ThreadFilter::default(), about(json!({"all": true}))] {
            let up = SearchThreads { filter, sort_by, descending: false, ..SearchThreads::default() };
            assert_eq!(ids(storage, &up), expected, "{sort_by:?}");
            let down = SearchThreads { descending: true, ..up };
            let mut reversed = expected;
            reversed.reverse();
            assert_eq!(ids(storage, &down), reversed, "{sort_by:?}");
            for offset in 0..6 {
                let request = SearchThreads { limit: 2, offset, ..down.clone() };
                let page = storage.read().search_threads(&request).expect("reads");
                let end = reversed.len().min(offset + 2);
                let expected = reversed.get(offset..end).unwrap_or_default();
                assert_eq!(page.threads.iter().map(|t| t.thread_id.as_u128()).collect::<Vec<_>>(), expected);
                assert_eq!(page.more, offset + 2 < reversed.len());
            }
        }
    };
    check(SortThreads::ThreadId, [1, 2, 3, 4]);
    check(SortThreads::CreatedAt, [3, 1, 4, 2]);
    check(SortThreads::UpdatedAt, [3, 1, 4, 2]);
    check(SortThreads::StateUpdatedAt, [1, 2, 3, 4]);
    check(SortThreads::Status, [4, 1, 2, 3]);
}

/// Quotes, NULs and what looks like a path or a statement: each finds its own row and no other.
fn what_clients_say_is_data(storage: &mut dyn Storage) {
    let corpus = [
        "",
        "'",
        "\"",
        "\\",
        "\0",
        "a\0b",
        "'; DROP TABLE threads; --",
        "\" OR 1=1 --",
        "%",
        "_",
        "*",
        "?1",
        ":a",
        "$",
        "$.a",
        "$.a[0]",
        "a.b",
        "a[0]",
        "[*]",
        "{",
        "[",
        "\u{feff}",
        "\u{fffd}",
        "\u{10ffff}",
        "\\ud800",
        "null",
        "0",
        "1",
        "true",
        ".",
        "#",
        "\n",
        "ä",
        "a\u{308}",
    ];
    for (id, text) in (1..).zip(corpus) {
        thread(storage, id, json!({text: {"in": [text]}, "same": text}), |thread| {
            thread.values = Some([(text.into(), Shared::from(text))].into_iter().collect());
        });
    }
    for (id, text) in (1..).zip(corpus) {
        for metadata in [json!({text: {}}), json!({text: {"in": [text]}}), json!({"same": text})] {
            assert_eq!(found(storage, about(metadata)), [id], "{text:?}");
        }
        let values = Map::from_iter([(text.to_owned(), json!(text))]);
        assert_eq!(found(storage, ThreadFilter { values, ..ThreadFilter::default() }), [id], "{text:?}");
    }
    let request = SearchThreads { limit: 1000, ..SearchThreads::default() };
    assert_eq!(ids(storage, &request).len(), corpus.len());
    for (id, text) in (1..).zip(corpus) {
        let stored = storage.read().thread(Uuid::from_u128(id)).expect("reads").expect("is there").thread;
        assert_eq!(Value::from(stored.metadata), json!({text: {"in": [text]}, "same": text}));
    }
}
