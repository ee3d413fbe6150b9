//! The way in: what a program may ask of a runtime, from any executor or none.

mod assistants;
mod caller;
mod crons;
mod feedback;
mod health;
mod threads;

use std::sync::Arc;

use actix::{Addr, Handler};
use eddyline_engine::Graph;
use eddyline_engine::store::Store;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use uuid::Uuid;

use crate::actors::{AssistantsActor, CronsActor, ReaderPool, StorageActor, SupervisorActor, ThreadActor};
use crate::configuration;
use crate::containment::check_filter;
use crate::environment::Environment;
use crate::error::Error;
use crate::feedback::FeedbackUrl;
use crate::messages::{
    Cancel, Describe, ForgetRun, ForgetThread, Forward, Join, Look, MakeThread, Origin, Reply, ReviseState,
    SubmitRun, ThreadOrder,
};
use crate::pool;
use crate::runs::{Begin, CancelRun, CancelRuns, IfNotExists, ListRuns, Listen, OnCompletion, Run, StartRun};
use crate::state::read::{Reader, Source};
use crate::state::{CheckpointAddress, ReadHistory, ReadState, ThreadState, UpdateState};
use crate::storage::{self, Read};
use crate::stream::Subscription;
use crate::threads::{CreateThread, Thread, UpdateThread};
use crate::webhooks::{Delivery, ListFailures, Outbox};

/// Asks a runtime to do things. Cheap to clone; works from any thread and any executor.
///
/// Dropping a future of these functions before it ends gives up the answer, not the request: once it is
/// sent, the runtime carries it out. [`Options::requests`](crate::Options::requests) requests are under way
/// at once; the next one waits for its turn before it is sent.
#[derive(Clone)]
pub struct Handle(Arc<Inner>, Option<Arc<Map<String, Value>>>);

#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) environment: Arc<Environment>,
    /// One for each graph arbiter; a thread's place among them is a hash of its id.
    pub(crate) supervisors: Vec<Addr<SupervisorActor>>,
    pub(crate) storage: Addr<StorageActor>,
    pub(crate) readers: ReaderPool,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) assistants: Addr<AssistantsActor>,
    pub(crate) crons: Addr<CronsActor>,
    pub(crate) requests: Arc<Semaphore>,
}

impl Handle {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner), None)
    }

    /// Makes a thread.
    ///
    /// The thread is stored when the answer comes. Fails with [`Error::ThreadExists`].
    pub async fn create_thread(&self, request: CreateThread) -> Result<Thread, Error> {
        let CreateThread { thread_id, metadata, if_exists, ttl } = request;
        let origin = if thread_id.is_some() { Origin::Stored } else { Origin::New };
        let thread_id = thread_id.unwrap_or_else(|| self.0.environment.ids.ordered());
        self.order(thread_id, |reply| MakeThread { origin, metadata, ttl, if_exists, reply }).await
    }

    /// The thread, as it is stored. Fails with [`Error::ThreadNotFound`].
    pub async fn thread(&self, thread_id: Uuid) -> Result<Thread, Error> {
        if let Some(thread) = self.0.environment.temporaries.thread(thread_id) {
            return Ok(thread);
        }
        let found = self.read(move |storage| storage.thread(thread_id)).await?;
        found.map(|stored| stored.thread).ok_or(Error::ThreadNotFound { thread_id })
    }

    /// The state of a thread: the newest, or one of the past. A thread that is busy is read as it is stored.
    ///
    /// Fails with [`Error::ThreadNotFound`], with [`Error::GraphNotFound`], and with [`Error::Graph`] when a
    /// reducer or a view of the graph fails or panics.
    pub async fn state(&self, request: ReadState) -> Result<ThreadState, Error> {
        let thread_id = request.thread_id;
        match self.reader(thread_id).await? {
            Some((reader, graph)) => self.on_pool(reader.state(graph, request)).await,
            None => Ok(ThreadState { thread_id, asked: request.checkpoint, snapshot: None }),
        }
    }

    /// Former states of a thread, newest first, each as it was when its superstep began.
    ///
    /// Fails as [`state`](Self::state) does, and with [`Error::Invalid`] when the filter has too much
    /// ([`FILTER_VALUES`](crate::FILTER_VALUES)).
    pub async fn history(&self, request: ReadHistory) -> Result<Vec<ThreadState>, Error> {
        check_filter(&request.metadata)?;
        match self.reader(request.thread_id).await? {
            Some((reader, graph)) => self.on_pool(reader.history(graph, request)).await,
            None => Ok(Vec::new()),
        }
    }

    /// Changes the state of a thread by hand, and says where the new checkpoint is.
    ///
    /// The change is stored when the answer comes, with how the thread stands after it. Runs that are started
    /// meanwhile wait. Fails with [`Error::ThreadNotFound`], [`Error::ThreadBusy`] while runs are under way or
    /// wait, [`Error::QueueFull`], [`Error::NoGraph`], [`Error::GraphNotFound`], [`Error::InvalidUpdate`] when
    /// the graph does not take the change, and [`Error::Graph`] when a route or a reducer panics.
    pub async fn update_state(&self, request: UpdateState) -> Result<CheckpointAddress, Error> {
        let update = self.0.environment.ids.random();
        let request = Box::new(request);
        self.order(request.thread_id, |reply| ReviseState { update, request, reply }).await
    }

    /// Starts a run, and listens to it from its first fact.
    ///
    /// The run is stored when the answer comes, and may be over already. Its status in the answer is
    /// `pending`. Fails with [`Error::ThreadNotFound`], [`Error::AssistantNotFound`],
    /// [`Error::InvalidAssistant`], [`Error::ThreadBusy`], [`Error::QueueFull`], [`Error::TooManyRuns`],
    /// [`Error::Invalid`] and [`Error::Contradiction`].
    pub async fn start_run(&self, request: StartRun) -> Result<(Run, Subscription), Error> {
        self.start_run_as(self.0.environment.ids.ordered(), request).await
    }

    /// The same, for a run that has its id.
    pub(crate) async fn start_run_as(
        &self,
        run_id: Uuid,
        mut request: StartRun,
    ) -> Result<(Run, Subscription), Error> {
        self.check_run(&request)?;
        self.speak_for(&mut request);
        if let (Some(outbox), Some(_)) = (&self.0.environment.outbox, &request.webhook) {
            outbox.has_room()?;
        }
        let resumes = request.command.as_ref().is_some_and(|command| !command["resume"].is_null());
        if request.thread_id.is_none() && resumes {
            return Err(Error::Contradiction {
                message: "You must provide a thread_id when resuming.".to_owned(),
            });
        }
        let assistant = self.0.environment.registry.find(&request.assistant)?;
        let origin = match (request.thread_id, request.on_completion) {
            (Some(_), _) => Origin::Stored,
            (None, OnCompletion::Delete) if request.attended => Origin::Temporary,
            (None, _) => Origin::New,
        };
        let thread_id = request.thread_id.unwrap_or_else(|| {
            request.if_not_exists = IfNotExists::Create;
            self.0.environment.ids.random()
        });
        let request = Box::new(request);
        self.order(thread_id, |reply| SubmitRun { run_id, assistant, origin, request, reply }).await
    }

    /// The run, as it is stored. Fails with [`Error::RunNotFound`].
    pub async fn run(&self, thread_id: Uuid, run_id: Uuid) -> Result<Run, Error> {
        let of_id = |run: &Run| run.run_id == run_id;
        if let Some(run) = self.0.environment.temporaries.run_of(thread_id).filter(of_id) {
            return Ok(run);
        }
        let found = self.read(move |storage| storage.run(thread_id, run_id)).await?;
        found.map(|run| self.0.environment.at_work.share(run)).ok_or(Error::RunNotFound { run_id })
    }

    /// The run, as it stands once everything is stored that its thread has decided by now. Fails as
    /// [`run`](Self::run) does.
    pub async fn settled_run(&self, thread_id: Uuid, run_id: Uuid) -> Result<Run, Error> {
        let permit = self.permit().await?;
        // Bounded by the permits.
        let (look, stored) = Look::new(move |_| {
            drop(permit);
            Ok(())
        });
        self.0.storage.do_send(look);
        stored.await?;
        self.run(thread_id, run_id).await
    }

    /// The run of this id, on whichever thread it is. Fails with [`Error::RunNotFound`].
    pub async fn find_run(&self, run_id: Uuid) -> Result<Run, Error> {
        if let Some(run) = self.0.environment.temporaries.run(run_id) {
            return Ok(run);
        }
        let find = move |storage: &mut dyn Read| match storage.thread_of(run_id)? {
            Some(thread_id) => storage.run(thread_id, run_id),
            None => Ok(None),
        };
        self.read(find).await?.ok_or(Error::RunNotFound { run_id })
    }

    /// The runs of a thread, newest first. Fails with [`Error::ThreadNotFound`].
    pub async fn runs(&self, request: ListRuns) -> Result<Vec<Run>, Error> {
        let ListRuns { thread_id, status, limit, offset } = request;
        if let Some(run) = self.0.environment.temporaries.run_of(thread_id) {
            let fits = status.is_none_or(|status| status.as_str() == run.status.as_str());
            return Ok(Some(run).filter(|_| fits).into_iter().skip(offset).take(limit).collect());
        }
        let found = self.read(move |storage| storage.runs(request)).await?;
        found.ok_or(Error::ThreadNotFound { thread_id })
    }

    /// Listens to a thread, or to one of its runs.
    ///
    /// The stream of a run that is over holds what the tape still has of it, if asked to begin there, and
    /// ends. Fails with [`Error::ThreadNotFound`] and [`Error::RunNotFound`].
    pub async fn listen(&self, request: Listen) -> Result<Subscription, Error> {
        if let Some(run_id) = request.run_id {
            self.run(request.thread_id, run_id).await?;
        }
        self.order(request.thread_id, |reply| Join { request, waits: false, reply }).await
    }

    /// Listens to all runs of a thread, which need not exist yet: then to those that it will have.
    pub async fn listen_for(&self, thread_id: Uuid, begin: Begin) -> Result<Subscription, Error> {
        let request = Listen { thread_id, run_id: None, begin, tokens: true };
        self.order(thread_id, |reply| Join { request, waits: true, reply }).await
    }

    /// Stops a run, wherever it is. One that waits never starts; the tasks of one that is under way are cancelled
    /// at their next await, and a task that blocks is waited for.
    ///
    /// With [`CancelRun::wait`] nothing of the run happens any more when the answer comes, and the records of run
    /// and thread are final. Its listeners read no error: their streams end. Fails with
    /// [`Error::NothingToCancel`] when the run is over already, or unknown.
    pub async fn cancel(&self, request: CancelRun) -> Result<(), Error> {
        self.order(request.thread_id, |reply| Cancel { request, reply }).await
    }

    /// Stops several runs, each as [`cancel`](Self::cancel) does, and does not wait for them. Those that are over by
    /// themselves meanwhile are left out. Answers how many were stopped.
    pub async fn cancel_runs(&self, request: CancelRuns) -> Result<usize, Error> {
        let handle = self.clone();
        self.to_the_end(async move { handle.stop_runs(request).await }).await
    }

    async fn stop_runs(&self, request: CancelRuns) -> Result<usize, Error> {
        let CancelRuns { which, action, reason } = request;
        let temporary = self.0.environment.temporaries.runs(|run| which.wants(run));
        let mut runs = self.read(move |storage| which.find(storage)).await?;
        runs.extend(temporary.into_iter().map(|run| (run.thread_id, run.run_id)));
        let mut stopped = 0;
        for (thread_id, run_id) in runs {
            let request = CancelRun { thread_id, run_id, action, reason: reason.clone(), wait: false };
            match self.cancel(request).await {
                Ok(()) => stopped += 1,
                Err(Error::NothingToCancel { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(stopped)
    }

    /// How many runs wait or are under way, over all threads that are awake.
    pub fn open_runs(&self) -> usize {
        self.0.environment.at_work.count()
    }

    /// A fresh id, for a transport whose client gave its request none.
    pub fn new_request_id(&self) -> Uuid {
        self.0.environment.ids.random()
    }

    /// How many runs are under way right now; those that wait do not count.
    pub fn runs_under_way(&self) -> usize {
        let environment = &self.0.environment;
        environment.options.runs.max(1).saturating_sub(environment.places.available_permits())
    }

    /// Deletes a run and the checkpoints that it made; one that is under way or waits is cancelled first. The
    /// thread's record stays as it is.
    ///
    /// The run is gone when the answer comes. Fails with [`Error::RunNotFound`].
    pub async fn delete_run(&self, thread_id: Uuid, run_id: Uuid) -> Result<(), Error> {
        self.run(thread_id, run_id).await?;
        self.order(thread_id, |reply| ForgetRun { run_id, reply }).await
    }

    /// Deletes a thread with all its runs and checkpoints; what is under way there is cancelled first, and
    /// listeners are sent away.
    ///
    /// The thread is gone when the answer comes. Fails with [`Error::ThreadNotFound`].
    pub async fn delete_thread(&self, thread_id: Uuid) -> Result<(), Error> {
        self.order(thread_id, |reply| ForgetThread { reply }).await
    }

    /// Changes what is said about a thread, whatever it does. Fails with [`Error::ThreadNotFound`].
    pub async fn update_thread(&self, request: UpdateThread) -> Result<Thread, Error> {
        let UpdateThread { thread_id, metadata, ttl } = request;
        self.order(thread_id, |reply| Describe { metadata, ttl, reply }).await
    }

    /// Refuses a request that makes no sense, whenever it is made.
    fn check_run(&self, request: &StartRun) -> Result<(), Error> {
        configuration::check(request)?;
        FeedbackUrl::check(self.0.environment.options.feedback_url.as_ref(), request)?;
        Outbox::check(self.0.environment.outbox.as_ref(), request)
    }

    /// Deliveries to webhooks that failed for good, those first that were tried last.
    pub async fn failed_deliveries(&self, request: ListFailures) -> Result<Vec<Delivery>, Error> {
        self.read(move |storage| storage.failed_deliveries(request)).await
    }

    /// Has the thread's actor do something; it is woken or made first.
    async fn order<M, T>(&self, thread_id: Uuid, order: impl FnOnce(Reply<T>) -> M) -> Result<T, Error>
    where
        M: ThreadOrder,
        ThreadActor: Handler<M>,
    {
        let (reply, answer) = self.expect_reply().await?;
        let message = order(reply);
        // Bounded by the permits that replies carry.
        self.0.supervisor(thread_id).do_send(Forward { thread_id, message });
        answer.await.unwrap_or(Err(Error::Lost))
    }

    /// Has a reader of storage look something up.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Read) -> storage::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = self.permit().await?;
        // Bounded by the permits.
        let (look, answer) = Look::new(move |storage| {
            let _until_it_is_done = permit;
            read(storage)
        });
        self.0.readers.do_send(look);
        Ok(answer.await?)
    }

    /// What is needed to read the states of a thread; `None` when no graph ran there yet.
    async fn reader(&self, thread_id: Uuid) -> Result<Option<(Reader, Graph)>, Error> {
        let thread = self.thread(thread_id).await?;
        let Inner { environment, readers, .. } = &*self.0;
        let graph = environment.registry.graph_of(&thread)?;
        let reader = || Reader::new(thread_id, Arc::clone(environment), Source::Stored(readers.clone()));
        Ok(graph.map(|(_, graph)| (reader(), graph)))
    }

    /// The long-term store, as nodes have it too.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0.store)
    }

    /// Carries out all orders of which a request is made, whether anybody waits for the answer or not. Bounded by
    /// the permits of the orders.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        orders: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        pool::run(self.0.environment.node_pool.clone(), orders).await
    }

    /// Has the node pool do something that runs code of a graph, or takes several steps; it is done whether
    /// anybody waits for it or not.
    pub(crate) async fn on_pool<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = self.permit().await?;
        let work = async move {
            let _until_it_is_done = permit;
            work.await
        };
        pool::run(self.0.environment.node_pool.clone(), work).await
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.0.requests).acquire_owned().await.map_err(|_| Error::Stopping)
    }

    async fn expect_reply<T>(&self) -> Result<(Reply<T>, oneshot::Receiver<Result<T, Error>>), Error> {
        let permit = self.permit().await?;
        let (sender, answer) = oneshot::channel();
        Ok((Reply::new(sender, permit), answer))
    }
}

impl Inner {
    /// The supervisor of the arbiter on which a thread lives; the same for as long as the runtime is up.
    pub(crate) fn supervisor(&self, thread_id: Uuid) -> &Addr<SupervisorActor> {
        let (high, low) = thread_id.as_u64_pair();
        let mixed = (high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let place = usize::try_from(mixed).unwrap_or_default() % self.supervisors.len();
        &self.supervisors[place]
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("environment", &self.0.environment).finish_non_exhaustive()
    }
}
