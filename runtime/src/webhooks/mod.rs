//! Webhooks: word of the end of runs, sent to where clients asked for it.
//!
//! Owns what is owed to whom and when it is tried again. How word is worded and sent is the business of a
//! [`Webhooks`]; nothing here knows HTTP. What is owed is stored in the transaction that ends the run, so it is sent
//! after a crash, too: at least once, and twice when the process ends between the sending and the note of it.

mod courier;
mod outbox;

use std::fmt;

use eddyline_engine::Object;
use eddyline_engine::fact::Failure;
use eddyline_engine::ids::Timestamp;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::runs::Run;

pub(crate) use courier::deliver_for_ever;
pub(crate) use outbox::Outbox;

/// Sends word of the end of runs.
pub trait Webhooks: fmt::Debug + Send + Sync + 'static {
    /// Why nothing would be sent to this URL, in words for the client that named it.
    fn check(&self, url: &str) -> Result<(), String>;

    /// What is sent of a run that is over. Called once for each run, on the arbiter of its thread: no place to wait.
    fn tell(&self, ended: &EndedRun<'_>) -> String;

    /// Sends it now, once.
    fn send(&self, delivery: Delivery, now: Timestamp) -> BoxFuture<'static, Result<(), Undelivered>>;
}

/// A run that is over.
#[derive(Debug)]
pub struct EndedRun<'a> {
    /// The run, as it is stored from now on.
    pub run: &'a Run,
    /// What it came to: the word of its status, or `rollback`.
    pub outcome: &'a str,
    /// When its last attempt began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The values of its thread; `None` when it keeps none, or takes them back.
    pub values: Option<&'a Object>,
    /// Why it did not come to its end.
    pub error: Option<&'a Failure>,
}

/// Why something was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// In words for whoever looks for what failed.
    pub message: String,
    /// Whether it may be better next time.
    pub again: bool,
}

/// Word that is owed, or could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Who it is, for receivers who get it twice; sorts by the ends of runs.
    pub delivery_id: Uuid,
    /// The run that is over.
    pub run_id: Uuid,
    /// Its thread.
    pub thread_id: Uuid,
    /// Where to.
    pub url: String,
    /// What, as [`Webhooks::tell`] said it.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next; `None` when it is given up.
    pub due: Option<Timestamp>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When the run ended.
    pub created_at: Timestamp,
    /// When it was tried last.
    pub updated_at: Timestamp,
}

/// How often a delivery is tried.
const ATTEMPTS: u32 = 3;

/// How long it waits after the first attempt, in microseconds; after each further one four times as long.
const PAUSE: i64 = 2_000_000;

impl Delivery {
    /// What is left of it after an attempt that failed. `chance` between 0 and 1 spreads what failed together.
    fn after(self, failed: Undelivered, now: Timestamp, chance: f64) -> Self {
        let attempts = self.attempts + 1;
        let pause = PAUSE << (2 * (attempts.min(ATTEMPTS) - 1));
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "seconds are few")]
        let spread = (pause as f64 * chance / 2.0) as i64;
        let due = (failed.again && attempts < ATTEMPTS).then(|| Timestamp(now.0 + pause + spread));
        Self { attempts, due, error: Some(failed.message), updated_at: now, ..self }
    }
}

/// Which of the deliveries that failed to list, those first that failed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListFailures {
    /// At most so many.
    pub limit: usize,
    /// After leaving out so many.
    pub offset: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(attempts: u32, again: bool, chance: f64) -> Delivery {
        let delivery = Delivery {
            delivery_id: Uuid::nil(),
            run_id: Uuid::nil(),
            thread_id: Uuid::nil(),
            url: String::new(),
            body: String::new(),
            attempts,
            due: Some(Timestamp(0)),
            error: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        };
        delivery.after(Undelivered { message: "no".to_owned(), again }, Timestamp(100), chance)
    }

    #[test]
    fn it_is_tried_three_times_further_and_further_apart() {
        for (attempts, again, chance, due) in [
            (0, true, 0.0, Some(2_000_100)),
            (0, true, 1.0, Some(3_000_100)),
            (1, true, 0.0, Some(8_000_100)),
            (1, true, 0.5, Some(10_000_100)),
            (2, true, 0.0, None),
            (0, false, 0.0, None),
        ] {
            let left = failed(attempts, again, chance);
            assert_eq!((left.attempts, left.due), (attempts + 1, due.map(Timestamp)));
            assert_eq!((left.error.as_deref(), left.updated_at), (Some("no"), Timestamp(100)));
        }
    }
}
