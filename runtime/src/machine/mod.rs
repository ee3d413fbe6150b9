//! The rules of a thread's run queue, without any actor: events go in, effects come out.

mod queue;

pub(crate) use queue::{Effect, Event, Queue};
