//! What one connection has to do with one thread: its commands, one after the other, and its subscriptions.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use eddyline_runtime::{Error, Handle};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::commands::{perform, position};
use super::past::Past;
use super::reader::{Read, Reader, Subscriber, is_held_back};
use crate::Shutdown;
use crate::wire::protocol::{
    Answer, Command, CommandId, Document, Ends, From, Outgoing, Own, Problem, Subscribe, nothing, subscribed,
};

/// How many subscriptions a connection may have on one thread.
const SUBSCRIPTIONS: usize = 256;

/// How many commands of a thread may wait for those before them; more are refused.
const COMMANDS: usize = 1024;

/// A command, or what is wrong with one: answers come in the order of the commands.
pub(crate) type Order = (Option<CommandId>, Result<Command, Problem>);

/// A session that runs; dropping it ends it once its commands are carried out.
pub(crate) struct Session {
    commands: mpsc::Sender<Order>,
    ties: Arc<Ties>,
}

/// What a session is needed for.
#[derive(Default)]
struct Ties {
    /// Commands that were handed over and are not carried out.
    commands: AtomicUsize,
    subscriptions: AtomicUsize,
}

impl Session {
    /// Starts a session. Its answers and events go to `out`; when nobody reads there any more, it ends.
    pub(crate) fn start(
        runtime: Handle,
        thread_id: Uuid,
        out: mpsc::Sender<Outgoing>,
        stop: Shutdown,
    ) -> Self {
        let (commands, orders) = mpsc::channel(COMMANDS);
        let running = Running::new(runtime, thread_id, out);
        let ties = Arc::clone(&running.ties);
        tokio::spawn(running.run(orders, stop));
        Self { commands, ties }
    }

    /// Hands a command over, and back when that fails: when the session has ended, or has as many as it may.
    #[allow(clippy::result_large_err, reason = "what is handed back is handed over again")]
    pub(crate) fn order(
        &self,
        id: Option<CommandId>,
        command: Result<Command, Problem>,
    ) -> Result<(), mpsc::error::TrySendError<Order>> {
        self.ties.commands.fetch_add(1, Ordering::AcqRel);
        self.commands.try_send((id, command)).inspect_err(|_| {
            self.ties.commands.fetch_sub(1, Ordering::AcqRel);
        })
    }

    /// True while it has no command and no subscription; whoever hands commands over may let go of it then.
    pub(crate) fn is_idle(&self) -> bool {
        let Ties { commands, subscriptions } = &*self.ties;
        commands.load(Ordering::Acquire) == 0 && subscriptions.load(Ordering::Acquire) == 0
    }

    /// The same, and waits until there is room. Fails when the session has ended.
    pub(crate) async fn order_when_free(
        &self,
        id: Option<CommandId>,
        command: Result<Command, Problem>,
    ) -> bool {
        self.ties.commands.fetch_add(1, Ordering::AcqRel);
        self.commands.send((id, command)).await.is_ok()
    }
}

/// Tells one subscription, and takes no commands.
pub(crate) fn tell(
    runtime: Handle,
    thread_id: Uuid,
    subscribe: Subscribe,
    out: mpsc::Sender<Outgoing>,
    stop: Shutdown,
) {
    tokio::spawn(async move {
        let mut running = Running::new(runtime, thread_id, out);
        let begun = match subscribe.from {
            // Nobody hears how much there is, so that nobody has to look before.
            From::Oldest => running.add(subscribe, 0).await.map(drop).map_err(Problem::from),
            _ => running.subscribe(subscribe, Again::No).await.map(drop),
        };
        if begun.is_ok() {
            let (_open, none) = mpsc::channel(1);
            running.run(none, stop).await;
        }
    });
}

#[derive(PartialEq, Eq)]
enum Again {
    /// A client that comes back wants to know when something is lost.
    Yes,
    No,
}

/// The client has gone, or the server ends.
struct Gone;

struct Running {
    runtime: Handle,
    thread_id: Uuid,
    name: Arc<str>,
    out: mpsc::Sender<Outgoing>,
    reader: Option<Reader>,
    subscribers: Vec<Subscriber>,
    ties: Arc<Ties>,
    /// How many subscriptions there were so far.
    count: u64,
}

impl Running {
    fn new(runtime: Handle, thread_id: Uuid, out: mpsc::Sender<Outgoing>) -> Self {
        let name = thread_id.to_string().into();
        let (subscribers, ties) = (Vec::new(), Arc::default());
        Self { runtime, thread_id, name, out, reader: None, subscribers, ties, count: 0 }
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Order>, stop: Shutdown) {
        let stopping = stop.begun();
        tokio::pin!(stopping);
        let out = self.out.clone();
        loop {
            let is_idle = self.subscribers.is_empty();
            let is_held_back = is_held_back(&self.subscribers);
            let reading = async {
                match &mut self.reader {
                    Some(reader) if !is_idle && !is_held_back => reader.next().await,
                    _ => std::future::pending().await,
                }
            };
            let gone = tokio::select! {
                biased;
                () = out.closed() => return,
                // Whoever is told something hears the end of it first.
                () = &mut stopping, if is_idle => {
                    let _ = self.say_good_bye().await;
                    return;
                }
                order = orders.recv() => match order {
                    Some((id, command)) => {
                        let done = self.carry_out(id, command).await;
                        self.ties.subscriptions.store(self.subscribers.len(), Ordering::Release);
                        self.ties.commands.fetch_sub(1, Ordering::AcqRel);
                        done
                    }
                    None => return,
                },
                delivery = reading => self.read(delivery).await,
            };
            if gone.is_err() {
                return;
            }
        }
    }

    async fn read(&mut self, delivery: Option<eddyline_runtime::Delivery>) -> Result<(), Gone> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        match reader.read(delivery, &mut self.subscribers).await {
            Read::Events(events) => {
                for (event, subscriptions) in events {
                    self.send(Answer::Event { event, subscriptions }).await?;
                }
                Ok(())
            }
            Read::Lost(lost, available) => {
                for (id, since) in lost {
                    let problem = Problem::resume_gap(since, available);
                    self.fail(None, problem, Some(id), Ends::Subscription).await?;
                }
                Ok(())
            }
            Read::Over => {
                self.say_good_bye().await?;
                Err(Gone)
            }
        }
    }

    async fn say_good_bye(&self) -> Result<(), Gone> {
        self.fail(None, Problem::failed("server shutting down"), None, Ends::Connection).await
    }

    async fn carry_out(
        &mut self,
        id: Option<CommandId>,
        command: Result<Command, Problem>,
    ) -> Result<(), Gone> {
        let (result, through) = match command {
            Err(problem) => (Err(problem), None),
            Ok(Command::Subscribe(subscribe)) => (self.subscribe(subscribe, Again::No).await, None),
            Ok(Command::Reconnect(subscribe)) => (self.subscribe(subscribe, Again::Yes).await, None),
            Ok(Command::Unsubscribe(subscription)) => (self.unsubscribe(&subscription), None),
            Ok(Command::Own(Own::Ack { subscription, seq })) => (self.read_up_to(&subscription, seq), None),
            Ok(command) => {
                // Before the command: what it starts comes after this number.
                let through = match &self.reader {
                    Some(reader) => reader.through,
                    None => position(&self.runtime, self.thread_id).await,
                };
                (perform(&self.runtime, self.thread_id, command).await, Some(through))
            }
        };
        let Some(id) = id else { return Ok(()) };
        match result {
            Ok(result) => {
                let through = through.or_else(|| self.reader.as_ref().map(|reader| reader.through));
                self.send(Answer::Success { id, result, through: Some(through.unwrap_or_default()) }).await
            }
            Err(problem) => self.fail(Some(id), problem, None, Ends::Nothing).await,
        }
    }

    /// Adds a subscription. All of them are read anew from the beginning; those that were there have read it.
    async fn subscribe(&mut self, subscribe: Subscribe, again: Again) -> Result<Document, Problem> {
        if self.subscribers.len() >= SUBSCRIPTIONS {
            return Err(Problem::invalid(format!("there are {SUBSCRIPTIONS} subscriptions already")));
        }
        let past = Past::of(&self.runtime, self.thread_id, &subscribe.filter, &subscribe.from).await?;
        let gap = past.gap();
        if let Some(available) = gap.filter(|_| again == Again::Yes) {
            return Err(Problem::resume_gap(past.since(), available));
        }
        let id = self.add(subscribe, past.since()).await?;
        Ok(subscribed(&id, past.replayed, past.last, gap))
    }

    /// Adds a subscription that has read up to `since`.
    async fn add(&mut self, subscribe: Subscribe, since: u64) -> Result<Arc<str>, Error> {
        let Subscribe { filter, window, keep, .. } = subscribe;
        let through = self.reader.as_ref().map_or(0, |reader| reader.through);
        self.reader = Some(Reader::open(&self.runtime, self.thread_id, through).await?);
        let id: Arc<str> = keep.map_or_else(|| self.next_id(), Into::into);
        self.subscribers.retain(|subscriber| subscriber.id != id);
        let window = window.map(|size| (size, VecDeque::new()));
        self.subscribers.push(Subscriber { id: Arc::clone(&id), filter, since, window });
        Ok(id)
    }

    fn next_id(&mut self) -> Arc<str> {
        self.count += 1;
        format!("{}-{}", self.name, self.count).into()
    }

    fn unsubscribe(&mut self, id: &str) -> Result<Document, Problem> {
        let before = self.subscribers.len();
        self.subscribers.retain(|subscriber| &*subscriber.id != id);
        if self.subscribers.is_empty() {
            self.reader = None;
        }
        if self.subscribers.len() == before { Err(Problem::no_subscription(id)) } else { Ok(nothing()) }
    }

    /// The client has read what it was told up to this number.
    fn read_up_to(&mut self, id: &str, seq: u64) -> Result<Document, Problem> {
        let found = self.subscribers.iter_mut().find(|subscriber| &*subscriber.id == id);
        let subscriber = found.ok_or_else(|| Problem::no_subscription(id))?;
        if let Some((_, unread)) = &mut subscriber.window {
            while unread.front().is_some_and(|told| *told <= seq) {
                unread.pop_front();
            }
        }
        Ok(nothing())
    }

    async fn fail(
        &self,
        id: Option<CommandId>,
        problem: Problem,
        subscription: Option<Arc<str>>,
        ends: Ends,
    ) -> Result<(), Gone> {
        self.send(Answer::Error { id, problem, subscription, ends }).await
    }

    async fn send(&self, answer: Answer) -> Result<(), Gone> {
        self.out.send(Outgoing::about(&self.name, answer)).await.map_err(|_| Gone)
    }
}
