//! A runtime under way, and its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::{Actor, Addr, Context, Handler, Message, System};
use tokio::sync::{Semaphore, oneshot};

use crate::actors::{StorageActor, SupervisorActor};
use crate::builder::Builder;
use crate::environment::Environment;
use crate::handle::Handle;
use crate::messages::{DrainStorage, StopThreads};
use crate::system::Up;

/// A running runtime: it lives on OS threads of its own, and needs no executor of its owner.
///
/// Dropping it ends it at once, in mid-run; [`shutdown`](Self::shutdown) lets runs reach a commit first. Runs
/// that did not end go on with the next runtime over the same storage.
///
/// ```
/// use eddyline_runtime::Runtime;
///
/// let runtime = Runtime::builder().start()?;
/// let handle = runtime.handle();
/// assert!(handle.assistants()?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Runtime {
    handle: Handle,
    supervisors: Vec<Addr<SupervisorActor>>,
    storage: Addr<StorageActor>,
    requests: Arc<Semaphore>,
    environment: Arc<Environment>,
    system: System,
    ended: Option<oneshot::Receiver<()>>,
}

impl Runtime {
    /// A runtime to be, with no graphs yet.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `ended` hears of the end of the system's OS thread, if it has one of its own.
    pub(crate) fn new(Up { inner, system }: Up, ended: Option<oneshot::Receiver<()>>) -> Self {
        Self {
            supervisors: inner.supervisors.clone(),
            storage: inner.storage.clone(),
            requests: Arc::clone(&inner.requests),
            environment: Arc::clone(&inner.environment),
            handle: Handle::new(inner),
            system,
            ended,
        }
    }

    /// A way to ask it for things; make as many as you like.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends the runtime in order: no new requests, runs reach a commit, streams end, storage drains.
    ///
    /// A run that takes longer than [`Options::shutdown_grace`](crate::Options::shutdown_grace) is cut off where it stands; its commits stay.
    /// Dropping the future ends the runtime at once.
    pub async fn shutdown(mut self) {
        self.requests.close();
        let stopping: Vec<_> = self
            .supervisors
            .iter()
            .map(|supervisor| ask(supervisor, |reply| StopThreads { reply }))
            .collect();
        for stopped in stopping {
            // An answer that fails to come means that the supervisor is gone, and its threads with it.
            let _ = stopped.await;
        }
        let _ = ask(&self.storage, |reply| DrainStorage { reply }).await;
        self.system.stop();
        if let Some(ended) = self.ended.take() {
            // Told, or dropped, by the system's OS thread as its last act.
            let _ = ended.await;
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.requests.close();
        self.environment.cut_off.store(true, Ordering::Release);
        self.system.stop();
    }
}

fn ask<A, M>(address: &Addr<A>, message: impl FnOnce(oneshot::Sender<()>) -> M) -> oneshot::Receiver<()>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message<Result = ()> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    address.do_send(message(reply));
    answer
}
