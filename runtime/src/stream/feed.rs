//! The way of a run's facts to its broker: a bounded channel with a gate at its end.
//!
//! The gate holds a fact back until the commits that were made before it are stored. Facts behind it wait in
//! the channel, and when that is full, so does the run: nothing piles up anywhere. Those of a run that can be taken up
//! again come by a [record](crate::stream::record) and wait until they are stored themselves.

use std::sync::Arc;

use eddyline_engine::fact::Fact;
use futures_util::future::{BoxFuture, FutureExt, ready};
use futures_util::stream::{Stream, unfold};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use uuid::Uuid;

use crate::stream::acks::{Ledger, Ticket, Watch};
use crate::stream::record::{Put, Recorder, Recording, record};
use crate::stream::tape::Entry;

/// A channel for the facts of one run, with room for `capacity` of them.
pub(crate) fn feed(run_id: Uuid, capacity: usize) -> (FactSender, Feed) {
    let (sender, facts) = mpsc::channel(capacity.max(1));
    let ledger = Ledger::new();
    let feed = Feed { run_id, facts: Facts::Channel(facts), stored: ledger.watch(), ended: false };
    (FactSender { way: Way::Channel(sender), ledger }, feed)
}

/// The same for facts that are stored by `put` before they leave; their numbers begin at `first`.
pub(crate) fn recorded_feed(run_id: Uuid, first: u64, capacity: usize, put: Put) -> (FactSender, Feed) {
    let ledger = Ledger::new();
    let (recorder, recording) = record(run_id, first, capacity, ledger.clone(), put);
    let feed = Feed { run_id, facts: Facts::Record(recording), stored: ledger.watch(), ended: false };
    (FactSender { way: Way::Record(recorder), ledger }, feed)
}

/// The run's end. Clones send into the same channel.
#[derive(Clone, Debug)]
pub(crate) struct FactSender {
    way: Way,
    ledger: Ledger,
}

#[derive(Clone, Debug)]
enum Way {
    Channel(mpsc::Sender<Stamped>),
    Record(Recorder),
}

/// What waits at the gate.
#[derive(Debug)]
pub(crate) enum Stamped {
    /// A fact, and how many commits it has to wait for. It may hold a place until it leaves.
    Fact { after: u64, fact: Told, place: Option<OwnedSemaphorePermit> },
    /// The end, with the last fact if there is one; what comes behind it reaches nobody.
    End(Option<Told>),
}

impl FactSender {
    /// Sends a fact; the future waits for room, and ends at once when nobody listens any more.
    pub(crate) fn send(&self, fact: Fact) -> BoxFuture<'static, ()> {
        match &self.way {
            Way::Channel(sender) => {
                let fact = Told::New(fact);
                push(sender, Stamped::Fact { after: self.ledger.made(), fact, place: None })
            }
            Way::Record(recorder) => recorder.send(fact),
        }
    }

    /// Ends the stream, with a last fact if there is one. It waits for no commit: who sends it has seen them
    /// all answered.
    pub(crate) fn end(&self, last: Option<Fact>) -> BoxFuture<'static, ()> {
        match &self.way {
            Way::Channel(sender) => push(sender, Stamped::End(last.map(Told::New))),
            Way::Record(recorder) => {
                recorder.end(last);
                ready(()).boxed()
            }
        }
    }

    /// The run begins now, before it tells anything; facts wait for the answer.
    pub(crate) fn begin(&self) -> Ticket {
        self.ledger.commit()
    }

    /// Has `put` send a commit; facts sent from now on wait for its answer. The facts that describe it, and those that
    /// are not stored yet, go with it if they are recorded; else those that describe it come back.
    pub(crate) fn commit(&self, facts: Vec<Fact>, put: impl FnOnce(Ticket, Vec<Arc<Entry>>)) -> Vec<Fact> {
        match &self.way {
            Way::Channel(_) => {
                put(self.ledger.commit(), Vec::new());
                facts
            }
            Way::Record(recorder) => {
                recorder.commit(facts, put);
                Vec::new()
            }
        }
    }

    /// What records the facts, if they are recorded.
    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        match &self.way {
            Way::Channel(_) => None,
            Way::Record(recorder) => Some(recorder),
        }
    }
}

fn push(sender: &mpsc::Sender<Stamped>, stamped: Stamped) -> BoxFuture<'static, ()> {
    match sender.try_send(stamped) {
        Ok(()) | Err(TrySendError::Closed(_)) => ready(()).boxed(),
        Err(TrySendError::Full(stamped)) => {
            let sender = sender.clone();
            async move {
                // Fails only when nobody listens any more.
                let _ = sender.send(stamped).await;
            }
            .boxed()
        }
    }
}

/// The broker's end.
#[derive(Debug)]
pub(crate) struct Feed {
    run_id: Uuid,
    facts: Facts,
    stored: Watch,
    ended: bool,
}

#[derive(Debug)]
enum Facts {
    Channel(mpsc::Receiver<Stamped>),
    Record(Recording),
}

/// What may leave, as it stands on its way.
#[derive(Debug)]
pub(crate) enum Told {
    /// It gets its number on the tape.
    New(Fact),
    /// It has one, and is stored.
    Recorded(Arc<Entry>),
}

/// A fact that may leave.
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) run_id: Uuid,
    pub(crate) fact: Told,
    /// True for the last one of its run.
    pub(crate) last: bool,
}

impl Feed {
    /// The run whose facts come.
    pub(crate) fn run_id(&self) -> Uuid {
        self.run_id
    }

    /// The facts in order, until the last one or until all senders are gone.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Released> {
        unfold(self, |mut feed| async move { feed.next().await.map(|released| (released, feed)) })
    }

    async fn next(&mut self) -> Option<Released> {
        let run_id = self.run_id;
        while !self.ended {
            match self.facts.recv().await? {
                Stamped::Fact { after, fact, place: _until_it_leaves } => {
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

impl Facts {
    /// `None` when nobody is left who could send any.
    async fn recv(&mut self) -> Option<Stamped> {
        match self {
            Self::Channel(facts) => facts.recv().await,
            Self::Record(recording) => recording.recv().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::fact::Body;
    use eddyline_engine::ids::Timestamp;
    use futures_util::StreamExt as _;

    use super::*;

    fn at(released: &Released) -> i64 {
        match &released.fact {
            Told::New(fact) => fact.at.0,
            Told::Recorded(entry) => entry.fact.at.0,
        }
    }

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
        let ticket = sender.begin();
        now(sender.send(fact(2))).expect("there is room");
        now(sender.end(Some(fact(3)))).expect("there is room");
        now(sender.send(fact(4))).expect("there is room");

        let mut next = || now(facts.next()).map(|next| next.map(|released| (at(&released), released.last)));
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
        drop(sender.begin());
        now(sender.send(fact(1))).expect("there is room");
        now(sender.end(Some(fact(2)))).expect("there is room");
        assert_eq!(now(facts.next()).flatten().map(|released| at(&released)), Some(2));
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
