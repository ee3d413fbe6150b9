//! Running graphs in tests: virtual time, counted ids, the same result every time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::driver::Finished;
use crate::error::RunError;
use crate::graph::CompiledGraph;
use crate::ids::Timestamp;
use crate::local::{Invocation, Surroundings};
use crate::node::lock;
use crate::project::{Data, Event, Mode};
use crate::state::{State, Update};

/// Surroundings in which an hour passes at once and ids are counted.
///
/// [`block_on`](Self::block_on) runs a future; whenever nothing else is left to do, the clock jumps to
/// the next timer. Timers of one moment end in the order in which they were set.
#[derive(Clone, Default)]
pub struct World(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Microseconds since 1970.
    now: AtomicU64,
    ids: AtomicU64,
    timers_set: AtomicU64,
    timers: Mutex<BinaryHeap<Reverse<Timer>>>,
}

struct Timer {
    at: u64,
    order: u64,
    state: Arc<Mutex<TimerState>>,
}

#[derive(Default)]
struct TimerState {
    over: bool,
    waker: Option<Waker>,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// Notes that it was woken.
#[derive(Default)]
struct Woken(std::sync::atomic::AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl World {
    /// A world at the beginning of its time, 2024-01-01.
    pub fn new() -> Self {
        let world = Self::default();
        world.0.now.store(1_704_067_200_000_000, Ordering::SeqCst);
        world
    }

    /// Runs `future` to its end, time passing only when nothing else can happen.
    ///
    /// # Panics
    /// When the future waits for something that is no timer of this world.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            if !woken.0.swap(false, Ordering::SeqCst) {
                let timer = lock(&self.0.timers).pop();
                let Reverse(timer) = timer.expect("the future waits for a timer of this world");
                self.0.now.fetch_max(timer.at, Ordering::SeqCst);
                let mut state = lock(&timer.state);
                state.over = true;
                state.waker.take().into_iter().for_each(Waker::wake);
                drop(state);
                woken.0.store(false, Ordering::SeqCst);
            }
        }
    }

    /// A run of `graph` in this world.
    pub fn run<S: State>(&self, graph: &CompiledGraph<S>, input: Update<S>) -> Invocation<S> {
        graph.invocation(input, Arc::new(self.clone()))
    }
}

impl Surroundings for World {
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.0.now.load(Ordering::SeqCst)).unwrap_or(i64::MAX))
    }

    fn new_id(&self) -> Uuid {
        let count = self.0.ids.fetch_add(1, Ordering::SeqCst) + 1;
        uuid::Builder::from_random_bytes(u128::from(count).to_be_bytes()).into_uuid()
    }

    fn random(&self) -> f64 {
        0.5
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let wait = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let at = self.0.now.load(Ordering::SeqCst).saturating_add(wait);
        let order = self.0.timers_set.fetch_add(1, Ordering::SeqCst);
        let state = Arc::new(Mutex::new(TimerState::default()));
        lock(&self.0.timers).push(Reverse(Timer { at, order, state: state.clone() }));
        Box::pin(std::future::poll_fn(move |cx| {
            let mut state = lock(&state);
            if state.over {
                return Poll::Ready(());
            }
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        }))
    }
}

/// What a run did.
pub struct Report<S> {
    /// Everything that it streamed, nested graphs included, in all modes but `events` and `messages`: message
    /// pieces stand here as `messages-tuple` has them.
    pub events: Vec<Event>,
    /// How it ended.
    pub finished: Finished,
    state: std::marker::PhantomData<fn() -> S>,
}

impl<S: State> Report<S> {
    /// The nodes of the graph itself that ran, in the order in which they began.
    pub fn nodes(&self) -> Vec<String> {
        let starts =
            self.events.iter().filter(|event| event.ns.is_empty()).filter_map(|event| match &event.data {
                Data::Tasks(task) if task.get("input").is_some() => task["name"].as_str().map(str::to_owned),
                _ => None,
            });
        starts.collect()
    }

    /// The state at the end.
    ///
    /// # Panics
    /// When the run left keys unwritten that `S` needs.
    pub fn values(&self) -> S {
        self.finished.values.read().expect("the run wrote every key that the state needs")
    }

    /// The error of a run that failed.
    pub fn error(&self) -> Option<&RunError> {
        self.finished.error.as_ref()
    }
}

/// Runs `graph` with `input` in a [`World`] of its own.
///
/// # Panics
/// When the run waits for something that is no timer of that world.
///
/// ```
/// # use eddyline_engine::prelude::*;
/// # #[state] struct Joke { topic: String, joke: Option<String> }
/// # async fn refine(state: Joke) -> Update<Joke> { Joke::update().topic(state.topic + " and cats") }
/// # let graph = StateGraph::<Joke>::new().node("refine", refine).edge(START, "refine").compile().unwrap();
/// let run = eddyline_engine::testing::run(&graph, Joke::update().topic("sea"));
/// assert_eq!(run.nodes(), ["refine"]);
/// assert_eq!(run.values().topic, "sea and cats");
/// ```
pub fn run<S: State>(graph: &CompiledGraph<S>, input: Update<S>) -> Report<S> {
    let world = World::new();
    observe(&world, world.run(graph, input))
}

/// Runs what has been set up, in its world, and reports.
///
/// # Panics
/// When the run waits for something that is no timer of this world.
pub fn observe<S: State>(world: &World, run: Invocation<S>) -> Report<S> {
    let modes = Mode::ALL
        .map(|(mode, _)| mode)
        .into_iter()
        .filter(|mode| !matches!(mode, Mode::Events | Mode::Messages));
    let mut stream = run.modes(modes.collect::<crate::project::Modes>()).subgraphs();
    let mut events = Vec::new();
    world.block_on(async {
        while let Some(event) = stream.next().await {
            events.extend(event.ok());
        }
    });
    let finished = stream.finished().cloned().expect("the stream has ended, so the run has");
    Report { events, finished, state: std::marker::PhantomData }
}

/// Inputs like `seed`, each broken somewhere: a byte changed, a part gone, doubled, or put elsewhere. The same for the
/// same seed.
///
/// ```
/// let mutants: Vec<Vec<u8>> = eddyline_engine::testing::mutants(b"{\"a\": 1}", 100).collect();
/// assert_eq!(mutants.len(), 100);
/// assert_eq!(mutants, eddyline_engine::testing::mutants(b"{\"a\": 1}", 100).collect::<Vec<_>>());
/// ```
pub fn mutants(seed: &[u8], count: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
    const PIECES: [&[u8]; 12] = [
        b"{",
        b"]",
        b"\"",
        b"\\u0000",
        b"\0",
        b"\xff",
        b"null",
        b"-1",
        b"1e999",
        b"\n",
        b"{{",
        b"18446744073709551616",
    ];
    let mut random =
        xorshift(seed.iter().fold(0x9e37_79b9_7f4a_7c15, |sum, byte| sum.rotate_left(7) ^ u64::from(*byte)));
    let mut below = move |end: usize| usize::try_from(random() % (end.max(1) as u64)).unwrap_or_default();
    (0..count).map(move |_| {
        let mut mutant = seed.to_vec();
        for _ in 0..=below(3) {
            let (from, to) = (below(mutant.len() + 1), below(mutant.len() + 1));
            let (from, to) = (from.min(to), from.max(to));
            match below(5) {
                0 if from < mutant.len() => mutant[from] = u8::try_from(below(256)).unwrap_or_default(),
                1 => drop(mutant.drain(from..to)),
                2 => {
                    let part = mutant[from..to].to_vec();
                    mutant.splice(to..to, part);
                }
                3 => mutant.truncate(to),
                _ => drop(mutant.splice(from..from, PIECES[below(PIECES.len())].iter().copied())),
            }
        }
        mutant
    })
}

/// Numbers that look drawn by lot (Marsaglia's xorshift).
fn xorshift(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}
