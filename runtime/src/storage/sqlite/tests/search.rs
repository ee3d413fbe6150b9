//! Threads are found along indexes, as memory finds them, and fast.

use std::time::Instant;

use super::*;
use crate::storage::sqlite::filter::Part;
use crate::storage::sqlite::thread_order::Order;
use crate::storage::{MemoryStorage, Read};
use crate::threads::{SearchThreads, SortThreads, ThreadFilter, ThreadStatus};

const SORTS: [SortThreads; 5] = [
    SortThreads::ThreadId,
    SortThreads::Status,
    SortThreads::CreatedAt,
    SortThreads::UpdatedAt,
    SortThreads::StateUpdatedAt,
];

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

fn about(metadata: &Value) -> ThreadFilter {
    ThreadFilter { metadata: object(metadata), ..ThreadFilter::default() }
}

/// The nth of many threads: few and many have things in common, and the old ones with each other.
fn nth(n: u64, of: u64) -> Thread {
    let metadata = object(&json!({
        "unique": format!("thread {n}"), "user": n % (of / 100), "tenant": {"id": n % 10},
        "old": n < of / 2, "even": n.is_multiple_of(2), "tags": [n % 3, "all"],
    }));
    let time = |step: u64| Timestamp(i64::try_from(n * step).unwrap());
    let mut thread = Thread::new(Uuid::from_u128(u128::from(n) << 64 | 1), metadata, time(1000));
    thread.updated_at = Timestamp(time(1000).0 + i64::try_from(n * 7919 % 977).unwrap());
    thread.state_updated_at = time(7);
    thread.status = match n {
        _ if n < of / 50 => ThreadStatus::Error,
        _ if n % 100 == 7 => ThreadStatus::Busy,
        _ if n % 10 == 3 => ThreadStatus::Interrupted,
        _ => ThreadStatus::Idle,
    };
    let value = |value: Value| Shared::from(value);
    thread.values = Some(
        [("text".into(), value(json!("x".repeat(200)))), ("n".into(), value(json!(n % 5)))]
            .into_iter()
            .collect(),
    );
    thread
}

fn fill(storage: &mut dyn Storage, count: u64) {
    let all: Vec<u64> = (0..count).collect();
    for some in all.chunks(1000) {
        let made = some.iter().map(|n| {
            let thread = nth(*n, count);
            let changes = vec![Change::PutThread(thread.clone())];
            Transaction::Thread { thread_id: thread.thread_id, epoch: 0, begins: true, changes }
        });
        assert!(storage.write(made.collect()).iter().all(Result::is_ok));
    }
}

fn filters(of: u64) -> Vec<(&'static str, ThreadFilter)> {
    let status = |status| ThreadFilter { status: Some(status), ..ThreadFilter::default() };
    let ids = (0..200).map(|n| Uuid::from_u128(n << 64 | 1)).collect();
    vec![
        ("all", ThreadFilter::default()),
        ("one", about(&json!({"unique": "thread 77"}))),
        ("none", about(&json!({"unique": "nobody"}))),
        ("a hundred", about(&json!({"user": of / 200}))),
        ("a tenth", about(&json!({"tenant": {"id": 3}}))),
        ("every one", about(&json!({"tags": ["all"]}))),
        ("the old half", about(&json!({"old": true}))),
        ("half and half, none of both", about(&json!({"old": true, "unique": "nobody"}))),
        ("two halves", about(&json!({"old": true, "even": true}))),
        ("two that exclude each other", about(&json!({"tenant": {"id": 3}, "even": true}))),
        ("most", status(ThreadStatus::Idle)),
        ("few, and old", status(ThreadStatus::Error)),
        (
            "status and metadata",
            ThreadFilter { status: Some(ThreadStatus::Busy), ..about(&json!({"old": true})) },
        ),
        (
            "status and metadata, nobody",
            ThreadFilter { status: Some(ThreadStatus::Error), ..about(&json!({"old": false})) },
        ),
        ("by id", ThreadFilter { ids: Some(ids), ..about(&json!({"even": true})) }),
    ]
}

fn searches(of: u64) -> impl Iterator<Item = (String, SearchThreads)> {
    filters(of).into_iter().flat_map(|(name, filter)| {
        SORTS.into_iter().flat_map(move |sort_by| {
            let filter = filter.clone();
            [true, false].map(move |descending| {
                let request =
                    SearchThreads { filter: filter.clone(), sort_by, descending, ..SearchThreads::default() };
                (format!("{name} by {sort_by:?}, descending {descending}"), request)
            })
        })
    })
}

/// Searches go through indexes and look at nothing else while they do; nothing is sorted by the way.
#[test]
fn no_search_reads_the_whole_table() {
    let folder = Folder::new("plans");
    let mut storage = SqliteStorage::open_quiet(&folder.0).unwrap();
    fill(&mut storage, 1000);
    let (db, ..) = storage.session.parts().unwrap();
    let explain = |sql: &str, bound: rusqlite::types::Value| -> Vec<String> {
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = explain.query_map([bound], |row| row.get(3)).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    };
    for part in [Part::Any, Part::Status(ThreadStatus::Busy)] {
        let plan = explain(part.sql(), part.bound());
        assert!(matches!(&plan[..], [step] if step.contains("USING COVERING INDEX")), "{part:?}: {plan:?}");
    }
    let term = Part::Term([0; 16]);
    let plan = explain(term.sql(), term.bound());
    assert_eq!(plan, ["SEARCH terms USING PRIMARY KEY (term=?)"]);
    for parts in [vec![], vec![Part::Status(ThreadStatus::Busy)]] {
        for sort_by in SORTS {
            for descending in [true, false] {
                let request = SearchThreads { sort_by, descending, ..SearchThreads::default() };
                let (sql, status) = Order::new(&request, &parts).walk();
                let plan = explain(&sql, status.map(str::to_owned).into());
                let merged = |step: &String| ["MERGE (UNION ALL)", "LEFT", "RIGHT"].contains(&step.as_str());
                let along = |step: &String| step.contains("USING COVERING INDEX") || merged(step);
                assert!(plan.iter().all(along), "{sql}: {plan:?}");
            }
        }
    }
}

/// `EDDYLINE_SEARCHED_THREADS` asks for more threads than these, which are enough for every way to be taken.
const THREADS: u64 = 9000;

/// Also prints how long it takes.
#[test]
#[allow(clippy::disallowed_methods, reason = "it measures")]
fn sqlite_finds_what_memory_finds() {
    let wanted = std::env::var("EDDYLINE_SEARCHED_THREADS").ok().and_then(|count| count.parse().ok());
    let count = wanted.unwrap_or(THREADS);
    let folder = Folder::new("search");
    let mut sqlite = folder.open_fast();
    let mut memory = MemoryStorage::default();
    fill(&mut sqlite, count);
    fill(&mut memory, count);
    let mut reader = sqlite.readers().open().unwrap();
    let mut times = Vec::new();
    for (name, request) in searches(count) {
        let expected = memory.search_threads(&SearchThreads { limit: 20, ..request.clone() }).unwrap();
        for offset in [0, 10] {
            let request = SearchThreads { offset, ..request.clone() };
            let begun = Instant::now();
            let found = reader.search_threads(&request).unwrap();
            times.push((begun.elapsed(), name.clone()));
            let end = expected.threads.len().min(offset + 10);
            assert_eq!(found.threads, expected.threads.get(offset..end).unwrap_or_default(), "{name}");
            assert_eq!(found.more, expected.threads.len() > end || expected.more, "{name}");
        }
    }
    for (name, filter) in filters(count) {
        let begun = Instant::now();
        let found = reader.count_threads(&filter).unwrap();
        println!("{:?} to count {name}: {found}", begun.elapsed());
        assert_eq!(found, memory.count_threads(&filter).unwrap(), "{name}");
    }
    times.sort();
    let at = |share: usize| times[times.len() * share / 1000].0;
    println!("{count} threads, {} searches: p50 {:?}, p99 {:?}", times.len(), at(500), at(990));
    for (time, name) in times.iter().rev().take(12) {
        println!("    {time:?} for {name}");
    }
}

/// What was stored before there was anything to find it by is found by it.
#[test]
fn a_database_of_the_first_version_is_searched() {
    let folder = Folder::new("first-version");
    let db = Connection::open(folder.0.join(schema::FILE)).unwrap();
    db.execute_batch(schema::MIGRATIONS[0]).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    for (key, state_updated) in [(1, 9), (2, 8)] {
        let metadata = json!({"user": key, "deep": {"list": ["x"]}}).to_string();
        let rest = json!({"state_updated": state_updated, "values": [["text", {"v": "cats"}]]}).to_string();
        let id = Uuid::from_u128(key);
        let sql = "INSERT INTO threads (key, id, epoch, created, updated, status, metadata, rest)
                   VALUES (?1, ?2, 3, 5, 6, 'idle', ?3, ?4)";
        db.execute(sql, rusqlite::params![i64::try_from(key).unwrap(), id.as_bytes(), metadata, rest])
            .unwrap();
    }
    db.execute("INSERT INTO threads (id, epoch) VALUES (x'00', 1)", []).unwrap();
    drop(db);

    let mut storage = folder.open();
    let thread = storage.read().thread(Uuid::from_u128(1)).unwrap().unwrap();
    assert_eq!((thread.thread.state_updated_at, thread.epoch), (Timestamp(9), 3));
    let mut check = |filter, expected: &[u128]| {
        let sort_by = SortThreads::StateUpdatedAt;
        let request = SearchThreads { filter, sort_by, ..SearchThreads::default() };
        let found = storage.read().search_threads(&request).unwrap().threads;
        assert_eq!(found.iter().map(|thread| thread.thread_id.as_u128()).collect::<Vec<_>>(), expected);
    };
    check(ThreadFilter::default(), &[1, 2]);
    check(about(&json!({"deep": {"list": ["x"]}})), &[1, 2]);
    check(about(&json!({"user": 2})), &[2]);
    check(about(&json!({"user": 3})), &[]);
}
