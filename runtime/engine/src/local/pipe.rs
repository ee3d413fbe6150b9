//! A bounded queue between a run and its one listener, both polled by the same task.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::fact::Fact;
use crate::node::lock;

/// How many facts wait for the listener before whoever writes the next one waits.
const CAPACITY: usize = 64;

/// The queue; full means that writers wait, and nothing is dropped.
#[derive(Default)]
pub(super) struct Pipe(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    facts: VecDeque<Fact>,
    writers: Vec<Waker>,
}

impl Pipe {
    /// The oldest fact.
    pub(super) fn pop(&self) -> Option<Fact> {
        let mut inner = lock(&self.0);
        let fact = inner.facts.pop_front();
        let writers = std::mem::take(&mut inner.writers);
        drop(inner);
        writers.into_iter().for_each(Waker::wake);
        fact
    }
}

/// Writes one fact, once there is room.
pub(super) struct Push {
    pub(super) pipe: Arc<Pipe>,
    pub(super) fact: Option<Fact>,
}

impl Future for Push {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let pipe = self.pipe.clone();
        let mut inner = lock(&pipe.0);
        if inner.facts.len() >= CAPACITY {
            inner.writers.push(cx.waker().clone());
            return Poll::Pending;
        }
        inner.facts.extend(self.fact.take());
        Poll::Ready(())
    }
}
