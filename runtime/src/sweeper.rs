//! What a runtime does about threads that were left alone for too long: it looks for them from time to time, and has
//! each of them give up what its time to live says. What happened in runs that are over for long goes by itself.

use std::time::Duration;

use crate::handle::{Handle, Inner};

/// Sweeps every so often. Ends when the runtime stops.
pub(crate) async fn sweep(inner: Inner, every: Duration) {
    let requests = inner.requests.clone();
    let handle = Handle::new(inner);
    loop {
        tokio::time::sleep(every).await;
        if requests.is_closed() {
            return;
        }
        match handle.sweep_threads().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "swept threads that were left alone for too long"),
            Err(error) => tracing::error!(%error, "cannot sweep threads; the next sweep tries again"),
        }
        if let Err(error) = handle.sweep_facts().await {
            tracing::error!(%error, "what happened in old runs is still stored; it goes with the next sweep");
        }
    }
}
