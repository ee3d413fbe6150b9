//! The way in: what a program may ask of a runtime, from any executor or none.

mod assistants;
mod caller;
mod crons;
mod feedback;
mod health;
mod runs;
mod threads;

use std::sync::Arc;

use actix::{Addr, Handler};
use eddyline_engine::Graph;
use eddyline_engine::store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use uuid::Uuid;

use self::caller::Caller;
use crate::access::{Action, Resource, Rows};
use crate::actors::{AssistantsActor, CronsActor, ReaderPool, StorageActor, SupervisorActor, ThreadActor};
use crate::configuration;
use crate::containment::check_filter;
use crate::environment::Environment;
use crate::error::Error;
use crate::feedback::FeedbackUrl;
use crate::messages::{
    Describe, ForgetThread, Forward, Look, MakeThread, Origin, Reply, ReviseState, ThreadOrder,
};
use crate::pool;
use crate::runs::StartRun;
use crate::state::read::{Reader, Source};
use crate::state::{CheckpointAddress, ReadHistory, ReadState, ThreadState, UpdateState};
use crate::storage::{self, Read};
use crate::threads::{CreateThread, Thread, UpdateThread};
use crate::webhooks::{Delivery, ListFailures, Outbox};

/// Asks a runtime to do things. Cheap to clone; works from any thread and any executor.
///
/// Dropping a future of these functions before it ends gives up the answer, not the request: once it is
/// sent, the runtime carries it out. [`Options::requests`](crate::Options::requests) requests are under way
/// at once; the next one waits for its turn before it is sent.
#[derive(Clone)]
pub struct Handle(Arc<Inner>, Option<Arc<Caller>>);

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
        let rows = self.rows(Resource::Threads, Action::Create)?;
        let CreateThread { thread_id, mut metadata, if_exists, ttl } = request;
        rows.stamp(&mut metadata);
        let origin = if thread_id.is_some() { Origin::Stored } else { Origin::New };
        let thread_id = thread_id.unwrap_or_else(|| self.0.environment.ids.ordered());
        self.order(thread_id, rows, |reply| MakeThread { origin, metadata, ttl, if_exists, reply }).await
    }

    /// The thread, as it is stored. Fails with [`Error::ThreadNotFound`].
    pub async fn thread(&self, thread_id: Uuid) -> Result<Thread, Error> {
        self.thread_among(self.rows(Resource::Threads, Action::Read)?, thread_id).await
    }

    /// The thread, if it is one of these.
    async fn thread_among(&self, rows: Rows, thread_id: Uuid) -> Result<Thread, Error> {
        let thread = match self.0.environment.temporaries.thread(thread_id) {
            Some(thread) => Some(thread),
            None => self.read(move |storage| storage.thread(thread_id)).await?.map(|stored| stored.thread),
        };
        let thread = thread.filter(|thread| rows.have(&thread.metadata));
        thread.ok_or(Error::ThreadNotFound { thread_id })
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
        let rows = self.rows(Resource::Threads, Action::Update)?;
        let update = self.0.environment.ids.random();
        let request = Box::new(request);
        self.order(request.thread_id, rows, |reply| ReviseState { update, request, reply }).await
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

    /// Deletes a thread with all its runs and checkpoints; what is under way there is cancelled first, and
    /// listeners are sent away.
    ///
    /// The thread is gone when the answer comes. Fails with [`Error::ThreadNotFound`].
    pub async fn delete_thread(&self, thread_id: Uuid) -> Result<(), Error> {
        let rows = self.rows(Resource::Threads, Action::Delete)?;
        self.order(thread_id, rows, |reply| ForgetThread { reply }).await
    }

    /// Changes what is said about a thread, whatever it does. Fails with [`Error::ThreadNotFound`].
    pub async fn update_thread(&self, request: UpdateThread) -> Result<Thread, Error> {
        let rows = self.rows(Resource::Threads, Action::Update)?;
        let UpdateThread { thread_id, mut metadata, ttl } = request;
        rows.keep(&mut metadata);
        self.order(thread_id, rows, |reply| Describe { metadata, ttl, reply }).await
    }

    /// Refuses a request that makes no sense, whenever it is made.
    fn check_run(&self, request: &StartRun) -> Result<(), Error> {
        configuration::check(request)?;
        FeedbackUrl::check(self.0.environment.options.feedback_url.as_ref(), request)?;
        Outbox::check(self.0.environment.outbox.as_ref(), request)
    }

    /// Deliveries to webhooks that failed for good, those first that were tried last. Whoever may read some threads
    /// only, reads of deliveries whose threads are there and among them.
    pub async fn failed_deliveries(&self, request: ListFailures) -> Result<Vec<Delivery>, Error> {
        let rows = self.rows(Resource::Threads, Action::Read)?;
        if rows.are_all() {
            return self.read(move |storage| storage.failed_deliveries(request)).await;
        }
        // There are no more than are kept, and only those count that may be seen.
        let all = ListFailures { limit: usize::MAX, offset: 0 };
        let seen = move |storage: &mut dyn Read| {
            let mut seen = Vec::new();
            for delivery in storage.failed_deliveries(all)? {
                if seen.len() >= request.limit.saturating_add(request.offset) {
                    break;
                }
                if is_among(storage, &rows, delivery.thread_id)? {
                    seen.push(delivery);
                }
            }
            Ok(seen.into_iter().skip(request.offset).collect())
        };
        self.read(seen).await
    }

    /// Has the thread's actor do something; it is woken or made first.
    ///
    /// The order is answered as if there were no thread when there is one that is not among `rows`.
    async fn order<M, T>(
        &self,
        thread_id: Uuid,
        rows: Rows,
        order: impl FnOnce(Reply<T>) -> M,
    ) -> Result<T, Error>
    where
        M: ThreadOrder,
        ThreadActor: Handler<M>,
    {
        let (reply, answer) = self.expect_reply().await?;
        let message = order(reply);
        // Bounded by the permits that replies carry.
        self.0.supervisor(thread_id).do_send(Forward { thread_id, rows, message });
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

/// Whether a thread is stored and one of these.
fn is_among(storage: &mut dyn Read, rows: &Rows, thread_id: Uuid) -> storage::Result<bool> {
    if rows.are_all() {
        return Ok(true);
    }
    Ok(storage.thread(thread_id)?.is_some_and(|stored| rows.have(&stored.thread.metadata)))
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
