//! The courier: it delivers what is owed, and tries again what failed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use eddyline_engine::ids::Timestamp;
use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::{Delivery, Outbox};
use crate::environment::Environment;
use crate::handle::Inner;
use crate::messages::{Look, Put};
use crate::storage::{Read, Result, Transaction, WebhookChange};

/// Deliveries under way at once. The next ones wait until all of these are answered, which takes no longer than one
/// may take.
const TOGETHER: usize = 64;

/// How long it waits after storage failed.
const PAUSE: Duration = Duration::from_secs(5);

/// It looks at the clock at least so often: one that is set meanwhile counts from then on.
const NAP: Duration = Duration::from_mins(1);

/// Delivers until the runtime stops.
pub(crate) async fn deliver_for_ever(inner: Inner) {
    let environment = Arc::clone(&inner.environment);
    let Some(outbox) = &environment.outbox else { return };
    let courier = Courier { inner, outbox, environment: &environment };
    while !courier.inner.requests.is_closed() {
        match courier.deliver().await {
            Ok(Next::Now) => {}
            Ok(Next::At(due)) => {
                // Until then or until something is owed, and either is a reason to look.
                let _ = timeout(courier.until(due).min(NAP), outbox.changed.notified()).await;
            }
            Ok(Next::Unknown) => outbox.changed.notified().await,
            Err(error) => {
                tracing::error!(%error, "cannot read or note which webhooks are owed; they are tried again soon");
                sleep(PAUSE).await;
            }
        }
    }
}

/// When to look again.
enum Next {
    Now,
    At(Timestamp),
    /// Nothing is owed.
    Unknown,
}

struct Courier<'a> {
    inner: Inner,
    outbox: &'a Outbox,
    environment: &'a Environment,
}

impl Courier<'_> {
    fn until(&self, due: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(due.0 - self.environment.now().0).unwrap_or_default())
    }

    async fn deliver(&self) -> Result<Next> {
        let read =
            |storage: &mut dyn Read| Ok((storage.owed_deliveries()?, storage.next_deliveries(TOGETHER)?));
        let (waiting, next) = self.look(read).await?;
        self.outbox.waiting.store(waiting, Ordering::Relaxed);
        let Some(first) = next.first().and_then(|delivery| delivery.due) else { return Ok(Next::Unknown) };
        let now = self.environment.now();
        if first > now {
            return Ok(Next::At(first));
        }
        let due = next.into_iter().filter(|delivery| delivery.due.is_some_and(|due| due <= now));
        let tried = join_all(due.map(|delivery| self.try_once(delivery))).await;
        let (put, result) = Put::new(Transaction::Webhooks(tried));
        self.inner.storage.do_send(put);
        result.await?;
        Ok(Next::Now)
    }

    /// Sends one, and says what is to be stored of that.
    async fn try_once(&self, delivery: Delivery) -> WebhookChange {
        let Delivery { delivery_id, run_id, .. } = delivery;
        let Err(failed) = self.outbox.webhooks.send(delivery.clone(), self.environment.now()).await else {
            return WebhookChange::Delivered(delivery_id);
        };
        // Where it was to go may be a secret.
        tracing::warn!(%run_id, %delivery_id, error = failed.message, again = failed.again, "a webhook is not delivered");
        let left = delivery.after(failed, self.environment.now(), self.environment.ids.fraction());
        WebhookChange::Failed(Box::new(left))
    }

    async fn look<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Read) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (look, answer) = Look::new(read);
        self.inner.storage.do_send(look);
        answer.await
    }
}
