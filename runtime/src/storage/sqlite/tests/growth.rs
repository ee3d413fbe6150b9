//! What a conversation costs on disk.

use super::*;

/// Turns of one run each: the record of the run, an input, a superstep, the record of the thread.
#[test]
fn a_growing_list_takes_a_straight_line() {
    let folder = Folder::new("growth");
    let mut head: Option<Arc<Checkpoint>> = None;
    let mut list = Vec::new();
    let mut sizes = vec![0];
    for thousand in 0..2 {
        let mut storage = folder.open_fast();
        for turn in 0..1000 {
            let nth = thousand * 1000 + turn;
            let text = format!("{nth:0>128}");
            list.push(json!(text));
            let value = Shared::from(Value::Array(list.clone()));
            let input =
                checkpoint(nth * 2 + 1, head.as_deref(), &[("__start__", json!({"list": text}).into())]);
            let input_made = made(&input);
            let mut step = checkpoint(nth * 2 + 2, Some(&input_made), &[("list", value.clone())]);
            step.writes = Some((input_made.id, vec![write(0, json!(text))]));
            let extra = Arc::new([("run_id".to_owned(), json!(nth.to_string()))].into_iter().collect());
            let (mut input, mut step) = (input, step);
            for commit in [&mut input, &mut step] {
                commit.checkpoint.as_mut().unwrap().metadata.extra = Arc::clone(&extra);
            }
            let next = made(&step);
            let mut thread = Thread::new(THREAD, Map::new(), Timestamp(5));
            thread.values = Some(next.values.clone().into_iter().collect());
            put(&mut storage, 1, vec![Change::PutRun(run(nth)), Change::Commit(input), Change::Commit(step)]);
            put(&mut storage, 1, vec![Change::PutThread(thread), Change::PutRun(run(nth))]);
            head = Some(next);
        }
        drop(storage);
        sizes.push(size(&folder.0));
    }
    let (first, second) = ((sizes[1] - sizes[0]) / 1000, (sizes[2] - sizes[1]) / 1000);
    println!("bytes a turn of 128 B: {first} in the first thousand, {second} in the second");
    assert!(second * 10 <= first * 13, "{first}, then {second} bytes a turn");
    assert!(second <= 2048 + 128, "{second} bytes a turn");
    let mut storage = folder.open();
    let saved = storage.read().checkpoint(THREAD, &root(), Which::Newest).unwrap().unwrap();
    assert_eq!(Some(saved.checkpoint), head);
}

/// The writer is never quiet here, and the thread that brings the log home always behind.
#[test]
fn the_log_does_not_grow_for_ever() {
    // On a machine that has much else to do it has come to 28 MB.
    const LIMIT: u64 = 48 << 20;
    let folder = Folder::new("log");
    let mut storage = folder.open();
    storage.session.connection().unwrap().pragma_update(None, "synchronous", "off").unwrap();
    let text = "x".repeat(30_000);
    for id in 1..4000 {
        put(&mut storage, 1, vec![Change::Commit(checkpoint(id, None, &[("text", json!(text).into())]))]);
    }
    let log = fs::metadata(folder.0.join("eddyline.db-wal")).unwrap().len();
    drop(storage);
    let database = size(&folder.0);
    println!("a log of {log} bytes, for a database of {database}");
    assert!(log < LIMIT && database > 2 * LIMIT, "{log} bytes of log, {database} of database");
}

impl Folder {
    /// Commits of this connection are not synced: only sizes count.
    pub(super) fn open_fast(&self) -> SqliteStorage {
        let storage = SqliteStorage::open_quiet(&self.0).unwrap();
        storage.session.connection().unwrap().pragma_update(None, "synchronous", "off").unwrap();
        storage
    }
}

#[test]
fn what_runs_are_told_is_stored_once_but_for_their_ids() {
    let folder = Folder::new("shared");
    let mut storage = folder.open();
    // Ids of requests are what clients say: anything, and also what stands elsewhere in the text.
    let requests = [
        json!("1"),
        json!("\u{1}\" \\ 2"),
        json!(""),
        json!("agent"),
        json!(Uuid::from_u128(5)),
        json!(null),
    ];
    let runs: Vec<Run> = (1..)
        .zip(requests)
        .map(|(id, request)| {
            let ids =
                json!({"langgraph_request_id": request, "run_id": Uuid::from_u128(id), "graph_id": "agent"});
            let config = Map::from_iter([("configurable".to_owned(), ids)]);
            Run { kwargs: Arc::new(Kwargs { config, ..Kwargs::default() }), ..run(id) }
        })
        .collect();
    put(&mut storage, 1, runs.iter().cloned().map(Change::PutRun).collect());
    drop(storage);
    let mut storage = folder.open();
    for run in &runs {
        assert_eq!(storage.read().run(THREAD, run.run_id).unwrap().as_ref(), Some(run));
    }
    drop(storage);
    let db = rusqlite::Connection::open(folder.0.join("eddyline.db")).unwrap();
    let texts: i64 = db.query_row("SELECT count(*) FROM shared", [], |row| row.get(0)).unwrap();
    assert!(texts <= 4, "{texts}");
}
