//! Clients: each asks for one thing after the other, at any time, and believes what it is told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use eddyline::config::Durability;
use eddyline::runtime::{
    CancelAction, CancelRun, CancelRuns, CreateThread, Error, IfExists, IfNotExists, MultitaskStrategy,
    OnCompletion, ReadHistory, ReadState, RunStatus, StartRun, UpdateState, UpdateThread, WhichRuns,
};
use eddyline::{Handle, Shared};
use serde_json::{Value, json};
use uuid::Uuid;

use super::disk::{Rows, short};
use super::graph::GRAPH;
use super::listener::listen;
use super::scene::Scene;
use super::world::{Answer, World};

/// One client in one process.
pub(super) struct Client {
    pub(super) scene: Arc<Scene>,
    pub(super) handle: Handle,
    pub(super) number: usize,
}

/// What clients ask for.
#[derive(Clone, Copy, Debug)]
enum Order {
    Start,
    Resume,
    Continue,
    StartTemporary,
    Cancel,
    CancelAll,
    Update,
    Create,
    Describe,
    Read,
    DeleteRun,
    DeleteThread,
}

impl Client {
    /// Asks for what it has not asked for yet.
    pub(super) async fn work(self) {
        let plan = &self.scene.clients[self.number];
        loop {
            self.world().dawdle(if self.world().one_in(6) { 3_000 } else { 60 }).await;
            let asked = plan.asked.fetch_add(1, Ordering::Relaxed);
            if asked >= plan.orders {
                return;
            }
            let label = format!("c{}.{asked}", self.number);
            let thread_id = self.world().pick(&self.scene.threads);
            let order = self.order();
            self.world().happened(format!("{label} asks {order:?} {}", short(thread_id)));
            let answer = self.ask(order, &label, thread_id).await;
            let answer = answer.map_err(|error| error.code());
            self.world().happened(format!("{label} is told {answer:?}"));
        }
    }

    fn world(&self) -> &World {
        &self.scene.world
    }

    fn order(&self) -> Order {
        let usual = [
            Order::Start,
            Order::Start,
            Order::Start,
            Order::Start,
            Order::Start,
            Order::Resume,
            Order::Resume,
            Order::Resume,
            Order::Continue,
            Order::Cancel,
            Order::Cancel,
            Order::Update,
            Order::StartTemporary,
            Order::CancelAll,
            Order::Create,
            Order::Describe,
            Order::Read,
        ];
        let rare = [Order::DeleteRun, Order::DeleteThread];
        let choices = if self.scene.shrinks && self.world().one_in(8) { &rare[..] } else { &usual };
        self.world().pick(choices)
    }

    async fn ask(&self, order: Order, label: &str, thread_id: Uuid) -> Result<(), Error> {
        match order {
            Order::Start => self.start(self.begin(label, thread_id), label).await,
            Order::Resume => {
                let command = Some(json!({"resume": label}));
                self.start(StartRun { input: None, command, ..self.begin(label, thread_id) }, label).await
            }
            Order::Continue => {
                self.start(StartRun { input: None, ..self.begin(label, thread_id) }, label).await
            }
            Order::StartTemporary => {
                let request = self.begin(label, thread_id);
                let on_completion = OnCompletion::Delete;
                self.temporary(StartRun { thread_id: None, on_completion, ..request }).await
            }
            Order::Cancel => self.cancel(thread_id).await,
            Order::CancelAll => {
                let action = self.action();
                self.scene.threads.iter().for_each(|thread| self.may_shrink(*thread, action));
                let which = self.world().pick(&[0, 1, 2]);
                let which = [WhichRuns::Pending, WhichRuns::Running, WhichRuns::All].into_iter().nth(which);
                let which = which.unwrap_or(WhichRuns::All);
                self.handle
                    .cancel_runs(CancelRuns { which, action, reason: "all".to_owned() })
                    .await
                    .map(drop)
            }
            Order::Update => self.update(label, thread_id).await,
            Order::Create => {
                let if_exists = self.world().pick(&[IfExists::Raise, IfExists::DoNothing]);
                let request =
                    CreateThread { thread_id: Some(thread_id), if_exists, ..CreateThread::default() };
                self.handle.create_thread(request).await.map(drop)
            }
            Order::Describe => {
                let metadata = json!({"said": label}).as_object().cloned().unwrap_or_default();
                self.handle
                    .update_thread(UpdateThread { thread_id, metadata, ..UpdateThread::default() })
                    .await
                    .map(drop)
            }
            Order::Read => {
                self.handle.state(ReadState::new(thread_id)).await?;
                self.handle.history(ReadHistory::new(thread_id, 3)).await.map(drop)
            }
            Order::DeleteRun => {
                self.world().notes().may_shrink.insert(thread_id);
                let Some(run_id) = self.a_run(thread_id) else { return Ok(()) };
                self.handle.delete_run(thread_id, run_id).await
            }
            Order::DeleteThread => {
                self.world().notes().may_shrink.insert(thread_id);
                self.handle.delete_thread(thread_id).await
            }
        }
    }

    fn begin(&self, label: &str, thread_id: Uuid) -> StartRun {
        let metadata = json!({"label": label}).as_object().cloned().unwrap_or_default();
        let strategies = &MultitaskStrategy::ALL[..if self.scene.shrinks { 4 } else { 3 }];
        let millis = if self.world().one_in(5) { self.world().below(2_000) } else { 0 };
        StartRun {
            thread_id: Some(thread_id),
            input: Some(Shared::from(json!({"run": label, "done": [label]}))),
            metadata,
            resumable: self.world().one_in(2),
            durability: self.world().pick(&[Durability::Sync, Durability::Async, Durability::Exit]),
            if_not_exists: IfNotExists::Create,
            multitask_strategy: self.world().pick(strategies),
            delay: Duration::from_millis(millis),
            ..StartRun::new(GRAPH)
        }
    }

    async fn start(&self, request: StartRun, label: &str) -> Result<(), Error> {
        let thread_id = request.thread_id.expect("it is for one of the threads");
        if request.multitask_strategy == MultitaskStrategy::Rollback {
            self.world().notes().may_shrink.insert(thread_id);
        }
        self.world().notes().asked.entry(label.to_owned()).or_default();
        let answer = self.handle.start_run(request).await;
        if self.world().is_dead() {
            return Ok(());
        }
        let told = match &answer {
            Ok((run, _)) => Answer::Accepted { thread_id, run_id: run.run_id },
            Err(error) if is_refused(error) => Answer::Refused,
            Err(_) => Answer::Unknown,
        };
        self.world().notes().asked.entry(label.to_owned()).or_default().answer = told;
        let (run, events) = answer?;
        if !self.world().notes().runs.contains_key(&run.run_id) {
            self.world().broken(format!("run {} is accepted and not stored", short(run.run_id)));
        }
        if self.world().below(4) > 0 {
            let listening = listen(Arc::clone(&self.scene), thread_id, run.run_id, events);
            tokio::task::spawn_local(listening);
        }
        Ok(())
    }

    async fn temporary(&self, request: StartRun) -> Result<(), Error> {
        let (_, mut events) = self.handle.start_run(request).await?;
        while events.next().await.is_some() {}
        Ok(())
    }

    async fn cancel(&self, thread_id: Uuid) -> Result<(), Error> {
        let Some(run_id) = self.a_run(thread_id) else { return Ok(()) };
        let (action, wait) = (self.action(), self.world().one_in(2));
        self.may_shrink(thread_id, action);
        let request = CancelRun { thread_id, run_id, action, reason: "enough".to_owned(), wait };
        let answer = self.handle.cancel(request).await;
        if self.world().is_dead() {
            return answer;
        }
        let status = Rows::of(self.world(), thread_id).run(run_id).map(|run| run.status);
        let is_final = status.is_none_or(RunStatus::is_final);
        let promised = match answer {
            Ok(()) => wait,
            Err(Error::NothingToCancel { .. }) => true,
            Err(_) => false,
        };
        if promised && is_final {
            self.world().notes().over.insert(run_id);
        } else if promised {
            self.world().broken(format!("run {} is {status:?} after {answer:?}", short(run_id)));
        }
        answer
    }

    async fn update(&self, label: &str, thread_id: Uuid) -> Result<(), Error> {
        let values = Shared::from(json!({"run": label, "done": [label]}));
        let as_node = self.world().pick(&["first", "ask", "last"]).into();
        let request = UpdateState::new(thread_id, Some(values), Some(as_node));
        self.handle.update_state(request).await.map(drop)
    }

    /// One of the runs of a thread that are stored or were.
    fn a_run(&self, thread_id: Uuid) -> Option<Uuid> {
        let runs = Rows::of(self.world(), thread_id).runs;
        let newest: Vec<Uuid> = runs.iter().take(3).map(|run| run.run_id).collect();
        (!newest.is_empty()).then(|| self.world().pick(&newest))
    }

    fn action(&self) -> CancelAction {
        let rolls_back = self.scene.shrinks && self.world().one_in(2);
        if rolls_back { CancelAction::Rollback } else { CancelAction::Interrupt }
    }

    fn may_shrink(&self, thread_id: Uuid, action: CancelAction) {
        if action == CancelAction::Rollback {
            self.world().notes().may_shrink.insert(thread_id);
        }
    }
}

/// Whether such an error says that nothing was done.
fn is_refused(error: &Error) -> bool {
    let refused =
        ["THREAD_BUSY", "QUEUE_FULL", "THREAD_NOT_FOUND", "STORAGE_FAILED", "STORAGE_FENCED", "STOPPING"];
    refused.contains(&error.code())
}

/// The values of a thread, as its record has them.
pub(super) fn recorded(values: Option<&eddyline::Object>) -> Value {
    values.map(eddyline::Object::to_json).unwrap_or_default()
}
