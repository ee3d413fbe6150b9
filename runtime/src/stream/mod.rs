//! How facts reach listeners: a tape for each thread, a cursor for each listener, a guard in its hand.
//!
//! Holds facts, not frames: what a client sees is folded from them by whoever listens.
//! Knows no actor but the broker that it says "ready" and "gone" to.

pub(crate) mod acks;
pub(crate) mod cursor;
pub(crate) mod demand;
pub(crate) mod feed;
pub(crate) mod record;
mod subscription;
pub(crate) mod tape;
mod weight;

pub(crate) use subscription::{BATCHES, Batch, SubscriberId};
pub use subscription::{Delivery, Gap, Subscription};
pub(crate) use tape::first_number;
pub use tape::{EVENTS_PER_FACT, Entry};
