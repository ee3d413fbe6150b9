//! The way of a run's facts to its broker: a bounded channel with a gate at its end.
//!
//! The gate holds a fact back until the commits that were made before it are stored. Facts behind it wait in
//! the channel, and when that is full, so does the run: nothing piles up anywhere.

use eddyline_engine::fact::Fact;
use futures_util::future::{BoxFuture, FutureExt, ready};
use futures_util::stream::{Stream, unfold};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use uuid::Uuid;

use crate::stream::acks::{Ledger, Ticket, Watch};

/// A channel for the facts of one run, with room for `capacity` of them.
pub(crate) fn feed(run_id: Uuid, capacity: usize) -> (FactSender, Feed) {
    let (sender, facts) = mpsc::channel(capacity.max(1));
    let ledger = Ledger::new();
    let feed = Feed { run_id, facts, stored: ledger.watch(), ended: false };
    (FactSender { sender, ledger }, feed)
}

/// The run's end. Clones send into the same channel.
#[derive(Clone, Debug)]
pub(crate) struct FactSender {
    sender: mpsc::Sender<Stamped>,
    ledger: Ledger,
}

#[derive(Debug)]
enum Stamped {
    /// A fact, and how many commits it has to wait for.
    Fact { after: u64, fact: Fact },
    /// The end, with the last fact if there is one; what comes behind it reaches nobody.
    End(Option<Fact>),
}

impl FactSender {
    /// Sends a fact; the future waits for room, and ends at once when nobody listens any more.
    pub(crate) fn send(&self, fact: Fact) -> BoxFuture<'static, ()> {
        self.push(Stamped::Fact { after: self.ledger.made(), fact })
    }

    /// Ends the stream, with a last fact if there is one. It waits for no commit: who sends it has seen them
    /// all answered.
    pub(crate) fn end(&self, last: Option<Fact>) -> BoxFuture<'static, ()> {
        self.push(Stamped::End(last))
    }

    /// A commit is made now; facts sent from now on wait for its answer.
    pub(crate) fn commit(&self) -> Ticket {
        self.ledger.commit()
    }

    fn push(&self, stamped: Stamped) -> BoxFuture<'static, ()> {
        match self.sender.try_send(stamped) {
            Ok(()) | Err(TrySendError::Closed(_)) => ready(()).boxed(),
            Err(TrySendError::Full(stamped)) => {
                let sender = self.sender.clone();
                async move {
                    // Fails only when nobody listens any more.
                    let _ = sender.send(stamped).await;
                }
                .boxed()
            }
        }
    }
}

/// The broker's end.
#[derive(Debug)]
pub(crate) struct Feed {
    run_id: Uuid,
    facts: mpsc::Receiver<Stamped>,
    stored: Watch,
    ended: bool,
}

/// A fact that may leave.
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) run_id: Uuid,
    pub(crate) fact: Fact,
    /// True for the last one of its run.
    pub(crate) last: bool,
}

impl Feed {
    /// The facts in order, until the last one or until all senders are gone.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Released> {
        unfold(self, |mut feed| async move { feed.next().await.map(|released| (released, feed)) })
    }

    async fn next(&mut self) -> Option<Released> {
        let run_id = self.run_id;
        while !self.ended {
            match self.facts.recv().await? {
                Stamped::Fact { after, fact } => {
                    // A fact whose commit was not stored is not true: it goes nowhere.
                    if self.stored.stored(after).await {
                        return Some(Released { run_id, fact, last: false });
                    }
                }
                Stamped::End(last) => {
                    self.ended = true;
                    return last.map(|fact| Released { run_id, fact, last: true });
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::fact::Body;
    use eddyline_engine::ids::Timestamp;
    use futures_util::StreamExt as _;

    use super::*;

    fn fact(at: i64) -> Fact {
        Fact { ns: "".into(), at: Timestamp(at), body: Body::Paused }
    }

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        future.now_or_never()
    }

    #[test]
    fn facts_wait_for_the_commits_before_them() {
        let (sender, feed) = feed(Uuid::nil(), 8);
        let mut facts = Box::pin(feed.into_stream());
        now(sender.send(fact(1))).expect("there is room");
        let ticket = sender.commit();
        now(sender.send(fact(2))).expect("there is room");
        now(sender.end(Some(fact(3)))).expect("there is room");
        now(sender.send(fact(4))).expect("there is room");

        let mut next =
            || now(facts.next()).map(|next| next.map(|released| (released.fact.at.0, released.last)));
        assert_eq!(next(), Some(Some((1, false))));
        assert_eq!(next(), None, "held back");
        ticket.answer(true);
        assert_eq!(next(), Some(Some((2, false))));
        assert_eq!(next(), Some(Some((3, true))));
        assert_eq!(next(), Some(None), "nothing comes after the last");
    }

    #[test]
    fn facts_of_a_lost_commit_reach_nobody_but_the_end_does() {
        let (sender, feed) = feed(Uuid::nil(), 8);
        let mut facts = Box::pin(feed.into_stream());
        drop(sender.commit());
        now(sender.send(fact(1))).expect("there is room");
        now(sender.end(Some(fact(2)))).expect("there is room");
        assert_eq!(now(facts.next()).flatten().map(|released| released.fact.at.0), Some(2));
    }

    #[test]
    fn a_full_channel_makes_the_run_wait() {
        let (sender, feed) = feed(Uuid::nil(), 1);
        let mut facts = Box::pin(feed.into_stream());
        now(sender.send(fact(1))).expect("there is room");
        let mut second = sender.send(fact(2));
        assert!(now(&mut second).is_none());
        now(facts.next()).flatten().expect("the first");
        assert!(now(second).is_some());
    }
}
