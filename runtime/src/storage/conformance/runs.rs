//! Runs: listed, found and marked.

use eddyline_engine::ids::Timestamp;
use serde_json::Map;
use uuid::Uuid;

use super::{Change, Error, OTHER, RunMark, Storage, THREAD, Transaction, put, run};
use crate::runs::{ListRuns, Run, RunStatus};
use crate::threads::{Thread, ThreadStatus};

pub(super) const RULES: [fn(&mut dyn Storage); 3] =
    [runs_are_listed_newest_first, open_runs_are_found_oldest_first, a_run_is_marked_and_stays_what_it_was];

fn runs_are_listed_newest_first(storage: &mut dyn Storage) {
    let request = ListRuns { thread_id: THREAD, status: None, limit: 10, offset: 0 };
    assert_eq!(storage.read().runs(request).expect("reads"), None, "no thread");
    let thread = Thread::new(THREAD, Map::new(), Timestamp(0));
    let mut done = run(3);
    done.status = RunStatus::Success;
    put(
        storage,
        0,
        vec![Change::PutThread(thread), Change::PutRun(run(2)), Change::PutRun(run(1)), Change::PutRun(done)],
    );
    let mut list = |request| {
        let runs = storage.read().runs(request).expect("reads").expect("the thread is there");
        runs.iter().map(|run| run.run_id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(list(request), [3, 2, 1]);
    assert_eq!(list(ListRuns { offset: 1, limit: 1, ..request }), [2]);
    assert_eq!(list(ListRuns { status: Some(RunStatus::Success), ..request }), [3]);
}

fn open_runs_are_found_oldest_first(storage: &mut dyn Storage) {
    assert!(storage.read().open_threads().expect("reads").is_empty());
    assert_eq!(storage.read().open_runs(THREAD).expect("reads"), [], "no thread");
    let mut record = Change::PutThread(Thread::new(THREAD, Map::new(), Timestamp(0)));
    for id in [4, 2] {
        put(storage, 0, vec![record.clone(), Change::PutRun(run(id))]);
    }
    let with = |id, status| Change::PutRun(Run { status, ..run(id) });
    put(storage, 0, vec![with(3, RunStatus::Running), with(5, RunStatus::Success)]);
    put(storage, 0, vec![with(1, RunStatus::Error), with(6, RunStatus::Interrupted)]);
    record = Change::PutThread(Thread::new(OTHER, Map::new(), Timestamp(0)));
    let over = Change::PutRun(Run { thread_id: OTHER, status: RunStatus::Success, ..run(7) });
    let other = Transaction::Thread { thread_id: OTHER, epoch: 0, begins: true, changes: vec![record, over] };
    assert!(matches!(storage.write(vec![other])[..], [Ok(())]));

    assert_eq!(storage.read().open_threads().expect("reads"), [THREAD], "once");
    let open = [run(2), Run { status: RunStatus::Running, ..run(3) }, run(4)];
    assert_eq!(storage.read().open_runs(THREAD).expect("reads"), open);
    assert_eq!(storage.read().open_runs(OTHER).expect("reads"), []);
    for (id, thread) in [(2, Some(THREAD)), (7, Some(OTHER)), (99, None)] {
        assert_eq!(storage.read().thread_of(Uuid::from_u128(id)).expect("reads"), thread);
    }
    put(storage, 1, [2, 3, 4].map(|id| with(id, RunStatus::Success)).into());
    assert!(storage.read().open_threads().expect("reads").is_empty());
    let stands =
        |status| Change::PutThread(Thread { status, ..Thread::new(THREAD, Map::new(), Timestamp(0)) });
    put(storage, 1, vec![stands(ThreadStatus::Busy)]);
    assert_eq!(storage.read().open_threads().expect("reads"), [THREAD], "nothing else would end that");
    put(storage, 1, vec![stands(ThreadStatus::Idle)]);
    assert!(storage.read().open_threads().expect("reads").is_empty());
}

fn a_run_is_marked_and_stays_what_it_was(storage: &mut dyn Storage) {
    let mut marked = Run { status: RunStatus::Running, attempt: 2, updated_at: Timestamp(9), ..run(1) };
    let mark = |run: &Run| Change::MarkRun(RunMark::of(run));
    put(storage, 0, vec![Change::PutRun(run(1)), Change::PutRun(run(2)), mark(&marked)]);
    assert_eq!(storage.read().run(THREAD, marked.run_id).expect("reads"), Some(marked.clone()));
    marked.status = RunStatus::Success;
    let transaction = |begins, changes| Transaction::Thread { thread_id: THREAD, epoch: 0, begins, changes };
    let unknown = vec![Change::PutRun(run(4)), mark(&run(3))];
    assert!(matches!(storage.write(vec![transaction(true, unknown)])[..], [Err(Error::Failed { .. })]));
    assert_eq!(storage.read().run(THREAD, Uuid::from_u128(4)).expect("reads"), None, "all or nothing");
    let known = vec![mark(&marked), mark(&run(3))];
    assert!(matches!(storage.write(vec![transaction(false, known)])[..], [Ok(())]));
    assert_eq!(storage.read().run(THREAD, marked.run_id).expect("reads"), Some(marked));
    assert_eq!(storage.read().open_runs(THREAD).expect("reads"), [run(2)]);
    assert_eq!(storage.read().run(THREAD, Uuid::from_u128(3)).expect("reads"), None, "marks make no run");
}
