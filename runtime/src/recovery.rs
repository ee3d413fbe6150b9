//! What a runtime does about runs that its storage has as open when it starts: it wakes their threads, which
//! find the runs and take them up.

use std::sync::Arc;

use tokio::sync::{Semaphore, oneshot};

use crate::handle::Inner;
use crate::messages::{Forward, ReadOpenThreads, Resume};

/// Threads that may be waking at once.
const WAKING: usize = 64;

/// Wakes each thread that has open runs. Ends when the last of them is told, or when the runtime stops.
pub(crate) async fn wake_threads(inner: Inner) {
    let (reply, answer) = oneshot::channel();
    inner.storage.do_send(ReadOpenThreads { reply });
    let threads = match answer.await {
        Ok(Ok(threads)) => threads,
        Ok(Err(error)) => {
            tracing::error!(%error, "cannot read which runs are open; each goes on when its thread is asked for");
            return;
        }
        // The runtime ended.
        Err(_) => return,
    };
    let waking = Arc::new(Semaphore::new(WAKING));
    for thread_id in threads {
        let Ok(permit) = Arc::clone(&waking).acquire_owned().await else { return };
        if inner.requests.is_closed() {
            return;
        }
        // Bounded by the permits.
        inner.supervisor(thread_id).do_send(Forward { thread_id, message: Resume { permit } });
    }
}
