//! What a runtime does about runs that its storage has as open when it starts: it wakes their threads, which
//! find the runs and take them up.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::access::Rows;
use crate::handle::Inner;
use crate::messages::{Forward, Look, Resume};

/// Threads that may be waking at once.
const WAKING: usize = 64;

/// Wakes each thread that has open runs or is said to be busy. Ends when the last of them is told, or when the runtime stops.
pub(crate) async fn wake_threads(inner: Inner) {
    let (look, answer) = Look::new(|storage| storage.open_threads());
    inner.storage.do_send(look);
    let threads = match answer.await {
        Ok(threads) => threads,
        Err(error) => {
            tracing::error!(%error, "cannot read which runs are open; each goes on when its thread is asked for");
            return;
        }
    };
    let waking = Arc::new(Semaphore::new(WAKING));
    for thread_id in threads {
        let Ok(permit) = Arc::clone(&waking).acquire_owned().await else { return };
        if inner.requests.is_closed() {
            return;
        }
        // Bounded by the permits.
        inner.supervisor(thread_id).do_send(Forward {
            thread_id,
            rows: Rows::all(),
            message: Resume { permit: Some(permit) },
        });
    }
}
