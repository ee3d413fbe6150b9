//! A log that a crash cut off anywhere: what is left opens, and holds the first so many commits.

use super::*;

/// `EDDYLINE_TORN_OFFSETS` asks for more than these.
const OFFSETS: usize = 50;
const COMMITS: u128 = 40;
/// SQLite's: the header of the log, and that of each page in it.
const LOG_HEADER: usize = 32;
const FRAME: usize = 24 + 8192;

#[test]
fn a_torn_log_holds_the_first_commits() {
    let folder = Folder::new("torn");
    let mut storage = SqliteStorage::open_quiet(&folder.0).unwrap();
    let mut head: Option<Arc<Checkpoint>> = None;
    for id in 1..=COMMITS {
        let list: Vec<u128> = (1..=id).collect();
        let list = json!(list.iter().map(|id| format!("{id:0>300}")).collect::<Vec<_>>());
        let mut commit = checkpoint(id, head.as_deref(), &[("list", list.into())]);
        commit.writes = head.as_ref().map(|head| (head.id, vec![write(0, json!(id.to_string()))]));
        head = Some(made(&commit));
        let mut thread = Thread::new(THREAD, Map::new(), Timestamp(5));
        thread.values = head.as_ref().map(|head| head.values.clone().into_iter().collect());
        let mut run = run(id);
        run.attempt = u32::try_from(id).unwrap();
        put(&mut storage, 1, vec![Change::Commit(commit), Change::PutThread(thread), Change::PutRun(run)]);
    }
    let database = fs::read(folder.0.join(schema::FILE)).unwrap();
    let log = fs::read(folder.0.join("eddyline.db-wal")).unwrap();
    let found: Vec<u128> =
        offsets(log.len()).into_iter().map(|end| commits(&database, &log[..end])).collect();
    let whole = commits(&database, &log);
    println!(
        "{} cuts, {} to {} of {COMMITS} commits left",
        found.len(),
        found.iter().min().unwrap(),
        found.iter().max().unwrap()
    );
    assert_eq!(whole, COMMITS);
    assert!(found.is_sorted(), "a longer log holds no less: {found:?}");
}

/// Around the ends of frames, and anywhere; in order.
fn offsets(len: usize) -> Vec<usize> {
    let wanted = std::env::var("EDDYLINE_TORN_OFFSETS").ok().and_then(|count| count.parse().ok());
    let wanted = wanted.unwrap_or(OFFSETS);
    let mut random = Random(4711);
    let mut below = |end: usize| usize::try_from(random.below(u64::try_from(end).unwrap())).unwrap();
    let frames = (len - LOG_HEADER) / FRAME;
    let mut offsets = vec![0, LOG_HEADER, len];
    while offsets.len() < wanted {
        let end = LOG_HEADER + FRAME * below(frames + 1);
        for distance in [0, 1, 7, 512] {
            offsets.extend([end.saturating_sub(distance), (end + distance).min(len)]);
        }
        offsets.push(below(len));
    }
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

/// How many commits are there; panics unless they are the first so many, each whole.
fn commits(database: &[u8], log: &[u8]) -> u128 {
    let copy = Folder::new("torn-copy");
    fs::write(copy.0.join(schema::FILE), database).unwrap();
    fs::write(copy.0.join("eddyline.db-wal"), log).unwrap();
    let mut storage = copy.open();
    let history = storage.read().history(THREAD, &root(), None, 1000).unwrap();
    let count = u128::try_from(history.len()).unwrap();
    for (saved, id) in history.iter().rev().zip(1..) {
        assert_eq!(saved.checkpoint.id, Uuid::from_u128(id));
        let list = saved.checkpoint.values["list"].json().as_array().unwrap();
        assert_eq!(u128::try_from(list.len()).unwrap(), id);
        assert_eq!(saved.writes.len(), usize::from(id < count), "the writes came with the next");
        assert!(storage.read().run(THREAD, Uuid::from_u128(id)).unwrap().is_some());
    }
    assert!(storage.read().run(THREAD, Uuid::from_u128(count + 1)).unwrap().is_none());
    let record = storage.read().thread(THREAD).unwrap();
    let values = record.and_then(|record| record.thread.values);
    let newest = history.first().map(|saved| saved.checkpoint.values.clone().into_iter().collect::<Object>());
    assert_eq!(values, newest);
    let db = storage.session.connection().unwrap();
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    put(&mut storage, 1, vec![Change::PutRun(run(1000))]);
    count
}
