//! The facts of a run that can be taken up again: they are stored before anybody hears of them.
//!
//! Whatever the run puts into storage takes along all facts that are not on their way there yet: so what happened
//! before a commit is stored with it at the latest, and what describes it in the same transaction. While no commit
//! comes, facts are put alone, and those that happen before the answer gather for the next time. A fact waits at the
//! gate for the put that takes it along, and the gate knows that by its number.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eddyline_engine::fact::Fact;
use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc};
use uuid::Uuid;

use crate::messages::Answer;
use crate::stream::acks::{Ledger, Ticket};
use crate::stream::feed::{Stamped, Told};
use crate::stream::tape::{EVENTS_PER_FACT, Entry};

/// Puts facts into storage, apart from any commit.
pub(crate) type Put = Box<dyn Fn(Vec<Arc<Entry>>, Answer) + Send + Sync>;

/// The run's end. Clones share the record.
#[derive(Clone)]
pub(crate) struct Recorder {
    record: Arc<Record>,
    /// Wakes the gate. There is room for one: a second would say the same.
    bell: mpsc::Sender<()>,
}

/// The gate's end.
pub(crate) struct Recording {
    record: Arc<Record>,
    bell: mpsc::Receiver<()>,
}

struct Record {
    run_id: Uuid,
    ledger: Ledger,
    /// A permit for each fact that may wait at the gate. The facts of a commit need none: a graph level has a handful
    /// of unanswered commits at most.
    room: Arc<Semaphore>,
    put: Put,
    // Nodes tell on the node pool while the driver commits, so this is behind a lock; it is held for a few
    // assignments, and while a put is sent, so that puts are sent in the order of their numbers.
    state: Mutex<State>,
}

struct State {
    next_seq: u64,
    /// Facts that are not on their way to storage.
    gathered: Vec<Arc<Entry>>,
    /// Facts that were not handed over yet.
    queue: VecDeque<Stamped>,
    /// True while facts are on their way that were put alone.
    under_way: bool,
    /// The last fact, once it is on its way to storage. Nothing is recorded behind it.
    last: Option<Arc<Entry>>,
}

/// Records the facts of one attempt at a run, whose numbers begin at `first`.
pub(crate) fn record(
    run_id: Uuid,
    first: u64,
    capacity: usize,
    ledger: Ledger,
    put: Put,
) -> (Recorder, Recording) {
    let state =
        State { next_seq: first, gathered: Vec::new(), queue: VecDeque::new(), under_way: false, last: None };
    let room = Arc::new(Semaphore::new(capacity.max(1)));
    let record = Arc::new(Record { run_id, ledger, room, put, state: Mutex::new(state) });
    let (sender, bell) = mpsc::channel(1);
    (Recorder { record: Arc::clone(&record), bell: sender }, Recording { record, bell })
}

impl Recorder {
    /// Records a fact; the future waits for room, and ends at once when nobody listens any more.
    pub(crate) fn send(&self, fact: Fact) -> BoxFuture<'static, ()> {
        let room = Arc::clone(&self.record.room);
        match Arc::clone(&room).try_acquire_owned() {
            Ok(place) => self.push(fact, place),
            Err(TryAcquireError::Closed) => {}
            Err(TryAcquireError::NoPermits) => {
                let recorder = self.clone();
                return async move {
                    if let Ok(place) = room.acquire_owned().await {
                        recorder.push(fact, place);
                    }
                }
                .boxed();
            }
        }
        ready(()).boxed()
    }

    fn push(&self, fact: Fact, place: OwnedSemaphorePermit) {
        let mut state = self.record.lock();
        self.record.gather(&mut state, fact, Some(place));
        self.record.put_alone(&mut state);
        drop(state);
        self.ring();
    }

    /// Has `put` send a commit, whose number the ticket is, together with all facts that are not stored; the given ones
    /// describe it.
    pub(crate) fn commit(&self, facts: Vec<Fact>, put: impl FnOnce(Ticket, Vec<Arc<Entry>>)) {
        let mut state = self.record.lock();
        for fact in facts {
            self.record.gather(&mut state, fact, None);
        }
        let gathered = std::mem::take(&mut state.gathered);
        put(self.record.ledger.commit(), gathered);
        drop(state);
        self.ring();
    }

    /// The last fact, to be stored with a commit that is sent already.
    pub(crate) fn seal(&self, last: Fact) -> Arc<Entry> {
        let mut state = self.record.lock();
        let entry = state.number(self.record.run_id, last);
        state.last = Some(Arc::clone(&entry));
        entry
    }

    /// The last fact is not stored, so there will be another.
    pub(crate) fn unseal(&self) {
        self.record.lock().last = None;
    }

    /// All facts that are not stored, the last one if there is one, and whom to tell whether they are now.
    pub(crate) fn finish(&self, last: Option<Fact>) -> (Vec<Arc<Entry>>, Ticket) {
        let mut state = self.record.lock();
        let mut facts = std::mem::take(&mut state.gathered);
        if let Some(last) = last {
            let entry = state.number(self.record.run_id, last);
            state.last = Some(Arc::clone(&entry));
            facts.push(entry);
        }
        (facts, self.record.ledger.commit())
    }

    /// Ends the stream, with the fact that was sealed, or else the given one.
    pub(crate) fn end(&self, last: Option<Fact>) {
        let mut state = self.record.lock();
        let sealed = state.last.take();
        let last = last.map(|fact| sealed.unwrap_or_else(|| state.number(self.record.run_id, fact)));
        if !std::mem::take(&mut state.gathered).is_empty() {
            // No put takes them along any more: the gate hears that they are not stored.
            drop(self.record.ledger.commit());
        }
        state.queue.push_back(Stamped::End(last.map(Told::Recorded)));
        drop(state);
        self.ring();
    }

    fn ring(&self) {
        // Without room it rings already; without a listener there is nobody to wake.
        let _ = self.bell.try_send(());
    }
}

impl Recording {
    /// What comes next; `None` when there is nobody left whom it could come from.
    pub(crate) async fn recv(&mut self) -> Option<Stamped> {
        loop {
            let next = self.record.lock().queue.pop_front();
            if next.is_some() {
                return next;
            }
            if self.bell.recv().await.is_none() {
                return self.record.lock().queue.pop_front();
            }
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.record.room.close();
    }
}

impl Record {
    /// What it guards is whole at every moment, so a panic elsewhere spoils nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gather(&self, state: &mut State, fact: Fact, place: Option<OwnedSemaphorePermit>) {
        // Behind a hole, or behind the end.
        if state.last.is_some() || self.ledger.has_failed() {
            return;
        }
        let entry = state.number(self.run_id, fact);
        state.gathered.push(Arc::clone(&entry));
        // All puts are numbered under the lock: the next one takes the fact along.
        let after = self.ledger.made() + 1;
        state.queue.push_back(Stamped::Fact { after, fact: Told::Recorded(entry), place });
    }

    /// Puts what has gathered, if nothing is under way. What fails is not followed by anything: later commits are
    /// refused with it, and so the run hears of it.
    fn put_alone(self: &Arc<Self>, state: &mut State) {
        if state.under_way || state.gathered.is_empty() {
            return;
        }
        state.under_way = true;
        let facts = std::mem::take(&mut state.gathered);
        let (ticket, record) = (self.ledger.commit(), Arc::clone(self));
        (self.put)(
            facts,
            // A thread that is gone answers at once, under the lock: so who fails must not take it.
            Answer::new(move |result| {
                ticket.answer(result.is_ok());
                if result.is_ok() {
                    let mut state = record.lock();
                    state.under_way = false;
                    record.put_alone(&mut state);
                }
            }),
        );
    }
}

impl State {
    fn number(&mut self, run_id: Uuid, fact: Fact) -> Arc<Entry> {
        let seq = self.next_seq;
        self.next_seq = seq.saturating_add(EVENTS_PER_FACT);
        Arc::new(Entry::new(seq, run_id, fact))
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("run_id", &self.record.run_id).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("run_id", &self.record.run_id).finish_non_exhaustive()
    }
}
