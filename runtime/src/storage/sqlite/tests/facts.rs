//! What happened on threads, in a folder: which index serves what, and what is there after it was opened again.

use eddyline_engine::fact::{Body, Fact};

use super::super::facts::{ALL, NEWEST, OF_RUN, OLD, OLDEST};
use super::*;
use crate::stream::Entry;

fn told(seq: u64) -> Change {
    let fact = Fact { ns: "".into(), at: Timestamp(7), body: Body::Paused };
    let entries = vec![Arc::new(Entry::new(seq, Uuid::from_u128(1), fact))];
    Change::Facts { entries, budget: 1 << 20 }
}

#[test]
fn an_index_serves_every_question() {
    let folder = Folder::new("fact-plans");
    let db = schema::open(&folder.0).unwrap();
    let of_thread = "facts USING INDEX sqlite_autoindex_facts_1 (thread=?";
    for (sql, expected) in [
        (NEWEST, of_thread),
        (OLDEST, of_thread),
        (ALL, of_thread),
        (OF_RUN, of_thread),
        (OLD, "facts USING INDEX facts_by_age (made<?)"),
    ] {
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = vec![rusqlite::types::Null; explain.parameter_count()];
        let steps = explain.query_map(rusqlite::params_from_iter(parameters), |row| row.get(3)).unwrap();
        let plan: Vec<String> = steps.collect::<rusqlite::Result<_>>().unwrap();
        assert!(plan[0].starts_with(&format!("SEARCH {expected}")), "{sql}: {plan:?}");
        assert!(!plan.iter().any(|step| step.contains("SCAN") || step.contains("TEMP B-TREE")), "{plan:?}");
    }
}

#[test]
fn facts_of_a_transaction_that_fails_are_not_there() {
    let folder = Folder::new("facts-together");
    let mut storage = folder.open();
    put(&mut storage, 1, vec![told(512)]);
    storage.before_commit(|| true).unwrap();
    let lost = vec![told(1024), Change::Commit(checkpoint(1, None, &[]))];
    let lost = Transaction::Thread { thread_id: THREAD, epoch: 1, begins: false, changes: lost };
    assert!(storage.write(vec![lost])[0].is_err());
    drop(storage);

    let mut storage = folder.open();
    let numbers = |storage: &mut SqliteStorage| {
        let facts = storage.read().facts(THREAD).unwrap();
        facts.iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&mut storage), [512]);
    put(&mut storage, 1, vec![told(1536), Change::Commit(checkpoint(1, None, &[]))]);
    drop(storage);
    assert_eq!(numbers(&mut folder.open()), [512, 1536]);
}
