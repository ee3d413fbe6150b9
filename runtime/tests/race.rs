//! Many clients on one thread, each with a strategy of its own: what they saw must be explained by one run after
//! another.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use eddyline_engine::prelude::*;
use eddyline_runtime::{
    CreateThread, Error, Handle, MultitaskStrategy, Options, Run, RunStatus, Runtime, StartRun, Subscription,
    ThreadStatus,
};
use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

const CLIENTS: u64 = 64;
const OPERATIONS: u64 = 10_000;

#[state]
struct Work {
    operation: u64,
    #[state(reduce = append)]
    done: Vec<(u64, u8)>,
}

/// Moments, in the order in which they came.
#[derive(Default)]
struct Ticks(AtomicU64);

impl Ticks {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// When nodes were at work: of which operation, from when to when.
#[derive(Default)]
struct Log {
    ticks: Ticks,
    spans: Mutex<Vec<Span>>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    operation: u64,
    begin: u64,
    end: u64,
}

/// At work until it is dropped, however that comes.
struct AtWork(Arc<Log>, Span);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.1.end = self.0.ticks.next();
        self.0.spans.lock().unwrap().push(self.1);
    }
}

fn node(
    log: &Arc<Log>,
    node: u8,
) -> impl Fn(Work) -> futures_util::future::BoxFuture<'static, Update<Work>> + use<> {
    let log = Arc::clone(log);
    move |state| {
        let (log, operation) = (Arc::clone(&log), state.operation);
        Box::pin(async move {
            let begin = log.ticks.next();
            let _at_work = AtWork(log, Span { operation, begin, end: 0 });
            for _ in 0..operation % 7 {
                tokio::task::yield_now().await;
            }
            Work::update().done([(operation, node)])
        })
    }
}

fn graph(log: &Arc<Log>) -> CompiledGraph<Work> {
    StateGraph::<Work>::new()
        .node("one", node(log, 1))
        .node("two", node(log, 2))
        .edge(START, "one")
        .edge("one", "two")
        .compile()
        .unwrap()
}

/// What a client asked, and what it saw.
#[derive(Clone, Copy, Debug)]
struct Seen {
    operation: u64,
    strategy: MultitaskStrategy,
    called: u64,
    answered: u64,
    /// `None` when it was refused.
    run: Option<Uuid>,
    /// When its stream ended.
    ended: u64,
}

/// A small generator: the same numbers for the same seed.
fn random(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33
}

async fn ask(handle: &Handle, log: &Log, thread_id: Uuid, operation: u64) -> (Seen, Option<Subscription>) {
    // Most wait, so that there is something to stop.
    let strategy = match random(operation) % 128 {
        0 => MultitaskStrategy::Interrupt,
        1 => MultitaskStrategy::Rollback,
        2..=31 => MultitaskStrategy::Reject,
        _ => MultitaskStrategy::Enqueue,
    };
    let input = Some(json!({"operation": operation}).into());
    let request =
        StartRun { thread_id: Some(thread_id), input, multitask_strategy: strategy, ..StartRun::new("work") };
    let called = log.ticks.next();
    let answer = handle.start_run(request).await;
    let answered = log.ticks.next();
    let seen = |run| Seen { operation, strategy, called, answered, run, ended: 0 };
    match answer {
        Ok((run, events)) => (seen(Some(run.run_id)), Some(events)),
        Err(Error::ThreadBusy { .. } | Error::QueueFull { .. }) => (seen(None), None),
        Err(error) => panic!("{error}"),
    }
}

async fn client(handle: Handle, log: Arc<Log>, thread_id: Uuid, first: u64) -> Vec<Seen> {
    let mut told: JoinSet<Seen> = JoinSet::new();
    let mut all = Vec::new();
    for operation in (first..OPERATIONS).step_by(usize::try_from(CLIENTS).unwrap()) {
        let (mut seen, events) = ask(&handle, &log, thread_id, operation).await;
        let Some(mut events) = events else {
            all.push(seen);
            continue;
        };
        let log = Arc::clone(&log);
        let to_the_end = async move {
            while events.next().await.is_some() {}
            seen.ended = log.ticks.next();
            seen
        };
        if random(operation + 1).is_multiple_of(8) {
            told.spawn(to_the_end);
        } else {
            all.push(to_the_end.await);
        }
    }
    all.extend(told.join_all().await);
    all
}

/// What is left of each operation: how its run stands, if it is still there.
type Left = HashMap<u64, Option<RunStatus>>;

/// What does not fit.
struct Verdict<'a> {
    seen: &'a [Seen],
    spans: HashMap<u64, Vec<Span>>,
    left: &'a Left,
    violations: Vec<String>,
}

impl Verdict<'_> {
    fn begun_after(&self, operation: u64, tick: u64) -> usize {
        self.spans.get(&operation).map_or(0, |spans| spans.iter().filter(|span| span.begin > tick).count())
    }

    fn first_begin(&self, operation: u64) -> Option<u64> {
        self.spans.get(&operation)?.iter().map(|span| span.begin).min()
    }

    /// One node at a time, whosever it is.
    fn one_at_a_time(&mut self, mut spans: Vec<Span>) {
        spans.sort_by_key(|span| span.begin);
        for pair in spans.windows(2).filter(|pair| pair[1].begin < pair[0].end) {
            self.violations.push(format!("two at once: {pair:?}"));
        }
    }

    /// Whether one was refused with reason, and whether those were stopped that had to be.
    fn strategies(&mut self) {
        for one in self.seen {
            let before = |other: &&Seen| other.run.is_some() && other.answered < one.called;
            let refused = one.run.is_none();
            if refused {
                let busy = |other: &Seen| {
                    other.run.is_some() && other.called < one.answered && other.ended > one.called
                };
                if !self.seen.iter().any(busy) {
                    self.violations.push(format!("refused without a reason: {one:?}"));
                }
                continue;
            }
            let others: Vec<u64> = self.seen.iter().filter(before).map(|other| other.operation).collect();
            // A node that was on its way when the run was stopped may still begin, and is dropped at its first await.
            let allowed = match one.strategy {
                MultitaskStrategy::Enqueue => continue,
                MultitaskStrategy::Reject => 0,
                MultitaskStrategy::Interrupt | MultitaskStrategy::Rollback => 1,
            };
            for other in others {
                if self.begun_after(other, one.answered) > allowed {
                    self.violations.push(format!("{other} goes on after {one:?}"));
                }
            }
        }
    }

    /// Runs that wait are taken in the order in which they came.
    fn turns(&mut self) {
        let mut began: Vec<(u64, &Seen)> =
            self.seen.iter().filter_map(|one| Some((self.first_begin(one.operation)?, one))).collect();
        began.sort_by_key(|(begin, _)| *begin);
        let mut latest = 0;
        for (_, one) in began {
            if one.answered < latest {
                self.violations.push(format!("overtaken: {one:?}"));
            }
            latest = latest.max(one.called);
        }
    }

    /// The state has what the runs did that were not taken back, in the order in which they did it.
    fn state(&mut self, done: &[(u64, u8)]) {
        let mut expected: Vec<u64> = done.iter().map(|(operation, _)| *operation).collect();
        expected.dedup();
        let mut in_order = expected.clone();
        in_order.sort_by_key(|operation| self.first_begin(*operation));
        if expected != in_order {
            self.violations.push("the state has another order than the nodes".to_owned());
        }
        for (operation, status) in self.left {
            let has: Vec<u8> =
                done.iter().filter(|(other, _)| other == operation).map(|(_, node)| *node).collect();
            let fits = match status {
                None => has.is_empty(),
                Some(RunStatus::Success) => has == [1, 2],
                Some(RunStatus::Interrupted) => has.is_empty() || has == [1] || has == [1, 2],
                Some(_) => false,
            };
            if !fits {
                self.violations.push(format!("{operation} is {status:?} and left {has:?}"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_clients_see_is_explained_by_one_run_after_another() {
    let log = Arc::<Log>::default();
    let options = Options { waiting_runs: 64, tape_bytes: 1 << 20, ..Options::default() };
    let runtime = Runtime::builder().graph("work", graph(&log)).options(options).start().unwrap();
    let handle = runtime.handle();
    let thread_id = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
    let mut clients = JoinSet::new();
    for first in 0..CLIENTS {
        clients.spawn(client(handle.clone(), Arc::clone(&log), thread_id, first));
    }
    let seen: Vec<Seen> = clients.join_all().await.into_iter().flatten().collect();
    assert_eq!(seen.len() as u64, OPERATIONS);

    let mut left = Left::new();
    for one in &seen {
        if let Some(run_id) = one.run {
            let run = handle.run(thread_id, run_id).await;
            left.insert(one.operation, run.ok().map(|run| run.status));
        }
    }
    let thread = handle.thread(thread_id).await.unwrap();
    assert_eq!(thread.status, ThreadStatus::Idle);
    let done = thread.values.unwrap().to_json()["done"].take();
    let done: Vec<(u64, u8)> = serde_json::from_value(done).unwrap();
    let spans = log.spans.lock().unwrap().clone();
    let mut by_operation: HashMap<u64, Vec<Span>> = HashMap::new();
    for span in &spans {
        by_operation.entry(span.operation).or_default().push(*span);
    }
    let mut verdict = Verdict { seen: &seen, spans: by_operation, left: &left, violations: Vec::new() };
    verdict.one_at_a_time(spans);
    verdict.strategies();
    verdict.turns();
    verdict.state(&done);
    let count = |status| left.values().filter(|left| **left == status).count();
    println!(
        "{OPERATIONS} operations: {} refused, {} done, {} interrupted, {} rolled back; {} violations",
        OPERATIONS - left.len() as u64,
        count(Some(RunStatus::Success)),
        count(Some(RunStatus::Interrupted)),
        count(None),
        verdict.violations.len()
    );
    assert!(verdict.violations.is_empty(), "{:#?}", &verdict.violations[..verdict.violations.len().min(20)]);
    for outcome in [None, Some(RunStatus::Interrupted), Some(RunStatus::Success)] {
        assert!(count(outcome) > 30, "too few to say anything: {outcome:?}");
    }
    runtime.shutdown().await;
}

/// Holds back who has an answer, until everybody has given theirs.
static ANSWERED: Semaphore = Semaphore::const_new(0);

async fn ask_on(state: Work, ctx: NodeContext) -> Result<Command<Work>, NodeError> {
    let answer: u64 = ctx.interrupt(state.done.len())?;
    ANSWERED.acquire().await.unwrap().forget();
    Ok(Command::goto("ask").update(Work::update().done([(answer, 0)])))
}

/// As when somebody clicks twice, or several people answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_answers_to_one_question_one_counts() {
    const ROUNDS: u64 = 50;
    const ANSWERS: u64 = 8;
    let graph = StateGraph::<Work>::new().node("ask", ask_on).edge(START, "ask").compile().unwrap();
    let runtime = Runtime::builder().graph("work", graph).start().unwrap();
    let handle = runtime.handle();
    let thread_id = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
    let status = async |(run, mut events): (Run, Subscription)| {
        while events.next().await.is_some() {}
        handle.run(thread_id, run.run_id).await.unwrap().status
    };
    let request = || StartRun { thread_id: Some(thread_id), ..StartRun::new("work") };
    let first = StartRun { input: Some(json!({"operation": 0}).into()), ..request() };
    status(handle.start_run(first).await.unwrap()).await;
    for round in 0..ROUNDS {
        let answer = |answer| {
            let command = Some(json!({"resume": round * ANSWERS + answer}));
            handle.start_run(StartRun { command, ..request() })
        };
        let accepted = join_all((0..ANSWERS).map(answer)).await;
        ANSWERED.add_permits(1);
        let ends = join_all(accepted.into_iter().map(|run| status(run.unwrap()))).await;
        let counted = ends.iter().filter(|status| **status == RunStatus::Success).count();
        assert_eq!(counted, 1, "round {round}: {ends:?}");
    }
    let done = handle.thread(thread_id).await.unwrap().values.unwrap().to_json()["done"].take();
    let pairs: Vec<(u64, u8)> = serde_json::from_value(done).unwrap();
    let rounds: Vec<u64> = pairs.iter().map(|(answer, _)| answer / ANSWERS).collect();
    assert_eq!(
        rounds,
        (0..ROUNDS).collect::<Vec<_>>(),
        "each question has one of the answers that were for it"
    );
    runtime.shutdown().await;
}
