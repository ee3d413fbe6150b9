//! What is owed, as far as those who end runs know of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::{Delivery, EndedRun, Webhooks};
use crate::error::Error;
use crate::runs::StartRun;

/// Deliveries that may wait; runs that would add to them are refused.
const WAITING: usize = 10_000;

/// Takes in what is owed, and wakes the courier.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(super) webhooks: Arc<dyn Webhooks>,
    /// Hears that something is owed.
    pub(super) changed: Notify,
    /// How much is owed, near enough: the courier counts from time to time.
    pub(super) waiting: AtomicUsize,
}

impl Outbox {
    pub(crate) fn new(webhooks: Arc<dyn Webhooks>) -> Self {
        Self { webhooks, changed: Notify::new(), waiting: AtomicUsize::new(0) }
    }

    /// Refuses a webhook to which nothing is sent.
    pub(crate) fn check(outbox: Option<&Self>, request: &StartRun) -> Result<(), Error> {
        let Some(url) = &request.webhook else { return Ok(()) };
        let refused = |why: &str| Error::invalid(format!("`webhook`: {why}"));
        let outbox = outbox.ok_or_else(|| refused("this runtime sends none"))?;
        outbox.webhooks.check(url).map_err(|why| refused(&why))
    }

    /// Refuses a run with a webhook while too much is owed.
    pub(crate) fn has_room(&self) -> Result<(), Error> {
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting < WAITING { Ok(()) } else { Err(Error::TooManyDeliveries { limit: WAITING }) }
    }

    /// What is owed of a run that is over, if anything is.
    pub(crate) fn owe(&self, delivery_id: uuid::Uuid, ended: &EndedRun<'_>) -> Option<Delivery> {
        let url = ended.run.kwargs.webhook.clone()?;
        Some(Delivery {
            delivery_id,
            run_id: ended.run.run_id,
            thread_id: ended.run.thread_id,
            url,
            body: self.webhooks.tell(ended),
            attempts: 0,
            due: Some(ended.ended_at),
            error: None,
            created_at: ended.ended_at,
            updated_at: ended.ended_at,
        })
    }

    /// Something that is owed was handed to storage.
    pub(crate) fn put(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::ids::Timestamp;
    use futures_util::FutureExt as _;
    use futures_util::future::{BoxFuture, ready};

    use super::*;
    use crate::webhooks::Undelivered;

    /// Takes everything.
    #[derive(Debug)]
    struct Anywhere;

    impl Webhooks for Anywhere {
        fn check(&self, _: &str) -> Result<(), String> {
            Ok(())
        }

        fn tell(&self, _: &EndedRun<'_>) -> String {
            "{}".to_owned()
        }

        fn send(&self, _: Delivery, _: Timestamp) -> BoxFuture<'static, Result<(), Undelivered>> {
            ready(Ok(())).boxed()
        }
    }

    #[test]
    fn no_more_is_owed_than_may_wait() {
        let outbox = Outbox::new(Arc::new(Anywhere));
        for _ in 0..WAITING {
            assert!(outbox.has_room().is_ok());
            outbox.put();
        }
        assert_eq!(outbox.has_room().unwrap_err().code(), "TOO_MANY_DELIVERIES");
        outbox.waiting.store(WAITING - 1, Ordering::Relaxed);
        assert!(outbox.has_room().is_ok(), "the courier has counted anew");
    }
}
