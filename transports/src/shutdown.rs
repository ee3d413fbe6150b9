//! The order to stop, as every transport hears it.

use std::time::Duration;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Tells everything that serves to come to its end.
///
/// Clones are one order: whoever gives it, all hear it, and it cannot be taken back.
///
/// ```
/// use eddyline_transports::Shutdown;
///
/// let stop = Shutdown::new();
/// let heard = stop.clone();
/// stop.begin();
/// assert!(heard.has_begun());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// An order that nobody has given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the order.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// True once the order was given.
    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Ends when the order is given. Dropping the future gives up waiting and nothing else.
    pub fn begun(&self) -> WaitForCancellationFutureOwned {
        self.0.clone().cancelled_owned()
    }

    /// Ends so long after the order is given: the time in which what is under way may come to its end by itself.
    pub fn over(&self, grace: Duration) -> impl Future<Output = ()> + use<> {
        let begun = self.begun();
        async move {
            begun.await;
            tokio::time::sleep(grace).await;
        }
    }

    /// What `future` ends with, or `None` when the order comes first; `future` is dropped then.
    pub async fn or<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.0.run_until_cancelled(future).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn the_order_ends_what_waits() {
        let stop = Shutdown::new();
        assert_eq!(stop.or(async { 1 }).await, Some(1));
        stop.begin();
        assert_eq!(stop.or(std::future::pending::<()>()).await, None);
        stop.begun().await;
    }
}
