//! Who is still at work in a run: everybody holds a guard, and nobody sends a word.

use std::convert::Infallible;

use tokio::sync::mpsc;

/// Held for as long as something of a run may still have an effect.
pub(crate) type Guard = mpsc::Sender<Infallible>;

/// Makes guards for as long as there is one.
pub(crate) type WeakGuard = mpsc::WeakSender<Infallible>;

/// Gives out guards until the run is cancelled, and knows when the last is dropped.
#[derive(Debug)]
pub(crate) struct Tasks {
    guard: Option<Guard>,
    dropped: Option<mpsc::Receiver<Infallible>>,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        let (guard, dropped) = mpsc::channel(1);
        Self { guard: Some(guard), dropped: Some(dropped) }
    }

    /// A guard for one that begins; `None` once nothing may begin any more.
    pub(crate) fn guard(&self) -> Option<Guard> {
        self.guard.clone()
    }

    /// A source of guards for those who work for somebody that has one.
    pub(crate) fn weak_guard(&self) -> Option<WeakGuard> {
        self.guard.as_ref().map(mpsc::Sender::downgrade)
    }

    /// From now on nothing begins; the future ends when all guards are dropped.
    pub(crate) fn cancelled(&mut self) -> impl Future<Output = ()> + use<> {
        self.guard = None;
        let dropped = self.dropped.take();
        async move {
            if let Some(mut dropped) = dropped {
                // Nothing is ever sent, so this is the end of the last guard.
                let _ = dropped.recv().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_last_guard_tells() {
        let mut tasks = Tasks::new();
        let guards = [tasks.guard(), tasks.guard()];
        let mut gone = tasks.cancelled().boxed();
        assert!(tasks.guard().is_none(), "nothing begins any more");
        assert_eq!((&mut gone).now_or_never(), None);
        drop(guards);
        assert_eq!(gone.now_or_never(), Some(()));
    }
}
