//! Crons of a runtime: when they run, what they run, and what becomes of ticks that nobody was there for.
//!
//! Everything happens on one OS thread under a paused clock, which leaps from timer to timer.

// This is a test from end to end; the lint's own exception knows only functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use actix::System;
use eddyline_engine::ids::Timestamp;
use eddyline_engine::prelude::*;
use eddyline_runtime::storage::{
    self, CronChange, MemoryStorage, Read, ReadCrons as _, Readers, Storage, Transaction,
};
use eddyline_runtime::{
    Clock, CreateCron, CreateThread, Cron, CronTerms, DeleteAssistant, Handle, ListRuns, MultitaskStrategy,
    OnCompletion, Run, RunStatus, Runtime, SearchThreads, StartRun,
};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// A Friday at midnight.
const BEGIN: i64 = 1_795_132_800_000_000;
const MINUTE: i64 = 60_000_000;

/// A disk that breaks at one of its writes.
#[derive(Clone)]
struct Breaking {
    memory: MemoryStorage,
    /// How many transactions are stored before.
    left: Arc<AtomicI64>,
    /// Whether the one at which it breaks is stored too, and nobody hears of it.
    unheard: bool,
}

impl Storage for Breaking {
    fn read(&mut self) -> &mut dyn Read {
        &mut self.memory
    }

    fn readers(&self) -> Arc<dyn Readers> {
        self.memory.readers()
    }

    fn write(&mut self, batch: Vec<Transaction>) -> Vec<storage::Result<()>> {
        let broken = || Err(storage::Error::Unknown { message: "the disk is broken".to_owned() });
        let write = |transaction| match self.left.fetch_sub(1, Ordering::SeqCst) {
            1.. => self.memory.write(vec![transaction]).remove(0),
            0 if self.unheard => self.memory.write(vec![transaction]).remove(0).and(broken()),
            _ => broken(),
        };
        batch.into_iter().map(write).collect()
    }
}

/// What is stored, and how much time has passed, in microseconds, from one process to the next.
#[derive(Default)]
struct World {
    memory: MemoryStorage,
    passed: Arc<AtomicI64>,
}

#[derive(Debug)]
struct Paused {
    before: i64,
    began: Instant,
}

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        Timestamp(BEGIN + self.before + i64::try_from(self.began.elapsed().as_micros()).unwrap())
    }
}

#[state]
struct Out {
    out: String,
}

async fn answer(_: Out, context: NodeContext) -> Update<Out> {
    let cron = context.configurable("cron_id").and_then(Value::as_str);
    Out::update().out(cron.unwrap_or_default().to_owned())
}

async fn hang(_: Out) -> Update<Out> {
    std::future::pending().await
}

fn graph() -> StateGraph<Out> {
    StateGraph::new().edge(START, "node").edge("node", END)
}

fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

fn minute(minute: i64) -> Timestamp {
    Timestamp(BEGIN + minute * MINUTE)
}

impl World {
    /// The life of one process, which is killed at the end of the test.
    fn live(&self, test: impl AsyncFnOnce(&Handle)) {
        self.live_over(Box::new(self.memory.clone()), test);
    }

    /// The same, over this storage.
    fn live_over(&self, storage: Box<dyn Storage>, test: impl AsyncFnOnce(&Handle)) {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let tokio = tokio.unwrap();
        System::with_tokio_rt(|| tokio).block_on(async {
            let clock = Paused { before: self.passed.load(Ordering::SeqCst), began: Instant::now() };
            let runtime = Runtime::builder()
                .graph("answer", graph().node("node", answer).compile().unwrap())
                .graph("hang", graph().node("node", hang).compile().unwrap())
                .storage(storage)
                .clock(Arc::new(clock))
                .start_here(|| Duration::ZERO)
                .unwrap();
            let began = Instant::now();
            test(&runtime.handle()).await;
            self.pass(began.elapsed());
            drop(runtime);
        });
    }

    /// Time passes while no process is there.
    fn pass(&self, time: Duration) {
        self.passed.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    fn cron(&self, cron_id: Uuid) -> Cron {
        self.memory.clone().cron(cron_id).unwrap().unwrap()
    }
}

fn every_ten_minutes(graph: &str) -> CronTerms {
    let input = Some(json!({"out": ""}).into());
    CronTerms::new("*/10 * * * *", StartRun { input, ..StartRun::new(graph) })
}

/// A cron on a thread of its own.
async fn on_thread(handle: &Handle, terms: CronTerms) -> (Uuid, Cron) {
    let thread_id = handle.create_thread(CreateThread::default()).await.unwrap().thread_id;
    (thread_id, handle.create_cron(CreateCron { thread_id: Some(thread_id), terms }).await.unwrap())
}

async fn runs(handle: &Handle, thread_id: Uuid) -> Vec<Run> {
    let mut runs = handle.runs(ListRuns { thread_id, status: None, limit: 100, offset: 0 }).await.unwrap();
    runs.sort_by_key(|run| run.created_at);
    runs
}

/// Checks in which minutes the runs of a thread were asked for.
async fn check_runs(handle: &Handle, thread_id: Uuid, expected: &[i64]) {
    let at = |run: &Run| (run.created_at.0 - BEGIN) / MINUTE;
    let found: Vec<i64> = runs(handle, thread_id).await.iter().map(at).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_cron_runs_at_its_times() {
    World::default().live(async |handle| {
        let mut terms = every_ten_minutes("answer");
        terms.metadata.insert("who".to_owned(), json!("cron"));
        terms.end_time = Some(minute(35));
        let (thread_id, cron) = on_thread(handle, terms).await;
        assert_eq!(cron.next_run_date, Some(minute(10)));
        sleep(minutes(15)).await;
        check_runs(handle, thread_id, &[10]).await;
        assert_eq!(handle.cron(cron.cron_id).await.unwrap().next_run_date, Some(minute(20)));
        sleep(minutes(100)).await;
        check_runs(handle, thread_id, &[10, 20, 30]).await;
        let run = runs(handle, thread_id).await.remove(0);
        assert_eq!(run.metadata["who"], "cron");
        assert_eq!(run.kwargs.config["configurable"]["cron_id"], json!(cron.cron_id));
        let values = handle.thread(thread_id).await.unwrap().values.unwrap();
        assert_eq!(values.to_json(), json!({"out": cron.cron_id.to_string()}), "the graph reads it");
        let stored = handle.cron(cron.cron_id).await.unwrap();
        assert_eq!((stored.due(), stored.owed, stored.updated_at), (None, None, cron.updated_at));
    });
}

#[test]
fn its_runs_know_who_made_a_cron_whoever_changes_it() {
    let (world, mut made) = (World::default(), None);
    let named = |name: &str| Map::from_iter([("langgraph_auth_user_id".to_owned(), json!(name))]);
    world.live(async |handle| {
        let (thread_id, cron) =
            on_thread(&handle.on_behalf_of(named("kim")), every_ten_minutes("answer")).await;
        let change = |terms: &mut CronTerms| {
            terms.run = every_ten_minutes("answer").run;
            Ok(())
        };
        handle.on_behalf_of(named("lee")).update_cron(cron.cron_id, change).await.unwrap();
        made = Some(thread_id);
    });
    world.live(async |handle| {
        sleep(minutes(15)).await;
        let run = runs(handle, made.unwrap()).await.remove(0);
        assert_eq!(run.kwargs.config["configurable"]["langgraph_auth_user_id"], "kim");
    });
}

#[test]
fn threads_of_runs_stay_if_they_should() {
    for (on_completion, left) in [(OnCompletion::Delete, 0), (OnCompletion::Keep, 3)] {
        World::default().live(async |handle| {
            let terms = CronTerms { on_completion, ..every_ten_minutes("answer") };
            let cron = handle.create_cron(CreateCron { thread_id: None, terms }).await.unwrap();
            sleep(minutes(35)).await;
            let threads = handle.search_threads(SearchThreads::default()).await.unwrap().threads;
            assert_eq!(threads.len(), left);
            for thread in threads {
                let run = runs(handle, thread.thread_id).await.remove(0);
                assert_eq!(run.kwargs.config["configurable"]["cron_id"], json!(cron.cron_id));
            }
        });
    }
}

#[test]
fn a_refused_run_does_not_stop_its_cron() {
    World::default().live(async |handle| {
        let mut terms = every_ten_minutes("hang");
        terms.run.multitask_strategy = MultitaskStrategy::Reject;
        let (thread_id, cron) = on_thread(handle, terms).await;
        sleep(minutes(35)).await;
        check_runs(handle, thread_id, &[10]).await;
        let change = |terms: &mut CronTerms| {
            terms.run.multitask_strategy = MultitaskStrategy::Interrupt;
            Ok(())
        };
        handle.update_cron(cron.cron_id, change).await.unwrap();
        sleep(minutes(20)).await;
        check_runs(handle, thread_id, &[10, 40, 50]).await;
    });
}

#[test]
fn what_is_said_anew_counts_from_then_on() {
    World::default().live(async |handle| {
        let (thread_id, cron) = on_thread(handle, every_ten_minutes("answer")).await;
        sleep(minutes(2)).await;
        let often = |terms: &mut CronTerms| {
            terms.schedule = "*/3 * * * *".to_owned();
            Ok(())
        };
        handle.update_cron(cron.cron_id, often).await.unwrap();
        sleep(minutes(5)).await;
        let enable = |enabled| {
            move |terms: &mut CronTerms| {
                terms.enabled = enabled;
                Ok(())
            }
        };
        handle.update_cron(cron.cron_id, enable(false)).await.unwrap();
        sleep(minutes(30)).await;
        handle.update_cron(cron.cron_id, enable(true)).await.unwrap();
        sleep(minutes(3)).await;
        check_runs(handle, thread_id, &[3, 6, 39]).await;
        handle.delete_cron(cron.cron_id).await.unwrap();
        sleep(minutes(30)).await;
        check_runs(handle, thread_id, &[3, 6, 39]).await;
        assert_eq!(handle.cron(cron.cron_id).await.unwrap_err().code(), "CRON_NOT_FOUND");
        assert_eq!(handle.delete_cron(cron.cron_id).await.unwrap_err().code(), "CRON_NOT_FOUND");
    });
}

#[test]
fn what_was_missed_runs_once_unless_it_is_over() {
    let world = World::default();
    let mut crons = Vec::new();
    world.live(async |handle| {
        for end in [None, Some(minute(30)), Some(minute(50))] {
            let terms = CronTerms { end_time: end, ..every_ten_minutes("answer") };
            crons.push(on_thread(handle, terms).await);
        }
        sleep(minutes(12)).await;
    });
    world.pass(minutes(33));
    world.live(async |handle| {
        sleep(minutes(10)).await;
        for ((thread_id, _), expected) in crons.iter().zip([&[10, 45, 50][..], &[10], &[10, 45, 50]]) {
            check_runs(handle, *thread_id, expected).await;
        }
    });
}

#[test]
fn a_tick_that_a_crash_cut_short_is_neither_lost_nor_doubled() {
    let world = World::default();
    let mut crons = Vec::new();
    world.live(async |handle| {
        for _ in 0..2 {
            crons.push(on_thread(handle, every_ten_minutes("answer")).await);
        }
        sleep(minutes(12)).await;
    });
    // As a crash leaves it after the tick was taken: of the one run nothing is stored, the other is.
    let [(lost, first), (known, second)] = &crons[..] else { unreachable!() };
    let mut stored = None;
    world.live(async |handle| stored = Some(runs(handle, *known).await.remove(0).run_id));
    let run_id = Uuid::from_u128(7);
    let owing = [(first.cron_id, run_id), (second.cron_id, stored.unwrap())].map(|(cron_id, run_id)| {
        CronChange::Revise(Box::new(Cron { owed: Some(run_id), ..world.cron(cron_id) }))
    });
    assert!(world.memory.clone().write(vec![Transaction::Crons(owing.into())])[0].is_ok());
    world.live(async |handle| {
        sleep(minutes(1)).await;
        check_runs(handle, *lost, &[10, 12]).await;
        assert_eq!(runs(handle, *lost).await[1].run_id, run_id);
        check_runs(handle, *known, &[10]).await;
        sleep(minutes(8)).await;
        check_runs(handle, *lost, &[10, 12, 20]).await;
        check_runs(handle, *known, &[10, 20]).await;
    });
    assert!(crons.iter().all(|(_, cron)| world.cron(cron.cron_id).owed.is_none()));
}

#[test]
fn wherever_the_disk_breaks_a_tick_runs_once() {
    // It takes two transactions of the cron, and those of the run.
    for (writes, unheard) in (0..8).flat_map(|writes| [(writes, false), (writes, true)]) {
        let world = World::default();
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let disk = Breaking { memory: world.memory.clone(), left: Arc::clone(&left), unheard };
        let mut thread_id = None;
        world.live_over(Box::new(disk), async |handle| {
            let mut terms = every_ten_minutes("answer");
            terms.end_time = Some(minute(15));
            thread_id = Some(on_thread(handle, terms).await.0);
            left.store(writes, Ordering::SeqCst);
            sleep(minutes(12)).await;
        });
        world.live(async |handle| {
            sleep(minutes(20)).await;
            let runs = runs(handle, thread_id.unwrap()).await;
            assert_eq!(runs.len(), 1, "{writes} {unheard}");
            assert_eq!(runs[0].status, RunStatus::Success, "{writes} {unheard}");
        });
    }
}

#[test]
fn crons_go_with_what_they_are_about() {
    World::default().live(async |handle| {
        let (thread_id, on_thread) = on_thread(handle, every_ten_minutes("answer")).await;
        let request = CreateCron { thread_id: None, terms: every_ten_minutes("hang") };
        let alone = handle.create_cron(request).await.unwrap();
        handle.delete_thread(thread_id).await.unwrap();
        let delete = DeleteAssistant { assistant_id: alone.assistant_id, threads: false };
        handle.delete_assistant(delete).await.unwrap();
        for cron in [on_thread, alone] {
            assert_eq!(handle.cron(cron.cron_id).await.unwrap_err().code(), "CRON_NOT_FOUND");
        }
    });
}

#[test]
fn what_makes_no_cron_is_refused() {
    World::default().live(async |handle| {
        let nobody = Some(Uuid::from_u128(1));
        let make = async |thread_id, change: fn(&mut CronTerms)| {
            let mut terms = every_ten_minutes("answer");
            change(&mut terms);
            handle.create_cron(CreateCron { thread_id, terms }).await.map(|_| ()).unwrap_err().code()
        };
        assert_eq!(make(nobody, |_| ()).await, "THREAD_NOT_FOUND");
        assert_eq!(make(None, |terms| terms.run.assistant = "nope".to_owned()).await, "INVALID_ASSISTANT");
        assert_eq!(make(None, |terms| terms.schedule = "nope".to_owned()).await, "INVALID_REQUEST");
        assert_eq!(make(None, |terms| terms.timezone = Some("nope".to_owned())).await, "INVALID_REQUEST");
        let both = |terms: &mut CronTerms| {
            terms.run.context.insert("a".to_owned(), json!(1));
            terms.run.config.insert("configurable".to_owned(), json!({"b": 1}));
        };
        assert_eq!(make(None, both).await, "CONTRADICTING_REQUEST");
        let refused = handle.update_cron(Uuid::from_u128(1), |_| Ok(())).await.unwrap_err();
        assert_eq!(refused.code(), "CRON_NOT_FOUND");
    });
}
